/* Help, manual and completion of a program that has what real ones may have: commands of two words, options of every
 * shape, shared sets, options for configuration files only, hidden ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/describe.h"
#include "cli/jwt_options.h"

struct options {
    const char *file, *words;
    bool loud;
    unsigned colour;
    struct msk_list items;
    const json_t *links;
};
#define AT(member) offsetof(struct options, member)

static const char *const colours[] = {"red", "green", NULL};

static const struct msk_option rows[] = {
    {.name = "file",
     .type = &msk_value_file,
     .positional = true,
     .required = true,
     .offset = AT(file),
     .help = "a file"},
    {.name = "word",
     .type = &msk_value_text,
     .placeholder = "WORD",
     .positional = true,
     .repeatable = true,
     .offset = AT(words),
     .help = "more"},
    {.name = "loud", .letter = 'l', .type = &msk_value_flag, .offset = AT(loud), .help = "say it [loud]: it's *so*"},
    {.name = "links", .type = &msk_value_json, .config_only = true, .offset = AT(links), .help = "links"},
    {.name = "secret-door", .type = &msk_value_flag, .hidden = true, .offset = AT(loud), .help = "hidden"},
    {.name = NULL},
};
static const struct msk_option shared[] = {
    {.name = "colour",
     .letter = 'c',
     .type = &msk_value_choice,
     .choices = colours,
     .fallback = "red",
     .environment = "A_COLOUR",
     .offset = AT(colour),
     .help = "a colour"},
    {.name = "item", .type = &msk_value_directory, .repeatable = true, .offset = AT(items), .help = "an item"},
    {.name = NULL},
};

static const struct msk_example examples[] = {{"tool ticket add x", "Add one"}, {NULL, NULL}};
static const struct msk_command add = {
    .name = "ticket add",
    .summary = "Add a ticket",
    .details = "One paragraph.\n\nAnother.",
    .sets = {{.options = rows}, {.title = "Shared", .options = shared}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
};
static const struct msk_command take = {
    .name = "ticket remove",
    .summary = "Remove a ticket",
    .sets = {{.title = "Shared", .options = shared}},
    .size = sizeof(struct options),
};
static const struct msk_command *const commands[] = {&add, &take, NULL};
static const struct msk_program tool = {
    .name = "tool", .summary = "A tool", .commands = commands, .examples = examples};

static char *text;
static size_t text_len;

static FILE *begin(void)
{
    FILE *stream = open_memstream(&text, &text_len);
    assert_non_null(stream);
    return stream;
}

static void end(FILE *stream)
{
    assert_int_equal(fclose(stream), 0);
}

static void expect(const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void expect_not(const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" is in:\n%s", part, text);
}

static void help_of_a_command(void **state)
{
    (void)state;
    FILE *stream = begin();
    msk_describe_help(stream, &tool, &add);
    end(stream);
    assert_string_equal(text, "Usage: tool ticket add [options] FILE [WORD...]\n"
                              "\n"
                              "Add a ticket.\n"
                              "\n"
                              "One paragraph.\n"
                              "\n"
                              "Another.\n"
                              "\n"
                              "Arguments:\n"
                              "  FILE                        a file\n"
                              "  WORD                        more (repeatable)\n"
                              "\n"
                              "Options:\n"
                              "  -l, --loud                  say it [loud]: it's *so*\n"
                              "\n"
                              "Shared:\n"
                              "  -c, --colour red|green      a colour (or A_COLOUR in the environment)\n"
                              "                              (default: red)\n"
                              "      --item DIR              an item (repeatable)\n"
                              "\n"
                              "Options of every command:\n"
                              "  -j, --json                  print the answer as one JSON object\n"
                              "      --config FILE           take options not given here from this JSON file\n"
                              "  -h, --help                  print this text\n"
                              "  -V, --version               print the version\n"
                              "      --completion bash|zsh   print a completion script for this shell\n"
                              "\n"
                              "Examples:\n"
                              "  # Add one\n"
                              "  tool ticket add x\n");
    free(text);
}

static void help_of_the_program(void **state)
{
    (void)state;
    FILE *stream = begin();
    msk_describe_help(stream, &tool, NULL);
    end(stream);
    expect("Usage: tool COMMAND [options]\n");
    expect("  ticket add      Add a ticket\n  ticket remove   Remove a ticket\n");
    expect_not("--json");
    free(text);
}

static void a_command_without_answer_has_no_json(void **state)
{
    (void)state;
    FILE *stream = begin();
    msk_describe_help(stream, &tool, &take);
    end(stream);
    expect_not("--json");
    expect("Examples:\n"); /* the program's */
    free(text);
}

static void the_manual_is_scdoc(void **state)
{
    (void)state;
    FILE *stream = begin();
    msk_describe_manual(stream, &tool);
    end(stream);
    expect("# SYNOPSIS\n\n*tool ticket add* [options] _FILE_ [_WORD_...]++\n*tool ticket remove* [options]++\n");
    expect("*-l*, *--loud*\n\tSay it \\[loud\\]: it's \\*so\\*.\n");
    expect("*-c*, *--colour* _red|green_\n\tA colour. Where it is not given, A\\_COLOUR in the environment. Default: "
           "red.\n");
    expect("Shared: as listed under *ticket add*.\n");
    expect("# OPTIONS OF EVERY COMMAND\n\n*-j*, *--json*\n");
    expect("Add one:\n\n```\ntool ticket add x\n```\n");
    expect_not("secret-door");
    expect_not("links");
    free(text);
}

static void bash_knows_words_options_and_values(void **state)
{
    (void)state;
    FILE *stream = begin();
    msk_describe_completion(stream, &tool, MSK_SHELL_BASH);
    end(stream);
    expect("['tool']=' ticket'\n");
    expect("['tool ticket']=' add remove'\n");
    expect("['tool ticket add']=' --loud --colour --item --json --config --help --version --completion'\n");
    expect("['tool ticket add @argument']='@file'\n");
    expect("['tool ticket add -c']='red green'\n");
    expect("['tool ticket remove --item']='@directory'\n");
    expect_not("secret-door");
    expect_not("links");
    free(text);
}

static void zsh_knows_words_options_and_values(void **state)
{
    (void)state;
    FILE *stream = begin();
    msk_describe_completion(stream, &tool, MSK_SHELL_ZSH);
    end(stream);
    expect("2*) commands=(\n    'ticket:...'\n");
    expect("'3 ticket') commands=(\n    'add:Add a ticket'\n    'remove:Remove a ticket'\n");
    expect("{-l,--loud}'[say it \\[loud\\]\\: it'\\''s *so*]'\n");
    expect("{-c+,--colour=}'[a colour]:red|green:(red green)'\n");
    expect("'*'--item='[an item]:DIR:_files -/'\n");
    expect("':FILE:_files'\n");
    expect("'*:WORD: '\n");
    expect_not("secret-door");
    free(text);
}

static void algorithm_names_are_those_of_the_crypto_room(void **state)
{
    (void)state;
    size_t count, i = 0;
    const struct msk_jwt_alg *algs = msk_jwt_algs(&count);
    for (; msk_jwt_alg_names[i]; i++)
        assert_string_equal(msk_jwt_alg_names[i], algs[i].name);
    assert_int_equal(i, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_of_a_command),
        cmocka_unit_test(help_of_the_program),
        cmocka_unit_test(a_command_without_answer_has_no_json),
        cmocka_unit_test(the_manual_is_scdoc),
        cmocka_unit_test(bash_knows_words_options_and_values),
        cmocka_unit_test(zsh_knows_words_options_and_values),
        cmocka_unit_test(algorithm_names_are_those_of_the_crypto_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
