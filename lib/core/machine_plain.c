/* The machines that keep no more than a number, or nothing: noop, counter, opaque. */
#include <string.h>

#include "base/alloc.h"
#include "core/machine.h"
#include "crypto/identity.h"
#include "wire/layout.h"

static int create_number(void *context, void **state)
{
    (void)context;
    *state = msk_calloc(1, sizeof(uint64_t));
    return *state ? 0 : MSK_E_NOMEM;
}

static int snapshot_number(void *state, struct msk_builder *out)
{
    return msk_encode(MSK_TYPE(u64), state, out);
}

static int restore_number(void *state, struct msk_bytes snapshot)
{
    struct msk_arena none;
    uint64_t number = 0;
    msk_arena_init(&none, 0);
    if (snapshot.len && msk_decode(MSK_TYPE(u64), snapshot, &none, &number, NULL) < 0)
        return MSK_E_DAMAGED;
    memcpy(state, &number, sizeof number);
    return 0;
}

/* ---- noop */

static int do_nothing(void *state, const struct msk_machine_batch *batch)
{
    (void)state;
    (void)batch;
    return 0;
}

static int answer_nothing(void *state, uint64_t ticket, struct msk_bytes query, struct msk_builder *result)
{
    (void)state;
    (void)ticket;
    (void)query;
    (void)result;
    return 0;
}

const struct msk_machine msk_machine_noop = {.name = "noop",
                                             .id = MSK_NOOP_MACHINE_ID,
                                             .rust_type = MSK_NOOP_MACHINE_TYPE,
                                             .command = MSK_TYPE(unit),
                                             .query = MSK_TYPE(unit),
                                             .result = MSK_TYPE(unit),
                                             .has_idle = true,
                                             .create = create_number,
                                             .destroy = msk_free,
                                             .apply = do_nothing,
                                             .query_state = answer_nothing,
                                             .snapshot = snapshot_number,
                                             .restore = restore_number};

/* ---- counter */

enum msk_counter_kind { MSK_COUNTER_INCREMENT, MSK_COUNTER_DECREMENT };

struct msk_counter_command {
    enum msk_counter_kind kind;
    uint32_t amount;
};

/* clang-format off */
MSK_CHOICE(counter_command,
    MSK_CASE_OF("Increment", amount, u32),
    MSK_CASE_OF("Decrement", amount, u32));
/* clang-format on */

/* By hand: a batch is not a hundred thousand decoders. */
static bool read_command(struct msk_reader *in, struct msk_bytes command, uint64_t *change)
{
    unsigned __int128 kind, amount;
    in->in = command;
    in->offset = 0;
    if (!command.len || msk_read_varint(in, 32, &kind) < 0 || kind > MSK_COUNTER_DECREMENT ||
        msk_read_varint(in, 32, &amount) < 0)
        return false;
    *change = kind == MSK_COUNTER_INCREMENT ? (uint64_t)amount : -(uint64_t)amount;
    return true;
}

static int count(void *state, const struct msk_machine_batch *batch)
{
    uint64_t value, change; /* wraps as two's complement does */
    struct msk_reader in = {.root = MSK_TYPE(counter_command)};
    memcpy(&value, state, sizeof value);
    for (size_t i = 0; i < batch->count; i++)
        if (read_command(&in, batch->entries[i].command, &change))
            value += change;
    memcpy(state, &value, sizeof value);
    return 0;
}

static int answer_count(void *state, uint64_t ticket, struct msk_bytes query, struct msk_builder *result)
{
    (void)ticket;
    (void)query;
    return msk_encode(MSK_TYPE(i64), state, result);
}

static const uint8_t increment_by_nothing[] = {0, 0};

const struct msk_machine msk_machine_counter = {.name = "counter",
                                                .id =
                                                    "0000000000000000000000000000000000000000000000000000000000000002",
                                                .rust_type = "counter::Counter",
                                                .command = MSK_TYPE(counter_command),
                                                .query = MSK_TYPE(unit),
                                                .result = MSK_TYPE(i64),
                                                .has_idle = true,
                                                .idle = {increment_by_nothing, sizeof increment_by_nothing},
                                                .create = create_number,
                                                .destroy = msk_free,
                                                .apply = count,
                                                .query_state = answer_count,
                                                .snapshot = snapshot_number,
                                                .restore = restore_number};

/* ---- opaque: the log has the commands, and nobody here knows what they mean */

/* The leader does, if it is of another kind: queries that are forwarded are answered. */
static int answer_none(void *state, uint64_t ticket, struct msk_bytes query, struct msk_builder *result)
{
    (void)state;
    (void)ticket;
    (void)query;
    (void)result;
    return MSK_E_INVALID;
}

const struct msk_machine msk_machine_opaque = {.name = "opaque",
                                               .create = create_number,
                                               .destroy = msk_free,
                                               .apply = do_nothing,
                                               .query_state = answer_none,
                                               .snapshot = snapshot_number,
                                               .restore = restore_number};
