/* mosaik-ticket mint: sign a ticket for a peer (wire.md 5.3). */
#include <string.h>

#include "base/alloc.h"
#include "cli/jwt_options.h"
#include "cli/visible.h"
#include "crypto/identity.h"
#include "ticket.h"

#define DEFAULT_SPAN_MS 3600000

struct options {
    const struct msk_jwt_alg *alg; /* NULL: the key says it */
    const char *key, *issuer, *subject, *audience, *jti;
    struct msk_digest peer;
    uint64_t expires_in_ms;
    int64_t expires_at_s, not_before_s, issued_at_s;
    bool never;
    struct msk_list claims; /* of const char *: NAME=VALUE */
};

#define AT(member) offsetof(struct options, member)

static const struct msk_option rows[] = {
    {.name = "alg",
     .letter = 'a',
     .type = &msk_value_jwt_alg,
     .choices = msk_jwt_alg_names,
     .placeholder = "ALG",
     .offset = AT(alg),
     .help = "the key's algorithm, needed where the key is hex"},
    {.name = "key",
     .letter = 'k',
     .type = &msk_value_file,
     .required = true,
     .offset = AT(key),
     .help = "file with the key that signs: JWK, PEM, or hex with --alg; - is standard input"},
    {.name = "peer", .letter = 'p', .type = &msk_value_peer_id, .offset = AT(peer), .help = "whom the ticket is for"},
    {.name = "issuer", .letter = 'i', .type = &msk_value_text, .offset = AT(issuer), .help = "who issues it"},
    {.name = "subject",
     .type = &msk_value_text,
     .offset = AT(subject),
     .help = "its subject, if not the peer: for validators that want this one"},
    {.name = "audience", .type = &msk_value_text, .offset = AT(audience), .help = "what it is meant for"},
    {.name = "expires-in",
     .letter = 'e',
     .type = &msk_value_duration_ms,
     .offset = AT(expires_in_ms),
     .help = "how long it holds; 1h if nothing else is said"},
    {.name = "expires-at", .type = &msk_value_time_s, .offset = AT(expires_at_s), .help = "when it ends"},
    {.name = "never",
     .type = &msk_value_flag,
     .offset = AT(never),
     .help = "it does not end: validators accept that only where they say so"},
    {.name = "not-before", .type = &msk_value_time_s, .offset = AT(not_before_s), .help = "when it begins"},
    {.name = "issued-at",
     .type = &msk_value_time_s,
     .offset = AT(issued_at_s),
     .help = "when it was issued, if not now: validators may limit its age"},
    {.name = "jti", .type = &msk_value_text, .placeholder = "ID", .offset = AT(jti), .help = "an id of the issuer's"},
    {.name = "claim",
     .letter = 'c',
     .type = &msk_value_text,
     .placeholder = "NAME=VALUE",
     .repeatable = true,
     .offset = AT(claims),
     .help = "a further claim; the value is JSON, or else taken as a text"},
    {.name = NULL},
};

static bool is_given(const struct msk_run *run, const char *option)
{
    return msk_arguments_source(run->arguments, option) != MSK_SOURCE_NONE;
}

/* ---- times */

/* Before 1970 they wrap around, as the reference writes them: no validator understands that. */
static uint64_t claim_time(const char *option, int64_t seconds)
{
    if (seconds < 0)
        msk_warn("%s: before 1970: tickets cannot say that, and will say %llu", option, (unsigned long long)seconds);
    return (uint64_t)seconds;
}

static int set_expiry(const struct msk_run *run, int64_t now_ms, struct msk_jwt_claims *claims)
{
    const struct options *options = run->options;
    int64_t end_ms;
    uint64_t span_ms = is_given(run, "expires-in") ? options->expires_in_ms : DEFAULT_SPAN_MS;
    if (is_given(run, "expires-in") + is_given(run, "expires-at") + options->never > 1)
        return msk_fail(run->err, MSK_E_INVALID, "only one of --expires-in, --expires-at and --never is wanted");
    claims->has_expires = !options->never;
    if (is_given(run, "expires-at"))
        claims->expires_s = claim_time("--expires-at", options->expires_at_s);
    else if (__builtin_add_overflow(now_ms, span_ms, &end_ms))
        return msk_fail(run->err, MSK_E_INVALID, "--expires-in: too long");
    else
        claims->expires_s = (uint64_t)end_ms / 1000;
    return 0;
}

static int set_times(const struct msk_run *run, struct msk_jwt_claims *claims)
{
    const struct options *options = run->options;
    int64_t now_ms = ticket_now_ms();
    claims->has_not_before = is_given(run, "not-before");
    if (claims->has_not_before)
        claims->not_before_s = claim_time("--not-before", options->not_before_s);
    claims->has_issued_at = true;
    claims->issued_at_s =
        is_given(run, "issued-at") ? claim_time("--issued-at", options->issued_at_s) : (uint64_t)now_ms / 1000;
    return set_expiry(run, now_ms, claims);
}

/* ---- further claims */

static bool is_json(const char *text)
{
    struct msk_arena arena;
    struct msk_json ignored;
    msk_arena_init(&arena, MSK_ARGUMENTS_MEMORY);
    int rc = msk_json_parse(msk_bytes_of_text(text), &arena, &ignored, NULL);
    msk_arena_free(&arena);
    return rc == 0;
}

static int read_claim(const char *text, struct msk_jwt_claim *out, struct msk_error *err)
{
    char shown[MSK_VISIBLE_SIZE];
    const char *equals = strchr(text, '=');
    struct msk_builder json;
    size_t len;
    if (!equals || equals == text)
        return msk_fail(err, MSK_E_INVALID, "--claim: %s: NAME=VALUE is wanted", msk_visible(text, shown));
    msk_builder_init(&json, MSK_ARGUMENTS_MEMORY);
    if (is_json(equals + 1))
        msk_builder_text(&json, equals + 1);
    else
        msk_json_write_text(msk_bytes_of_text(equals + 1), &json);
    out->json = (char *)msk_builder_take(&json, &len);
    out->name = msk_memdup(text, (size_t)(equals - text));
    return out->json && out->name ? 0 : msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
}

static void free_claims(struct msk_jwt_claim *claims, size_t count)
{
    for (size_t i = 0; claims && i < count; i++) {
        msk_free(claims[i].name);
        msk_free(claims[i].json);
    }
    msk_free(claims);
}

/* ---- the ticket */

static int print_ticket(const struct msk_run *run, struct msk_bytes token)
{
    const struct msk_digest class_id = msk_jwt_class(), id = msk_ticket_id(&class_id, token);
    char id_text[MSK_DIGEST_TEXT_SIZE];
    struct ticket_view view;
    uint64_t expires_s;
    if (!run->out->json) {
        fprintf(run->out->stream, "%.*s\n", (int)token.len, (const char *)token.data);
        return 0;
    }
    int rc = ticket_view_make(token, &view, run->err); /* a --claim may have set the expiry */
    if (rc == 0) {
        bool expires = ticket_time_claim(&view, "exp", &expires_s);
        rc = msk_output_json(run->out, json_pack("{s:s#,s:s,s:o}", "ticket", (const char *)token.data, token.len, "id",
                                                 msk_digest_text(&id, id_text), "expires",
                                                 ticket_expires_json(!expires, expires_s)));
    }
    ticket_view_free(&view);
    return rc;
}

static int mint(const struct msk_run *run, const struct msk_jwt_secret *key, const struct msk_jwt_claims *claims)
{
    struct msk_builder token;
    msk_builder_init(&token, MSK_JWT_TOKEN_MAX);
    int rc = msk_jwt_mint(key, claims, &token, run->err);
    if (rc == 0)
        rc = print_ticket(run, msk_builder_view(&token));
    msk_builder_free(&token);
    return rc;
}

static int read_key_and_mint(const struct msk_run *run, const struct msk_jwt_claims *claims)
{
    const struct options *options = run->options;
    struct msk_jwt_secret key;
    int rc = msk_jwt_secret_read(options->key, options->alg, &key, run->err);
    if (rc == 0)
        rc = mint(run, &key, claims);
    msk_wipe(&key, sizeof key);
    return rc;
}

static int run_mint(struct msk_run *run)
{
    const struct options *options = run->options;
    const char *const *texts = options->claims.items;
    char peer[MSK_DIGEST_TEXT_SIZE];
    if (!options->subject && !is_given(run, "peer"))
        return msk_fail(run->err, MSK_E_INVALID, "--peer PEERID: missing: whom the ticket is for");
    struct msk_jwt_claims claims = {
        .issuer = options->issuer,
        .subject = options->subject ? options->subject : msk_digest_text(&options->peer, peer),
        .audience = options->audience,
        .id = options->jti,
        .other_count = options->claims.count,
    };
    struct msk_jwt_claim *others = msk_calloc(claims.other_count + 1, sizeof *others);
    if (!others)
        return msk_fail(run->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = set_times(run, &claims);
    for (size_t i = 0; rc == 0 && i < claims.other_count; i++)
        rc = read_claim(texts[i], &others[i], run->err);
    claims.others = others;
    if (rc == 0)
        rc = read_key_and_mint(run, &claims);
    free_claims(others, claims.other_count);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-ticket mint --key issuer.jwk --peer PEERID --expires-in 30d >member.jwt", NULL},
    {"mosaik-ticket mint --key issuer.pem --peer PEERID --issuer ops --claim role=writer --claim level=3", NULL},
    {"mosaik-ticket mint --alg HS256 --key secret.hex --peer PEERID --never --json", NULL},
    {NULL, NULL},
};

const struct msk_command ticket_mint = {
    .name = "mint",
    .summary = "Sign a ticket for a peer",
    .details = "Prints the ticket, a JWT. A --claim whose name is registered (iss, sub, aud, exp, nbf, iat, jti) takes "
               "the place of the option; of the wrong type it is left out, except exp, which then is a claim like any "
               "other.",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_mint,
};
