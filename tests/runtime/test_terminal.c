/* What is shown on a terminal does not steer it: control characters of names appear as what they are. */
#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shown), cmocka_unit_test(test_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
