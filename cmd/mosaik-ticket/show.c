/* mosaik-ticket show: what a ticket says, believed or not. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/layout.h"
#include "cli/visible.h"
#include "crypto/identity.h"
#include "ticket.h"

#define TEXT_MAX (8 * MSK_JWT_TOKEN_MAX) /* escapes lengthen a text */

struct options {
    const char *ticket;
};

static const struct msk_option rows[] = {
    TICKET_ARGUMENT(offsetof(struct options, ticket)),
    {.name = NULL},
};

/* Registered claims for people. */
static const struct {
    const char *name, *title;
    bool time;
} registered[] = {
    {"iss", "issuer", false},    {"sub", "subject", false},  {"aud", "audience", false}, {"exp", "expires", true},
    {"nbf", "not before", true}, {"iat", "issued at", true}, {"jti", "token id", false},
};

static const char *title_of(struct msk_bytes name, bool *time)
{
    for (size_t i = 0; i < sizeof registered / sizeof registered[0]; i++)
        if (msk_bytes_equal(name, msk_bytes_of_text(registered[i].name))) {
            *time = registered[i].time;
            return registered[i].title;
        }
    *time = false;
    return NULL;
}

/* One row: a name, and the value in words where it is one we know. */
static void add_row(struct msk_table *table, const char *title, struct msk_bytes name, const struct msk_json *value,
                    bool time)
{
    struct msk_builder text;
    char when[TICKET_TIME_TEXT_SIZE];
    msk_builder_init(&text, TEXT_MAX);
    if (title)
        msk_table_cell(table, "%s", title);
    else
        msk_table_cell(table, "claim %.*s", (int)name.len, (const char *)name.data);
    if (time && value->kind == MSK_JSON_UNSIGNED)
        msk_builder_text(&text, ticket_time_text(value->number, ticket_now_ms(), when));
    else if (title && value->kind == MSK_JSON_TEXT)
        msk_builder_append(&text, value->text.data, value->text.len);
    else
        msk_json_write(value, &text);
    msk_table_cell(table, "%s", text.len ? (const char *)text.data : "");
    msk_builder_free(&text);
}

static void id_text(struct msk_bytes token, char out[MSK_DIGEST_TEXT_SIZE])
{
    const struct msk_digest class_id = msk_jwt_class(), id = msk_ticket_id(&class_id, token);
    msk_digest_text(&id, out);
}

static int print_text(const struct msk_run *run, const struct ticket_view *view, struct msk_bytes token)
{
    static const struct msk_column columns[] = {{NULL, false}, {NULL, false}};
    const struct msk_json_member *alg = msk_json_find(&view->header, "alg");
    struct msk_table table;
    char id[MSK_DIGEST_TEXT_SIZE];
    id_text(token, id);
    msk_table_init(&table, columns, 2);
    msk_table_cell(&table, "id");
    msk_table_cell(&table, "%s", id);
    if (alg)
        add_row(&table, "algorithm", alg->name, &alg->value, false);
    for (size_t i = 0; i < view->claims.object.count; i++) {
        const struct msk_json_member *claim = &view->claims.object.members[i];
        bool time;
        const char *title = title_of(claim->name, &time);
        add_row(&table, title, claim->name, &claim->value, time);
    }
    int rc = msk_table_print(&table, run->out);
    if (rc == 0)
        fprintf(run->out->stream, "\nNothing of this was verified: \"mosaik-ticket verify\" does that.\n");
    return rc;
}

/* Written by hand: whole numbers of 64 bits must come out as they went in. */
static int print_json(const struct msk_run *run, const struct ticket_view *view, struct msk_bytes token)
{
    struct msk_builder text;
    char id[MSK_DIGEST_TEXT_SIZE];
    id_text(token, id);
    msk_builder_init(&text, TEXT_MAX);
    msk_builder_printf(&text, "{\"id\":\"%s\",\"verified\":false,\"header\":", id);
    msk_json_write(&view->header, &text);
    msk_builder_text(&text, ",\"claims\":");
    msk_json_write(&view->claims, &text);
    msk_builder_text(&text, "}\n");
    int rc = text.error;
    if (rc == 0)
        fwrite(text.data, 1, text.len, run->out->stream);
    msk_builder_free(&text);
    return rc;
}

static int run_show(struct msk_run *run)
{
    const struct options *options = run->options;
    struct ticket_view view = {0};
    struct msk_builder memory;
    struct msk_bytes token;
    msk_builder_init(&memory, TICKET_INPUT_MAX);
    int rc = ticket_read(options->ticket, &memory, &token, run->err);
    if (rc == 0) {
        rc = ticket_view_make(token, &view, run->err);
        if (rc < 0)
            msk_wrap(run->err, rc, "TICKET");
    }
    if (rc == 0)
        rc = run->out->json ? print_json(run, &view, token) : print_text(run, &view, token);
    ticket_view_free(&view);
    msk_builder_free(&memory);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-ticket show <member.jwt", NULL},
    {"mosaik-ticket show --json <member.jwt | jq .claims", NULL},
    {NULL, NULL},
};

const struct msk_command ticket_show = {
    .name = "show",
    .summary = "Tell what a ticket says, without verifying anything",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_show,
};
