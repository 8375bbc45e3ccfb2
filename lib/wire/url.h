/* url.h: relay URLs in the one form that signatures cover (wire.md 2.1): parsed and written as the WHATWG URL standard
 * has it. */
#ifndef MSK_WIRE_URL_H
#define MSK_WIRE_URL_H

#include "base/bytes.h"
#include "base/error.h"

#define MSK_URL_MAX 8192 /* of the normalised text */

/* Append the normal form of an absolute URL: scheme and host in lower case, default port and dot segments removed, a
 * path of at least "/", characters percent-encoded where they must be. Complete for http, https, ws, wss, ftp, except
 * that host names outside ASCII are refused: the reference sends those in their xn-- form. URLs of other schemes keep
 * their text but for the case of the scheme and percent-encoding. MSK_E_INVALID with the reason, MSK_E_LIMIT,
 * MSK_E_NOMEM. */
int msk_url_normalise(struct msk_bytes text, struct msk_builder *out, struct msk_error *err);

#endif
