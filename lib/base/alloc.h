/* alloc.h: the one place memory comes from, so that tests can make the N-th request fail. */
#ifndef MSK_BASE_ALLOC_H
#define MSK_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory for `count` things of `size` bytes, or NULL (also on overflow). Free with msk_free. */
void *msk_calloc(size_t count, size_t size);

/* As realloc; on NULL the old block stays valid. New bytes are not cleared. */
void *msk_realloc(void *old, size_t size);

/* A copy of `len` bytes followed by one zero byte, or NULL. */
void *msk_memdup(const void *data, size_t len);
char *msk_strdup(const char *text);

void msk_free(void *block);

/* Overwrite secrets before they are freed; never optimised away. */
void msk_wipe(void *data, size_t len);

/* Tests only: let the next `successes` requests pass and all later ones fail; UINT64_MAX switches it off. */
void msk_alloc_fail_after(uint64_t successes);

#endif
