/* Why a ticket breaks a rule (wire.md 5.4), in words that name what the ticket says and what is wanted. */
#include <string.h>

#include "cli/visible.h"
#include "ticket.h"

#define VALUE_TEXT_MAX 4096
#define SHOWN_MAX      128

struct explanation {
    const struct ticket_case *refused;
    const struct ticket_view *view;
    struct msk_builder *out;
};

/* A text in quotes, as it may be shown; a peer id whole. */
static void say_text(struct msk_builder *out, struct msk_bytes text)
{
    bool cut = text.len > SHOWN_MAX;
    msk_builder_byte(out, '"');
    msk_visible_append(out, MSK_BYTES(text.data, cut ? SHOWN_MAX : text.len));
    msk_builder_text(out, cut ? "...\"" : "\"");
}

static void say_texts(struct msk_builder *out, char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        msk_builder_text(out, i == 0 ? "" : i + 1 < count ? ", " : " or ");
        say_text(out, msk_bytes_of_text(texts[i]));
    }
}

/* "it is from "x"; wanted is "a" or "b"" */
static void say_wanted(const struct explanation *explain, const char *name, const char *is, const char *lacks,
                       char *const *wanted, size_t count)
{
    const struct msk_json *claim = ticket_text_claim(explain->view, name);
    msk_builder_text(explain->out, claim ? is : lacks);
    if (claim)
        say_text(explain->out, claim->text);
    msk_builder_text(explain->out, "; wanted is ");
    say_texts(explain->out, wanted, count);
}

static void say_time(const struct explanation *explain, const char *before, const char *name)
{
    char text[TICKET_TIME_TEXT_SIZE];
    uint64_t seconds;
    if (ticket_time_claim(explain->view, name, &seconds))
        msk_builder_printf(explain->out, "%s %s", before, ticket_time_text(seconds, explain->refused->now_ms, text));
}

/* ---- one function for each rule */

static void malformed(const struct explanation *explain)
{
    msk_builder_text(explain->out, "its header names no algorithm, a registered claim is given twice or is of another "
                                   "type than it must be, or it expires at a time that is no date");
}

static void algorithm(const struct explanation *explain)
{
    const struct msk_jwt_validator *validator = explain->refused->validator;
    const struct msk_json_member *alg = msk_json_find(&explain->view->header, "alg");
    msk_builder_text(explain->out, "it is signed with ");
    say_text(explain->out, alg ? alg->value.text : MSK_BYTES(NULL, 0));
    msk_builder_text(explain->out, "; the validator has keys for ");
    for (size_t i = 0; i < validator->key_count; i++)
        msk_builder_printf(explain->out, "%s%s", i ? ", " : "", validator->keys[i].alg->name);
}

static void signature(const struct explanation *explain)
{
    msk_builder_text(explain->out, "none of the validator's keys made its signature: it was altered, or another issuer "
                                   "signed it");
}

static void issuer(const struct explanation *explain)
{
    const struct msk_jwt_validator *validator = explain->refused->validator;
    say_wanted(explain, "iss", "it is from ", "it names no issuer", validator->issuers, validator->issuer_count);
}

static void subject(const struct explanation *explain)
{
    char peer[MSK_DIGEST_TEXT_SIZE];
    char *wanted = explain->refused->validator->subject;
    if (!wanted)
        wanted = (char *)msk_digest_text(explain->refused->peer, peer);
    say_wanted(explain, "sub", "it is for ", "it names no subject", &wanted, 1);
}

static void not_before(const struct explanation *explain)
{
    say_time(explain, "it begins", "nbf");
}

static void expired(const struct explanation *explain)
{
    say_time(explain, "it ended", "exp");
}

static void non_expiring(const struct explanation *explain)
{
    msk_builder_text(explain->out, "it never expires, which the validator does not allow");
}

static void lifetime(const struct explanation *explain)
{
    char most[TICKET_TIME_TEXT_SIZE];
    say_time(explain, "it ends", "exp");
    msk_builder_printf(explain->out, "; at most %s from now is allowed",
                       ticket_span_text(explain->refused->validator->max_lifetime_ms / 1000, most));
}

static void age(const struct explanation *explain)
{
    char most[TICKET_TIME_TEXT_SIZE];
    uint64_t issued_s;
    if (!ticket_time_claim(explain->view, "iat", &issued_s))
        msk_builder_text(explain->out, "it does not say when it was issued");
    say_time(explain, "it was issued", "iat");
    msk_builder_printf(explain->out, "; an age of at most %s is allowed",
                       ticket_span_text(explain->refused->validator->max_age_ms / 1000, most));
}

static void audience(const struct explanation *explain)
{
    const struct msk_jwt_validator *validator = explain->refused->validator;
    say_wanted(explain, "aud", "it is meant for ", "it names no audience", validator->audiences,
               validator->audience_count);
}

static const struct msk_jwt_claim *wanted_claim(const struct explanation *explain, const char *name)
{
    const struct msk_jwt_validator *validator = explain->refused->validator;
    for (size_t i = 0; i < validator->claim_count; i++)
        if (strcmp(validator->claims[i].name, name) == 0)
            return &validator->claims[i];
    return NULL;
}

static void claim(const struct explanation *explain)
{
    const char *name = strchr(explain->refused->rule, ':') + 1;
    const struct msk_jwt_claim *wanted = wanted_claim(explain, name);
    const struct msk_json_member *found = msk_json_find(&explain->view->claims, name);
    struct msk_builder text;
    msk_builder_init(&text, VALUE_TEXT_MAX);
    if (found)
        msk_json_write(&found->value, &text);
    msk_builder_text(explain->out, !found ? "it does not have it" : text.error ? "it has another value" : "it has ");
    if (found && !text.error)
        msk_visible_append(explain->out, msk_builder_view(&text));
    if (wanted) { /* not where the name was too long for the verdict */
        msk_builder_text(explain->out, "; wanted is ");
        msk_visible_append(explain->out, msk_bytes_of_text(wanted->json));
    }
    msk_builder_free(&text);
}

static const struct {
    const char *rule; /* or its beginning, with the colon */
    void (*explain)(const struct explanation *explain);
} rules[] = {
    {"malformed", malformed},   {"algorithm", algorithm},       {"signature", signature},
    {"issuer", issuer},         {"subject", subject},           {"expired", expired},
    {"not_before", not_before}, {"lifetime", lifetime},         {"age", age},
    {"audience", audience},     {"non_expiring", non_expiring}, {"claim:", claim},
};

void ticket_explain(const struct ticket_case *refused, struct msk_builder *out)
{
    struct ticket_view view;
    struct msk_error err = {0};
    const struct explanation explanation = {refused, &view, out};
    if (ticket_view_make(refused->token, &view, &err) < 0) {
        msk_builder_text(out, err.text);
        ticket_view_free(&view);
        return;
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strncmp(refused->rule, rules[i].rule, strlen(rules[i].rule)) == 0)
            rules[i].explain(&explanation);
    ticket_view_free(&view);
}
