/* What a running proxy tells: events, verdicts, captures. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/virtio_net.h>

#include "base/clock.h"
#include "proxy/pcapng.h"
#include "quic/address.h"
#include "runtime/chaos_internal.h"
#include "runtime/now.h"

#define COMMENT_MAX       160
#define FLUSH_INTERVAL_NS 1000000000u /* so that recordings can be followed */

/* ---- events */

static json_t *with_head(struct msk_chaos *chaos, json_t *event)
{
    char text[MSK_TIME_TEXT_SIZE];
    struct msk_now now = msk_now();
    json_t *line = json_pack("{s:i, s:s, s:I, s:I}", "v", 1, "ts", msk_time_stamp_text(now.wall_ms, text), "mono_ms",
                             (json_int_t)now.mono_ms, "seq", (json_int_t)++chaos->seq);
    json_object_update_new(line, event);
    return line;
}

static void push(struct msk_outlet *outlet, const json_t *line, bool now)
{
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    if (text && now)
        msk_outlet_push_now(outlet, msk_bytes_of_text(text));
    else if (text)
        msk_outlet_push(outlet, msk_bytes_of_text(text));
    free(text);
}

void msk_chaos_tell(struct msk_chaos *chaos, json_t *event)
{
    json_t *line = with_head(chaos, event);
    if (chaos->events)
        push(chaos->events, line, false);
    json_decref(line);
}

static json_t *nodes_json(const struct msk_chaos *chaos)
{
    json_t *links = msk_network_links_json(chaos->network), *nodes = json_object(), *node;
    size_t i;
    json_array_foreach(json_object_get(links, "nodes"), i, node)
    {
        json_object_set_new(
            nodes, json_string_value(json_object_get(node, "name")),
            json_pack("{s:O, s:O}", "listen", json_object_get(node, "listen"), "node", json_object_get(node, "node")));
    }
    json_decref(links);
    return nodes;
}

void msk_chaos_announce(struct msk_chaos *chaos)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)chaos->config->seed);
    json_t *line = with_head(chaos, json_pack("{s:s, s:s, s:s, s:s?, s:o}", "event", "chaos_started", "mode",
                                              chaos->bridge ? "bridge" : "proxy", "seed", seed, "control",
                                              chaos->config->control_path, "nodes", nodes_json(chaos)));
    if (chaos->events && chaos->events != chaos->standard_output)
        push(chaos->events, line, false);
    push(chaos->standard_output, line, true);
    json_decref(line);
}

void msk_chaos_warn(struct msk_chaos *chaos, const char *text)
{
    char line[MSK_ERROR_TEXT_MAX + 64];
    snprintf(line, sizeof line, "%s: %s", program_invocation_short_name, text);
    msk_outlet_push(chaos->standard_error, msk_bytes_of_text(line));
}

/* ---- captures */

static void begin_capture(struct msk_chaos *chaos)
{
    msk_pcapng_section(&chaos->capture.gathered);
    for (size_t i = 0; i < chaos->network->node_count; i++)
        msk_pcapng_interface(&chaos->capture.gathered, chaos->network->nodes[i].name,
                             chaos->bridge ? MSK_PCAPNG_ETHERNET : MSK_PCAPNG_RAW_IP);
}

static void comment_on(const struct msk_chaos *chaos, const struct msk_ruled *ruled, char out[COMMENT_MAX])
{
    const struct msk_verdict *verdict = &ruled->verdict;
    snprintf(out, COMMENT_MAX, "%s > %s #%llu: %s, %.3f ms later%s%s%s", chaos->network->nodes[ruled->from].name,
             chaos->network->nodes[ruled->to].name, (unsigned long long)ruled->number, msk_fate_name(verdict->fate),
             (double)verdict->delay_ns / 1e6, verdict->reordered ? ", reordered" : "",
             verdict->duplicate ? ", twice" : "", verdict->corrupt ? ", corrupt" : "");
}

/* Nodes' own addresses, not the proxy's, so that both directions of a connection have the same two ends. */
static void capture(struct msk_chaos *chaos, const struct msk_ruled *ruled)
{
    char comment[COMMENT_MAX];
    uint64_t wall_ns = chaos->start_ns + ruled->at_ns + (uint64_t)chaos->wall_offset_ns;
    struct msk_builder packet;
    comment_on(chaos, ruled, comment);
    msk_builder_init(&packet, MSK_PACKET_MAX);
    if (chaos->bridge)
        msk_builder_append(&packet, ruled->packet.data + sizeof(struct virtio_net_hdr),
                           ruled->packet.len - sizeof(struct virtio_net_hdr));
    else
        msk_pcapng_udp(&packet, &chaos->network->nodes[ruled->from].node, &chaos->network->nodes[ruled->to].node,
                       ruled->packet);
    if (!packet.error)
        msk_pcapng_packet(&chaos->capture.gathered, (uint32_t)ruled->from, wall_ns, msk_builder_view(&packet), comment);
    msk_builder_free(&packet);
}

/* ---- recordings */

static void done(struct msk_chaos *chaos, struct msk_recorder *recorder, bool *open)
{
    struct msk_error err;
    if (!msk_recorder_done(recorder, &err))
        return;
    *open = false;
    msk_chaos_fail(chaos, &err);
}

void msk_chaos_record(void *context, const struct msk_ruled *ruled)
{
    struct msk_chaos *chaos = context;
    if (chaos->has_verdicts) {
        msk_verdict_append(&chaos->verdicts.gathered, chaos->network, ruled);
        msk_builder_byte(&chaos->verdicts.gathered, '\n');
        done(chaos, &chaos->verdicts, &chaos->has_verdicts);
    }
    if (chaos->has_capture) {
        capture(chaos, ruled);
        done(chaos, &chaos->capture, &chaos->has_capture);
    }
    if (ruled->at_ns - chaos->flushed_ns >= FLUSH_INTERVAL_NS) {
        chaos->flushed_ns = ruled->at_ns;
        msk_chaos_record_flush(chaos);
    }
}

void msk_chaos_record_flush(struct msk_chaos *chaos)
{
    struct msk_error err;
    if (chaos->has_verdicts && msk_recorder_flush(&chaos->verdicts, &err))
        msk_chaos_fail(chaos, &err);
    if (chaos->has_capture && msk_recorder_flush(&chaos->capture, &err))
        msk_chaos_fail(chaos, &err);
}

static int open_outlets(struct msk_chaos *chaos, struct msk_error *err)
{
    const char *path = chaos->config->events_path;
    int rc = msk_outlet_of_fd(&chaos->loop, STDOUT_FILENO, true, &chaos->standard_output);
    if (rc == 0)
        rc = msk_outlet_of_fd(&chaos->loop, STDERR_FILENO, false, &chaos->standard_error);
    if (rc)
        return msk_fail(err, rc, "%s", msk_error_sentence(rc));
    if (path && strcmp(path, "-") == 0)
        chaos->events = chaos->standard_output;
    else if (path)
        rc = msk_outlet_of_file(&chaos->loop, path, true, &chaos->events, err);
    return rc;
}

static int open_recordings(struct msk_chaos *chaos, struct msk_error *err)
{
    const struct msk_chaos_config *config = chaos->config;
    int rc = config->verdicts_path ? msk_recorder_open(&chaos->verdicts, config->verdicts_path, err) : 0;
    chaos->has_verdicts = config->verdicts_path && rc == 0;
    if (chaos->has_verdicts) {
        msk_verdict_header_append(&chaos->verdicts.gathered, chaos->network, config->seed);
        msk_builder_byte(&chaos->verdicts.gathered, '\n');
    }
    if (rc == 0 && config->capture_path)
        rc = msk_recorder_open(&chaos->capture, config->capture_path, err);
    chaos->has_capture = config->capture_path && rc == 0;
    if (chaos->has_capture)
        begin_capture(chaos);
    return rc;
}

int msk_chaos_record_open(struct msk_chaos *chaos, struct msk_error *err)
{
    struct msk_now now = msk_now();
    chaos->wall_offset_ns = (now.wall_ms - (int64_t)now.mono_ms) * 1000000;
    int rc = open_outlets(chaos, err);
    return rc ? rc : open_recordings(chaos, err);
}

bool msk_chaos_record_idle(const struct msk_chaos *chaos)
{
    return msk_outlet_idle(chaos->standard_output) && msk_outlet_idle(chaos->standard_error) &&
           (!chaos->events || msk_outlet_idle(chaos->events));
}

void msk_chaos_record_close(struct msk_chaos *chaos)
{
    if (chaos->events != chaos->standard_output)
        msk_outlet_free(chaos->events);
    msk_outlet_free(chaos->standard_output);
    msk_outlet_free(chaos->standard_error);
    msk_recorder_close(&chaos->verdicts);
    msk_recorder_close(&chaos->capture);
}
