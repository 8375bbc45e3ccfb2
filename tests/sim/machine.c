#include "machine.h"

#include <string.h>

#define SUM_START UINT64_C(14695981039346656037) /* FNV-1a */
#define SUM_PRIME UINT64_C(1099511628211)

static uint64_t add(uint64_t sum, struct msk_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        sum = (sum ^ bytes.data[i]) * SUM_PRIME;
    return (sum ^ bytes.len) * SUM_PRIME;
}

static int create(void *context, void **state)
{
    struct sim_machine *machine = context;
    machine->state = (struct sim_state){.sum = SUM_START};
    machine->busy = false;
    *state = machine;
    return 0;
}

static void destroy(void *state)
{
    (void)state;
}

static int apply(void *state, const struct msk_machine_batch *batch)
{
    struct sim_machine *machine = state;
    if (batch->first != machine->state.applied + 1)
        machine->confused(machine, batch->first);
    for (size_t i = 0; i < batch->count; i++) {
        machine->state.applied = batch->first + i;
        machine->state.sum = add(machine->state.sum, batch->entries[i].command);
        machine->applied(machine, batch->first + i, &batch->entries[i]);
    }
    machine->busy = machine->takes_time;
    return machine->takes_time ? MSK_MACHINE_LATER : 0;
}

/* A query answers the state. */
static int query(void *state, uint64_t ticket, struct msk_bytes bytes, struct msk_builder *result)
{
    const struct sim_machine *machine = state;
    (void)ticket, (void)bytes;
    msk_builder_append(result, &machine->state, sizeof machine->state);
    return 0;
}

static int snapshot(void *state, struct msk_builder *out)
{
    const struct sim_machine *machine = state;
    msk_builder_append(out, &machine->state, sizeof machine->state);
    return 0;
}

static int restore(void *state, struct msk_bytes bytes)
{
    struct sim_machine *machine = state;
    machine->state = (struct sim_state){.sum = SUM_START};
    machine->busy = false;
    if (bytes.len == sizeof machine->state)
        memcpy(&machine->state, bytes.data, sizeof machine->state);
    return bytes.len == 0 || bytes.len == sizeof machine->state ? 0 : MSK_E_DAMAGED;
}

const struct msk_machine sim_machine_plain = {.name = "plain",
                                              .create = create,
                                              .destroy = destroy,
                                              .apply = apply,
                                              .query_state = query,
                                              .snapshot = snapshot,
                                              .restore = restore};
const struct msk_machine sim_machine_idle = {.name = "idle",
                                             .has_idle = true,
                                             .idle = {(const uint8_t *)"", 1},
                                             .create = create,
                                             .destroy = destroy,
                                             .apply = apply,
                                             .query_state = query,
                                             .snapshot = snapshot,
                                             .restore = restore};
