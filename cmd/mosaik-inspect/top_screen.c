/* The live view. ncurses is named in this file only. */
#include <curses.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "runtime/now.h"
#include "top.h"

#define CTRL_C     3
#define HEAD_LINES 2 /* what is shown when, and the titles */
#define GAP        2 /* between columns */

enum colour { COLOUR_LEADER = 1, COLOUR_ALARM };

static volatile sig_atomic_t ended;

static void end_on_signal(int number)
{
    (void)number;
    ended = 1;
}

/* Terminals are to be left as they were found, however the program ends. */
static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = end_on_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);
}

static int start_screen(SCREEN **screen, uint64_t interval_ms, struct msk_error *err)
{
    *screen = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) ? newterm(NULL, stdout, stdin) : NULL;
    if (!*screen)
        return msk_fail(err, MSK_E_INVALID, "this is no terminal that can be drawn on\n--once prints a table");
    catch_signals();
    raw();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    timeout((int)interval_ms);
    if (has_colors()) {
        start_color();
        use_default_colors();
        init_pair(COLOUR_LEADER, COLOR_GREEN, -1);
        init_pair(COLOUR_ALARM, COLOR_RED, -1);
    }
    return 0;
}

/* ---- drawing */

static void measure(const struct top_row *rows, size_t count, int widths[TOP_COLUMNS])
{
    for (size_t column = 0; column < TOP_COLUMNS; column++) {
        widths[column] = (int)strlen(top_columns[column].title);
        for (size_t i = 0; i < count; i++) {
            int width = (int)msk_text_width(rows[i].cells[column]);
            if (width > widths[column] && !(column == 0 && rows[i].reason))
                widths[column] = width;
        }
    }
}

/* Cells beyond the right edge are left out. */
static void draw_cell(int y, int *x, int width, bool right, const char *text)
{
    int room = COLS - *x, start = right ? width - (int)msk_text_width(text) : 0;
    if (room > 0 && start < room)
        mvaddnstr(y, *x + start, text, room - start);
    *x += width + GAP;
}

static void draw_row(int y, const struct top_row *row, const int widths[TOP_COLUMNS])
{
    int x = 0;
    attr_t style = row->alarm ? COLOR_PAIR(COLOUR_ALARM) : row->leads ? COLOR_PAIR(COLOUR_LEADER) : A_NORMAL;
    attron(style);
    if (row->reason) {
        mvaddnstr(y, 0, row->cells[0], COLS);
        if (COLS - getcurx(stdscr) > GAP)
            mvaddnstr(y, getcurx(stdscr) + GAP, row->reason, COLS - getcurx(stdscr) - GAP);
    }
    for (size_t column = 0; !row->reason && column < TOP_COLUMNS; column++)
        draw_cell(y, &x, widths[column], top_columns[column].right, row->cells[column]);
    attroff(style);
}

static void draw(const struct top_row *rows, size_t count, size_t nodes, size_t first)
{
    char head[128], time[MSK_TIME_TEXT_SIZE];
    int widths[TOP_COLUMNS], x = 0;
    measure(rows, count, widths);
    erase();
    snprintf(head, sizeof head, "%s  %zu node%s   q: quit   up, down: scroll",
             msk_time_ms_text(msk_now().wall_ms / 1000 * 1000, time), nodes, nodes == 1 ? "" : "s");
    mvaddnstr(0, 0, head, COLS);
    attron(A_BOLD);
    for (size_t column = 0; column < TOP_COLUMNS; column++)
        draw_cell(1, &x, widths[column], top_columns[column].right, top_columns[column].title);
    attroff(A_BOLD);
    for (size_t i = first; i < count && (int)(i - first) + HEAD_LINES < LINES; i++)
        draw_row((int)(i - first) + HEAD_LINES, &rows[i], widths);
    refresh();
}

/* ---- the loop */

static bool is_end(int key)
{
    return ended || key == 'q' || key == 'Q' || key == CTRL_C;
}

static void scroll_view(int key, size_t count, size_t *first)
{
    if (key == KEY_UP && *first > 0)
        --*first;
    if (key == KEY_DOWN && *first + 1 < count)
        ++*first;
    if (*first >= count)
        *first = 0;
}

static void watch(struct top_node *nodes, size_t count, struct top_row *rows)
{
    size_t first = 0;
    int key = ERR;
    while (!is_end(key)) {
        for (size_t i = 0; key == ERR && i < count; i++) /* no key: the interval is over */
            top_poll(&nodes[i], msk_now().mono_ms);
        size_t used = top_rows(nodes, count, msk_now().wall_ms, rows, TOP_ROWS_MAX);
        scroll_view(key, used, &first);
        draw(rows, used, count, first);
        key = getch();
    }
}

int top_watch(struct top_node *nodes, size_t count, uint64_t interval_ms, struct msk_error *err)
{
    struct top_row *rows = msk_calloc(TOP_ROWS_MAX, sizeof *rows);
    SCREEN *screen;
    if (!rows)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = start_screen(&screen, interval_ms, err);
    if (rc == 0) {
        watch(nodes, count, rows);
        endwin();
        delscreen(screen);
    }
    msk_free(rows);
    return rc;
}
