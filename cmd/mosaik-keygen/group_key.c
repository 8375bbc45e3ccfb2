/* mosaik-keygen group-key: a new group key, or the one that a text stands for. */
#include "base/alloc.h"
#include "cli/secret.h"
#include "keygen.h"

struct options {
    const char *text;
    struct keygen_target target;
};

static const struct msk_option rows[] = {
    {.name = "string",
     .type = &msk_value_text,
     .placeholder = "STRING",
     .positional = true,
     .offset = offsetof(struct options, text),
     .help = "the text that other members use as group key"},
    {.name = NULL},
};

static int run_group_key(struct msk_run *run)
{
    const struct options *options = run->options;
    struct msk_digest key;
    if (options->text)
        key = msk_group_key_of_text(options->text);
    else {
        int rc = msk_secret_random(key.bytes, sizeof key.bytes, run->err);
        if (rc < 0)
            return rc;
    }
    char text[MSK_DIGEST_TEXT_SIZE + 1];
    msk_digest_text(&key, text);
    json_t *digits = json_string(text);
    text[MSK_DIGEST_TEXT_SIZE - 1] = '\n';
    int rc =
        keygen_emit(run, &options->target, MSK_BYTES(text, MSK_DIGEST_TEXT_SIZE), "group_key", digits, json_object());
    msk_wipe(text, sizeof text);
    msk_wipe(&key, sizeof key);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-keygen group-key --output group.key", NULL},
    {"mosaik-keygen group-key secret1", "The key of members that say GroupKey::from(\"secret1\")"},
    {NULL, NULL},
};

const struct msk_command keygen_group_key = {
    .name = "group-key",
    .summary = "Make a new group key, or tell the one that a text stands for",
    .sets = {{.options = rows}, {.options = keygen_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_group_key,
};
