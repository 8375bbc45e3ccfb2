/* Figures of a node's answers as people read them. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "cli/layout.h"
#include "node_cmd.h"
#include "runtime/now.h"

#define SHORT_ID_LEN 10

const char *node_short_id(const json_t *id, char out[NODE_TEXT_SIZE])
{
    const char *text = json_string_value(id);
    snprintf(out, NODE_TEXT_SIZE, "%.*s", SHORT_ID_LEN, text ? text : "-");
    return out;
}

/* "0.3 ms", "-" while unknown. */
static const char *rtt_text(const json_t *us, char out[NODE_TEXT_SIZE])
{
    if (json_integer_value(us) > 0)
        snprintf(out, NODE_TEXT_SIZE, "%.1f ms", (double)json_integer_value(us) / 1000);
    else
        snprintf(out, NODE_TEXT_SIZE, "-");
    return out;
}

/* The largest unit that fits: a glance says enough. */
static void age_text(uint64_t seconds, char out[NODE_TEXT_SIZE])
{
    static const struct {
        uint64_t seconds;
        char name;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    snprintf(out, NODE_TEXT_SIZE, "%" PRIu64 "%c", seconds / units[i].seconds, units[i].name);
}

const char *node_age_text(const json_t *since, char out[NODE_TEXT_SIZE])
{
    const char *text = json_string_value(since);
    int64_t seconds;
    uint32_t nanoseconds;
    if (!text || msk_time_parse(text, strlen(text), &seconds, &nanoseconds)) {
        snprintf(out, NODE_TEXT_SIZE, "-");
        return out;
    }
    int64_t age = msk_now().wall_ms / 1000 - seconds;
    age_text(age > 0 ? (uint64_t)age : 0, out);
    return out;
}

int node_print_bonds(const struct msk_run *run, const json_t *bonds)
{
    static const struct msk_column columns[] = {{"PEER", false}, {"ADDRESS", false}, {"DIRECTION", false},
                                                {"RTT", true},   {"AGE", true},      {"TICKET EXPIRES", false}};
    struct msk_table table;
    char text[NODE_TEXT_SIZE];
    size_t i;
    const json_t *bond;
    msk_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(bonds, i, bond)
    {
        const char *address = json_string_value(json_object_get(bond, "address"));
        const char *direction = json_string_value(json_object_get(bond, "direction"));
        const char *expires = json_string_value(json_object_get(bond, "ticket_expires"));
        msk_table_cell(&table, "%s", node_short_id(json_object_get(bond, "peer"), text));
        msk_table_cell(&table, "%s", address ? address : "-");
        msk_table_cell(&table, "%s", direction ? direction : "-");
        msk_table_cell(&table, "%s", rtt_text(json_object_get(bond, "rtt_us"), text));
        msk_table_cell(&table, "%s", node_age_text(json_object_get(bond, "since"), text));
        msk_table_cell(&table, "%s", expires ? expires : "-");
    }
    return msk_table_print(&table, run->out);
}
