/* machine.h: the machine of simulated groups: its state is a rolling sum of the commands it was told, so that two that
 * were told the same can be told from two that were not. It answers at once or takes its time. */
#ifndef MSK_TESTS_SIM_MACHINE_H
#define MSK_TESTS_SIM_MACHINE_H

#include "core/machine.h"

/* After `applied` commands. */
struct sim_state {
    uint64_t applied, sum;
};

/* The context of a group's machine; outlives every run of it. */
struct sim_machine {
    void *owner;
    int place;
    bool takes_time; /* what it is told is done when the owner says so */
    bool busy;
    struct sim_state state; /* of the present run */
    /* Told of every entry after it was applied. */
    void (*applied)(struct sim_machine *machine, uint64_t index, const struct msk_log_entry *entry);
    /* Told of entries that do not follow what was applied. */
    void (*confused)(struct sim_machine *machine, uint64_t index);
};

extern const struct msk_machine sim_machine_plain; /* has no command that changes nothing */
extern const struct msk_machine sim_machine_idle;  /* has one */

#endif
