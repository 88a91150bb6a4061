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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_control_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
