/* inspect.h: the commands of mosaik-inspect, one file each. */
#ifndef MOSAIK_INSPECT_H
#define MOSAIK_INSPECT_H

#include "cli/program.h"

extern const struct msk_command inspect_peer, inspect_catalog, inspect_bond, inspect_code, inspect_decode, inspect_diff,
    inspect_elections, inspect_log, inspect_top;

#endif
