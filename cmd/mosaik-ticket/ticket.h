/* ticket.h: the commands of mosaik-ticket, one file each, and what they share: reading a ticket, times in words. */
#ifndef MOSAIK_TICKET_H
#define MOSAIK_TICKET_H

#include "cli/program.h"
#include "crypto/json_text.h"
#include "crypto/jwt.h"

extern const struct msk_command ticket_mint, ticket_verify, ticket_show, ticket_id, ticket_signature;

/* The argument TICKET, optional, by default standard input. */
#define TICKET_ARGUMENT(at)                                                                                      \
    {                                                                                                            \
        .name = "ticket", .type = &msk_value_text, .placeholder = "TICKET", .positional = true, .fallback = "-", \
        .offset = (at), .help = "the ticket itself; - reads it from standard input"                              \
    }

#define TICKET_INPUT_MAX (1u << 20) /* more than any ticket may have: what is too long is said by the check */

/* The ticket an argument stands for: itself, or what standard input holds, without white space behind it. Its bytes are
 * the argument's or in `memory` (initialised with TICKET_INPUT_MAX). MSK_E_IO, MSK_E_INVALID (too large), MSK_E_NOMEM.
 */
int ticket_read(const char *argument, struct msk_builder *memory, struct msk_bytes *out, struct msk_error *err);

/* What a ticket says, unverified. */
struct ticket_view {
    struct msk_arena arena;
    struct msk_json header, claims;
};

/* MSK_E_INVALID: it is none, or a part of it cannot be read; the text says which. ticket_view_free in any case. */
int ticket_view_make(struct msk_bytes token, struct ticket_view *out, struct msk_error *err);
void ticket_view_free(struct ticket_view *view);

/* Claims as they must be to count; NULL and false where they are absent or not. */
const struct msk_json *ticket_text_claim(const struct ticket_view *view, const char *name);
bool ticket_time_claim(const struct ticket_view *view, const char *name, uint64_t *seconds);

/* JSON for `expires`: Unix seconds, or "never". */
json_t *ticket_expires_json(bool never, uint64_t expires_s);

int64_t ticket_now_ms(void);

#define TICKET_TIME_TEXT_SIZE 96
/* "2026-11-21T12:26:00Z, in 5m 3s", "..., 2d 1h ago". Returns `out`. */
const char *ticket_time_text(uint64_t seconds, int64_t now_ms, char out[TICKET_TIME_TEXT_SIZE]);
/* "5m 3s". Returns `out`. */
const char *ticket_span_text(uint64_t seconds, char out[TICKET_TIME_TEXT_SIZE]);

/* Why `rule` is broken, in words (explain.c). Appends a phrase without a full stop. */
struct ticket_case {
    const struct msk_jwt_validator *validator;
    const struct msk_digest *peer;
    struct msk_bytes token;
    int64_t now_ms;
    const char *rule;
};
void ticket_explain(const struct ticket_case *refused, struct msk_builder *out);

#endif
