/* Both scripts are tables made from the options, and a fixed piece of shell that looks things up in them. */
#include <ctype.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/describe.h"

const char *const msk_shell_names[] = {[MSK_SHELL_BASH] = "bash", [MSK_SHELL_ZSH] = "zsh", NULL};

/* A name as an identifier of the shell: "mosaik-node" -> "mosaik_node". */
static void print_identifier(FILE *stream, const char *name)
{
    for (; *name; name++)
        fputc(isalnum((unsigned char)*name) ? *name : '_', stream);
}

static size_t first_word_len(const char *name)
{
    return strcspn(name, " ");
}

static bool same_first_word(const char *a, const char *b)
{
    size_t len = first_word_len(a);
    return first_word_len(b) == len && memcmp(a, b, len) == 0;
}

/* Whether no earlier command begins with the same word ("ticket add", "ticket remove"). */
static bool leads_its_word(const struct msk_command *const *commands, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (same_first_word(commands[i]->name, commands[index]->name))
            return false;
    return true;
}

static bool is_offered(const struct msk_option *option)
{
    return !option->positional && !option->hidden && !option->config_only;
}

/* ---- bash */

/* What completes a value: "@file", "@directory", "@nothing", or the words themselves. */
static void bash_kind(FILE *stream, const struct msk_option *option)
{
    static const char *const kinds[] = {
        [MSK_COMPLETE_NOTHING] = "@nothing",
        [MSK_COMPLETE_FILE] = "@file",
        [MSK_COMPLETE_DIRECTORY] = "@directory",
    };
    if (!option->choices) {
        fputs(kinds[option->type->completion], stream);
        return;
    }
    for (size_t i = 0; option->choices[i]; i++)
        fprintf(stream, "%s%s", i ? " " : "", option->choices[i]);
}

/* The program's name for no command, else both names: the key of all tables. */
static void bash_key(FILE *stream, const struct msk_program *program, const struct msk_command *command)
{
    fprintf(stream, "    ['%s%s%s", program->name, command ? " " : "", command ? command->name : "");
}

/* next[]: which words continue a command */
static void bash_next(FILE *stream, const struct msk_program *program)
{
    const struct msk_command *const *commands = program->commands;
    bash_key(stream, program, NULL);
    fputs("']='", stream);
    for (size_t i = 0; commands[i]; i++)
        if (leads_its_word(commands, i))
            fprintf(stream, " %.*s", (int)first_word_len(commands[i]->name), commands[i]->name);
    fputs("'\n", stream);
    for (size_t i = 0; commands[i]; i++) {
        size_t len = first_word_len(commands[i]->name);
        if (!commands[i]->name[len] || !leads_its_word(commands, i))
            continue;
        fprintf(stream, "    ['%s %.*s']='", program->name, (int)len, commands[i]->name);
        for (size_t j = i; commands[j]; j++)
            if (same_first_word(commands[i]->name, commands[j]->name))
                fprintf(stream, "%s", commands[j]->name + len);
        fputs("'\n", stream);
    }
}

/* options[]: the names of a command's options */
static void bash_options(FILE *stream, const struct msk_program *program, const struct msk_command *command)
{
    const struct msk_option_set *sets[MSK_ALL_SETS_MAX];
    size_t count = msk_option_sets(command, sets);
    bash_key(stream, program, command);
    fputs("']='", stream);
    for (size_t s = 0; s < count; s++)
        for (const struct msk_option *option = sets[s]->options; option && option->name; option++)
            if (is_offered(option))
                fprintf(stream, " --%s", option->name);
    fputs("'\n", stream);
}

static void bash_value(FILE *stream, const struct msk_program *program, const struct msk_command *command,
                       const struct msk_option *option, const char *place)
{
    bash_key(stream, program, command);
    fprintf(stream, " %s']='", place);
    bash_kind(stream, option);
    fputs("'\n", stream);
}

/* values[]: what completes the value of an option, and under "@argument" that of the first positional one */
static void bash_values(FILE *stream, const struct msk_program *program, const struct msk_command *command)
{
    const struct msk_option_set *sets[MSK_ALL_SETS_MAX];
    size_t count = msk_option_sets(command, sets);
    bool has_argument = false;
    for (size_t s = 0; s < count; s++)
        for (const struct msk_option *option = sets[s]->options; option && option->name; option++) {
            char place[MSK_OPTION_NAME_TEXT_MAX];
            if (option->positional && !has_argument) {
                bash_value(stream, program, command, option, "@argument");
                has_argument = true;
            }
            if (!is_offered(option) || option->type == &msk_value_flag)
                continue;
            snprintf(place, sizeof place, "--%s", option->name);
            bash_value(stream, program, command, option, place);
            snprintf(place, sizeof place, "-%c", option->letter);
            if (option->letter)
                bash_value(stream, program, command, option, place);
        }
}

static const char bash_logic[] =
    "    )\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word kind\n"
    "    # --name=value comes as three words\n"
    "    if [[ $cur == = ]]; then cur=''\n"
    "    elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}\n"
    "    fi\n"
    "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
    "        [[ \" ${next[$command]-} \" == *\" $word \"* ]] && command+=\" $word\"\n"
    "    done\n"
    "    kind=${values[$command $prev]-}\n"
    "    if [[ -z $kind && $cur == -* ]]; then kind=${options[$command]-}\n"
    "    elif [[ -z $kind ]]; then kind=${next[$command]-${values[$command @argument]-@nothing}}\n"
    "    fi\n"
    "    case $kind in\n"
    "    @nothing) COMPREPLY=() ;;\n"
    "    @file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
    "    @directory) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
    "    *) mapfile -t COMPREPLY < <(compgen -W \"$kind\" -- \"$cur\") ;;\n"
    "    esac\n"
    "}\n";

static void bash_script(FILE *stream, const struct msk_program *program)
{
    fprintf(stream, "# Completion of %s for bash, printed by \"%s --completion bash\".\n_", program->name,
            program->name);
    print_identifier(stream, program->name);
    fprintf(stream, "()\n{\n    local command=%s\n    local -A next=(\n", program->name);
    bash_next(stream, program);
    fputs("    )\n    local -A options=(\n", stream);
    bash_options(stream, program, NULL);
    for (const struct msk_command *const *command = program->commands; *command; command++)
        bash_options(stream, program, *command);
    fputs("    )\n    local -A values=(\n", stream);
    bash_values(stream, program, NULL);
    for (const struct msk_command *const *command = program->commands; *command; command++)
        bash_values(stream, program, *command);
    fprintf(stream, "%scomplete -F _", bash_logic);
    print_identifier(stream, program->name);
    fprintf(stream, " %s\n", program->name);
}

/* ---- zsh */

/* Text inside single quotes of a specification, where brackets and colons mean something. */
static void zsh_text(FILE *stream, const char *text)
{
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", stream);
        else
            fprintf(stream, "%s%c", strchr("[]:\\", *text) ? "\\" : "", *text);
}

/* ":FILE:_files" */
static void zsh_value(FILE *stream, const struct msk_option *option)
{
    static const char *const actions[] = {
        [MSK_COMPLETE_NOTHING] = " ",
        [MSK_COMPLETE_FILE] = "_files",
        [MSK_COMPLETE_DIRECTORY] = "_files -/",
    };
    char placeholder[MSK_OPTION_NAME_TEXT_MAX];
    fputc(':', stream);
    zsh_text(stream, msk_option_placeholder(option, placeholder));
    fputc(':', stream);
    if (!option->choices) {
        fputs(actions[option->type->completion], stream);
        return;
    }
    fputc('(', stream);
    for (size_t i = 0; option->choices[i]; i++)
        fprintf(stream, "%s%s", i ? " " : "", option->choices[i]);
    fputc(')', stream);
}

static void zsh_option(FILE *stream, const struct msk_option *option)
{
    if (option->hidden || option->config_only)
        return;
    fputs("        ", stream);
    if (option->positional) {
        fprintf(stream, "'%s", option->repeatable ? "*" : option->required ? "" : ":");
        zsh_value(stream, option);
        fputs("'\n", stream);
        return;
    }
    bool flag = option->type == &msk_value_flag;
    const char *more = option->repeatable ? "'*'" : "";
    if (option->letter) /* the value may stand in the same word: -oFILE, --output=FILE */
        fprintf(stream, "%s{-%c%s,--%s%s}'[", more, option->letter, flag ? "" : "+", option->name, flag ? "" : "=");
    else
        fprintf(stream, "%s--%s%s'[", more, option->name, flag ? "" : "=");
    zsh_text(stream, option->help);
    fputc(']', stream);
    if (!flag)
        zsh_value(stream, option);
    fputs("'\n", stream);
}

static void zsh_options(FILE *stream, const struct msk_command *command)
{
    const struct msk_option_set *sets[MSK_ALL_SETS_MAX];
    size_t count = msk_option_sets(command, sets);
    fputs("options=(\n", stream);
    for (size_t s = 0; s < count; s++)
        for (const struct msk_option *option = sets[s]->options; option && option->name; option++)
            zsh_option(stream, option);
    fputs("    ) ;;\n", stream);
}

static void zsh_command(FILE *stream, const char *name, size_t len, const char *summary)
{
    fprintf(stream, "    '%.*s:", (int)len, name);
    zsh_text(stream, summary);
    fputs("'\n", stream);
}

/* commands: what may stand in this place, by its number and the word before */
static void zsh_commands(FILE *stream, const struct msk_program *program)
{
    const struct msk_command *const *commands = program->commands;
    fputs("case \"$CURRENT ${words[2]-}\" in\n2*) commands=(\n", stream);
    for (size_t i = 0; commands[i]; i++) {
        size_t len = first_word_len(commands[i]->name);
        if (leads_its_word(commands, i))
            zsh_command(stream, commands[i]->name, len, commands[i]->name[len] ? "..." : commands[i]->summary);
    }
    fputs("    ) ;;\n", stream);
    for (size_t i = 0; commands[i]; i++) {
        size_t len = first_word_len(commands[i]->name);
        if (!commands[i]->name[len] || !leads_its_word(commands, i))
            continue;
        fprintf(stream, "'3 %.*s') commands=(\n", (int)len, commands[i]->name);
        for (size_t j = i; commands[j]; j++)
            if (same_first_word(commands[i]->name, commands[j]->name))
                zsh_command(stream, commands[j]->name + len + 1, strlen(commands[j]->name + len + 1),
                            commands[j]->summary);
        fputs("    ) ;;\n", stream);
    }
    fputs("esac\n", stream);
}

static void zsh_script(FILE *stream, const struct msk_program *program)
{
    fprintf(stream,
            "#compdef %s\n# Completion of %s for zsh, printed by \"%s --completion zsh\".\n"
            "local -a commands options\n",
            program->name, program->name, program->name);
    zsh_commands(stream, program);
    fputs("if (( ${#commands} )) && [[ $PREFIX != -* ]]; then\n"
          "    _describe -t commands command commands\n"
          "    return\n"
          "fi\n"
          "case \"${words[2]-} ${words[3]-}\" in\n",
          stream);
    for (const struct msk_command *const *command = program->commands; *command; command++) {
        bool two_words = strchr((*command)->name, ' ') != NULL;
        fprintf(stream, two_words ? "'%s') shift words; (( CURRENT-- )); " : "'%s '*) ", (*command)->name);
        zsh_options(stream, *command);
    }
    fputs("*) ", stream);
    zsh_options(stream, NULL);
    fputs("esac\n"
          "shift words\n"
          "(( CURRENT-- ))\n"
          "_arguments -s -S $options\n",
          stream);
}

void msk_describe_completion(FILE *stream, const struct msk_program *program, enum msk_shell shell)
{
    (shell == MSK_SHELL_ZSH ? zsh_script : bash_script)(stream, program);
}
