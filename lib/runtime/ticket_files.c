#include "runtime/ticket_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "crypto/identity.h"
#include "crypto/jwt.h"

#define READ_SIZE 4096

int msk_ticket_files_init(struct msk_ticket_files *tickets, const char *const *paths, size_t count,
                          struct msk_error *err)
{
    if (count > MSK_TICKET_FILES_MAX)
        return msk_fail(err, MSK_E_INVALID, "more than %d ticket files", MSK_TICKET_FILES_MAX);
    tickets->count = count;
    for (size_t i = 0; i < count; i++)
        tickets->files[i] = (struct msk_ticket_file){.path = paths[i]};
    return 0;
}

static int read_file(const char *path, struct msk_builder *out, struct msk_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not stop the node */
    if (fd < 0)
        return msk_fail(err, MSK_E_IO, "%s", strerror(errno));
    uint8_t buffer[READ_SIZE];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0 && !out->error)
        msk_builder_append(out, buffer, (size_t)n);
    int rc = n < 0 ? msk_fail(err, MSK_E_IO, "%s", strerror(errno)) : 0;
    close(fd);
    if (rc == 0 && out->error)
        rc = msk_fail(err, out->error, "%s", msk_error_sentence(out->error));
    return rc;
}

int msk_ticket_present(struct msk_node *node, struct msk_now now, struct msk_bytes text, struct msk_digest *id,
                       struct msk_actions *out, struct msk_error *err)
{
    struct msk_builder memory;
    struct msk_ticket ticket;
    msk_builder_init(&memory, MSK_JWT_TOKEN_MAX);
    int rc = msk_ticket_of_text(text, &memory, &ticket, err);
    if (rc == 0) {
        *id = msk_ticket_id(&ticket.class_id, ticket.data);
        rc = msk_node_ticket_add(node, now, &ticket, out);
        if (rc < 0)
            msk_fail(err, rc, "%s", msk_error_sentence(rc));
    }
    msk_builder_free(&memory);
    return rc;
}

/* Whether another file holds it too. */
static bool is_elsewhere(const struct msk_ticket_files *tickets, size_t index, const struct msk_digest *id)
{
    for (size_t i = 0; i < tickets->count; i++)
        if (i != index && tickets->files[i].present && msk_digest_equal(&tickets->files[i].id, id))
            return true;
    return false;
}

int msk_ticket_file_read(struct msk_ticket_files *tickets, size_t index, struct msk_node *node, struct msk_now now,
                         struct msk_actions *out, struct msk_error *err)
{
    struct msk_ticket_file *file = &tickets->files[index], old = *file;
    struct msk_builder text;
    msk_builder_init(&text, MSK_JWT_TOKEN_MAX);
    int rc = read_file(file->path, &text, err);
    if (rc == 0)
        rc = msk_ticket_present(node, now, msk_builder_view(&text), &file->id, out, err);
    msk_builder_free(&text);
    if (rc) {
        *file = old;
        return msk_wrap(err, rc, "ticket %s", file->path);
    }
    file->present = true;
    if (old.present && !msk_digest_equal(&old.id, &file->id) && !is_elsewhere(tickets, index, &old.id))
        msk_node_ticket_remove(node, now, &old.id, out);
    return 0;
}
