#include "runtime/waits.h"

#include "base/alloc.h"

#define TEXT_MAX 2048

struct wait {
    struct msk_ring ring;
    struct msk_control_request *request;
    struct msk_digest group;
    struct msk_group_view before;
    struct msk_condition conditions[MSK_WAIT_CONDITIONS_MAX];
    size_t condition_count;
    struct msk_builder text; /* the conditions as they were given, separated by spaces */
    uint64_t began_ms, deadline_ms;
};

void msk_waits_init(struct msk_waits *waits)
{
    msk_ring_init(&waits->ring);
}

static void free_wait(struct wait *wait)
{
    msk_ring_remove(&wait->ring);
    msk_builder_free(&wait->text);
    msk_free(wait);
}

static int read_conditions(struct wait *wait, const json_t *list, struct msk_error *err)
{
    size_t i;
    const json_t *item;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > MSK_WAIT_CONDITIONS_MAX)
        return msk_fail(err, MSK_E_INVALID, "\"conditions\" must be a list of 1 to %d texts", MSK_WAIT_CONDITIONS_MAX);
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(item);
        int rc = text ? msk_condition_parse(text, &wait->conditions[i], err)
                      : msk_fail(err, MSK_E_INVALID, "\"conditions\" must be a list of texts");
        if (rc)
            return rc;
        msk_builder_printf(&wait->text, "%s%s", i ? " " : "", text);
    }
    wait->condition_count = json_array_size(list);
    if (wait->text.error)
        return msk_fail(err, wait->text.error, "conditions: %s", msk_error_sentence(wait->text.error));
    return 0;
}

static int read_wait(struct wait *wait, const struct msk_node *node, const json_t *arguments, struct msk_error *err)
{
    const json_t *timeout = json_object_get(arguments, "timeout_ms");
    json_int_t timeout_ms = json_integer_value(timeout);
    if (!json_is_integer(timeout) || timeout_ms < 0 || (uint64_t)timeout_ms > MSK_WAIT_TIMEOUT_MAX_MS)
        return msk_fail(err, MSK_E_INVALID, "\"timeout_ms\" must be a number from 0 to 30 days");
    wait->deadline_ms = wait->began_ms + (uint64_t)timeout_ms;
    if (msk_node_group_view(node, &wait->group, &wait->before))
        return msk_fail(err, MSK_E_NOTFOUND, "this node is not in that group");
    return read_conditions(wait, json_object_get(arguments, "conditions"), err);
}

void msk_waits_add(struct msk_waits *waits, const struct msk_node *node, struct msk_now now,
                   const struct msk_digest *group, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_error err;
    struct wait *wait = msk_calloc(1, sizeof *wait);
    if (!wait) {
        msk_fail(&err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
        msk_control_refuse(request, &err);
        return;
    }
    msk_ring_init(&wait->ring);
    msk_builder_init(&wait->text, TEXT_MAX);
    wait->request = request;
    wait->group = *group;
    wait->began_ms = now.mono_ms;
    if (read_wait(wait, node, arguments, &err)) {
        msk_control_refuse(request, &err);
        free_wait(wait);
        return;
    }
    msk_ring_push(&waits->ring, &wait->ring);
}

static void answer(struct wait *wait, struct msk_now now, bool met)
{
    msk_control_answer(wait->request, json_pack("{s:s, s:b, s:I}", "condition", (const char *)wait->text.data, "met",
                                                met, "waited_ms", (json_int_t)(now.mono_ms - wait->began_ms)));
    free_wait(wait);
}

static bool all_hold(const struct wait *wait, const struct msk_node *node, const struct msk_group_view *view)
{
    for (size_t i = 0; i < wait->condition_count; i++)
        if (!msk_condition_holds(&wait->conditions[i], node, &wait->group, view, &wait->before))
            return false;
    return true;
}

static void check(struct wait *wait, const struct msk_node *node, struct msk_now now)
{
    struct msk_group_view view;
    if (msk_node_group_view(node, &wait->group, &view)) {
        struct msk_error err;
        msk_fail(&err, MSK_E_CLOSED, "the node has left the group");
        msk_control_refuse(wait->request, &err);
        free_wait(wait);
    } else if (all_hold(wait, node, &view)) {
        answer(wait, now, true);
    } else if (now.mono_ms >= wait->deadline_ms) {
        answer(wait, now, false);
    }
}

void msk_waits_check(struct msk_waits *waits, const struct msk_node *node, struct msk_now now)
{
    struct msk_ring *next;
    for (struct msk_ring *at = waits->ring.next; at != &waits->ring; at = next) {
        next = at->next;
        check(MSK_RING_ITEM(at, struct wait, ring), node, now);
    }
}

uint64_t msk_waits_deadline(const struct msk_waits *waits)
{
    uint64_t earliest = MSK_NEVER;
    for (const struct msk_ring *at = waits->ring.next; at != &waits->ring; at = at->next) {
        const struct wait *wait = MSK_RING_ITEM(at, struct wait, ring);
        if (wait->deadline_ms < earliest)
            earliest = wait->deadline_ms;
    }
    return earliest;
}

void msk_waits_end(struct msk_waits *waits)
{
    struct msk_error err;
    msk_fail(&err, MSK_E_CLOSED, "the node is stopping");
    while (!msk_ring_empty(&waits->ring)) {
        struct wait *wait = MSK_RING_FIRST(&waits->ring, struct wait, ring);
        msk_control_refuse(wait->request, &err);
        free_wait(wait);
    }
}
