/* keygen.h: the commands of mosaik-keygen, one file each, and what those that print secrets share. */
#ifndef MOSAIK_KEYGEN_H
#define MOSAIK_KEYGEN_H

#include "cli/program.h"

extern const struct msk_command keygen_secret, keygen_peer_id, keygen_network_id, keygen_group_key, keygen_group_id,
    keygen_issuer, keygen_issuer_public;

/* Where a secret goes. */
struct keygen_target {
    const char *output; /* NULL: standard output */
    bool force;
};
extern const struct msk_option keygen_target_rows[];

/* Write `text`, the secret with its line end, to the target. With --json the answer is `answer`, whose reference is
 * taken (NULL: memory ran out), with the secret as member `name` unless it went to a file. 0 or negative. */
int keygen_emit(const struct msk_run *run, const struct keygen_target *target, struct msk_bytes text, const char *name,
                json_t *secret, json_t *answer);

/* Print one digest: a line, or with --json an object with this member. */
int keygen_print_digest(const struct msk_run *run, const char *member, const struct msk_digest *digest);

#endif
