/* close_code.h: the application close codes: what each means, who sends it when, what to do (wire.md 3.3,
 * groups.md 2.5). */
#ifndef MSK_WIRE_CLOSE_CODE_H
#define MSK_WIRE_CLOSE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a dialler goes on after a close with a code (groups.md 2.5, last column). */
enum msk_retry {
    MSK_RETRY_DONE,         /* nothing went wrong: nothing to retry */
    MSK_RETRY_BACKOFF,      /* dial again, waiting longer each time */
    MSK_RETRY_NEVER,        /* dialling again cannot help: report */
    MSK_RETRY_QUARANTINE,   /* leave this peer alone for this group for ten minutes */
    MSK_RETRY_DEPARTED,     /* the peer left: forget the bond at once, back off from 5 s */
    MSK_RETRY_LATE,         /* something is broken between us: 30 s, and say so loudly */
    MSK_RETRY_SYNC,         /* exchange catalogs with the peer first, then at most three times */
    MSK_RETRY_TICKET,       /* when our own tickets or entry change, else after 60 s */
    MSK_RETRY_ENTRY_CHANGE, /* when the peer's entry changes, not before: alarm */
    MSK_RETRY_OTHER_BOND    /* there is another bond with the peer: groups.md 2.6 */
};

/* symbol, number, reason on the wire, area, retry, meaning, sent by, remedy */
enum msk_close_code {
#define X(symbol, number, ...) MSK_CLOSE_##symbol = number,
#include "wire/close_codes.def"
#undef X
};

struct msk_close {
    uint64_t code;
    const char *name; /* the reason phrase; "" for 0. Peers compare only the number */
    const char *area; /* "any protocol", "streams", "functions", "groups" */
    enum msk_retry retry;
    const char *meaning, *sent_by, *remedy; /* sentences */
};

/* NULL: not a code of this protocol. */
const struct msk_close *msk_close_find(uint64_t code);

/* All of them, ascending. */
const struct msk_close *msk_close_all(size_t *count);

/* Whether `text` is this code's number or its name in any case. Some names belong to several codes. */
bool msk_close_matches(const struct msk_close *close, const char *text);

/* The phrase to send with a code; "" for unknown ones. */
const char *msk_close_name(uint64_t code);

#endif
