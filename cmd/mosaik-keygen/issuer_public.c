/* mosaik-keygen issuer-public: the key that verifies what a ticket signing key signs. */
#include "base/alloc.h"
#include "cli/jwt_options.h"
#include "cli/secret.h"
#include "keygen.h"

struct options {
    const char *file;
    const struct msk_jwt_alg *alg; /* NULL: the key says it */
    unsigned format;               /* enum msk_jwt_format */
};

static const struct msk_option rows[] = {
    {.name = "file",
     .type = &msk_value_file,
     .positional = true,
     .fallback = "-",
     .offset = offsetof(struct options, file),
     .help = "the file with the private key: JWK, PEM, or hex with --alg; - is standard input"},
    {.name = "alg",
     .letter = 'a',
     .type = &msk_value_jwt_alg,
     .choices = msk_jwt_alg_names,
     .placeholder = "ALG",
     .offset = offsetof(struct options, alg),
     .help = "the key's algorithm, needed where the key is hex"},
    {.name = "format",
     .letter = 'f',
     .type = &msk_value_choice,
     .choices = msk_jwt_format_names,
     .fallback = "jwk",
     .offset = offsetof(struct options, format),
     .help = "how the public key is written"},
    {.name = NULL},
};

static int print_key(const struct msk_run *run, enum msk_jwt_format format, const struct msk_jwt_public *key,
                     struct msk_bytes text)
{
    if (run->out->json)
        return msk_output_json(
            run->out, json_pack("{s:s,s:o}", "alg", key->alg->name, "public_key", msk_jwt_key_to_json(text, format)));
    fprintf(run->out->stream, "%.*s%s", (int)text.len, (const char *)text.data,
            format == MSK_JWT_FORMAT_PEM ? "" : "\n");
    return 0;
}

static int run_issuer_public(struct msk_run *run)
{
    const struct options *options = run->options;
    struct msk_jwt_secret secret;
    struct msk_jwt_public public;
    struct msk_builder text;
    msk_builder_init(&text, MSK_KEY_FILE_MAX);
    int rc = msk_jwt_secret_read(options->file, options->alg, &secret, run->err);
    if (rc == 0)
        rc = msk_jwt_public_of(&secret, &public);
    if (rc == 0)
        rc = msk_jwt_public_write(&public, options->format, &text, run->err);
    if (rc == 0)
        rc = print_key(run, options->format, &public, msk_builder_view(&text));
    msk_key_file_free(&text); /* of HS algorithms it is the secret */
    msk_wipe(&secret, sizeof secret);
    msk_wipe(&public, sizeof public);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-keygen issuer-public <issuer.jwk >issuer.pub.jwk", NULL},
    {"mosaik-keygen issuer-public --alg ES256 --format pem issuer.hex", NULL},
    {NULL, NULL},
};

const struct msk_command keygen_issuer_public = {
    .name = "issuer-public",
    .summary = "Tell the public key of a ticket signing key",
    .details = "For HS256, HS384 and HS512 that is the same secret: whoever verifies such tickets can make them, too.",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_issuer_public,
};
