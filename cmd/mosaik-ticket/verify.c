/* mosaik-ticket verify: whether a group would take a ticket, and if not, which rule it breaks. */
#include "cli/jwt_options.h"
#include "cli/validator_run.h"
#include "ticket.h"

#define DETAIL_MAX 4096

struct options {
    const char *validator, *ticket;
    struct msk_digest peer;
    int64_t at_s;
};

static const struct msk_option rows[] = {
    {.name = "validator",
     .type = &msk_value_file,
     .required = true,
     .offset = offsetof(struct options, validator),
     .help = "file with what the group requires; - is standard input"},
    {.name = "peer",
     .letter = 'p',
     .type = &msk_value_peer_id,
     .required = true,
     .offset = offsetof(struct options, peer),
     .help = "the peer that presents the ticket"},
    {.name = "at",
     .type = &msk_value_time_s,
     .offset = offsetof(struct options, at_s),
     .help = "check as of this time instead of now"},
    TICKET_ARGUMENT(offsetof(struct options, ticket)),
    {.name = NULL},
};

static int print_valid(const struct msk_run *run, const struct msk_jwt_verdict *verdict, int64_t now_ms)
{
    char text[TICKET_TIME_TEXT_SIZE];
    if (run->out->json)
        return msk_output_json(run->out, json_pack("{s:b,s:n,s:o}", "valid", 1, "reason", "expires",
                                                   ticket_expires_json(verdict->never, verdict->expires_s)));
    fprintf(run->out->stream, "%svalid%s: %s%s\n", msk_style(run->out, MSK_STYLE_GREEN),
            msk_style(run->out, MSK_STYLE_PLAIN), verdict->never ? "never expires" : "expires ",
            verdict->never ? "" : ticket_time_text(verdict->expires_s, now_ms, text));
    return 0;
}

/* The answer is no: 1, or negative. */
static int print_refused(const struct msk_run *run, const struct ticket_case *refused)
{
    struct msk_builder detail;
    int rc = 0;
    msk_builder_init(&detail, DETAIL_MAX);
    ticket_explain(refused, &detail);
    const char *text = detail.len ? (const char *)detail.data : "";
    if (run->out->json)
        rc = msk_output_json(
            run->out, json_pack("{s:b,s:s,s:n,s:s}", "valid", 0, "reason", refused->rule, "expires", "detail", text));
    else
        fprintf(run->out->stream, "%s%s%s: %s\n", msk_style(run->out, MSK_STYLE_RED), refused->rule,
                msk_style(run->out, MSK_STYLE_PLAIN), text);
    msk_builder_free(&detail);
    return rc < 0 ? rc : 1;
}

static int check_jwt(const struct msk_run *run, const struct msk_jwt_validator *validator, struct msk_bytes token,
                     int64_t now_ms)
{
    const struct options *options = run->options;
    struct msk_jwt_verdict verdict;
    int rc = msk_jwt_verify(validator, token, &options->peer, now_ms, &verdict);
    if (rc < 0)
        return msk_fail(run->err, rc, "%s", msk_error_sentence(rc));
    const struct ticket_case refused = {validator, &options->peer, token, now_ms, verdict.rule};
    return verdict.valid ? print_valid(run, &verdict, now_ms) : print_refused(run, &refused);
}

static int print_opinion(const struct msk_run *run, const struct msk_ticket_opinion *opinion, int64_t now_ms)
{
    const struct msk_jwt_verdict valid = {.valid = true,
                                          .never = opinion->expires_ms == MSK_TICKET_NEVER,
                                          .expires_s = (uint64_t)opinion->expires_ms / 1000};
    if (opinion->valid)
        return print_valid(run, &valid, now_ms);
    if (run->out->json) {
        int rc =
            msk_output_json(run->out, json_pack("{s:b,s:s,s:n}", "valid", 0, "reason", opinion->reason, "expires"));
        return rc < 0 ? rc : 1;
    }
    fprintf(run->out->stream, "%srefused%s: %s\n", msk_style(run->out, MSK_STYLE_RED),
            msk_style(run->out, MSK_STYLE_PLAIN), opinion->reason);
    return 1;
}

/* The ticket as in a file for nodes, or only its data. */
static int check_by_program(const struct msk_run *run, const struct msk_validator *validator, struct msk_bytes text,
                            int64_t now_ms)
{
    const struct options *options = run->options;
    struct msk_ticket ticket = {.class_id = validator->class_id, .data = text};
    struct msk_ticket_opinion opinion = {0};
    struct msk_builder memory;
    msk_builder_init(&memory, TICKET_INPUT_MAX);
    int rc = text.len > 0 && text.data[0] == '{' ? msk_ticket_of_text(text, &memory, &ticket, run->err) : 0;
    if (rc == 0 && !msk_digest_equal(&ticket.class_id, &validator->class_id))
        rc = msk_fail(run->err, MSK_E_INVALID, "the ticket is of another class than the validator");
    if (rc == 0 && msk_validator_run(validator, &ticket, &options->peer, now_ms, &opinion) < 0)
        rc = msk_fail(run->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    msk_builder_free(&memory);
    return rc < 0 ? rc : print_opinion(run, &opinion, now_ms);
}

static int check(const struct msk_run *run, const struct msk_validator *validator, struct msk_bytes token)
{
    const struct options *options = run->options;
    bool at_given = msk_arguments_source(run->arguments, "at") != MSK_SOURCE_NONE;
    int64_t now_ms = ticket_now_ms();
    if (at_given && __builtin_mul_overflow(options->at_s, 1000, &now_ms))
        return msk_fail(run->err, MSK_E_INVALID, "--at: out of range");
    return validator->command ? check_by_program(run, validator, token, now_ms)
                              : check_jwt(run, &validator->jwt, token, now_ms);
}

static int run_verify(struct msk_run *run)
{
    const struct options *options = run->options;
    struct msk_validator validator;
    struct msk_builder memory;
    struct msk_bytes token;
    msk_builder_init(&memory, TICKET_INPUT_MAX);
    int rc = msk_validator_read(options->validator, &validator, run->err);
    if (rc == 0)
        rc = ticket_read(options->ticket, &memory, &token, run->err);
    if (rc == 0)
        rc = check(run, &validator, token);
    msk_builder_free(&memory);
    msk_validator_free(&validator);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-ticket verify --validator validator.json --peer PEERID <member.jwt", NULL},
    {"mosaik-ticket verify --validator validator.json --peer PEERID --at 2027-01-01T00:00:00Z <member.jwt",
     "Whether it still holds then"},
    {NULL, NULL},
};

const struct msk_command ticket_verify = {
    .name = "verify",
    .summary = "Check a ticket as a group would",
    .details = "Status 0 and the expiry, or status 1 and the first rule that the ticket breaks: malformed, algorithm, "
               "signature, issuer, subject, not_before, expired, non_expiring, lifetime, age, audience, claim:NAME.",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_verify,
};
