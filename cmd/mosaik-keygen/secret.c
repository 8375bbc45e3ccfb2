/* mosaik-keygen secret: a new node secret. */
#include "base/alloc.h"
#include "base/text.h"
#include "cli/secret.h"
#include "keygen.h"

static int run_secret(struct msk_run *run)
{
    uint8_t secret[MSK_SECRET_LEN];
    struct msk_digest peer_id;
    char text[2 * MSK_SECRET_LEN + 2], peer_text[MSK_DIGEST_TEXT_SIZE];
    int rc = msk_secret_random(secret, sizeof secret, run->err);
    if (rc == 0)
        rc = msk_ed25519_public(secret, &peer_id);
    if (rc == 0) {
        msk_hex_encode(MSK_BYTES(secret, sizeof secret), text);
        json_t *digits = json_string(text);
        text[2 * MSK_SECRET_LEN] = '\n';
        rc = keygen_emit(run, run->options, MSK_BYTES(text, sizeof text - 1), "secret", digits,
                         json_pack("{s:s}", "peer_id", msk_digest_text(&peer_id, peer_text)));
    }
    msk_wipe(text, sizeof text);
    msk_wipe(secret, sizeof secret);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-keygen secret --output node.key", NULL},
    {"mosaik-keygen secret | tee node.key | mosaik-keygen peer-id", NULL},
    {NULL, NULL},
};

const struct msk_command keygen_secret = {
    .name = "secret",
    .summary = "Make a new node secret: 64 hex digits",
    .sets = {{.options = keygen_target_rows}},
    .size = sizeof(struct keygen_target),
    .examples = examples,
    .answers = true,
    .run = run_secret,
};
