/* Whole groups of whole nodes through random trouble, in virtual time, and through scenarios; docs/simulator.md.
 *
 * Without options: the fixed seeds of every mode, as `make check` runs them. */
#include <getopt.h>
#include <glob.h>
#include <time.h>

#include "campaign.h"
#include "scenario.h"

#define MODES_MAX     8
#define SCENARIOS     "tests/sim/scenarios/*.sim" /* tests run where the sources are */
#define SCENARIOS_MAX 64
#define SEED_MAX      1000000000 /* of random ones: short enough to be typed */

static int usage(void)
{
    fprintf(stderr, "usage: core_simulator [--mode NAME] [--seed N] [--runs N] [--seconds N] [--lines N]\n"
                    "       core_simulator --scenario FILE: play it and show what is told\n");
    for (const struct life_mode *mode = life_modes; mode->name; mode++)
        fprintf(stderr, "  %-10s %s\n", mode->name, mode->summary);
    return 2;
}

struct options {
    const struct life_mode *mode; /* NULL: all of them */
    uint64_t seed, runs, seconds;
    size_t lines;
    const char *scenario;
};

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option table[] = {{"mode", required_argument, NULL, 'm'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"runs", required_argument, NULL, 'r'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"lines", required_argument, NULL, 'l'},
                                          {"scenario", required_argument, NULL, 'f'},
                                          {0}};
    *options = (struct options){.lines = CAMPAIGN_LINES};
    for (int option; (option = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        char *end = "";
        uint64_t number = optarg && option != 'm' && option != 'f' ? strtoull(optarg, &end, 10) : 0;
        if (*end)
            return false;
        switch (option) {
        case 'm':
            options->mode = life_mode_find(optarg);
            if (!options->mode)
                return false;
            break;
        case 's':
            options->seed = number;
            break;
        case 'r':
            options->runs = number;
            break;
        case 't':
            options->seconds = number;
            break;
        case 'l':
            options->lines = (size_t)number;
            break;
        case 'f':
            options->scenario = optarg;
            break;
        default:
            return false;
        }
    }
    return optind == argc;
}

static uint64_t finish(const struct campaign *campaign)
{
    bool seeks = campaign->mode->rules == LIFE_REFERENCE;
    campaign_print(campaign);
    for (int i = 0; seeks && i < LIFE_WEAKNESSES; i++)
        if (campaign->found_by[i])
            printf("  %s: seed %llu\n", life_weakness_names[i], (unsigned long long)campaign->found_by[i]);
        else
            printf("  %s: not shown\n", life_weakness_names[i]);
    return campaign->failures;
}

/* ---- for people: seeds from one on, or random ones for some time */

static uint64_t live_some(const struct options *options, const struct life_mode *mode)
{
    struct campaign campaign = {.mode = mode};
    uint64_t first = options->seed ? options->seed : 1, runs = options->runs ? options->runs : options->seed ? 1 : 100;
    for (uint64_t seed = first; seed < first + runs; seed++)
        campaign_live(&campaign, seed, options->lines);
    return finish(&campaign);
}

static uint64_t live_for(const struct options *options)
{
    struct campaign campaigns[MODES_MAX];
    size_t count = 0;
    uint64_t failures = 0, seed = (uint64_t)time(NULL) * 1000003;
    time_t end = time(NULL) + (time_t)options->seconds;
    for (const struct life_mode *mode = life_modes; mode->name; mode++)
        if (!options->mode || mode == options->mode)
            campaigns[count++] = (struct campaign){.mode = mode};
    while (time(NULL) < end)
        for (size_t i = 0; i < count && time(NULL) < end; i++)
            campaign_live(&campaigns[i], seed++ % SEED_MAX + 1, options->lines);
    for (size_t i = 0; i < count; i++)
        failures += finish(&campaigns[i]);
    return failures;
}

static int play(const char *path)
{
    char failure[SCENARIO_FAILURE_MAX];
    bool played = scenario_play(path, true, failure);
    if (!played)
        printf("%s\n", failure);
    return !played;
}

/* ---- `make check`: the fixed seeds of every mode. They are lived before cmocka runs, whose tests tell of them. */

static struct campaign fixed[MODES_MAX];

static struct campaign *fixed_campaign(const char *name)
{
    struct campaign *campaign = fixed;
    while (strcmp(campaign->mode->name, name) != 0)
        campaign++;
    return campaign;
}

static void live_fixed_seeds(void)
{
    for (size_t i = 0; life_modes[i].name; i++) {
        struct campaign *campaign = &fixed[i];
        campaign->mode = &life_modes[i];
        for (uint64_t seed = 1; seed <= campaign->mode->fixed_seeds && !campaign_found_all(campaign); seed++)
            campaign_live(campaign, seed, CAMPAIGN_LINES);
        for (const uint64_t *seed = campaign->mode->regressions; *seed; seed++)
            campaign_live(campaign, *seed, CAMPAIGN_LINES);
        finish(campaign);
    }
}

/* Nothing breaks; and the lives are not empty. */
static void expect_nothing_broken(const char *name)
{
    const struct campaign *campaign = fixed_campaign(name);
    assert_int_equal(campaign->failures, 0);
    assert_true(campaign->counts.acknowledged > 10 * campaign->lives);
    assert_true(campaign->counts.reads > campaign->lives);
    assert_true(campaign->counts.faults > 10 * campaign->lives);
}

static void members_never_part(void **state)
{
    (void)state;
    expect_nothing_broken("members");
    assert_int_equal(fixed_campaign("members")->counts.halts, 0);
}

static void stock_members_part_only_with_a_word(void **state)
{
    (void)state;
    expect_nothing_broken("stock");
    assert_true(fixed_campaign("stock")->counts.halts > 0); /* they do part */
}

static void members_that_resync_agree_in_the_end(void **state)
{
    (void)state;
    expect_nothing_broken("resync");
    assert_true(fixed_campaign("resync")->counts.resyncs > 0);
}

static void slowness_alone_loses_nothing(void **state)
{
    (void)state;
    expect_nothing_broken("calm");
}

static void ours_keep_their_word_among_the_reference(void **state)
{
    (void)state;
    expect_nothing_broken("mixed");
}

static void the_reference_is_found_out(void **state)
{
    const int *weakness = *state;
    assert_int_equal(fixed_campaign("reference")->failures, 0); /* that would be something else */
    if (!fixed_campaign("reference")->found_by[*weakness])
        fail_msg("%s: not within %d seeds", life_weakness_names[*weakness], (int)fixed_campaign("reference")->lives);
}

/* Every file beside this one's: a scenario each. */
static void a_scenario(void **state)
{
    char failure[SCENARIO_FAILURE_MAX];
    if (!scenario_play(*state, false, failure))
        fail_msg("%s", failure);
}

static int check_scenarios(void)
{
    struct CMUnitTest tests[SCENARIOS_MAX] = {{0}};
    glob_t files = {0};
    int failed = 1;
    if (glob(SCENARIOS, 0, NULL, &files) == 0 && files.gl_pathc <= SCENARIOS_MAX) {
        for (size_t i = 0; i < files.gl_pathc; i++)
            tests[i] = (struct CMUnitTest){
                .name = files.gl_pathv[i], .test_func = a_scenario, .initial_state = files.gl_pathv[i]};
        failed = _cmocka_run_group_tests("scenarios", tests, files.gl_pathc, NULL, NULL);
    }
    globfree(&files);
    return failed;
}

static int check_lives(void)
{
    static int weaknesses[LIFE_WEAKNESSES] = {LIFE_W1, LIFE_W2, LIFE_W4, LIFE_W7, LIFE_W8};
#define FOUND(weakness)                                                                                               \
    {                                                                                                                 \
        "the_reference_is_found_out_" #weakness, the_reference_is_found_out, NULL, NULL, &weaknesses[LIFE_##weakness] \
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_never_part),
        cmocka_unit_test(stock_members_part_only_with_a_word),
        cmocka_unit_test(members_that_resync_agree_in_the_end),
        cmocka_unit_test(slowness_alone_loses_nothing),
        cmocka_unit_test(ours_keep_their_word_among_the_reference),
        FOUND(W1),
        FOUND(W2),
        FOUND(W4),
        FOUND(W7),
        FOUND(W8),
    };
    live_fixed_seeds();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    struct options options;
    uint64_t failures = 0;
    if (argc == 1)
        return check_scenarios() + check_lives();
    if (!read_options(argc, argv, &options))
        return usage();
    if (options.scenario)
        return play(options.scenario);
    if (options.seconds)
        return live_for(&options) > 0;
    for (const struct life_mode *mode = life_modes; mode->name; mode++)
        if (!options.mode || mode == options.mode)
            failures += live_some(&options, mode);
    return failures > 0;
}
