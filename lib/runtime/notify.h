/* notify.h: telling those who started us that we are ready: the service manager's datagram socket, or a descriptor. */
#ifndef MSK_RUNTIME_NOTIFY_H
#define MSK_RUNTIME_NOTIFY_H

#include "base/error.h"

/* Send `state` ("READY=1", "STOPPING=1", ...) to the socket named by NOTIFY_SOCKET; nothing where that is unset. Of an
 * unusable socket it says so: MSK_E_INVALID, MSK_E_UNREACHABLE. */
int msk_notify(const char *state, struct msk_error *err);

/* Write one line to the descriptor and close it. MSK_E_IO. */
int msk_notify_ready_fd(int fd, struct msk_error *err);

#endif
