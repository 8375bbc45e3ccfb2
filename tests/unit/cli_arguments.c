/* Command lines, environment and configuration files against one table that has an option of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "cli/arguments.h"
#include "crypto/identity.h"

#define PEER "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"

struct shared {
    uint64_t pause_ms;
};

struct cook {
    bool verbose, quiet;
    const char *text, *socket, *dish;
    uint32_t count;
    uint64_t seed;
    unsigned colour;
    struct msk_digest network, peer;
    struct msk_peer_address dial;
    struct msk_list files, extras;
    const json_t *links;
    struct shared shared;
};

#define AT(member) offsetof(struct cook, member)

static const char *const colours[] = {"red", "green", NULL};

static const struct msk_option cook_rows[] = {
    {.name = "verbose", .letter = 'v', .type = &msk_value_flag, .offset = AT(verbose), .help = "say more"},
    {.name = "quiet", .letter = 'q', .type = &msk_value_flag, .offset = AT(quiet), .help = "say less"},
    {.name = "text", .letter = 't', .type = &msk_value_text, .offset = AT(text), .help = "a text"},
    {.name = "control-socket",
     .type = &msk_value_file,
     .offset = AT(socket),
     .environment = "MSK_TEST_SOCKET",
     .fallback = "/run/s",
     .help = "a socket"},
    {.name = "count", .type = &msk_value_u32, .offset = AT(count), .help = "a count"},
    {.name = "seed", .type = &msk_value_u64, .offset = AT(seed), .fallback = "7", .help = "a seed"},
    {.name = "colour", .type = &msk_value_choice, .choices = colours, .offset = AT(colour), .help = "a colour"},
    {.name = "network", .type = &msk_value_name_digest, .offset = AT(network), .help = "a network"},
    {.name = "peer", .type = &msk_value_peer_id, .offset = AT(peer), .help = "a peer"},
    {.name = "dial", .type = &msk_value_peer_address, .offset = AT(dial), .help = "a peer to dial"},
    {.name = "file", .letter = 'f', .type = &msk_value_file, .repeatable = true, .offset = AT(files), .help = "files"},
    {.name = "links", .type = &msk_value_json, .config_only = true, .offset = AT(links), .help = "links"},
    {.name = "dish", .type = &msk_value_text, .positional = true, .required = true, .offset = AT(dish), .help = "what"},
    {.name = "extra",
     .type = &msk_value_text,
     .positional = true,
     .repeatable = true,
     .offset = AT(extras),
     .help = "more"},
    {.name = NULL},
};

static const struct msk_option shared_rows[] = {
    {.name = "pause",
     .type = &msk_value_duration_ms,
     .fallback = "2s",
     .offset = offsetof(struct shared, pause_ms),
     .help = "a pause"},
    {.name = NULL},
};

static const struct msk_example examples[] = {{"kitchen cook soup", NULL}, {NULL, NULL}};

static const struct msk_command cook = {
    .name = "cook",
    .summary = "Cook a dish",
    .sets = {{.options = cook_rows}, {.options = shared_rows, .offset = AT(shared)}},
    .size = sizeof(struct cook),
    .examples = examples,
    .answers = true,
};
static const struct msk_command spoon_add = {.name = "spoon add", .summary = "Add a spoon"};
static const struct msk_command spoon_remove = {.name = "spoon remove", .summary = "Remove a spoon"};
static const struct msk_command *const commands[] = {&cook, &spoon_add, &spoon_remove, NULL};
static const struct msk_program kitchen = {
    .name = "kitchen", .summary = "A kitchen", .commands = commands, .examples = examples};

static struct msk_arguments arguments;
static struct msk_error err;

static int parse_words(const char *const *words)
{
    char *argv[32] = {"kitchen"};
    int argc = 1;
    while (words[argc - 1]) {
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
        argc++;
    }
    err = (struct msk_error){0};
    return msk_arguments_parse(&arguments, &kitchen, argc, argv, &err);
}

#define PARSE(...) parse_words((const char *const[]){__VA_ARGS__, NULL})

static const struct cook *parsed(int rc)
{
    if (rc != 0)
        fail_msg("%s", err.text);
    return arguments.values;
}

/* The parse failed with MSK_E_INVALID and exactly this text. */
static void expect_refused(int rc, const char *text)
{
    assert_int_equal(rc, MSK_E_INVALID);
    assert_string_equal(err.text, text);
    msk_arguments_free(&arguments);
}

static void expect_file(const struct cook *options, size_t index, const char *name)
{
    assert_true(index < options->files.count);
    assert_string_equal(((const char *const *)options->files.items)[index], name);
}

static void defaults_stand_where_nothing_is_given(void **state)
{
    (void)state;
    const struct cook *options = parsed(PARSE("cook", "soup"));
    assert_ptr_equal(arguments.command, &cook);
    assert_string_equal(options->dish, "soup");
    assert_string_equal(options->socket, "/run/s");
    assert_int_equal(options->seed, 7);
    assert_int_equal(options->shared.pause_ms, 2000);
    assert_null(options->text);
    assert_false(options->verbose);
    assert_int_equal(options->files.count, 0);
    assert_int_equal(msk_arguments_source(&arguments, "seed"), MSK_SOURCE_DEFAULT);
    assert_int_equal(msk_arguments_source(&arguments, "text"), MSK_SOURCE_NONE);
    msk_arguments_free(&arguments);
}

static void every_form_of_option_is_read(void **state)
{
    (void)state;
    const struct cook *options =
        parsed(PARSE("cook", "--text=a=b", "-vq", "soup", "-fone", "--file", "two", "-f", "three", "--pause", "250ms",
                     "--count=4294967295", "--seed", "18446744073709551615", "--colour", "green", "--json"));
    assert_string_equal(options->text, "a=b");
    assert_true(options->verbose && options->quiet);
    assert_int_equal(options->files.count, 3);
    expect_file(options, 0, "one");
    expect_file(options, 1, "two");
    expect_file(options, 2, "three");
    assert_int_equal(options->shared.pause_ms, 250);
    assert_int_equal(options->count, UINT32_MAX);
    assert_true(options->seed == UINT64_MAX);
    assert_int_equal(options->colour, 1);
    assert_true(arguments.builtin.json);
    assert_int_equal(msk_arguments_source(&arguments, "text"), MSK_SOURCE_ARGUMENT);
    msk_arguments_free(&arguments);
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    const struct cook *options = parsed(PARSE("cook", "-v", "--", "--text", "-q", "-"));
    assert_string_equal(options->dish, "--text");
    assert_int_equal(options->extras.count, 2);
    assert_string_equal(((const char *const *)options->extras.items)[1], "-");
    assert_false(options->quiet);
    msk_arguments_free(&arguments);
}

static void the_last_of_several_wins(void **state)
{
    (void)state;
    assert_string_equal(parsed(PARSE("cook", "soup", "--text", "a", "--text", "b"))->text, "b");
    msk_arguments_free(&arguments);
}

static void digests_and_peers_are_typed(void **state)
{
    (void)state;
    const struct cook *options =
        parsed(PARSE("cook", "soup", "--network", "my-network", "--peer", PEER, "--dial", PEER "@[::1]:7001"));
    struct msk_digest network = msk_digest_of_string("my-network");
    char text[MSK_DIGEST_TEXT_SIZE];
    assert_true(msk_digest_equal(&options->network, &network));
    assert_string_equal(msk_digest_text(&options->peer, text), PEER);
    assert_string_equal(msk_digest_text(&options->dial.peer, text), PEER);
    assert_int_equal(options->dial.address.version, MSK_IPV6);
    assert_int_equal(options->dial.address.ip[15], 1);
    assert_int_equal(options->dial.address.port, 7001);
    msk_arguments_free(&arguments);
    options = parsed(PARSE("cook", "soup", "--dial", PEER "@127.0.0.1:65535"));
    assert_int_equal(options->dial.address.version, MSK_IPV4);
    assert_memory_equal(options->dial.address.ip, "\x7f\0\0\1", 4);
    assert_int_equal(options->dial.address.port, 65535);
    msk_arguments_free(&arguments);
}

static void commands_of_two_words(void **state)
{
    (void)state;
    parsed(PARSE("spoon", "remove"));
    assert_ptr_equal(arguments.command, &spoon_remove);
    msk_arguments_free(&arguments);
    expect_refused(PARSE("spoon", "drop"), "\"spoon\": no such command\ncommands are: spoon add, spoon remove");
    expect_refused(PARSE("xyzzy"), "\"xyzzy\": no such command\ncommands are: cook, spoon add, spoon remove");
}

static void help_and_version_need_nothing_else(void **state)
{
    (void)state;
    parsed(PARSE("cook", "--help", "--nonsense"));
    assert_true(arguments.builtin.help);
    assert_ptr_equal(arguments.command, &cook);
    msk_arguments_free(&arguments);
    parsed(PARSE("-V"));
    assert_true(arguments.builtin.version);
    assert_null(arguments.command);
    msk_arguments_free(&arguments);
}

static void mistakes_are_named_and_corrected(void **state)
{
    (void)state;
    expect_refused(parse_words((const char *const[]){NULL}), "no command given");
    expect_refused(PARSE("cok"), "\"cok\": no such command\ndid you mean cook?");
    expect_refused(PARSE("cook", "soup", "--vrebose"), "\"--vrebose\": no such option\ndid you mean --verbose?");
    expect_refused(PARSE("cook", "soup", "--control=x"),
                   "\"--control\": no such option\ndid you mean --control-socket?");
    expect_refused(PARSE("cook", "soup", "--xyzzy"), "\"--xyzzy\": no such option");
    expect_refused(PARSE("--verbose", "cook"),
                   "\"--verbose\": no such option before a command\ngive it after the command");
    expect_refused(PARSE("cook", "soup", "-x"), "\"-x\": no such option\nput -- before arguments that begin with -");
    expect_refused(PARSE("cook", "soup", "--text"), "--text: its value is missing: TEXT");
    expect_refused(PARSE("cook", "soup", "-t"), "-t: its value is missing: TEXT");
    expect_refused(PARSE("cook", "soup", "--verbose=yes"), "--verbose: takes no value");
    expect_refused(PARSE("cook", "soup", "--links=1"), "\"--links\": no such option");
    expect_refused(PARSE("spoon", "add", "x\033[2J"), "\"x\\x1b[2J\": one argument too many for spoon add");
    expect_refused(PARSE("cook", "--text", "x"), "TEXT: missing: what");
}

static void wrong_values_are_named(void **state)
{
    (void)state;
    expect_refused(PARSE("cook", "soup", "--count", "-5"), "--count: \"-5\" is no whole number");
    expect_refused(PARSE("cook", "soup", "--count", ""), "--count: \"\" is no whole number");
    expect_refused(PARSE("cook", "soup", "--count", "5k"), "--count: \"5k\" is no whole number");
    expect_refused(PARSE("cook", "soup", "--count", "4294967296"), "--count: \"4294967296\" is more than 4294967295");
    expect_refused(PARSE("cook", "soup", "--seed=18446744073709551616"),
                   "--seed: \"18446744073709551616\" is more than 18446744073709551615");
    expect_refused(PARSE("cook", "soup", "--colour", "blue"), "--colour: \"blue\" is none of red, green");
    expect_refused(PARSE("cook", "soup", "--pause", "2"),
                   "--pause: \"2\" is no time span: give a number and ms, s, m, h or d");
    expect_refused(PARSE("cook", "soup", "--file="), "--file: an empty text is no name of a file");
    expect_refused(PARSE("cook", "soup", "--dial", "127.0.0.1:1"),
                   "--dial: \"127.0.0.1:1\" is no peer to dial: give PEERID@IP:PORT or PEERID@[IPV6]:PORT");
    expect_refused(PARSE("cook", "soup", "--dial", PEER "@::1:1"),
                   "--dial: \"::1:1\" is no address like 192.0.2.7:4433 or [2001:db8::1]:4433");
    expect_refused(PARSE("cook", "soup", "--dial", PEER "@localhost:1"),
                   "--dial: \"localhost:1\" is no address like 192.0.2.7:4433 or [2001:db8::1]:4433");
    expect_refused(PARSE("cook", "soup", "--dial", PEER "@127.0.0.1:65536"),
                   "--dial: \"127.0.0.1:65536\" is no address like 192.0.2.7:4433 or [2001:db8::1]:4433");
    expect_refused(PARSE("cook", "soup", "--dial", PEER "@127.0.0.1:0"), "--dial: port 0 cannot be dialled");
    assert_int_equal(
        PARSE("cook", "soup", "--peer", "0200000000000000000000000000000000000000000000000000000000000000"),
        MSK_E_INVALID);
    assert_memory_equal(err.text, "--peer: ", 8);
    msk_arguments_free(&arguments);
}

/* ---- configuration files */

static char directory[64], config_path[128];

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/cli_arguments.XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(config_path, sizeof config_path, "%s/c.json", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(config_path);
    return rmdir(directory);
}

static void write_config(const char *text)
{
    FILE *file = fopen(config_path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void files_give_what_the_command_line_leaves_open(void **state)
{
    (void)state;
    write_config("{\"text\":\"from file\",\"count\":3,\"verbose\":true,\"quiet\":false,\"file\":[\"a\",\"b\"],"
                 "\"pause\":\"1m\",\"links\":[{\"drop\":0.5}],\"seed\":\"18446744073709551615\"}");
    const struct cook *options = parsed(PARSE("--config", config_path, "cook", "soup", "--count=4", "--pause=3s"));
    assert_string_equal(options->text, "from file");
    assert_int_equal(options->count, 4);
    assert_int_equal(options->shared.pause_ms, 3000);
    assert_true(options->verbose);
    assert_false(options->quiet);
    assert_int_equal(options->files.count, 2);
    expect_file(options, 1, "b");
    assert_int_equal(json_array_size(options->links), 1);
    assert_true(options->seed == UINT64_MAX);
    assert_int_equal(msk_arguments_source(&arguments, "text"), MSK_SOURCE_FILE);
    msk_arguments_free(&arguments);

    write_config("{\"file\":\"alone\"}");
    options = parsed(PARSE("cook", "soup", "--config", config_path));
    assert_int_equal(options->files.count, 1);
    msk_arguments_free(&arguments);
    options = parsed(PARSE("cook", "soup", "--config", config_path, "--file", "x", "--file", "y"));
    assert_int_equal(options->files.count, 2);
    expect_file(options, 0, "x");
    msk_arguments_free(&arguments);
}

static void the_environment_comes_after_the_file(void **state)
{
    (void)state;
    write_config("{\"control_socket\":\"/from/file\"}");
    setenv("MSK_TEST_SOCKET", "/from/environment", 1);
    assert_string_equal(parsed(PARSE("cook", "soup"))->socket, "/from/environment");
    assert_int_equal(msk_arguments_source(&arguments, "control-socket"), MSK_SOURCE_ENVIRONMENT);
    msk_arguments_free(&arguments);
    assert_string_equal(parsed(PARSE("cook", "soup", "--config", config_path))->socket, "/from/file");
    msk_arguments_free(&arguments);
    assert_string_equal(parsed(PARSE("cook", "soup", "--control-socket=/x"))->socket, "/x");
    msk_arguments_free(&arguments);
    setenv("MSK_TEST_SOCKET", "", 1);
    assert_string_equal(parsed(PARSE("cook", "soup"))->socket, "/run/s");
    msk_arguments_free(&arguments);
    unsetenv("MSK_TEST_SOCKET");
}

/* The file with this text is refused with its name and then `why`. */
static void expect_config_refused(const char *text, const char *why)
{
    write_config(text);
    int rc = PARSE("cook", "soup", "--config", config_path);
    char expected[MSK_ERROR_TEXT_MAX];
    snprintf(expected, sizeof expected, "%s: %s", config_path, why);
    expect_refused(rc, expected);
}

static void bad_files_are_refused_with_the_place(void **state)
{
    (void)state;
    expect_config_refused("{\n  \"text\": \"a\"\n  \"count\": 1\n}", "line 3, column 9: '}' expected near '\"count\"'");
    expect_config_refused("", "line 1, column 0: '[' or '{' expected near end of file");
    expect_config_refused("{\"text\":\"a\",\"text\":\"b\"}", "line 1, column 18: duplicate object key near '\"text\"'");
    expect_config_refused("[1]", "a configuration is a JSON object");
    expect_config_refused("{\"controlsocket\":\"x\"}",
                          "\"controlsocket\": no such option\ndid you mean \"control_socket\"?");
    expect_config_refused("{\"control-socket\":\"x\"}",
                          "\"control-socket\": no such option\ndid you mean \"control_socket\"?");
    expect_config_refused("{\"xyzzy\":1}", "\"xyzzy\": no option of kitchen cook has this name");
    expect_config_refused("{\"dish\":\"x\"}", "\"dish\": no option of kitchen cook has this name");
    expect_config_refused("{\"help\":true}", "\"help\": no option of kitchen cook has this name");
    expect_config_refused("{\"verbose\":1}", "\"verbose\": wrong type: expected true or false");
    expect_config_refused("{\"pause\":250}", "\"pause\": wrong type: expected a text");
    expect_config_refused("{\"count\":1.5}", "\"count\": wrong type: expected a whole number");
    expect_config_refused("{\"text\":null}", "\"text\": wrong type: expected a text");
    expect_config_refused("{\"text\":[\"a\"]}", "\"text\": wrong type: expected a text");
    expect_config_refused("{\"count\":-1}", "\"count\": \"-1\" is no whole number");
    expect_config_refused("{\"file\":[\"a\",2]}", "\"file\"[1]: wrong type: expected a text, or a list of them");
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    write_config("{\"text\":\"from file\",\"file\":[\"a\",\"b\"]}");
    int rc = MSK_E_NOMEM;
    for (uint64_t successes = 0; rc != 0; successes++) {
        assert_true(successes < 1000);
        msk_alloc_fail_after(successes);
        rc = PARSE("cook", "soup", "--config", config_path);
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(rc == 0 || rc == MSK_E_NOMEM);
        msk_arguments_free(&arguments);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_stand_where_nothing_is_given),
        cmocka_unit_test(every_form_of_option_is_read),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(the_last_of_several_wins),
        cmocka_unit_test(digests_and_peers_are_typed),
        cmocka_unit_test(commands_of_two_words),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(mistakes_are_named_and_corrected),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test_setup_teardown(files_give_what_the_command_line_leaves_open, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(the_environment_comes_after_the_file, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(bad_files_are_refused_with_the_place, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(memory_may_run_out_anywhere, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
