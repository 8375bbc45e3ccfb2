/* Writing JSON text (json_text.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/json_text.h"

void msk_json_write_text(struct msk_bytes text, struct msk_builder *out)
{
    static const char escaped[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    msk_builder_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        const char *place = c ? strchr(escaped, c) : NULL;
        if (place)
            msk_builder_printf(out, "\\%c", names[place - escaped]);
        else if (c < 0x20)
            msk_builder_printf(out, "\\u%04x", c);
        else
            msk_builder_byte(out, c);
    }
    msk_builder_byte(out, '"');
}

#define DIGITS_MAX 17 /* enough for every double */

/* The fewest digits that read back as the same number, and where the decimal point stands before them: 0.DIGITS *
 * 10^point. */
static size_t shortest_digits(double number, char digits[DIGITS_MAX + 1], int *point)
{
    char text[40];
    for (int precision = 0; precision < DIGITS_MAX; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, number);
        if (strtod(text, NULL) == number)
            break;
    }
    size_t count = 0;
    for (const char *p = text; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            digits[count++] = *p;
    digits[count] = 0;
    *point = atoi(strchr(text, 'e') + 1) + 1;
    while (count > 1 && digits[count - 1] == '0')
        digits[--count] = 0;
    return count;
}

static void append_zeros(struct msk_builder *out, int count)
{
    while (count-- > 0)
        msk_builder_byte(out, '0');
}

/* With a point between 10^-5 and 10^16, else with an exponent; always recognisable as no whole number. */
static void write_fraction(double number, struct msk_builder *out)
{
    char digits[DIGITS_MAX + 1];
    int point, count;
    if (number < 0 || (number == 0 && 1 / number < 0)) {
        msk_builder_byte(out, '-');
        number = -number;
    }
    count = (int)shortest_digits(number, digits, &point);
    if (number == 0) {
        msk_builder_text(out, "0.0");
    } else if (point > 16 || point <= -5) {
        msk_builder_byte(out, (uint8_t)digits[0]);
        msk_builder_printf(out, count > 1 ? ".%s" : "%s", digits + 1);
        msk_builder_printf(out, "e%+d", point - 1);
    } else if (point <= 0) {
        msk_builder_text(out, "0.");
        append_zeros(out, -point);
        msk_builder_text(out, digits);
    } else {
        msk_builder_append(out, digits, (size_t)(count < point ? count : point));
        append_zeros(out, point - count);
        msk_builder_printf(out, ".%s", count > point ? digits + point : "0");
    }
}

static void write_list(const struct msk_json *json, struct msk_builder *out)
{
    msk_builder_byte(out, '[');
    for (size_t i = 0; i < json->list.count; i++) {
        if (i > 0)
            msk_builder_byte(out, ',');
        msk_json_write(&json->list.items[i], out);
    }
    msk_builder_byte(out, ']');
}

static void write_object(const struct msk_json *json, struct msk_builder *out)
{
    msk_builder_byte(out, '{');
    for (size_t i = 0; i < json->object.count; i++) {
        if (i > 0)
            msk_builder_byte(out, ',');
        msk_json_write_text(json->object.members[i].name, out);
        msk_builder_byte(out, ':');
        msk_json_write(&json->object.members[i].value, out);
    }
    msk_builder_byte(out, '}');
}

void msk_json_write(const struct msk_json *json, struct msk_builder *out)
{
    switch (json->kind) {
    case MSK_JSON_NULL:
        return msk_builder_text(out, "null");
    case MSK_JSON_BOOL:
        return msk_builder_text(out, json->truth ? "true" : "false");
    case MSK_JSON_UNSIGNED:
        return msk_builder_printf(out, "%" PRIu64, json->number);
    case MSK_JSON_NEGATIVE:
        return msk_builder_printf(out, "%" PRId64, json->negative);
    case MSK_JSON_FRACTION:
        return write_fraction(json->fraction, out);
    case MSK_JSON_TEXT:
        return msk_json_write_text(json->text, out);
    case MSK_JSON_LIST:
        return write_list(json, out);
    case MSK_JSON_OBJECT:
        return write_object(json, out);
    }
}
