/* error.h: what can go wrong, once for all: code, name, exit status, sentence.
 *
 * Functions return 0 or a negative MSK_E_* code. Where a caller can say more than the code, it fills a
 * struct msk_error whose text grows outwards: "open store: entry 12: bad checksum". */
#ifndef MSK_BASE_ERROR_H
#define MSK_BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

/* name, code, exit status of a program that ends with it (cli.md), sentence */
#define MSK_ERROR_MAP(X)                                   \
    X(NOMEM, -1, 70, "out of memory")                      \
    X(INVALID, -2, 2, "malformed input")                   \
    X(LIMIT, -3, 1, "a limit was reached")                 \
    X(PROTOCOL, -4, 1, "the peer broke the protocol")      \
    X(NOTFOUND, -5, 1, "not found")                        \
    X(EXISTS, -6, 1, "exists already")                     \
    X(REFUSED, -7, 1, "refused")                           \
    X(CLOSED, -8, 1, "closed")                             \
    X(UNREACHABLE, -9, 3, "could not be reached")          \
    X(IO, -10, 3, "input/output failed")                   \
    X(TIMEOUT, -11, 4, "timed out")                        \
    X(DAMAGED, -12, 5, "stored data is damaged")           \
    X(CRYPTO, -13, 70, "a cryptographic operation failed") \
    X(INTERNAL, -14, 70, "internal error")

enum {
#define X(name, code, exit_status, sentence) MSK_E_##name = code,
    MSK_ERROR_MAP(X)
#undef X
};

#define MSK_ERROR_TEXT_MAX 384

struct msk_error {
    int code; /* 0 or MSK_E_* */
    char text[MSK_ERROR_TEXT_MAX];
};

/* The name ("NOMEM"), sentence and exit status of a code; unknown codes read as INTERNAL. */
const char *msk_error_name(int code);
const char *msk_error_sentence(int code);
int msk_error_exit_status(int code);

/* Set `err` (may be NULL) to `code` and the formatted text, cut at its bound; returns `code`. */
int msk_fail(struct msk_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Put "formatted: " before the text already in `err` (may be NULL); returns err->code. Used by callers on the way out.
 */
int msk_wrap(struct msk_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
