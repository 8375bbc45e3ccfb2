/* Load for a UDP forwarder, and a minimal one to compare with.
 *
 *   udp_load forward LISTEN-PORT TO-PORT DELAY-US   what comes in goes out, that much later: the least there is to do
 *   udp_load measure FROM-PORT TO-PORT VIA-PORT SECONDS WINDOW
 *
 * `measure` sends from one port of 127.0.0.1 through another to a third, at most WINDOW datagrams under way, then one
 * at a time, and prints {"passed":N,"per_second":N,"p50_us":N,"p99_us":N}. A forwarder with a delay bears only the
 * latter.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LEN         1200
#define BATCH       32
#define PINGS       5000
#define PATIENCE_MS 40 /* what has not arrived by then is lost */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct sockaddr_in local(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int open_port(const char *port)
{
    struct sockaddr_in address = local(port);
    int size = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        perror(port);
        exit(1);
    }
    return fd;
}

static void wait_ns(uint64_t delay_ns)
{
    uint64_t until_ns = now_ns() + delay_ns;
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u), .tv_nsec = (long)(until_ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void forward(const char *listen_port, const char *to_port, uint64_t delay_ns)
{
    char datagram[65536];
    struct sockaddr_in to = local(to_port);
    int fd = open_port(listen_port);
    puts("ready");
    fflush(stdout);
    for (;;) {
        ssize_t len = recv(fd, datagram, sizeof datagram, 0);
        if (delay_ns)
            wait_ns(delay_ns);
        if (len >= 0)
            sendto(fd, datagram, (size_t)len, 0, (struct sockaddr *)&to, sizeof to);
    }
}

struct path {
    int from, to; /* sockets */
    struct sockaddr_in via;
};

static void send_batch(const struct path *path)
{
    static char data[LEN];
    static struct mmsghdr messages[BATCH];
    struct iovec part = {.iov_base = data, .iov_len = sizeof data};
    for (int i = 0; i < BATCH; i++)
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = (void *)&path->via, .msg_namelen = sizeof path->via, .msg_iov = &part, .msg_iovlen = 1};
    sendmmsg(path->from, messages, BATCH, 0);
}

/* How many have arrived; waits for one at most PATIENCE_MS. */
static int receive_batch(const struct path *path, int timeout_ms)
{
    static char data[LEN];
    static struct mmsghdr messages[4 * BATCH];
    struct iovec part = {.iov_base = data, .iov_len = sizeof data};
    struct pollfd ready = {.fd = path->to, .events = POLLIN};
    if (poll(&ready, 1, timeout_ms) <= 0)
        return 0;
    for (int i = 0; i < 4 * BATCH; i++)
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
    int count = recvmmsg(path->to, messages, 4 * BATCH, MSG_DONTWAIT, NULL);
    return count > 0 ? count : 0;
}

/* Datagrams each second, and how many in all. */
static double throughput(const struct path *path, double seconds, long window, uint64_t *all)
{
    uint64_t begin_ns = now_ns(), end_ns = begin_ns + (uint64_t)(seconds * 1e9), passed = 0;
    long under_way = 0;
    while (now_ns() < end_ns) {
        bool room = under_way + BATCH <= window;
        if (room) {
            send_batch(path);
            under_way += BATCH;
        }
        int count = receive_batch(path, room ? 0 : PATIENCE_MS);
        passed += (uint64_t)count;
        under_way = count == 0 && !room ? 0 : under_way > count ? under_way - count : 0;
    }
    double took = (double)(now_ns() - begin_ns) / 1e9;
    *all = passed;
    for (int count; (count = receive_batch(path, PATIENCE_MS)) > 0;)
        *all += (uint64_t)count;
    return (double)passed / took;
}

static int by_size(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static size_t latencies(const struct path *path, double *us)
{
    size_t count = 0;
    for (int i = 0; i < PINGS; i++) {
        char data[LEN] = {0};
        struct pollfd ready = {.fd = path->to, .events = POLLIN};
        uint64_t sent_ns = now_ns();
        sendto(path->from, data, sizeof data, 0, (const struct sockaddr *)&path->via, sizeof path->via);
        if (poll(&ready, 1, PATIENCE_MS) > 0 && recv(path->to, data, sizeof data, 0) > 0)
            us[count++] = (double)(now_ns() - sent_ns) / 1e3;
        if (now_ns() - sent_ns > 5000000)
            i += PINGS / 200; /* a slow path: fewer will do */
    }
    qsort(us, count, sizeof *us, by_size);
    return count;
}

int main(int argc, char **argv)
{
    static double us[PINGS];
    if (argc == 5 && strcmp(argv[1], "forward") == 0)
        forward(argv[2], argv[3], (uint64_t)atol(argv[4]) * 1000);
    if (argc != 7 || strcmp(argv[1], "measure") != 0) {
        fputs("usage: udp_load forward LISTEN TO DELAY | udp_load measure FROM TO VIA SECONDS WINDOW\n", stderr);
        return 2;
    }
    struct path path = {.from = open_port(argv[2]), .to = open_port(argv[3]), .via = local(argv[4])};
    uint64_t passed;
    double per_second = throughput(&path, atof(argv[5]), atol(argv[6]), &passed);
    size_t count = latencies(&path, us);
    printf("{\"passed\":%llu,\"per_second\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           (unsigned long long)(passed + count), per_second, count ? us[count / 2] : 0,
           count ? us[count * 99 / 100] : 0);
    return 0;
}
