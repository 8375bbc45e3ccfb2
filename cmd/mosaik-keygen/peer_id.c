/* mosaik-keygen peer-id: the peer id of a node secret. */
#include "base/alloc.h"
#include "cli/secret.h"
#include "keygen.h"

struct options {
    const char *file;
};

static const struct msk_option rows[] = {
    {.name = "file",
     .type = &msk_value_file,
     .positional = true,
     .fallback = "-",
     .offset = offsetof(struct options, file),
     .help = "the file with the node's secret; - is standard input"},
    {.name = NULL},
};

static int run_peer_id(struct msk_run *run)
{
    const struct options *options = run->options;
    uint8_t secret[MSK_SECRET_LEN];
    struct msk_digest peer_id;
    int rc = msk_secret_read(options->file, secret, run->err);
    if (rc == 0)
        rc = msk_ed25519_public(secret, &peer_id);
    msk_wipe(secret, sizeof secret);
    return rc < 0 ? rc : keygen_print_digest(run, "peer_id", &peer_id);
}

static const struct msk_example examples[] = {
    {"mosaik-keygen peer-id <node.key", NULL},
    {"mosaik-keygen peer-id node.key --json", NULL},
    {NULL, NULL},
};

const struct msk_command keygen_peer_id = {
    .name = "peer-id",
    .summary = "Tell the peer id of a node secret",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_peer_id,
};
