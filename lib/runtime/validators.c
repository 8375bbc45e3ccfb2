#include "runtime/validators.h"

#include <stdio.h>

#include "base/alloc.h"
#include "runtime/now.h"

struct msk_validator_program {
    struct msk_validators *owner;
    const struct msk_validator *validator;
    struct msk_child *child;
    bool down;                        /* it failed, and was not started again yet */
    char fault[MSK_CHILD_REASON_MAX]; /* down: why */
};

/* ---- answers */

static void tell(struct msk_validators *validators, uint64_t number, const struct msk_ticket_opinion *opinion)
{
    msk_node_validated(validators->host.node, msk_now(), number, opinion, validators->host.actions);
}

static void refuse(struct msk_validators *validators, uint64_t number, const char *reason)
{
    struct msk_ticket_opinion opinion;
    msk_ticket_refuse(reason, &opinion);
    tell(validators, number, &opinion);
}

static void refuse_for_fault(struct msk_validators *validators, uint64_t number, const char *fault)
{
    char reason[MSK_TICKET_REASON_MAX];
    snprintf(reason, sizeof reason, "the validator's program failed: %.90s", fault);
    refuse(validators, number, reason);
}

static const char *on_answered(void *context, int kind, uint64_t number, const json_t *answer)
{
    struct msk_validator_program *program = context;
    struct msk_ticket_opinion opinion;
    (void)kind;
    const char *fault = msk_ticket_answer(answer, msk_now().wall_ms, &opinion);
    if (fault)
        refuse_for_fault(program->owner, number, fault);
    else
        tell(program->owner, number, &opinion);
    program->owner->host.turn(program->owner->host.context);
    return fault;
}

/* ---- life */

static void on_started(void *context, int pid)
{
    struct msk_validator_program *program = context;
    const struct msk_validators_host *host = &program->owner->host;
    program->down = false;
    MSK_EMIT(host->actions, NULL, PROGRAM_STARTED, MSK_F_TEXT("program", "validator"), MSK_F_U64("pid", (uint64_t)pid),
             MSK_F_TEXT("command", program->validator->command[0]));
    host->turn(host->context);
}

static void on_dropped(void *context, int kind, uint64_t number, const char *reason)
{
    struct msk_validator_program *program = context;
    (void)kind;
    refuse_for_fault(program->owner, number, reason);
}

static void on_failed(void *context, const char *reason, uint64_t retry_ms)
{
    struct msk_validator_program *program = context;
    const struct msk_validators_host *host = &program->owner->host;
    program->down = true;
    snprintf(program->fault, sizeof program->fault, "%s", reason);
    MSK_EMIT(host->actions, NULL, PROGRAM_FAILED, MSK_F_TEXT("program", "validator"), MSK_F_TEXT("reason", reason),
             MSK_F_U64("retry_in_ms", retry_ms));
    host->turn(host->context);
}

static void on_said(void *context, const char *text)
{
    struct msk_validator_program *program = context;
    const struct msk_validators_host *host = &program->owner->host;
    MSK_EMIT(host->actions, NULL, PROGRAM_SAID, MSK_F_TEXT("program", "validator"), MSK_F_TEXT("line", text));
    host->turn(host->context);
}

static struct msk_validator_program *start(struct msk_validators *validators, const struct msk_validator *validator)
{
    struct msk_validator_program *program = msk_calloc(1, sizeof *program);
    const struct msk_child_owner owner = {.started = on_started,
                                          .answered = on_answered,
                                          .dropped = on_dropped,
                                          .failed = on_failed,
                                          .said = on_said,
                                          .context = program};
    if (!program)
        return NULL;
    *program = (struct msk_validator_program){.owner = validators, .validator = validator};
    program->child = msk_child_new(validators->host.children, (const char *const *)validator->command,
                                   validator->timeout_ms, &owner);
    if (program->child)
        return program;
    msk_free(program);
    return NULL;
}

static struct msk_validator_program *program_of(struct msk_validators *validators,
                                                const struct msk_validator *validator)
{
    for (size_t i = 0; i < validators->count; i++)
        if (validators->programs[i]->validator == validator)
            return validators->programs[i];
    if (validators->count == MSK_VALIDATOR_PROGRAMS_MAX)
        return NULL;
    struct msk_validator_program **programs =
        msk_realloc(validators->programs, (validators->count + 1) * sizeof *programs);
    if (!programs)
        return NULL;
    validators->programs = programs;
    programs[validators->count] = start(validators, validator);
    return programs[validators->count] ? programs[validators->count++] : NULL;
}

void msk_validators_ask(struct msk_validators *validators, const struct msk_action *action)
{
    const struct msk_ticket ticket = {.class_id = action->validate.class_id,
                                      .data = MSK_BYTES(action->validate.data, action->validate.len)};
    struct msk_validator_program *program = program_of(validators, action->validate.validator);
    if (!program) {
        refuse(validators, action->validate.number, "the validator's program could not be started");
        return;
    }
    if (program->down) {
        refuse_for_fault(validators, action->validate.number, program->fault);
        return;
    }
    json_t *question = msk_ticket_question(&ticket, &action->validate.peer);
    if (!question || msk_child_ask(program->child, question, 0, action->validate.number) < 0)
        refuse(validators, action->validate.number, "the validator's program could not be asked");
}

void msk_validators_free(struct msk_validators *validators)
{
    for (size_t i = 0; i < validators->count; i++) {
        msk_child_free(validators->programs[i]->child);
        msk_free(validators->programs[i]);
    }
    msk_free(validators->programs);
    *validators = (struct msk_validators){0};
}
