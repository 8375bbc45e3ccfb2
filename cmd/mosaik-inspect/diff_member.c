/* A member to be compared: a running one over its control socket, any other by its data directory. */
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/text.h"
#include "crypto/identity.h"
#include "diff.h"

/* ---- a directory: one pass over its committed entries keeps the digest at each block's end */

static bool reserve_block(struct diff_member *member)
{
    if (member->block_count < member->block_capacity)
        return true;
    size_t capacity = member->block_capacity ? member->block_capacity * 2 : 64;
    struct msk_digest *ends = msk_realloc(member->ends, capacity * sizeof *ends);
    if (!ends)
        return false;
    member->ends = ends;
    int64_t *places = msk_realloc(member->places, capacity * sizeof *places);
    if (!places)
        return false;
    member->places = places;
    member->block_capacity = capacity;
    return true;
}

static bool note_entry(void *context, const struct msk_view_entry *entry)
{
    struct diff_member *member = context;
    struct msk_rolling *rolling = &member->rolling;
    if (member->err.code || !entry->sound || entry->index != rolling->count + 1)
        return false; /* damage was told before it */
    if (rolling->count % MSK_ROLLING_BLOCK == 0) {
        if (!reserve_block(member)) {
            msk_fail(&member->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
            return false;
        }
        member->ends[member->block_count] = rolling->end;
        member->places[member->block_count++] = entry->place;
    }
    msk_rolling_add(rolling, entry->encoded, 1);
    return rolling->count < member->state.committed.index;
}

static void note_damage(void *context, const struct msk_view_damage *damage)
{
    struct diff_member *member = context;
    if (!member->err.code)
        msk_fail(&member->err, MSK_E_DAMAGED, "%s", damage->text);
}

static int read_directory(struct diff_member *member, const char *group, struct msk_error *err)
{
    const struct msk_view_visitor visitor = {note_entry, note_damage, member};
    int rc = msk_view_open(member->name, &member->view, err);
    if (rc == 0)
        rc = log_choose_group(member->view, group, &member->view_group, err);
    if (rc == 0)
        rc = msk_view_state(member->view, &member->view_group.id, &visitor, &member->state, err);
    member->group = member->view_group.id;
    msk_rolling_init(&member->rolling);
    if (rc == 0 && member->state.committed.index > 0)
        rc = msk_view_scan(member->view, &member->group, &member->state, 0, &visitor, err);
    member->committed = member->rolling.count;
    return rc;
}

/* The entries of one block again, up to `index`. */
struct again {
    struct msk_rolling rolling;
    uint64_t index;
    const struct msk_type *type;
    json_t *entry; /* at `index`, if that is wanted */
    bool wants_entry;
};

static bool read_again(void *context, const struct msk_view_entry *entry)
{
    struct again *again = context;
    if (entry->index <= again->rolling.count) /* the row began in the block before */
        return true;
    msk_rolling_add(&again->rolling, entry->encoded, 1);
    if (again->wants_entry && entry->index == again->index)
        again->entry = log_entry_json(entry->index, &entry->entry, again->type);
    return entry->index < again->index;
}

static int read_block(struct diff_member *member, struct again *again, struct msk_error *err)
{
    const struct msk_view_visitor visitor = {.entry = read_again, .context = again};
    size_t block = (again->index - 1) / MSK_ROLLING_BLOCK;
    msk_rolling_resume(&again->rolling, (uint64_t)block * MSK_ROLLING_BLOCK, &member->ends[block]);
    return msk_view_scan(member->view, &member->group, &member->state, member->places[block], &visitor, err);
}

/* ---- a control socket */

static int ask(struct diff_member *member, json_t *request, json_t **answer, struct msk_error *err)
{
    if (request && member->group_text)
        json_object_set_new(request, "group", json_string(member->group_text));
    return msk_client_call(member->client, request, DIFF_ANSWER_MAX_MS, answer, err);
}

static int ask_digest(struct diff_member *member, uint64_t index, json_t **answer, struct msk_error *err)
{
    return ask(member, json_pack("{s:s, s:I}", "cmd", "digest", "index", (json_int_t)index), answer, err);
}

static int read_digest(const json_t *answer, const char *name, struct msk_digest *out)
{
    const char *text = json_string_value(json_object_get(answer, name));
    return text ? msk_digest_parse(msk_bytes_of_text(text), out, NULL) : MSK_E_NOTFOUND;
}

static int ask_first(struct diff_member *member, const char *group, struct msk_error *err)
{
    json_t *answer;
    member->group_text = group;
    int rc = msk_client_open(member->name, &member->client, err);
    if (rc == 0)
        rc = ask_digest(member, 0, &answer, err);
    if (rc)
        return rc;
    member->committed = (uint64_t)json_integer_value(json_object_get(answer, "committed"));
    snprintf(member->view_group.machine, sizeof member->view_group.machine, "%s",
             json_string_value(json_object_get(answer, "machine")) ?: "");
    if (read_digest(answer, "group_id", &member->group))
        rc = msk_fail(err, MSK_E_PROTOCOL, "the node's answer has no group");
    json_decref(answer);
    return rc;
}

/* As log_entry_json has it: the command in one form. */
static void tidy_entry(json_t *entry, const struct msk_type *type)
{
    const char *hex = json_string_value(json_object_get(entry, "hex"));
    struct msk_builder bytes;
    json_t *command;
    msk_builder_init(&bytes, MSK_LOG_BYTES_MAX);
    if (type && hex && msk_hex_decode_append(hex, strlen(hex), &bytes, NULL) == 0 &&
        msk_bytes_to_json(type, msk_builder_view(&bytes), &command, NULL) == 0)
        json_object_set_new(entry, "command", command);
    if (json_object_get(entry, "command"))
        json_object_del(entry, "hex");
    msk_builder_free(&bytes);
}

/* ---- both */

void diff_member_open(struct diff_member *member, const char *name, const char *group)
{
    struct stat status;
    struct msk_error err = {0};
    *member = (struct diff_member){.name = name};
    bool known = stat(name, &status) == 0;
    member->is_directory = known && S_ISDIR(status.st_mode);
    int rc;
    if (member->is_directory)
        rc = read_directory(member, group, &err);
    else if (known && !S_ISSOCK(status.st_mode))
        rc = msk_fail(&err, MSK_E_IO, "neither a control socket nor a data directory");
    else
        rc = ask_first(member, group, &err);
    member->present = rc == 0;
    if (rc)
        member->err = err;
}

void diff_member_close(struct diff_member *member)
{
    msk_client_close(member->client);
    msk_view_close(member->view);
    msk_free(member->ends);
    msk_free(member->places);
}

int diff_member_digest(struct diff_member *member, uint64_t index, struct msk_digest *out, struct msk_error *err)
{
    if (member->is_directory) {
        struct again again = {.index = index};
        int rc = read_block(member, &again, err);
        *out = msk_rolling_digest(&again.rolling);
        return rc;
    }
    json_t *answer;
    int rc = ask_digest(member, index, &answer, err);
    if (rc)
        return rc;
    rc = read_digest(answer, "digest", out);
    json_decref(answer);
    return rc ? msk_fail(err, MSK_E_NOTFOUND, "the digest at %llu is not known any more", (unsigned long long)index)
              : 0;
}

json_t *diff_member_entry(struct diff_member *member, uint64_t index, const struct msk_type *type)
{
    struct msk_error err;
    if (member->is_directory) {
        struct again again = {.index = index, .type = type, .wants_entry = true};
        return read_block(member, &again, &err) == 0 ? again.entry : NULL;
    }
    json_t *answer;
    if (ask(member, json_pack("{s:s, s:I, s:I}", "cmd", "entries", "from", (json_int_t)index, "to", (json_int_t)index),
            &answer, &err))
        return NULL;
    json_t *entry = json_incref(json_array_get(json_object_get(answer, "entries"), 0));
    json_decref(answer);
    tidy_entry(entry, type);
    return entry ? entry : json_null();
}
