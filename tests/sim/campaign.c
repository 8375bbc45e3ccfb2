#include "campaign.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIFE_SECONDS_MAX 300 /* of real time: a life that takes longer hangs */

/* Without a result `broken` says how the process ended. */
static void live(const struct life_mode *mode, uint64_t seed, size_t lines, struct life_result *result)
{
    int status = 0;
    struct life_result *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    snprintf(shared->broken, sizeof shared->broken, "the simulation itself failed");
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(LIFE_SECONDS_MAX);
        life_run(mode, seed, lines, stdout, shared);
        fflush(NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        snprintf(shared->broken, sizeof shared->broken, "its process was ended by %s", strsignal(WTERMSIG(status)));
    *result = *shared;
    munmap(shared, sizeof *shared);
}

static void count(struct campaign *campaign, uint64_t seed, const struct life_result *result)
{
    campaign->lives++;
#define X(name) campaign->counts.name += result->counts.name;
    LIFE_COUNTS(X)
#undef X
    if (result->recovery_ms > campaign->longest_recovery_ms)
        campaign->longest_recovery_ms = result->recovery_ms;
    for (int i = 0; i < LIFE_WEAKNESSES; i++)
        if (result->weaknesses[i] && !campaign->found_by[i])
            campaign->found_by[i] = seed;
}

void campaign_live(struct campaign *campaign, uint64_t seed, size_t lines)
{
    struct life_result result, again;
    live(campaign->mode, seed, 0, &result);
    count(campaign, seed, &result);
    if (!result.broken[0])
        return;
    if (campaign->failures < CAMPAIGN_FAILURES_MAX)
        campaign->failed[campaign->failures] = seed;
    campaign->failures++;
    printf("\n%s, seed %llu: %s\n  repeat it: make sim SIM_ARGS='--mode %s --seed %llu --lines 1000'\n",
           campaign->mode->name, (unsigned long long)seed, result.broken, campaign->mode->name,
           (unsigned long long)seed);
    if (lines)
        live(campaign->mode, seed, lines, &again);
}

bool campaign_found_all(const struct campaign *campaign)
{
    for (int i = 0; i < LIFE_WEAKNESSES; i++)
        if (!campaign->found_by[i])
            return false;
    return true;
}

void campaign_print(const struct campaign *campaign)
{
    printf("%s: %llu lives,", campaign->mode->name, (unsigned long long)campaign->lives);
#define X(name) printf(" %llu " #name ",", (unsigned long long)campaign->counts.name);
    LIFE_COUNTS(X)
#undef X
    printf(" longest recovery %llu ms; %llu failed", (unsigned long long)campaign->longest_recovery_ms,
           (unsigned long long)campaign->failures);
    for (size_t i = 0; i < campaign->failures && i < CAMPAIGN_FAILURES_MAX; i++)
        printf("%s%llu", i ? ", " : ": seeds ", (unsigned long long)campaign->failed[i]);
    printf("\n");
}
