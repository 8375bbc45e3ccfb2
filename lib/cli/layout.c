#include "cli/layout.h"

#include <stdarg.h>
#include <string.h>

#include "base/assert.h"
#include "cli/visible.h"

#define CELL_MAX   4096
#define COLUMN_GAP 2

size_t msk_text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void pad(FILE *stream, size_t spaces)
{
    fprintf(stream, "%*s", (int)spaces, "");
}

void msk_wrap_text(FILE *stream, const char *text, size_t column, size_t indent)
{
    bool at_start = true;
    while (*text) {
        size_t len = strcspn(text, " \n");
        char word[CELL_MAX];
        snprintf(word, sizeof word, "%.*s", (int)len, text);
        size_t width = msk_text_width(word);
        if (!at_start && column + 1 + width >= MSK_LAYOUT_WIDTH) {
            fputc('\n', stream);
            pad(stream, indent);
            column = indent;
        } else if (!at_start) {
            fputc(' ', stream);
            column++;
        }
        fputs(word, stream);
        column += width;
        at_start = false;
        text += len;
        if (*text == '\n') {
            fputc('\n', stream);
            pad(stream, text[1] && text[1] != '\n' ? indent : 0);
            column = indent;
            at_start = true;
        }
        text += *text != 0;
    }
    if (!at_start)
        fputc('\n', stream);
}

void msk_table_init(struct msk_table *table, const struct msk_column *columns, size_t column_count)
{
    msk_assert(column_count > 0 && column_count <= MSK_TABLE_COLUMNS_MAX);
    *table = (struct msk_table){.columns = columns, .column_count = column_count};
    msk_builder_init(&table->cells, MSK_TABLE_MEMORY);
}

void msk_table_cell(struct msk_table *table, const char *format, ...)
{
    char cell[CELL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(cell, sizeof cell, format, args);
    va_end(args);
    msk_visible_append(&table->cells, msk_bytes_of_text(cell));
    msk_builder_byte(&table->cells, 0);
    table->cell_count++;
}

static void print_cell(FILE *stream, const char *text, size_t width, bool right, bool last)
{
    size_t fill = width - msk_text_width(text);
    if (right)
        pad(stream, fill);
    fputs(text, stream);
    if (!last)
        pad(stream, COLUMN_GAP + (right ? 0 : fill));
}

static void measure(const struct msk_table *table, size_t *widths)
{
    const char *cell = (const char *)table->cells.data;
    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = table->columns[0].title ? msk_text_width(table->columns[i].title) : 0;
    for (size_t i = 0; i < table->cell_count; i++, cell += strlen(cell) + 1) {
        size_t *width = &widths[i % table->column_count], needed = msk_text_width(cell);
        *width = needed > *width ? needed : *width;
    }
}

int msk_table_print(struct msk_table *table, const struct msk_output *out)
{
    int rc = table->cells.error;
    size_t widths[MSK_TABLE_COLUMNS_MAX], columns = table->column_count;
    msk_assert(table->cell_count % columns == 0);
    if (rc == 0) {
        measure(table, widths);
        if (table->columns[0].title) {
            fputs(msk_style(out, MSK_STYLE_BOLD), out->stream);
            for (size_t i = 0; i < columns; i++)
                print_cell(out->stream, table->columns[i].title, widths[i], table->columns[i].right, i + 1 == columns);
            fprintf(out->stream, "%s\n", msk_style(out, MSK_STYLE_PLAIN));
        }
        const char *cell = (const char *)table->cells.data;
        for (size_t i = 0; i < table->cell_count; i++, cell += strlen(cell) + 1) {
            size_t column = i % columns;
            bool last = column + 1 == columns;
            print_cell(out->stream, cell, widths[column], table->columns[column].right, last);
            if (last)
                fputc('\n', out->stream);
        }
    }
    msk_builder_free(&table->cells);
    return rc;
}
