/* How the commands reach a running proxy. */
#include "chaos_cmd.h"
#include "runtime/client.h"

const struct msk_option chaos_target_rows[] = {
    {.name = "control",
     .letter = 'c',
     .type = &msk_value_file,
     .placeholder = "SOCKET",
     .environment = "MOSAIK_CHAOS_CONTROL",
     .required = true,
     .offset = offsetof(struct chaos_target, control),
     .help = "control socket of the running mosaik-chaos"},
    {.name = NULL},
};

int chaos_ask(const struct chaos_target *target, const char *command, json_t *argument, json_t **answer,
              struct msk_error *err)
{
    struct msk_client *client;
    int rc = msk_client_open(target->control, &client, err);
    if (rc) {
        json_decref(argument);
        return rc;
    }
    json_t *request = json_pack("{s:s, s:o*}", "cmd", command, "argument", argument);
    rc = msk_client_call(client, request, CHAOS_ANSWER_MAX_MS, answer, err);
    msk_client_close(client);
    return rc;
}

int chaos_change(const struct chaos_target *target, const char *action, json_t *argument, struct msk_error *err)
{
    json_t *answer;
    if (!argument)
        return msk_fail(err, MSK_E_INVALID, "an argument is not UTF-8");
    int rc = chaos_ask(target, action, argument, &answer, err);
    if (rc == 0)
        json_decref(answer);
    return rc;
}
