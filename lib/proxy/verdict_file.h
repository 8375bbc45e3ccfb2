/* verdict_file.h: every decision as a line of JSON, and such a file read back, to decide the same again. */
#ifndef MSK_PROXY_VERDICT_FILE_H
#define MSK_PROXY_VERDICT_FILE_H

#include "proxy/network.h"

#define MSK_REPLAY_MAX      (1u << 24) /* verdicts of one file */
#define MSK_REPLAY_FILE_MAX ((size_t)1 << 32)

/* A datagram and what was decided about it. */
struct msk_ruled {
    size_t from, to;
    uint64_t number; /* on its link, from 1 on */
    uint64_t at_ns;  /* since the start */
    unsigned kinds;
    struct msk_bytes packet; /* as it came */
    size_t len;              /* of the UDP payload */
    struct msk_verdict verdict;
};

/* The first line of a file: {"v":1,"verdicts":"mosaik-chaos","seed":"...","nodes":[...]}. Without line end. */
void msk_verdict_header_append(struct msk_builder *out, const struct msk_network *network, uint64_t seed);

/* {"n":1,"from":"a","to":"b","at_us":12,"len":1200,"kind":"initial","fate":"pass","delay_us":50.000,...} */
void msk_verdict_append(struct msk_builder *out, const struct msk_network *network, const struct msk_ruled *ruled);

/* Zero-initialise. */
struct msk_replay {
    struct msk_replay_link {
        struct msk_verdict *verdicts; /* by number, from 1 on */
        size_t count, capacity;
    } * links; /* by sender, receiver */
    size_t node_count;
};

/* Read a whole file. 0; MSK_E_INVALID naming the line; MSK_E_LIMIT, MSK_E_NOMEM. msk_replay_free is to be called in any
 * case. */
int msk_replay_parse(struct msk_bytes file, const struct msk_network *network, struct msk_replay *out,
                     struct msk_error *err);
void msk_replay_free(struct msk_replay *replay);

/* What was decided about this datagram; NULL: the file does not say. */
const struct msk_verdict *msk_replay_find(const struct msk_replay *replay, size_t from, size_t to, uint64_t number);

#endif
