#include <string.h>

#include "cli/secret.h"
#include "keygen.h"

const struct msk_option keygen_target_rows[] = {
    {.name = "output",
     .letter = 'o',
     .type = &msk_value_file,
     .offset = offsetof(struct keygen_target, output),
     .help = "write the secret to this file, which only its owner may read"},
    {.name = "force",
     .type = &msk_value_flag,
     .offset = offsetof(struct keygen_target, force),
     .help = "overwrite the file"},
    {.name = NULL},
};

static int emit_to_file(const struct msk_run *run, const struct keygen_target *target, struct msk_bytes text,
                        json_t *answer)
{
    int rc = msk_secret_write(target->output, text, target->force, run->err);
    if (rc < 0 || !run->out->json) {
        json_decref(answer);
        return rc;
    }
    if (answer)
        json_object_set_new(answer, "file", json_string(target->output));
    return msk_output_json(run->out, answer);
}

int keygen_emit(const struct msk_run *run, const struct keygen_target *target, struct msk_bytes text, const char *name,
                json_t *secret, json_t *answer)
{
    if (target->output && strcmp(target->output, "-") != 0) {
        json_decref(secret);
        return emit_to_file(run, target, text, answer);
    }
    msk_secret_warn_output();
    if (run->out->json) {
        if (answer && json_object_set_new(answer, name, secret) < 0) {
            json_decref(answer);
            answer = NULL;
        }
        return msk_output_json(run->out, answer);
    }
    json_decref(secret);
    json_decref(answer);
    fwrite(text.data, 1, text.len, run->out->stream);
    return 0;
}

int keygen_print_digest(const struct msk_run *run, const char *member, const struct msk_digest *digest)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    msk_digest_text(digest, text);
    if (run->out->json)
        return msk_output_json(run->out, json_pack("{s:s}", member, text));
    fprintf(run->out->stream, "%s\n", text);
    return 0;
}
