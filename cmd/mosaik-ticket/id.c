/* mosaik-ticket id, signature: the digests that stand for a ticket and for a validator. */
#include "cli/jwt_options.h"
#include "crypto/identity.h"
#include "ticket.h"

static int print_digest(const struct msk_run *run, const char *member, const struct msk_digest *digest)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    msk_digest_text(digest, text);
    if (run->out->json)
        return msk_output_json(run->out, json_pack("{s:s}", member, text));
    fprintf(run->out->stream, "%s\n", text);
    return 0;
}

/* ---- id */

struct id_options {
    const char *ticket;
};

static const struct msk_option id_rows[] = {
    TICKET_ARGUMENT(offsetof(struct id_options, ticket)),
    {.name = NULL},
};

static int run_id(struct msk_run *run)
{
    const struct id_options *options = run->options;
    struct msk_builder memory;
    struct msk_bytes token;
    msk_builder_init(&memory, TICKET_INPUT_MAX);
    int rc = ticket_read(options->ticket, &memory, &token, run->err);
    if (rc == 0 && token.len == 0)
        rc = msk_fail(run->err, MSK_E_INVALID, "TICKET: empty");
    if (rc == 0) {
        const struct msk_digest class_id = msk_jwt_class(), id = msk_ticket_id(&class_id, token);
        rc = print_digest(run, "id", &id);
    }
    msk_builder_free(&memory);
    return rc;
}

static const struct msk_example id_examples[] = {
    {"mosaik-ticket id <member.jwt", NULL},
    {"mosaik-node ticket remove $(mosaik-ticket id <member.jwt) --control node.sock", NULL},
    {NULL, NULL},
};

const struct msk_command ticket_id = {
    .name = "id",
    .summary = "Tell a ticket's unique id",
    .sets = {{.options = id_rows}},
    .size = sizeof(struct id_options),
    .examples = id_examples,
    .answers = true,
    .run = run_id,
};

/* ---- signature */

struct signature_options {
    const char *validator;
};

static const struct msk_option signature_rows[] = {
    {.name = "validator",
     .type = &msk_value_file,
     .required = true,
     .offset = offsetof(struct signature_options, validator),
     .help = "file with the validator; - is standard input"},
    {.name = NULL},
};

static int run_signature(struct msk_run *run)
{
    const struct signature_options *options = run->options;
    struct msk_validator validator;
    int rc = msk_validator_read(options->validator, &validator, run->err);
    if (rc == 0) {
        const struct msk_digest signature = validator.signature;
        rc = print_digest(run, "signature", &signature);
    }
    msk_validator_free(&validator);
    return rc;
}

static const struct msk_example signature_examples[] = {
    {"mosaik-ticket signature --validator validator.json", NULL},
    {NULL, NULL},
};

const struct msk_command ticket_signature = {
    .name = "signature",
    .summary = "Tell a validator's signature, the digest that enters the id of a group which requires it",
    .sets = {{.options = signature_rows}},
    .size = sizeof(struct signature_options),
    .examples = signature_examples,
    .answers = true,
    .run = run_signature,
};
