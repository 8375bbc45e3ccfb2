/* The key log of the nodes, read as it grows. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runtime/chaos_internal.h"

#define READ_SIZE    16384
#define KEY_LINE_MAX 1024

/* Whole lines go to the keys; what is left of the last one waits for the rest. */
static void take_lines(struct msk_chaos *chaos)
{
    struct msk_builder *lines = &chaos->key_lines;
    const uint8_t *end;
    while (lines->len > 0 && (end = memchr(lines->data, '\n', lines->len))) {
        size_t len = (size_t)(end - lines->data);
        msk_quic_keys_add(&chaos->keys, MSK_BYTES(lines->data, len));
        msk_builder_consume(lines, len + 1);
    }
    if (lines->len > KEY_LINE_MAX || lines->error)
        msk_builder_reset(lines); /* no key log's line */
}

/* A msk_quic_keys.more. */
static bool read_more(void *context)
{
    struct msk_chaos *chaos = context;
    uint8_t buffer[READ_SIZE];
    size_t before = chaos->keys.next;
    ssize_t n;
    if (chaos->keylog_fd < 0)
        chaos->keylog_fd = open(chaos->config->keylog_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (chaos->keylog_fd >= 0 && (n = read(chaos->keylog_fd, buffer, sizeof buffer)) > 0) {
        msk_builder_append(&chaos->key_lines, buffer, (size_t)n);
        take_lines(chaos);
    }
    return chaos->keys.next > before;
}

void msk_chaos_keys_open(struct msk_chaos *chaos)
{
    msk_builder_init(&chaos->key_lines, READ_SIZE + KEY_LINE_MAX);
    chaos->keys.more = read_more;
    chaos->keys.context = chaos;
    chaos->proxy->view.keys = &chaos->keys;
}

void msk_chaos_keys_close(struct msk_chaos *chaos)
{
    msk_quic_keys_free(&chaos->keys);
    msk_builder_free(&chaos->key_lines);
    if (chaos->keylog_fd >= 0)
        close(chaos->keylog_fd);
}
