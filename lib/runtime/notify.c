#include "runtime/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/unix_socket.h"

int msk_notify(const char *state, struct msk_error *err)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !path[0])
        return 0;
    struct sockaddr_un address;
    socklen_t len;
    int rc = msk_unix_address(path, &address, &len, err);
    if (rc)
        return msk_wrap(err, rc, "NOTIFY_SOCKET");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, len) < 0)
        rc = msk_fail(err, MSK_E_UNREACHABLE, "NOTIFY_SOCKET: %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

int msk_notify_ready_fd(int fd, struct msk_error *err)
{
    static const char line[] = "ready\n";
    int rc = 0;
    if (write(fd, line, sizeof line - 1) != sizeof line - 1)
        rc = msk_fail(err, MSK_E_IO, "ready descriptor %d: %s", fd, strerror(errno));
    close(fd);
    return rc;
}
