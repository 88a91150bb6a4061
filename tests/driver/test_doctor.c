/* vitc doctor: what it tells, and what it finds wrong. Peaks are measured, so it takes a second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With `before`, words of the environment, before the command. */
static char *doctor(const char *before, const char *arguments, int *code) {
    static char text[1 << 16];
    char command[2048];
    snprintf(command, sizeof command, "env %s %s doctor %s 2>&1 </dev/null", before, VITC_BINARY, arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(text, 1, sizeof text - 1, pipe);
    text[n] = '\0';
    *code = WEXITSTATUS(pclose(pipe));
    return text;
}

#define HOLDS(text, word)                                                                                    \
    if (!strstr(text, word)) fail_msg("no \"%s\" in\n%s", word, text)

/* The number behind a word, which must be there. */
static double number_after(const char *text, const char *word) {
    HOLDS(text, word);
    return strtod(strstr(text, word) + strlen(word), NULL);
}

static void test_all_is_well(void **state) {
    (void)state;
    int code;
    char *text = doctor("VITC_CACHE=off", "", &code);
    static const char *const words[] = {"vitc ",
                                        ", LLVM 1",
                                        ", build ",
                                        "\nmachine\n",
                                        "\n  cores          ",
                                        "\n  caches         ",
                                        "\n  memory         ",
                                        "\n  features       ",
                                        "\n  VITC_CACHE=off\n",
                                        "\ntargets\n  native         ",
                                        "\n  amx-model      runs here; never native\n",
                                        "\nmicro-kernels, as compiled here\n",
                                        "\nsurroundings\n  models         ",
                                        "\n  cache          off\n",
                                        "runtime archives",
                                        "\nnothing is wrong\n"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) HOLDS(text, words[i]);
    assert_int_equal(code, 0);
    assert_true(number_after(text, "\n  fp32           ") > 0.01);
    assert_true(number_after(text, "GB/s read on one core, ") > 0.01 || strstr(text, "threads        1\n"));
}

static void test_one_target(void **state) {
    (void)state;
    int code;
    char *text = doctor("VITC_CPU_WITHOUT=sse3,neon", "--target amx-model --threads 1", &code);
    assert_int_equal(code, 0);
    HOLDS(text, "\npeaks of amx-model\n");
    HOLDS(text, "\n  bf16           ");
    HOLDS(text, "\n  VITC_CPU_WITHOUT=sse3,neon\n");
    assert_null(strstr(text, "agree with plain C\n  x86-64"));
    text = doctor("VITC_CPU_WITHOUT=sse3,neon", "--target foo", &code);
    assert_int_equal(code, 2);
    HOLDS(text, "vitc: unknown target 'foo'");
    text = doctor("VITC_CPU_WITHOUT=sse3,neon", "quickstart", &code);
    assert_int_equal(code, 2);
#ifdef __x86_64__
    text = doctor("VITC_CPU_WITHOUT=sse3", "--target x86-64-v2", &code);
    assert_int_equal(code, 2);
    HOLDS(text, "target 'x86-64-v2' does not run here: this machine lacks sse3");
#endif
}

/* What is not there is named, with what to do. */
static void test_missing(void **state) {
    (void)state;
    int code;
    char *text = doctor(
        "-u CC -u VITC_CACHE VITC_MODELS=/nowhere VITC_LIB=/nowhere VITC_CACHE_LIMIT=much PATH=/nowhere",
        "--target amx-model", &code);
    assert_int_equal(code, 1);
    HOLDS(text, "\nmissing\n");
    HOLDS(text, "vitc build has no runtime archives for ");
    HOLDS(text, "there is no compiler for aarch64: install Debian's package ");
    HOLDS(text, "\nwrong\n  the models are not in '/nowhere': VITC_MODELS names another folder\n");
    HOLDS(text, "VITC_CACHE_LIMIT is no number of bytes");
    assert_null(strstr(text, "nothing is wrong"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_well),
        cmocka_unit_test(test_one_target),
        cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
