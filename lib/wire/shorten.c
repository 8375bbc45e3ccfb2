#include "wire/shorten.h"

#include <stdio.h>
#include <string.h>

#include "wire/kind.h"

struct shortening {
    size_t items_max, bytes_max;
    json_t *cuts;
    char path[MSK_PATH_MAX];
    bool failed;
};

static void shorten(struct shortening *to, const struct msk_type *type, void *value);

static void note(struct shortening *to, size_t count)
{
    if (json_array_size(to->cuts) >= MSK_CUTS_MAX)
        return;
    json_t *cut = json_pack("{s:s, s:I}", "path", to->path, "count", (json_int_t)count);
    to->failed |= json_array_append_new(to->cuts, cut) < 0;
}

/* Go on with a part of a value, with its name on the path meanwhile: a member's, or NULL for item `index`. */
static void shorten_part(struct shortening *to, const char *name, size_t index, const struct msk_type *type,
                         void *value)
{
    size_t len = strlen(to->path), left = sizeof to->path - len;
    if (name)
        snprintf(to->path + len, left, "%s%s", len ? "." : "", name);
    else
        snprintf(to->path + len, left, "[%zu]", index);
    shorten(to, type, value);
    to->path[len] = 0;
}

static void shorten_member(struct shortening *to, const struct msk_type_member *member, void *value)
{
    if (member->type)
        shorten_part(to, member->name, 0, member->type, (char *)value + member->offset);
}

static void shorten_items(struct shortening *to, const struct msk_type *element, void *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        shorten_part(to, NULL, i, element, (char *)items + i * element->size);
}

static void shorten_list(struct shortening *to, const struct msk_type *type, struct msk_list *list)
{
    if (list->count > to->items_max) {
        note(to, list->count);
        list->count = to->items_max;
    }
    shorten_items(to, type->element, list->items, list->count);
}

static bool continues_character(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

static void shorten_bytes(struct shortening *to, const struct msk_type *type, struct msk_bytes *bytes)
{
    size_t len = to->bytes_max;
    if (bytes->len <= len)
        return;
    note(to, bytes->len);
    while (type->kind == &msk_kind_text && len > 0 && continues_character(bytes->data[len]))
        len--;
    bytes->len = len;
}

static void shorten(struct shortening *to, const struct msk_type *type, void *value)
{
    const struct msk_kind *kind = type->kind;
    if (kind == &msk_kind_record || kind == &msk_kind_tuple) {
        for (size_t i = 0; i < type->member_count; i++)
            shorten_member(to, &type->members[i], value);
    } else if (kind == &msk_kind_choice) {
        shorten_member(to, &type->members[*(const uint32_t *)value], value);
    } else if (kind == &msk_kind_option) {
        if (*(const bool *)value)
            shorten(to, type->element, (char *)value + type->extent);
    } else if (kind == &msk_kind_wrapped) {
        shorten(to, type->element, value);
    } else if (kind == &msk_kind_array) {
        shorten_items(to, type->element, value, type->extent);
    } else if (kind == &msk_kind_seq || kind == &msk_kind_set || kind == &msk_kind_map) {
        shorten_list(to, type, value);
    } else if (kind == &msk_kind_bytes || kind == &msk_kind_text || kind == &msk_kind_custom_data ||
               kind == &msk_kind_relay_url) {
        shorten_bytes(to, type, value);
    }
}

bool msk_shorten(const struct msk_type *type, void *value, size_t items_max, size_t bytes_max, json_t *cuts)
{
    struct shortening to = {.items_max = items_max, .bytes_max = bytes_max, .cuts = cuts};
    shorten(&to, type, value);
    return !to.failed;
}
