/* lines: a list of texts that only grows. They are kept as a log keeps its commands. */
#include "base/alloc.h"
#include "core/log.h"
#include "core/machine.h"
#include "wire/layout.h"

MSK_SEQ(msk_text_seq, struct msk_bytes);
MSK_LIST(seq, text_seq, text);

static int create(void *context, void **state)
{
    struct msk_log *lines = msk_calloc(1, sizeof *lines);
    (void)context;
    if (!lines)
        return MSK_E_NOMEM;
    msk_log_init(lines);
    *state = lines;
    return 0;
}

static void destroy(void *state)
{
    if (state)
        msk_log_free(state);
    msk_free(state);
}

static int apply(void *state, const struct msk_machine_batch *batch)
{
    int result = 0;
    for (size_t i = 0; i < batch->count && result == 0; i++) {
        struct msk_arena arena;
        struct msk_bytes line;
        msk_arena_init(&arena, MSK_DECODED_MAX);
        int rc = msk_decode(MSK_TYPE(text), batch->entries[i].command, &arena, &line, NULL);
        result = rc == 0 ? msk_log_append(state, 0, line) : rc == MSK_E_NOMEM ? rc : 0;
        msk_arena_free(&arena);
    }
    return result;
}

/* The lines behind the first `from` ones, as many as one result takes. */
static int query(void *state, uint64_t ticket, struct msk_bytes bytes, struct msk_builder *result)
{
    const struct msk_log *lines = state;
    struct msk_arena arena;
    uint64_t from;
    (void)ticket;
    msk_arena_init(&arena, MSK_MACHINE_RESULT_MAX);
    int rc = msk_decode(MSK_TYPE(u64), bytes, &arena, &from, NULL);
    struct msk_text_seq found = {.items = msk_arena_alloc(&arena, MSK_MACHINE_LINES_MAX, sizeof *found.items)};
    size_t len = 0;
    for (; rc == 0 && found.items && from < lines->count && found.count < MSK_MACHINE_LINES_MAX; from++) {
        struct msk_log_entry line;
        (void)msk_log_get(lines, from + 1, &line);
        len += line.command.len + 10;
        if (len > MSK_MACHINE_RESULT_MAX)
            break;
        found.items[found.count++] = line.command;
    }
    rc = rc < 0 ? MSK_E_INVALID : found.items ? msk_encode(&msk_type_text_seq, &found, result) : MSK_E_NOMEM;
    msk_arena_free(&arena);
    return rc;
}

static int snapshot(void *state, struct msk_builder *out)
{
    const struct msk_log *lines = state;
    msk_encode(MSK_TYPE(u64), &lines->count, out);
    for (uint64_t index = 1; index <= lines->count;) {
        struct msk_bytes part;
        index += msk_log_encoded(lines, index, lines->count, &part);
        msk_builder_append(out, part.data, part.len);
    }
    return out->error;
}

static int restore(void *state, struct msk_bytes bytes)
{
    struct msk_arena none;
    struct msk_builder head;
    uint64_t count;
    msk_log_free(state);
    if (bytes.len == 0)
        return 0;
    msk_arena_init(&none, 0);
    if (msk_decode(MSK_TYPE(u64), bytes, &none, &count, NULL) < 0)
        return MSK_E_DAMAGED;
    msk_builder_init(&head, 16);
    int rc = msk_encode(MSK_TYPE(u64), &count, &head);
    size_t len = head.len; /* our own encoding: the shortest one */
    msk_builder_free(&head);
    return rc < 0 || len > bytes.len
               ? MSK_E_DAMAGED
               : msk_log_append_encoded(state, MSK_BYTES(bytes.data + len, bytes.len - len), count);
}

const struct msk_machine msk_machine_lines = {.name = "lines",
                                              .id = "lines",
                                              .rust_type = "lines::Lines",
                                              .command = MSK_TYPE(text),
                                              .query = MSK_TYPE(u64),
                                              .result = &msk_type_text_seq,
                                              .create = create,
                                              .destroy = destroy,
                                              .apply = apply,
                                              .query_state = query,
                                              .snapshot = snapshot,
                                              .restore = restore};
