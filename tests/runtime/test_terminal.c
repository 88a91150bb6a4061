/* What is shown on a terminal does not steer it: control characters of names appear as what they are. */
#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void test_shown(void **state) {
    (void)state;
    char out[64], small[8];
    assert_string_equal(vt_show_name("cat", out, sizeof out), "cat");
    assert_string_equal(vt_show_name("\033[31mred\007", out, sizeof out), "\\x1b[31mred\\x07");
    assert_string_equal(vt_show_name("a\nb\tc\rd\177", out, sizeof out), "a\\nb\\tc\\rd\\x7f");
    assert_string_equal(vt_show_text("a\nb\tc\rd", out, sizeof out), "a\nb\tc\\rd");
    assert_string_equal(vt_show_name("\xc2\x9b"
                                     "2J",
                                     out, sizeof out),
                        "\\x9b2J"); /* CSI as one C1 code */
    assert_string_equal(vt_show_name("caf\xc3\xa9 \xc2\xa0 \xff", out, sizeof out),
                        "caf\xc3\xa9 \xc2\xa0 \xff");
    assert_string_equal(vt_show_name("", out, sizeof out), "");
    assert_true(strlen(vt_show_name("\033\033\033\033\033\033", small, sizeof small)) < sizeof small);
}

static void test_error(void **state) {
    (void)state;
    VtError error = {0};
    vt_fail(&error, 2, "cannot read '%s':\n%s", "\033]0;title\007", "twice");
    assert_string_equal(error.message, "cannot read '\\x1b]0;title\\x07':\ntwice");
    vt_fail(&error, 2, "again: %s", error.message); /* the message that was there */
    assert_string_equal(error.message, "again: cannot read '\\x1b]0;title\\x07':\ntwice");
}

/* What a terminal of 90 columns is taken for, under these variables; NULL: unset. */
static VtTerminal seen(FILE *file, const char *term, const char *columns, const char *no_colour) {
    const char *const names[] = {"TERM", "COLUMNS", "NO_COLOR"}, *values[] = {term, columns, no_colour};
    for (int i = 0; i < 3; i++) {
        if (values[i])
            setenv(names[i], values[i], 1);
        else
            unsetenv(names[i]);
    }
    return vt_terminal(file);
}

static void test_terminal(void **state) {
    (void)state;
    int master, slave;
    struct winsize size = {.ws_col = 90, .ws_row = 20};
    if (openpty(&master, &slave, NULL, NULL, &size) != 0) skip();
    FILE *screen = fdopen(slave, "w"), *file = tmpfile();
    VtTerminal t = seen(screen, "xterm", NULL, NULL);
    assert_true(t.terminal && t.colour && t.width == 90);
    t = seen(screen, "xterm", "50", "1");
    assert_true(t.terminal && !t.colour && t.width == 50);
    assert_true(seen(screen, "xterm", "3", "").colour);
    assert_int_equal(seen(screen, "xterm", "3", "").width, 20);
    assert_int_equal(seen(screen, "xterm", "wide", NULL).width, 90);
    assert_false(seen(screen, "dumb", NULL, NULL).terminal);
    assert_false(seen(screen, NULL, NULL, NULL).colour);
    t = seen(file, "xterm", NULL, NULL);
    assert_true(!t.terminal && !t.colour && t.width == 80);
    fclose(screen);
    fclose(file);
    close(master);
}

static void test_wrap(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int column, indent, width;
        const char *want;
        int ends;
    } rows[] = {
        {"one two three", 0, 2, 8, "one two\n  three", 7},
        {"one two three", 6, 2, 8, "one\n  two\n  three", 7}, /* the first word stays where it is asked for */
        {"wonderful  x ", 0, 0, 4, "wonderful\nx", 1},
        {"é… é…", 0, 0, 5, "é… é…", 5},
        {"", 3, 0, 5, "", 3},
        {"a b\u00a0c", 0, 1, 4, "a\n b c", 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        assert_int_equal(vt_wrap(out, rows[i].text, rows[i].column, rows[i].indent, rows[i].width),
                         rows[i].ends);
        fclose(out);
        assert_string_equal(text, rows[i].want);
        free(text);
    }
    assert_int_equal(vt_columns("é…x"), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_terminal), cmocka_unit_test(test_wrap),
                                       cmocka_unit_test(test_shown), cmocka_unit_test(test_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
