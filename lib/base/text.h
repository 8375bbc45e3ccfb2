/* text.h: bytes as text and back: hex, base32, z-base-32, base64url; and UTF-8. */
#ifndef MSK_BASE_TEXT_H
#define MSK_BASE_TEXT_H

#include "base/bytes.h"

/* Lower-case hex, 2 * len digits and a zero, into `out`. */
void msk_hex_encode(struct msk_bytes in, char *out);
void msk_hex_append(struct msk_builder *out, struct msk_bytes in);

/* Either case; exactly 2 * len digits into `out`. 0, or MSK_E_INVALID with the offset of the first bad digit in
 * `*offset` (may be NULL; the text's length where only the count is wrong). */
int msk_hex_decode(const char *text, size_t text_len, uint8_t *out, size_t len, size_t *offset);

/* Any even number of digits, appended to `out`; errors as above. */
int msk_hex_decode_append(const char *text, size_t text_len, struct msk_builder *out, size_t *offset);

/* RFC 4648 base32 without padding, lower case when writing, either case when reading (wire.md 1.2). */
void msk_base32_append(struct msk_builder *out, struct msk_bytes in);
int msk_base32_decode(const char *text, size_t text_len, uint8_t *out, size_t len);

/* z-base-32, write only: it appears in names, never as input (wire.md 1.2). */
void msk_zbase32_append(struct msk_builder *out, struct msk_bytes in);

/* URL alphabet; no padding written, optional when read, unused low bits must be zero (wire.md 5.4). */
void msk_base64url_append(struct msk_builder *out, struct msk_bytes in);
int msk_base64url_decode(const char *text, size_t text_len, struct msk_builder *out);

/* Whether the bytes are well-formed UTF-8 (RFC 3629: shortest forms, no surrogates). `*offset` (may be NULL) is the
 * first bad byte. */
bool msk_utf8_valid(struct msk_bytes in, size_t *offset);

#endif
