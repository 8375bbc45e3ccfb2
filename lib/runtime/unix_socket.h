/* unix_socket.h: sockets in the file system: their addresses, and whether somebody listens. */
#ifndef MSK_RUNTIME_UNIX_SOCKET_H
#define MSK_RUNTIME_UNIX_SOCKET_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

/* The address of `path`; a leading '@' means the abstract namespace. MSK_E_INVALID: too long, or empty. */
int msk_unix_address(const char *path, struct sockaddr_un *out, socklen_t *len, struct msk_error *err);

/* A connected stream socket, the caller's. MSK_E_INVALID, MSK_E_UNREACHABLE (with what to do about it). */
int msk_unix_connect(const char *path, int *fd, struct msk_error *err);

/* A listening stream socket at `path` with mode 0600, the caller's. A socket without a listener is replaced.
 * MSK_E_INVALID, MSK_E_REFUSED (in use, or not a socket), MSK_E_IO. */
int msk_unix_listen(const char *path, int *fd, struct msk_error *err);

#endif
