/* The timeline as a drawing: a lane for each node, its roles as bars, votes as arrows, lost bonds and flags marked. */
#include <inttypes.h>
#include <string.h>

#include "elections.h"

#define MARGIN        16
#define LABELS_WIDTH  150 /* names of the lanes */
#define PLOT_MIN      1000
#define PLOT_MAX      16000
#define PLOT_ELECTION 90 /* pixels that an election should have on average */
#define LANE_HEIGHT   56
#define BAR_HEIGHT    16
#define HEAD_HEIGHT   64 /* title and time axis of a group */
#define LEGEND_HEIGHT 40
#define VOTE_SPREAD   7 /* pixels between arrows of one election, which all happen at once */
#define TICKS_WANTED  12
#define LABEL_STEP    13 /* between labels that would cover each other */
#define LABEL_WIDTH   64
#define DOWN          "down"

struct drawing {
    const struct elections_log *log;
    const struct elections_group *group;
    FILE *stream;
    double scale;                      /* pixels a millisecond */
    double width;                      /* of the plot */
    double top;                        /* of the first lane */
    size_t lanes[ELECTIONS_NODES_MAX]; /* of each node, ELECTIONS_NONE: no member */
    size_t lane_count;
};

static void write_escaped(FILE *stream, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            fputs(entity, stream);
        else
            fputc(*text, stream);
    }
}

static double x_of(const struct drawing *drawing, int64_t at_ms)
{
    return MARGIN + LABELS_WIDTH + (double)(at_ms - drawing->group->from_ms) * drawing->scale;
}

/* The middle of the node's bar. */
static double y_of(const struct drawing *drawing, size_t node)
{
    return drawing->top + ((double)drawing->lanes[node] + 0.5) * LANE_HEIGHT + 6;
}

/* ---- lanes and axis */

/* A round number of milliseconds: 1, 2 or 5 times a power of ten. */
static int64_t tick_step(int64_t span_ms)
{
    static const int64_t factors[] = {1, 2, 5};
    int64_t power = 1;
    for (;; power *= 10)
        for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++)
            if (factors[i] * power >= span_ms / TICKS_WANTED || power > INT64_MAX / 100)
                return factors[i] * power;
}

static void draw_axis(const struct drawing *drawing)
{
    const struct elections_group *group = drawing->group;
    int64_t step = tick_step(group->to_ms - group->from_ms);
    double bottom = drawing->top + (double)drawing->lane_count * LANE_HEIGHT;
    for (int64_t at = (group->from_ms + step - 1) / step * step; at <= group->to_ms; at += step) {
        double x = x_of(drawing, at);
        fprintf(drawing->stream, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x,
                drawing->top, x, bottom);
        fprintf(drawing->stream, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%g s</text>\n", x, drawing->top - 6,
                (double)at / 1000);
    }
}

static void draw_lane_names(const struct drawing *drawing)
{
    for (size_t i = 0; i < drawing->log->node_count; i++) {
        const struct elections_node *node = &drawing->log->nodes[i];
        if (drawing->lanes[i] == ELECTIONS_NONE)
            continue;
        double y = y_of(drawing, i);
        fprintf(drawing->stream, "<text class=\"name\" x=\"%d\" y=\"%.1f\">", MARGIN, y + 1);
        write_escaped(drawing->stream, node->label ? node->label : "(no events)");
        fprintf(drawing->stream, "</text>\n<text class=\"id\" x=\"%d\" y=\"%.1f\">%.*s</text>\n", MARGIN, y + 15,
                ELECTIONS_SHORT(drawing->log, i));
        fprintf(drawing->stream, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                MARGIN + LABELS_WIDTH, y, MARGIN + LABELS_WIDTH + drawing->width, y);
    }
}

/* ---- roles */

static void draw_bar(const struct drawing *drawing, size_t node, const char *role, int64_t from_ms, int64_t to_ms)
{
    double x = x_of(drawing, from_ms), width = x_of(drawing, to_ms) - x;
    fprintf(drawing->stream,
            "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"><title>%.*s: %s, %.3f s to %.3f s"
            "</title></rect>\n",
            role, x, y_of(drawing, node) - BAR_HEIGHT / 2.0, width > 2 ? width : 2, BAR_HEIGHT,
            ELECTIONS_SHORT(drawing->log, node), role, (double)from_ms / 1000, (double)to_ms / 1000);
}

/* The role that the event puts its node in; NULL: none. Leaders are drawn from their reigns. */
static const char *role_after(const struct elections_event *event)
{
    switch (event->kind) {
    case ELECTIONS_NODE_STARTED:
    case ELECTIONS_GROUP_JOINED:
    case ELECTIONS_STEPPED_DOWN:
        return "follower";
    case ELECTIONS_STARTED:
        return "candidate";
    case ELECTIONS_LEADER_CHANGED:
    case ELECTIONS_ROLE_CHANGED:
        if (event->kind == ELECTIONS_ROLE_CHANGED && event->text && strcmp(event->text, "candidate") == 0)
            return "candidate";
        return "follower";
    case ELECTIONS_NODE_STOPPING:
    case ELECTIONS_GROUP_LEFT:
        return DOWN;
    default:
        return NULL;
    }
}

static int64_t end_of_run(const struct elections_log *log, const struct elections_run *run)
{
    return run->last_ms + run->offset_ms - log->base_ms;
}

/* One run of a node, from its first event of the group to the last sign of life. */
static void draw_run(const struct drawing *drawing, size_t run)
{
    const struct elections_log *log = drawing->log;
    const char *role = NULL;
    int64_t since_ms = 0, end_ms = end_of_run(log, &log->runs[run]);
    for (size_t i = 0; i < log->event_count; i++) {
        const struct elections_event *event = &log->events[i];
        if (event->run != run || event->at_ms < drawing->group->from_ms || !elections_concerns(drawing->group, event))
            continue;
        const char *next = role_after(event);
        if (!role) {
            role = next ? next : "follower";
            since_ms = event->at_ms;
        } else if (next && strcmp(next, role) != 0) {
            if (strcmp(role, DOWN) != 0)
                draw_bar(drawing, log->runs[run].node, role, since_ms, event->at_ms);
            role = next;
            since_ms = event->at_ms;
        }
    }
    end_ms = end_ms > drawing->group->to_ms ? drawing->group->to_ms : end_ms;
    if (role && strcmp(role, DOWN) != 0)
        draw_bar(drawing, log->runs[run].node, role, since_ms, end_ms > since_ms ? end_ms : since_ms);
}

/* Until others heard the leader it is drawn full, then pale. */
static void draw_reign(const struct drawing *drawing, const struct elections_reign *reign)
{
    double x = x_of(drawing, reign->from_ms), y = y_of(drawing, reign->node);
    int64_t heard_ms =
        reign->end == ELECTIONS_SILENT && reign->heard_ms < reign->to_ms ? reign->heard_ms : reign->to_ms;
    draw_bar(drawing, reign->node, reign->told ? "leader" : "leader untold", reign->from_ms, heard_ms);
    if (heard_ms < reign->to_ms)
        draw_bar(drawing, reign->node, "leader unheard", heard_ms, reign->to_ms);
    fprintf(drawing->stream, "<text class=\"reign\" x=\"%.1f\" y=\"%.1f\">", x + 3, y + 4);
    if (reign->term)
        fprintf(drawing->stream, "term %" PRIu64, reign->term);
    else
        fprintf(drawing->stream, "leader");
    fprintf(drawing->stream, "<title>%.*s ", ELECTIONS_SHORT(drawing->log, reign->node));
    write_escaped(drawing->stream, reign->why);
    fprintf(drawing->stream, "</title></text>\n");
}

/* ---- votes */

static void draw_vote(const struct drawing *drawing, const struct elections_candidacy *candidacy, size_t index)
{
    const struct elections_vote *vote = &candidacy->votes[index];
    double shift = VOTE_SPREAD * (double)(index + 1), from_y = y_of(drawing, vote->voter);
    double to_y =
        y_of(drawing, candidacy->node) + (from_y < y_of(drawing, candidacy->node) ? -1 : 1) * BAR_HEIGHT / 2.0;
    double to_x = x_of(drawing, vote->received ? vote->received_ms : vote->at_ms);
    fprintf(drawing->stream,
            "<line class=\"vote %s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" marker-end=\"url(#%s)\"><title>"
            "%.*s: %s to %.*s in term %" PRIu64 "%s",
            vote->answer, x_of(drawing, vote->at_ms) + shift, from_y, to_x + shift, to_y, vote->answer,
            ELECTIONS_SHORT(drawing->log, vote->voter), vote->answer, ELECTIONS_SHORT(drawing->log, candidacy->node),
            candidacy->term, vote->reason ? ", " : "");
    write_escaped(drawing->stream, vote->reason ? vote->reason : "");
    fprintf(drawing->stream, "</title></line>\n");
    fprintf(drawing->stream, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>\n", vote->answer,
            x_of(drawing, vote->at_ms) + shift, from_y);
}

static void draw_candidacy(const struct drawing *drawing, const struct elections_candidacy *candidacy)
{
    double x = x_of(drawing, candidacy->at_ms), y = y_of(drawing, candidacy->node);
    fprintf(drawing->stream, "<path class=\"stands\" d=\"M%.1f %.1f l-4 -8 h8 z\"><title>", x, y - BAR_HEIGHT / 2.0);
    fprintf(drawing->stream, "%.*s stands in term %" PRIu64 "</title></path>\n",
            ELECTIONS_SHORT(drawing->log, candidacy->node), candidacy->term);
    if (strcmp(candidacy->outcome, "won") != 0)
        fprintf(drawing->stream, "<text class=\"lost\" x=\"%.1f\" y=\"%.1f\">%" PRIu64 "?</text>\n", x + 6,
                y - BAR_HEIGHT / 2.0 - 2, candidacy->term);
    for (size_t i = 0; i < candidacy->vote_count; i++)
        draw_vote(drawing, candidacy, i);
}

/* ---- marks */

static void draw_lost_bonds(const struct drawing *drawing)
{
    for (size_t i = 0; i < drawing->log->event_count; i++) {
        const struct elections_event *event = &drawing->log->events[i];
        if (event->kind != ELECTIONS_BOND_CLOSED || event->group != drawing->group->index)
            continue;
        double x = x_of(drawing, event->at_ms), y = y_of(drawing, event->node) + BAR_HEIGHT / 2.0 + 7;
        fprintf(drawing->stream,
                "<path class=\"bond\" d=\"M%.1f %.1f l6 6 m-6 0 l6 -6\"><title>%.*s lost its bond with %.*s: %" PRIu64
                "</title></path>\n",
                x - 3, y - 3, ELECTIONS_SHORT(drawing->log, event->node), ELECTIONS_SHORT(drawing->log, event->peer),
                event->numbers[0]);
    }
}

static void draw_flags(const struct drawing *drawing)
{
    double bottom = drawing->top + (double)drawing->lane_count * LANE_HEIGHT, last_x = -LABEL_WIDTH, level = 0;
    for (size_t i = 0; i < drawing->group->flag_count; i++) {
        const struct elections_flag *flag = &drawing->group->flags[i];
        double x = x_of(drawing, flag->at_ms);
        level = x - last_x < 2 * LABEL_WIDTH ? level + LABEL_STEP : 0;
        last_x = x;
        fprintf(drawing->stream, "<line class=\"flag\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x,
                drawing->top, x, bottom);
        fprintf(drawing->stream, "<text class=\"flag\" x=\"%.1f\" y=\"%.1f\">%s<title>", x + 3,
                drawing->top + 10 + level, flag->name);
        write_escaped(drawing->stream, flag->text);
        fprintf(drawing->stream, "</title></text>\n");
    }
}

/* ---- the whole */

static double plot_width(const struct elections_report *report)
{
    double width = PLOT_MIN;
    for (size_t i = 0; i < report->count; i++) {
        double wanted = (double)report->groups[i].candidacy_count * PLOT_ELECTION;
        width = wanted > width ? wanted : width;
    }
    return width < PLOT_MAX ? width : PLOT_MAX;
}

static void draw_group(struct drawing *drawing)
{
    const struct elections_group *group = drawing->group;
    double span_ms = (double)(group->to_ms - group->from_ms);
    drawing->scale = drawing->width / (span_ms > 1 ? span_ms : 1);
    fprintf(drawing->stream, "<text class=\"title\" x=\"%d\" y=\"%.1f\">group %.*s: %.3f s without a leader</text>\n",
            MARGIN, drawing->top - HEAD_HEIGHT + 24, ELECTIONS_ID_SHOWN, drawing->log->groups[group->index],
            (double)group->leaderless_ms / 1000);
    draw_axis(drawing);
    draw_lane_names(drawing);
    for (size_t i = 0; i < drawing->log->run_count; i++)
        if (drawing->lanes[drawing->log->runs[i].node] != ELECTIONS_NONE)
            draw_run(drawing, i);
    for (size_t i = 0; i < group->reign_count; i++)
        draw_reign(drawing, &group->reigns[i]);
    for (size_t i = 0; i < group->candidacy_count; i++)
        draw_candidacy(drawing, &group->candidacies[i]);
    draw_lost_bonds(drawing);
    draw_flags(drawing);
}

static void write_styles(FILE *stream)
{
    static const struct {
        const char *answer, *colour;
    } votes[] = {{"granted", "#14803c"}, {"denied", "#c81e1e"}, {"abstained", "#7a6f9b"}};
    fputs("<style>\ntext { font: 12px sans-serif; fill: #222 }\n.title { font-size: 15px; font-weight: bold }\n"
          ".tick { text-anchor: middle; fill: #666 }\n.name { font-weight: bold }\n"
          ".id { font: 11px monospace; fill: #666 }\n.grid { stroke: #ddd }\n.follower { fill: #c3cedb }\n"
          ".candidate { fill: #f2b134 }\n.leader { fill: #5bb878 }\n.unheard { fill: #c9e8d2; stroke: #5bb878 }\n"
          ".untold { fill: #e6f4ea; stroke: #5bb878; stroke-dasharray: 3 2 }\n"
          ".reign { font-size: 11px; font-weight: bold }\n.stands { fill: #b06f00 }\n"
          ".lost { font-size: 11px; fill: #b06f00 }\n.bond { stroke: #c81e1e; stroke-width: 1.6; fill: none }\n"
          "line.flag { stroke: #c81e1e; stroke-dasharray: 4 3 }\ntext.flag { fill: #c81e1e; font-weight: bold; "
          "font-size: 11px }\n.vote { stroke-width: 1.4 }\nline.abstained { stroke-dasharray: 4 2 }\n",
          stream);
    for (size_t i = 0; i < sizeof votes / sizeof votes[0]; i++)
        fprintf(stream, "line.%s { stroke: %s }\ncircle.%s, marker .%s { fill: %s }\n", votes[i].answer,
                votes[i].colour, votes[i].answer, votes[i].answer, votes[i].colour);
    fputs("</style>\n<defs>\n", stream);
    for (size_t i = 0; i < sizeof votes / sizeof votes[0]; i++)
        fprintf(stream,
                "<marker id=\"%s\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
                "orient=\"auto\"><path class=\"%s\" fill=\"%s\" d=\"M0 0 L8 4 L0 8 z\"/></marker>\n",
                votes[i].answer, votes[i].answer, votes[i].colour);
    fputs("</defs>\n", stream);
}

static void write_legend(FILE *stream, double y)
{
    static const struct {
        const char *class, *text;
    } bars[] = {{"follower", "follower"},
                {"candidate", "candidate"},
                {"leader", "leader"},
                {"leader unheard", "leader, no longer heard"},
                {"leader untold", "leader, as others tell"}};
    static const char *const votes[] = {"granted", "denied", "abstained"};
    double x = MARGIN;
    for (size_t i = 0; i < sizeof bars / sizeof bars[0]; i++) {
        fprintf(stream, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"18\" height=\"12\"/>", bars[i].class, x,
                y - 10);
        fprintf(stream, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x + 23, y, bars[i].text);
        x += 55 + 6.5 * (double)strlen(bars[i].text);
    }
    for (size_t i = 0; i < sizeof votes / sizeof votes[0]; i++) {
        fprintf(stream,
                "<line class=\"vote %s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" marker-end=\"url(#%s)\"/>",
                votes[i], x, y - 4, x + 18, y - 4, votes[i]);
        fprintf(stream, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x + 23, y, votes[i]);
        x += 55 + 6.5 * (double)strlen(votes[i]);
    }
    fprintf(stream, "<path class=\"bond\" d=\"M%.1f %.1f l6 6 m-6 0 l6 -6\"/>", x, y - 7);
    fprintf(stream, "<text x=\"%.1f\" y=\"%.1f\">bond lost</text>\n", x + 12, y);
}

static size_t assign_lanes(struct drawing *drawing)
{
    drawing->lane_count = 0;
    for (size_t i = 0; i < drawing->log->node_count; i++)
        drawing->lanes[i] = drawing->group->is_member[i] ? drawing->lane_count++ : ELECTIONS_NONE;
    return drawing->lane_count;
}

int elections_draw(const struct elections_log *log, const struct elections_report *report, FILE *stream)
{
    struct drawing drawing = {.log = log, .stream = stream, .width = plot_width(report)};
    double height = MARGIN + LEGEND_HEIGHT;
    for (size_t i = 0; i < report->count; i++) {
        drawing.group = &report->groups[i];
        height += HEAD_HEIGHT + (double)assign_lanes(&drawing) * LANE_HEIGHT;
    }
    fprintf(stream,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
            "height=\"%.0f\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            drawing.width + LABELS_WIDTH + 2 * MARGIN + LABEL_WIDTH, height);
    write_styles(stream);
    drawing.top = MARGIN;
    for (size_t i = 0; i < report->count; i++) {
        drawing.group = &report->groups[i];
        drawing.top += HEAD_HEIGHT;
        assign_lanes(&drawing);
        draw_group(&drawing);
        drawing.top += (double)drawing.lane_count * LANE_HEIGHT;
    }
    write_legend(stream, height - MARGIN);
    fputs("</svg>\n", stream);
    return ferror(stream) ? MSK_E_IO : 0;
}
