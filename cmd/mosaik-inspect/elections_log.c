/* What is gathered of all files: lists that grow, texts, notes. */
#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "elections.h"

void *elections_grow(void *items, size_t count, size_t size, size_t max)
{
    char *grown = items;
    if (count >= max)
        return NULL;
    if ((count & (count - 1)) == 0) /* the room doubles whenever it is full: at 0 and at each power of two */
        grown = msk_realloc(items, (count ? 2 * count : 1) * size);
    if (grown)
        memset(grown + count * size, 0, size);
    return grown;
}

const char *elections_text(struct elections_log *log, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return msk_arena_copy(&log->arena, text, strlen(text));
}

static int add_note(struct elections_log *log, const char *text)
{
    const char **notes = text ? elections_grow(log->notes, log->note_count, sizeof *notes, ELECTIONS_LIST_MAX) : NULL;
    if (!notes)
        return MSK_E_NOMEM;
    log->notes = notes;
    notes[log->note_count++] = text;
    return 0;
}

int elections_note(struct elections_log *log, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return add_note(log, elections_text(log, "%s", text));
}

void elections_log_free(struct elections_log *log)
{
    msk_free(log->events);
    msk_free(log->runs);
    msk_free(log->nodes);
    msk_free(log->groups);
    msk_free(log->notes);
    msk_arena_free(&log->arena);
    *log = (struct elections_log){0};
}
