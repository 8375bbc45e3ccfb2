/* campaign.h: many lives, each in a process of its own, so that one that ends in an assertion is a failing seed like
 * any other. */
#ifndef MSK_TESTS_SIM_CAMPAIGN_H
#define MSK_TESTS_SIM_CAMPAIGN_H

#include "life.h"

#define CAMPAIGN_FAILURES_MAX 16
#define CAMPAIGN_LINES        40 /* of the tale of a life that failed */

struct campaign {
    const struct life_mode *mode;
    uint64_t lives, failures, longest_recovery_ms;
    uint64_t failed[CAMPAIGN_FAILURES_MAX];
    struct life_counts counts;
    uint64_t found_by[LIFE_WEAKNESSES]; /* the first seed that shows it, 0: none */
};

/* One more life. One that fails is lived again to tell how it came to that, with the command that repeats it; `lines`
 * of that are printed. */
void campaign_live(struct campaign *campaign, uint64_t seed, size_t lines);
bool campaign_found_all(const struct campaign *campaign);
/* One line of figures; the seeds that failed. */
void campaign_print(const struct campaign *campaign);

#endif
