/* Diagnostics as they reach a terminal. */
#include "ir/base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

/* Names of files and of what is in them may hold anything: nothing of it commands the terminal. */
static void test_control_characters(void **state) {
    (void)state;
    static const char source[] = "a \x1b[31m b \xc2\x9b c \xc3\xa9 d\n";
    static const struct {
        const char *message, *shown;
    } cases[] = {
        {"no name '\x1b]0;title\x07'", "error: no name '\\x1b]0;title\\x07'\n"},
        {"tab \t, return \r, delete \x7f", "error: tab \\x09, return \\x0d, delete \\x7f\n"},
        {"two\nlines", "error: two\nlines\n"},
        {"CSI as one character \xc2\x9b", "error: CSI as one character \\xc2\\x9b\n"},
        {"words of UTF-8: \xc3\xa9\xc2\xb5\xe2\x80\xa6",
         "error: words of UTF-8: \xc3\xa9\xc2\xb5\xe2\x80\xa6\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        diag_error(diags, (Loc){0, 0, 0}, "%s", cases[i].message);
        assert_string_equal(diags_text(diags), cases[i].shown);
        arena_free(arena);
    }
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    uint32_t file = diags_add_source(diags, "x\x1b.yaml", source, strlen(source));
    diag_error(diags, (Loc){file, 1, 3}, "bad");
    assert_string_equal(diags_text(diags),
                        "x\\x1b.yaml:1:3: error: bad\n  a  [31m b   c \xc3\xa9 d\n    ^\n");
    arena_free(arena);
}

/* Warnings stop nothing until they are made errors, stand among the errors in order, and take no room from them. */
static void test_warnings(void **state) {
    (void)state;
    enum { MANY = 300, MOST = 100 };
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    diag_warning(diags, (Loc){0, 0, 0}, "view '%s' is used nowhere", "x");
    diag_note(diags, (Loc){0, 0, 0}, "made here");
    diag_warning(diags, (Loc){0, 0, 0}, "view 'x' is used nowhere");
    assert_int_equal(diags_errors(diags), 0);
    assert_int_equal(diags_warnings(diags), 1);
    diag_error(diags, (Loc){0, 0, 0}, "wrong");
    assert_string_equal(diags_text(diags),
                        "warning: view 'x' is used nowhere\nnote: made here\nerror: wrong\n");
    diags_make_warnings_errors(diags);
    assert_int_equal(diags_errors(diags), 2);
    assert_int_equal(diags_warnings(diags), 0);
    assert_string_equal(diags_text(diags),
                        "error: view 'x' is used nowhere\nnote: made here\nerror: wrong\n");
    for (int i = 0; i < MANY; i++) diag_warning(diags, (Loc){0, 0, 0}, "warning %d", i);
    assert_int_equal(diags_warnings(diags), MOST);
    diag_error(diags, (Loc){0, 0, 0}, "wrong again");
    DiagKind kind;
    assert_string_equal(diags_message(diags, diags_count(diags) - 1, &kind, NULL), "wrong again");
    diags_ignore_warnings(diags);
    int count = diags_count(diags);
    diag_warning(diags, (Loc){0, 0, 0}, "ignored");
    diag_note(diags, (Loc){0, 0, 0}, "with it");
    assert_int_equal(diags_count(diags), count);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_control_characters),
                                       cmocka_unit_test(test_warnings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
