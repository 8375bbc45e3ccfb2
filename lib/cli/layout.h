/* layout.h: text for people: wrapped paragraphs and aligned tables. */
#ifndef MSK_CLI_LAYOUT_H
#define MSK_CLI_LAYOUT_H

#include <stdio.h>

#include "base/bytes.h"
#include "cli/output.h"

#define MSK_LAYOUT_WIDTH 80

/* Columns that a text takes on a terminal: its characters, ASCII and UTF-8 alike. */
size_t msk_text_width(const char *text);

/* Write `text` broken between words so that lines end before column MSK_LAYOUT_WIDTH. The first line begins at column
 * `column`, further ones at `indent`; a line feed in `text` begins a new line. Ends with a line feed. */
void msk_wrap_text(FILE *stream, const char *text, size_t column, size_t indent);

#define MSK_TABLE_COLUMNS_MAX 16
#define MSK_TABLE_MEMORY      (64u << 20)

struct msk_column {
    const char *title;
    bool right; /* numbers stand below each other by their last digit */
};

/* Cells are given row by row; the table is printed once all widths are known. Errors stick until msk_table_print. */
struct msk_table {
    const struct msk_column *columns;
    size_t column_count, cell_count;
    struct msk_builder cells; /* texts, each with its zero */
};

void msk_table_init(struct msk_table *table, const struct msk_column *columns, size_t column_count);

/* The next cell; whatever is no printable character in it is shown as \xNN. */
void msk_table_cell(struct msk_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Print with a line of titles, or without where the first title is NULL; frees the table. 0, MSK_E_NOMEM or
 * MSK_E_LIMIT. */
int msk_table_print(struct msk_table *table, const struct msk_output *out);

#endif
