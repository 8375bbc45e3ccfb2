/* Whole groups of whole nodes through random trouble, in virtual time: partitions, stalled links, pauses, crashes that
 * lose what was not on disk. What must always hold is checked all the time (groups.md 7).
 *
 *   core_simulator [--seed N] [--runs N] [--reference | --safe]
 *
 * A failure names its seed; `--seed N --runs 1` repeats that life exactly, NODE_NET_TRACE=1 tells what happens in it.
 * With --reference the members follow the reference's rules only, and the run succeeds when the weaknesses W-1, W-2,
 * W-4, W-7 and W-8 have all shown themselves; --safe runs the others only; without either both are run. */
#include <getopt.h>

#include "life.h"

#define RUNS_DEFAULT 100

static uint64_t first_seed = 1, runs = RUNS_DEFAULT;

static void nothing_bad_ever_happens(void **state)
{
    struct life_counts counts = {0};
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + runs; seed++) {
        static struct life life;
        life_begin(&life, seed, false);
        life_trouble(&life);
        life_recover(&life);
        life_end(&life, &counts);
        if (life.broken[0])
            fail_msg("seed %llu: %s", (unsigned long long)seed, life.broken);
    }
    print_message(
        "%u elections, %u commits, %u commands acknowledged, %u lost or unknown, %u strong reads, %u crashes\n",
        counts.elections, counts.commits, counts.acknowledged, counts.uncertain, counts.reads, counts.crashes);
    assert_true(counts.acknowledged > runs); /* the lives are not empty */
    assert_true(counts.reads > runs);
}

static void the_reference_is_found_out(void **state)
{
    struct life_counts counts = {0};
    uint64_t found_by[LIFE_WEAKNESSES] = {0};
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + runs; seed++) {
        static struct life life;
        life_begin(&life, seed, true);
        life_trouble(&life);
        for (int i = 0; i < LIFE_WEAKNESSES; i++)
            if (life.weaknesses[i] && !found_by[i])
                found_by[i] = seed;
        life_end(&life, &counts);
    }
    for (int i = 0; i < LIFE_WEAKNESSES; i++)
        print_message("%s: %s %llu\n", life_weakness_names[i], found_by[i] ? "seed" : "not within seeds up to",
                      (unsigned long long)(found_by[i] ? found_by[i] : first_seed + runs - 1));
    for (int i = 0; i < LIFE_WEAKNESSES; i++)
        assert_int_not_equal(found_by[i], 0);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"runs", required_argument, NULL, 'r'},
                                            {"reference", no_argument, NULL, 'f'},
                                            {"safe", no_argument, NULL, 'a'},
                                            {0}};
    bool reference = true, safe = true;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (option) {
        case 's':
            first_seed = strtoull(optarg, NULL, 10);
            break;
        case 'r':
            runs = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            safe = false;
            break;
        case 'a':
            reference = false;
            break;
        default:
            fprintf(stderr, "usage: core_simulator [--seed N] [--runs N] [--reference | --safe]\n");
            return 2;
        }
    const struct CMUnitTest safe_lives[] = {cmocka_unit_test(nothing_bad_ever_happens)};
    const struct CMUnitTest reference_lives[] = {cmocka_unit_test(the_reference_is_found_out)};
    int failed = safe ? cmocka_run_group_tests(safe_lives, NULL, NULL) : 0;
    return failed + (reference ? cmocka_run_group_tests(reference_lives, NULL, NULL) : 0);
}
