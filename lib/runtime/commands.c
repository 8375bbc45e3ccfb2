/* What a running node does on request (cli.md "Talking to a running node"). */
#include <string.h>

#include "base/alloc.h"
#include "crypto/identity.h"
#include "runtime/now.h"
#include "runtime/runtime_internal.h"

/* ---- what the requests have in common */

static void refuse(struct msk_control_request *request, int code)
{
    struct msk_error err;
    msk_fail(&err, code, "%s", msk_error_sentence(code));
    msk_control_refuse(request, &err);
}

/* The group that is meant by "group", or the only one. */
static int find_group(const struct msk_runtime *runtime, const json_t *arguments, struct msk_digest *out,
                      struct msk_error *err)
{
    const json_t *group = json_object_get(arguments, "group");
    if (group && !json_is_null(group) && !json_is_string(group))
        return msk_fail(err, MSK_E_INVALID, "\"group\" must be an alias or an id");
    return msk_node_find_group(runtime->node, json_string_value(group), out, err);
}

static void note_rtt(void *context, uint64_t link, const struct msk_quic_conn *conn)
{
    struct msk_runtime *runtime = context;
    struct msk_quic_conn_stats stats;
    msk_quic_conn_stats(conn, &stats);
    msk_node_link_rtt(runtime->node, link, stats.rtt_us);
}

/* ---- looking */

typedef json_t *(*report_fn)(const struct msk_node *node, struct msk_now now, const struct msk_digest *group);

static void report_group(struct msk_runtime *runtime, const json_t *arguments, report_fn report,
                         struct msk_control_request *request)
{
    struct msk_digest group;
    struct msk_error err;
    if (find_group(runtime, arguments, &group, &err)) {
        msk_control_refuse(request, &err);
        return;
    }
    msk_net_each(runtime->net, note_rtt, runtime);
    msk_control_answer(request, report(runtime->node, msk_now(), &group));
}

static void run_status(void *context, const json_t *arguments, struct msk_control_request *request)
{
    report_group(context, arguments, msk_node_status_json, request);
}

static void run_bonds(void *context, const json_t *arguments, struct msk_control_request *request)
{
    report_group(context, arguments, msk_node_bonds_json, request);
}

static void run_catalog(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_runtime *runtime = context;
    (void)arguments;
    msk_control_answer(request, msk_node_catalog_json(runtime->node, msk_now()));
}

static void run_groups(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_runtime *runtime = context;
    (void)arguments;
    msk_control_answer(request, json_pack("{s:o}", "groups", msk_node_groups_json(runtime->node)));
}

/* "index" of the request, from 1 on. MSK_E_INVALID. */
static int get_index(const json_t *arguments, const char *name, uint64_t *out, struct msk_error *err)
{
    const json_t *index = json_object_get(arguments, name);
    if (!json_is_integer(index) || json_integer_value(index) < 0)
        return msk_fail(err, MSK_E_INVALID, "\"%s\" must be an index", name);
    *out = (uint64_t)json_integer_value(index);
    return 0;
}

static void run_digest(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_runtime *runtime = context;
    struct msk_digest group;
    struct msk_error err;
    uint64_t index = 0;
    if (find_group(runtime, arguments, &group, &err) || get_index(arguments, "index", &index, &err))
        msk_control_refuse(request, &err);
    else
        msk_control_answer(request, msk_node_digest_json(runtime->node, &group, index));
}

static void run_entries(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_runtime *runtime = context;
    struct msk_digest group;
    struct msk_error err;
    uint64_t from = 0, to = 0;
    if (find_group(runtime, arguments, &group, &err) || get_index(arguments, "from", &from, &err) ||
        get_index(arguments, "to", &to, &err))
        msk_control_refuse(request, &err);
    else
        msk_control_answer(request, msk_node_entries_json(runtime->node, &group, from, to));
}

static void run_wait(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_runtime *runtime = context;
    struct msk_digest group;
    struct msk_error err;
    if (find_group(runtime, arguments, &group, &err)) {
        msk_control_refuse(request, &err);
        return;
    }
    msk_waits_add(&runtime->waits, runtime->node, msk_now(), &group, arguments, request);
    msk_net_turn(runtime->net); /* it may hold already */
}

static void run_watch(void *context, const json_t *arguments, struct msk_control_request *request)
{
    (void)context;
    (void)arguments;
    msk_control_stream(request);
}

/* ---- commands and queries of the machine */

static void call(struct msk_runtime *runtime, enum msk_call_kind kind, const json_t *arguments,
                 struct msk_control_request *request)
{
    struct msk_digest group;
    struct msk_error err;
    if (find_group(runtime, arguments, &group, &err)) {
        msk_control_refuse(request, &err);
        return;
    }
    msk_calls_begin(&runtime->calls, runtime->node, kind, &group, arguments, request, &runtime->actions);
    msk_net_turn(runtime->net);
}

static void run_execute(void *context, const json_t *arguments, struct msk_control_request *request)
{
    call(context, MSK_CALL_EXECUTE, arguments, request);
}

static void run_feed(void *context, const json_t *arguments, struct msk_control_request *request)
{
    call(context, MSK_CALL_FEED, arguments, request);
}

static void run_query(void *context, const json_t *arguments, struct msk_control_request *request)
{
    call(context, MSK_CALL_QUERY, arguments, request);
}

/* ---- changing */

static int keep_copy(struct msk_runtime *runtime, struct msk_group_copy *copy)
{
    struct msk_group_copy **copies = msk_realloc(runtime->copies, (runtime->copy_count + 1) * sizeof *copies);
    if (!copies)
        return MSK_E_NOMEM;
    runtime->copies = copies;
    copies[runtime->copy_count++] = copy;
    return 0;
}

static json_t *group_answer(const struct msk_group_config *config, bool joined)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    return json_pack("{s:s, s:s, s:b}", "group_id", msk_digest_text(&config->id, text), "alias", config->alias,
                     "joined", joined);
}

static void run_join(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_runtime *runtime = context;
    struct msk_group_copy *copy;
    struct msk_error err;
    if (msk_group_copy_of_json(json_object_get(arguments, "group"), &copy, &err)) {
        msk_control_refuse(request, &err);
        return;
    }
    if (keep_copy(runtime, copy)) { /* first: the group will point into it */
        msk_group_copy_free(copy);
        refuse(request, MSK_E_NOMEM);
        return;
    }
    int rc = msk_runtime_join(runtime, &copy->config, &err);
    if (rc < 0)
        msk_control_refuse(request, &err);
    else
        msk_control_answer(request, group_answer(&copy->config, rc == 0));
    if (rc != 0) {
        runtime->copy_count--;
        msk_group_copy_free(copy);
    }
    msk_net_turn(runtime->net);
}

static void run_leave(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_runtime *runtime = context;
    struct msk_digest group;
    struct msk_error err;
    char text[MSK_DIGEST_TEXT_SIZE];
    if (find_group(runtime, arguments, &group, &err)) {
        msk_control_refuse(request, &err);
        return;
    }
    int rc = msk_node_leave(runtime->node, msk_now(), &group, &runtime->actions);
    if (rc)
        refuse(request, rc);
    else
        msk_control_answer(request, json_pack("{s:s}", "group_id", msk_digest_text(&group, text)));
    msk_net_turn(runtime->net);
}

static void run_stop(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_runtime *runtime = context;
    (void)arguments;
    msk_control_answer(request, json_pack("{s:b}", "stopping", 1));
    msk_runtime_stop(runtime, "asked over the control socket");
    msk_net_turn(runtime->net);
}

static void answer_ticket(struct msk_control_request *request, const struct msk_digest *id)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    msk_control_answer(request, json_pack("{s:s}", "id", msk_digest_text(id, text)));
}

static void run_ticket_add(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_runtime *runtime = context;
    const char *text = json_string_value(json_object_get(arguments, "ticket"));
    struct msk_digest id;
    struct msk_error err;
    int rc =
        msk_ticket_present(runtime->node, msk_now(), msk_bytes_of_text(text ? text : ""), &id, &runtime->actions, &err);
    if (rc)
        msk_control_refuse(request, &err);
    else
        answer_ticket(request, &id);
    msk_net_turn(runtime->net);
}

static void run_ticket_remove(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_runtime *runtime = context;
    const char *text = json_string_value(json_object_get(arguments, "id"));
    struct msk_digest id;
    struct msk_error err;
    int rc = msk_digest_parse(msk_bytes_of_text(text ? text : ""), &id, &err);
    if (rc == 0) {
        rc = msk_node_ticket_remove(runtime->node, msk_now(), &id, &runtime->actions);
        if (rc)
            msk_fail(&err, rc, "ticket: %s", msk_error_sentence(rc));
    }
    if (rc)
        msk_control_refuse(request, &err);
    else
        answer_ticket(request, &id);
    msk_net_turn(runtime->net);
}

const struct msk_control_verb msk_runtime_verbs[] = {
    {"status", run_status},
    {"bonds", run_bonds},
    {"catalog", run_catalog},
    {"groups", run_groups},
    {"digest", run_digest},
    {"entries", run_entries},
    {"wait", run_wait},
    {"watch", run_watch},
    {"execute", run_execute},
    {"feed", run_feed},
    {"query", run_query},
    {"join", run_join},
    {"leave", run_leave},
    {"stop", run_stop},
    {"ticket_add", run_ticket_add},
    {"ticket_remove", run_ticket_remove},
};
const size_t msk_runtime_verb_count = sizeof msk_runtime_verbs / sizeof msk_runtime_verbs[0];
