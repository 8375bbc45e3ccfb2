#include "runtime/udp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

#define ERRORS_MAX    64        /* ICMP messages looked at in one turn */
#define SOCKET_BUFFER (1 << 20) /* asked of the system, which may give less */
#define CONTROL_SIZE  256

struct msk_udp {
    uv_poll_t poll;
    int fd;
    union msk_address address;
    struct msk_udp_owner owner;
    bool wants_room;  /* a send found the socket full */
    bool no_segments; /* the system cannot split: UDP_SEGMENT failed once */
    uint8_t buffers[MSK_UDP_BATCH][MSK_UDP_DATAGRAM_MAX];
};

/* ---- receiving */

/* True if there may be more. */
static bool receive_batch(struct msk_udp *udp)
{
    union msk_address from[MSK_UDP_BATCH];
    struct iovec parts[MSK_UDP_BATCH];
    struct mmsghdr messages[MSK_UDP_BATCH];
    for (size_t i = 0; i < MSK_UDP_BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = udp->buffers[i], .iov_len = MSK_UDP_DATAGRAM_MAX};
        messages[i] = (struct mmsghdr){
            .msg_hdr = {.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &parts[i], .msg_iovlen = 1}};
    }
    int count = recvmmsg(udp->fd, messages, MSK_UDP_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        union msk_address sender;
        if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) || msk_address_from_sockaddr(&from[i].any, &sender))
            continue;
        udp->owner.datagram(udp->owner.context, &sender, MSK_BYTES(udp->buffers[i], messages[i].msg_len));
    }
    return count == MSK_UDP_BATCH;
}

static bool is_refusal(struct msghdr *message)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
        struct sock_extended_err error;
        if (at->cmsg_len < CMSG_LEN(sizeof error))
            continue;
        memcpy(&error, CMSG_DATA(at), sizeof error);
        if (error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6)
            return error.ee_errno == ECONNREFUSED;
    }
    return false;
}

/* What ICMP told about datagrams we sent. */
static void receive_errors(struct msk_udp *udp)
{
    for (int i = 0; i < ERRORS_MAX; i++) {
        union msk_address to, clean;
        _Alignas(struct cmsghdr) char control[CONTROL_SIZE];
        struct msghdr message = {
            .msg_name = &to, .msg_namelen = sizeof to, .msg_control = control, .msg_controllen = sizeof control};
        if (recvmsg(udp->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return;
        if (is_refusal(&message) && msk_address_from_sockaddr(&to.any, &clean) == 0)
            udp->owner.unreachable(udp->owner.context, &clean);
    }
}

static void on_event(uv_poll_t *poll, int status, int events);

static void watch(struct msk_udp *udp)
{
    uv_poll_start(&udp->poll, UV_READABLE | (udp->wants_room ? UV_WRITABLE : 0), on_event);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct msk_udp *udp = poll->data;
    if (status < 0) { /* libuv stops watching a socket that has errors to tell */
        int error;
        socklen_t len = sizeof error;
        getsockopt(udp->fd, SOL_SOCKET, SO_ERROR, &error, &len); /* reading it clears it */
        receive_errors(udp);
    }
    if (status < 0 || (events & UV_READABLE))
        for (int i = 0; i < MSK_UDP_BATCHES_MAX && receive_batch(udp); i++)
            ;
    if (status < 0 || (events & UV_WRITABLE)) {
        udp->wants_room = false;
        watch(udp);
    }
    udp->owner.settle(udp->owner.context);
}

/* ---- sending */

static int send_piece(struct msk_udp *udp, const union msk_address *to, struct msk_bytes data, size_t segment_len)
{
    union msk_address name = *to;
    struct iovec part = {.iov_base = (void *)data.data, .iov_len = data.len};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct msghdr message = {.msg_name = &name, .msg_namelen = msk_address_len(to), .msg_iov = &part, .msg_iovlen = 1};
    if (data.len > segment_len) {
        uint16_t segment = (uint16_t)segment_len;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_UDP;
        header->cmsg_type = UDP_SEGMENT;
        header->cmsg_len = CMSG_LEN(sizeof segment);
        memcpy(CMSG_DATA(header), &segment, sizeof segment);
    }
    int sent_errno = sendmsg(udp->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : errno;
    /* Left over from a datagram sent before; ours has not been tried yet. */
    if (sent_errno == ECONNREFUSED || sent_errno == EINTR)
        sent_errno = sendmsg(udp->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : errno;
    return sent_errno;
}

static int send_each(struct msk_udp *udp, const union msk_address *to, struct msk_bytes data, size_t segment_len)
{
    int sent_errno = 0;
    while (data.len > 0 && sent_errno == 0) {
        size_t len = data.len < segment_len ? data.len : segment_len;
        sent_errno = send_piece(udp, to, MSK_BYTES(data.data, len), len);
        data = MSK_BYTES(data.data + len, data.len - len);
    }
    return sent_errno;
}

int msk_udp_send(struct msk_udp *udp, const union msk_address *to, struct msk_bytes data, size_t segment_len)
{
    int sent_errno = udp->no_segments ? send_each(udp, to, data, segment_len) : send_piece(udp, to, data, segment_len);
    if (data.len > segment_len && !udp->no_segments && (sent_errno == EIO || sent_errno == EINVAL)) {
        udp->no_segments = true;
        sent_errno = send_each(udp, to, data, segment_len);
    }
    switch (sent_errno) {
    case EAGAIN:
        udp->wants_room = true;
        watch(udp);
        return MSK_E_LIMIT;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EACCES:
    case EINVAL:
        return MSK_E_UNREACHABLE;
    default:
        return 0; /* sent, or lost on the way: QUIC repeats */
    }
}

/* ---- the socket */

static void set_number(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value); /* wishes: the socket works without them */
}

static void set_options(int fd, bool v6)
{
    set_number(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
    set_number(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
    if (v6) {
        set_number(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        set_number(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
        set_number(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    } else {
        set_number(fd, IPPROTO_IP, IP_RECVERR, 1);
        set_number(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    }
}

static int open_socket(const union msk_address *address, int *out, union msk_address *bound, struct msk_error *err)
{
    char text[MSK_ADDRESS_TEXT_SIZE];
    socklen_t len = sizeof *bound;
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd >= 0)
        set_options(fd, address->any.sa_family == AF_INET6);
    if (fd < 0 || bind(fd, &address->any, msk_address_len(address)) != 0 || getsockname(fd, &bound->any, &len) != 0) {
        int rc = msk_fail(err, MSK_E_IO, "listen on %s: %s", msk_address_text(address, text), strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    *out = fd;
    return 0;
}

int msk_udp_new(uv_loop_t *loop, const union msk_address *address, const struct msk_udp_owner *owner,
                struct msk_udp **out, struct msk_error *err)
{
    struct msk_udp *udp = msk_calloc(1, sizeof *udp);
    if (!udp)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = open_socket(address, &udp->fd, &udp->address, err);
    if (rc) {
        msk_free(udp);
        return rc;
    }
    udp->owner = *owner;
    udp->poll.data = udp;
    int uv_rc = uv_poll_init(loop, &udp->poll, udp->fd);
    if (uv_rc) {
        close(udp->fd);
        msk_free(udp);
        return msk_fail(err, MSK_E_IO, "socket: %s", uv_strerror(uv_rc));
    }
    watch(udp);
    *out = udp;
    return 0;
}

const union msk_address *msk_udp_address(const struct msk_udp *udp)
{
    return &udp->address;
}

static void on_closed(uv_handle_t *handle)
{
    struct msk_udp *udp = handle->data;
    close(udp->fd);
    msk_free(udp);
}

void msk_udp_close(struct msk_udp *udp)
{
    if (udp)
        uv_close((uv_handle_t *)&udp->poll, on_closed);
}
