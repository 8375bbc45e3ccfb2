/* How a stored log is shown: as text, as one object, or as a stream of them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "log.h"

static json_t *digest_json(const struct msk_digest *digest)
{
    char text[MSK_DIGEST_TEXT_SIZE];
    return digest ? json_string(msk_digest_text(digest, text)) : json_null();
}

static json_t *cursor_json(struct msk_cursor cursor)
{
    return json_pack("{s:I, s:I}", "term", (json_int_t)cursor.term, "index", (json_int_t)cursor.index);
}

/* ---- commands */

const struct msk_type *log_command_type(const struct msk_view_group *group)
{
    const struct msk_machine *machine = msk_machine_find(group->machine);
    return machine ? machine->command : NULL;
}

/* NULL where it has no type, or is not of it. */
static json_t *decoded(const struct msk_log_entry *entry, const struct msk_type *type)
{
    json_t *json;
    return type && msk_machine_print_json(type, entry->command, &json, NULL) == 0 ? json : NULL;
}

static json_t *hex_json(const struct msk_log_entry *entry)
{
    json_t *json;
    return msk_machine_print_json(NULL, entry->command, &json, NULL) == 0 ? json : NULL;
}

json_t *log_entry_json(uint64_t index, const struct msk_log_entry *entry, const struct msk_type *type)
{
    json_t *command = decoded(entry, type);
    return json_pack("{s:I, s:I, s:o}", "index", (json_int_t)index, "term", (json_int_t)entry->term,
                     command ? "command" : "hex", command ? command : hex_json(entry));
}

/* As text: "{...}" or hex digits. The caller's (msk_free), NULL without memory. */
static char *command_text(const struct msk_log_entry *entry, const struct msk_type *type)
{
    json_t *command = decoded(entry, type);
    bool is_hex = !command;
    command = command ? command : hex_json(entry);
    char *dumped = is_hex ? NULL : json_dumps(command, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *text = is_hex ? json_string_value(command) : dumped;
    char *copy = text ? msk_strdup(text) : NULL;
    free(dumped);
    json_decref(command);
    return copy;
}

/* ---- JSON */

/* One object of a stream: stolen. */
static void put_record(struct log_show *show, const char *kind, json_t *record)
{
    if (record && (json_object_set_new(record, "v", json_integer(LOG_RECORD_FORMAT)) ||
                   json_object_set_new(record, "kind", json_string(kind)))) {
        json_decref(record);
        record = NULL;
    }
    if (msk_output_json(show->out, record) == 0)
        fflush(show->out->stream);
    else
        show->no_memory = true;
}

static json_t *state_json(const struct log_show *show, const struct msk_view *view)
{
    const struct msk_store_identity *identity = msk_view_identity(view);
    const struct msk_view_state *state = &show->state;
    const struct msk_view_group *group = &show->group;
    bool voted = state->hard.has_vote;
    /* clang-format off */
    return json_pack("{s:o, s:o, s:o, s:s?, s:s?, s:I, s:o, s:I, s:o, s:o}",
                     "peer_id", digest_json(identity ? &identity->peer_id : NULL),
                     "network_id", digest_json(identity ? &identity->network_id : NULL),
                     "group_id", digest_json(&group->id),
                     "alias", *group->alias ? group->alias : NULL,
                     "machine", *group->machine ? group->machine : NULL,
                     "term", (json_int_t)state->hard.term,
                     "voted_for", digest_json(voted ? &state->hard.vote : NULL),
                     "last", (json_int_t)state->last,
                     "committed", cursor_json(state->committed),
                     "snapshot", state->snapshot_at.index ? cursor_json(state->snapshot_at) : json_null());
    /* clang-format on */
}

/* The beginning of the one object, whose entries follow: it is never held as a whole. */
static void open_object(struct log_show *show, json_t *head)
{
    char *text = head ? json_dumps(head, JSON_COMPACT) : NULL;
    json_decref(head);
    if (text)
        fprintf(show->out->stream, "{\"v\":%d,%.*s,\"entries\":[", LOG_RECORD_FORMAT, (int)strlen(text) - 2, text + 1);
    show->no_memory |= !text;
    free(text);
}

static void close_object(struct log_show *show)
{
    char *damage = show->damage ? json_dumps(show->damage, JSON_COMPACT) : NULL;
    fprintf(show->out->stream, "],\"sound\":%s,\"faults\":%" PRIu64 ",\"damage\":%s}\n",
            show->faults ? "false" : "true", show->faults, damage ? damage : "[]");
    free(damage);
}

static void put_entry(struct log_show *show, const struct msk_view_entry *entry)
{
    json_t *json = log_entry_json(entry->index, &entry->entry, show->type);
    json_object_set_new(json, "committed", json_boolean(entry->index <= show->state.committed.index));
    if (!entry->sound)
        json_object_set_new(json, "sound", json_false());
    if (show->stream) {
        put_record(show, "entry", json);
        return;
    }
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text)
        fprintf(show->out->stream, "%s%s", show->entries ? "," : "", text);
    show->no_memory |= !text;
    free(text);
}

/* ---- text */

static void print_head(const struct log_show *show, const struct msk_view *view)
{
    const struct msk_store_identity *identity = msk_view_identity(view);
    char group[MSK_DIGEST_SHORT_SIZE], peer[MSK_DIGEST_SHORT_SIZE];
    fprintf(show->out->stream, "group %s…", msk_digest_short(&show->group.id, group));
    if (*show->group.alias)
        fprintf(show->out->stream, " (%s)", show->group.alias);
    if (identity)
        fprintf(show->out->stream, " of peer %s…", msk_digest_short(&identity->peer_id, peer));
    if (*show->group.machine)
        fprintf(show->out->stream, ", machine %s", show->group.machine);
    fputc('\n', show->out->stream);
}

static void print_state(const struct log_show *show)
{
    const struct msk_view_state *state = &show->state;
    FILE *to = show->out->stream;
    char vote[MSK_DIGEST_SHORT_SIZE];
    if (state->has_hard)
        fprintf(to, "term %" PRIu64 ", %s%s%s\n", state->hard.term, state->hard.has_vote ? "voted for " : "no vote",
                state->hard.has_vote ? msk_digest_short(&state->hard.vote, vote) : "", state->hard.has_vote ? "…" : "");
    if (state->has_last)
        fprintf(to, "the log ends with entry %" PRIu64 ", known to be committed up to %" PRIu64, state->last,
                state->committed.index);
    else
        fputs(state->lost_last ? "it is not known where the log ends" : "no entries", to);
    if (state->snapshot_at.index)
        fprintf(to, ", snapshot of %" PRIu64 " bytes at %" PRIu64, state->snapshot_bytes, state->snapshot_at.index);
    fprintf(to, "\n%10s %6s  %-9s  %s\n", "INDEX", "TERM", "COMMITTED", "COMMAND");
}

static void print_entry(struct log_show *show, const struct msk_view_entry *entry)
{
    char *command = command_text(&entry->entry, show->type);
    fprintf(show->out->stream, "%10" PRIu64 " %6" PRIu64 "  %-9s  %s%s\n", entry->index, entry->entry.term,
            entry->index <= show->state.committed.index ? "yes" : "-", command ? command : "",
            entry->sound ? "" : "  (perhaps altered)");
    show->no_memory |= !command;
    msk_free(command);
}

/* ---- both */

void log_show_head(struct log_show *show, const struct msk_view *view)
{
    show->damage = json_array();
    if (!show->out->json)
        print_head(show, view);
}

void log_show_state(struct log_show *show, const struct msk_view *view)
{
    show->begun = true;
    if (!show->out->json)
        print_state(show);
    else if (show->stream)
        put_record(show, "log", state_json(show, view));
    else
        open_object(show, state_json(show, view));
}

bool log_show_entry(struct log_show *show, const struct msk_view_entry *entry)
{
    if (entry->index < show->from || entry->index > show->to)
        return true; /* what is not shown is checked, too */
    if (show->out->json)
        put_entry(show, entry);
    else
        print_entry(show, entry);
    show->entries++;
    return !show->no_memory && !ferror(show->out->stream);
}

void log_show_damage(struct log_show *show, const struct msk_view_damage *damage)
{
    json_t *json =
        json_pack("{s:o, s:o, s:s}", "first", damage->first ? json_integer((json_int_t)damage->first) : json_null(),
                  "last", damage->last ? json_integer((json_int_t)damage->last) : json_null(), "text", damage->text);
    if (show->faults++ == 0)
        snprintf(show->first_fault, sizeof show->first_fault, "%s", damage->text);
    if (show->stream)
        put_record(show, "damage", json_incref(json));
    else if (!show->out->json)
        fprintf(show->out->stream, "%sdamaged:%s %s\n", msk_style(show->out, MSK_STYLE_RED),
                msk_style(show->out, MSK_STYLE_PLAIN), damage->text);
    if (show->faults <= LOG_DAMAGE_MAX)
        json_array_append(show->damage, json);
    json_decref(json);
}

void log_show_change(struct log_show *show, const char *kind, uint64_t index, const char *text)
{
    if (show->out->json)
        put_record(show, kind, json_pack("{s:I, s:s}", "index", (json_int_t)index, "text", text));
    else
        fprintf(show->out->stream, "-- %s\n", text);
}

static void print_end(struct log_show *show)
{
    if (show->stream)
        put_record(show, "end",
                   json_pack("{s:I, s:b, s:I}", "entries", (json_int_t)show->entries, "sound", show->faults == 0,
                             "faults", (json_int_t)show->faults));
    else if (show->out->json)
        close_object(show);
    else if (show->faults == 0)
        fputs("nothing is damaged\n", show->out->stream);
}

void log_show_end(struct log_show *show)
{
    if (show->begun)
        print_end(show);
    json_decref(show->damage);
    show->damage = NULL;
}
