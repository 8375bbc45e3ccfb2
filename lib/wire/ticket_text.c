#include "wire/ticket_text.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "crypto/identity.h"
#include "crypto/jwt_validator.h"

/* ---- files */

/* A JWT from outside. Everybody gets to see a ticket, so a key that is given by mistake must not pass for one. */
static int check_jwt(struct msk_bytes text, struct msk_error *err)
{
    size_t dots = 0;
    if (text.len == 0)
        return msk_fail(err, MSK_E_INVALID, "no ticket in it");
    for (size_t i = 0; i < text.len; i++) {
        if (!isgraph(text.data[i]))
            return msk_fail(err, MSK_E_INVALID, "not a ticket: byte %zu is no printable character", i);
        dots += text.data[i] == '.';
    }
    return dots == 2 ? 0 : msk_fail(err, MSK_E_INVALID, "not a ticket: a JWT has three parts with dots between");
}

static int check_members(json_t *json, struct msk_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value)
    {
        if (strcmp(name, "class") != 0 && strcmp(name, "data") != 0 && strcmp(name, "data_hex") != 0)
            return msk_fail(err, MSK_E_INVALID, "not a ticket: unknown member \"%.100s\"", name);
        if (!json_is_string(value))
            return msk_fail(err, MSK_E_INVALID, "not a ticket: %s: expected a text", name);
    }
    return 0;
}

static int read_members(json_t *json, struct msk_builder *memory, struct msk_ticket *out, struct msk_error *err)
{
    const json_t *class_name = json_object_get(json, "class"), *data = json_object_get(json, "data"),
                 *hex = json_object_get(json, "data_hex");
    size_t class_len = json_string_length(class_name), offset;
    int rc = check_members(json, err);
    if (rc < 0)
        return rc;
    if (class_len == 0 || !data == !hex)
        return msk_fail(err, MSK_E_INVALID, "not a ticket: \"class\" and one of \"data\" and \"data_hex\" are wanted");
    if (memchr(json_string_value(class_name), 0, class_len))
        return msk_fail(err, MSK_E_INVALID, "not a ticket: class: text must not contain a zero character");
    msk_builder_reset(memory);
    if (data)
        msk_builder_append(memory, json_string_value(data), json_string_length(data));
    else if (msk_hex_decode_append(json_string_value(hex), json_string_length(hex), memory, &offset) == MSK_E_INVALID)
        return msk_fail(err, MSK_E_INVALID, "not a ticket: data_hex: not hex digits at character %zu", offset + 1);
    if (memory->error)
        return msk_fail(err, memory->error, "%s", msk_error_sentence(memory->error));
    *out = (struct msk_ticket){.class_id = msk_digest_of_string(json_string_value(class_name)),
                               .data = msk_builder_view(memory)};
    return 0;
}

int msk_ticket_of_text(struct msk_bytes text, struct msk_builder *memory, struct msk_ticket *out, struct msk_error *err)
{
    text = msk_bytes_trim_end(text);
    if (text.len == 0 || text.data[0] != '{') {
        *out = (struct msk_ticket){.class_id = msk_jwt_class(), .data = text};
        return check_jwt(text, err);
    }
    json_error_t place;
    json_t *json = json_loadb((const char *)text.data, text.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &place);
    int rc = json ? read_members(json, memory, out, err)
                  : msk_fail(err, MSK_E_INVALID, "not a ticket: %s at line %d", place.text, place.line);
    json_decref(json);
    return rc;
}

/* ---- questions and answers */

json_t *msk_ticket_question(const struct msk_ticket *ticket, const struct msk_digest *peer)
{
    char peer_id[MSK_DIGEST_TEXT_SIZE], class_id[MSK_DIGEST_TEXT_SIZE];
    struct msk_builder hex;
    json_t *question = NULL;
    msk_builder_init(&hex, 2 * ticket->data.len + 1);
    msk_hex_append(&hex, ticket->data);
    if (!hex.error)
        question = json_pack("{s:s, s:s, s:s}", "peer_id", msk_digest_text(peer, peer_id), "class",
                             msk_digest_text(&ticket->class_id, class_id), "ticket_hex",
                             hex.len ? (const char *)hex.data : "");
    if (question && msk_utf8_valid(ticket->data, NULL))
        json_object_set_new(question, "ticket",
                            json_stringn(ticket->data.len ? (const char *)ticket->data.data : "", ticket->data.len));
    msk_builder_free(&hex);
    return question;
}

void msk_ticket_refuse(const char *reason, struct msk_ticket_opinion *out)
{
    size_t len = 0;
    *out = (struct msk_ticket_opinion){0};
    for (; reason[len] && len + 1 < sizeof out->reason; len++)
        out->reason[len] = isprint((unsigned char)reason[len]) ? reason[len] : '?';
    if (len == 0)
        memcpy(out->reason, "refused", sizeof "refused");
}

static const char *accept(const json_t *expires, int64_t wall_ms, struct msk_ticket_opinion *out)
{
    bool never = json_is_string(expires) && strcmp(json_string_value(expires), "never") == 0;
    json_int_t seconds = json_integer_value(expires);
    if (!never && (!json_is_integer(expires) || seconds < 0))
        return "its answer accepts but has no \"expires\" in seconds or \"never\"";
    int64_t expires_ms = never || seconds > INT64_MAX / 1000 ? MSK_TICKET_NEVER : (int64_t)seconds * 1000;
    if (expires_ms <= wall_ms)
        msk_ticket_refuse("expired", out);
    else
        *out = (struct msk_ticket_opinion){.valid = true, .expires_ms = expires_ms};
    return NULL;
}

const char *msk_ticket_answer(const json_t *answer, int64_t wall_ms, struct msk_ticket_opinion *out)
{
    const json_t *accepts = json_object_get(answer, "accept"), *reason = json_object_get(answer, "reason");
    const char *fault = "its answer has no \"accept\" that is true or false";
    if (json_is_true(accepts)) {
        fault = accept(json_object_get(answer, "expires"), wall_ms, out);
    } else if (json_is_false(accepts)) {
        msk_ticket_refuse(json_is_string(reason) ? json_string_value(reason) : "", out);
        fault = NULL;
    }
    if (fault)
        msk_ticket_refuse(fault, out);
    return fault;
}
