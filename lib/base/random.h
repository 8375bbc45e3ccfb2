/* random.h: a seeded pseudo random generator for jitter and request ids; pure code is given one, never the system's. */
#ifndef MSK_BASE_RANDOM_H
#define MSK_BASE_RANDOM_H

#include <stdint.h>

/* xoshiro256**; not for secrets. */
struct msk_random {
    uint64_t state[4];
};

void msk_random_seed(struct msk_random *random, uint64_t seed);
uint64_t msk_random_next(struct msk_random *random);

/* Uniform in [0, bound); 0 when bound is 0. */
uint64_t msk_random_below(struct msk_random *random, uint64_t bound);

/* Uniform in [0, 1). */
double msk_random_unit(struct msk_random *random);

#endif
