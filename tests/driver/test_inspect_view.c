/* vitc inspect as a user meets it: what is refused and how, text that goes on into `opt`, terminals and pagers. */
#include "tests/driver/folder.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECIPE "mae preset=tiny batch=2 depth=2"

/* What a shell command prints, both streams; malloc'ed. Its exit code in *code. */
static char *ran(int *code, const char *command) {
    char all[4096], *text = NULL;
    size_t size = 0;
    snprintf(all, sizeof all, "cd %s && { %s; } 2>&1", folder, command);
    FILE *pipe = popen(all, "r"), *out = open_memstream(&text, &size);
    assert_non_null(pipe);
    for (int c; (c = fgetc(pipe)) != EOF;) fputc(c, out);
    fclose(out);
    int status = pclose(pipe);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return text;
}

static void assert_said(int code, const char *words, const char *arguments) {
    char command[2048];
    int got;
    snprintf(command, sizeof command, "%s inspect %s", VITC_BINARY, arguments);
    char *text = ran(&got, command);
    if (got != code || !strstr(text, words))
        fail_msg("'%s' ended with %d and said: %.2000s", arguments, got, text);
    free(text);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *words;
    } cases[] = {
        {"--after fuze", "--after: no pass 'fuze'; did you mean 'fuse'?"},
        {"--before simplify.3", "--before: no pass 'simplify.3'; did you mean 'simplify.1'?"},
        {"--diff zzzzzzzz", "--diff: no pass 'zzzzzzzz'; there are frontend, simplify.1, "},
        {"--before frontend", "nothing is before it"},
        {"--diff frontend", "nothing is before it"},
        {"--after fuse --before memory", "--after and --before name two stages"},
        {"--function stepp", "has no function 'stepp'; did you mean 'step'?"},
        {"--function zzzzzzzz", "has no function 'zzzzzzzz'; it has "},
        {"--only encoder.blocks.7",
         "--only: no module is 'encoder.blocks.7'; did you mean 'encoder.blocks.0'?"},
        {"--only 'student.*'", "no module is 'student'; there are encoder, decoder, and those in them"},
        {"--only ''", "--only: "},
        {"--cost -o x", "vitc: -o does not go with --cost"},
        {"--states trianed", "did you mean 'trained'?"},
        {"--states some", "trained, all, none, param"},
        {"--full --only 'encoder.*'", "--full is all of it"},
        {"--passes --only 'encoder.*'", "--only does not go with --passes"},
        {"--cost --function all", "--function all: --cost shows one function"},
        {"--explain loss --function all", "--function all: --explain shows one function"},
        {"--against quickstart --function all", "--function all: --against shows one function"},
        {"--diff fuse --passes", "show two things"},
        {"--format=jsn", "did you mean 'json'?"},
        {"--format=zzz", "text, json, html"},
        {"--passes --format=html", "there are text, json"},
        {"--fulll", "did you mean --full?"},
        {"--passes=3", "takes no value"},
        {"--diff", "--diff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char arguments[512];
        snprintf(arguments, sizeof arguments, RECIPE " %s", cases[i].arguments);
        assert_said(2, cases[i].words, arguments);
    }
}

static void test_views(void **state) {
    (void)state;
    assert_said(0, "// ==== gradient ====", RECIPE);
    assert_said(0, "// mae @step after simplify.1: ", RECIPE " --after simplify.1");
    assert_said(0, "// mae @step after the frontend, before any pass: ", RECIPE " --before simplify.1");
    assert_said(0, "// mae @embed after all passes: ", RECIPE " --function embed");
    assert_said(0, "  func @init(", RECIPE " --function all");
    assert_said(0, "  state %encoder.blocks.1.norm1.bias : f32[48]",
                RECIPE " --only encoder.blocks.1.norm1 --states=param");
    assert_said(0, "+++ mae after barriers: ", RECIPE " --diff=barriers");
    assert_said(0, "also changed: @embed", RECIPE " --diff=fuse");
    assert_said(0, "passes in ", RECIPE " --passes");
    assert_said(0, "FLOPs are of @step", RECIPE " --passes");
    assert_said(0, " as written: ", RECIPE);
}

/* Text goes on into opt, and ends as the command alone does. */
static void test_pipes(void **state) {
    (void)state;
    int code;
    char *text = ran(
        &code,
        "V=" VITC_BINARY "; R='" RECIPE "'\n"
        "$V inspect $R --full >all &&\n"
        "$V inspect $R --full --before=fuse |\n"
        "  $V opt --passes fuse,precision,schedule,remat,prologue,chain,memory,barriers - | wc -l >some &&\n"
        "$V inspect $R --full --function step | $V opt - >step &&\n"
        "$V inspect $R --states=all --function=all | cmp - all &&\n"
        "wc -l <all | cmp - some && echo the same");
    if (code != 0 || strcmp(text, "the same\n") != 0) fail_msg("ended with %d and said: %.2000s", code, text);
    free(text);
    text = ran(&code, VITC_BINARY " inspect " RECIPE " | " VITC_BINARY " opt -");
    assert_int_equal(code, 2);
    assert_string_equal(
        text, "vitc: '-' is a view, which leaves things out: inspect --full prints what opt reads\n");
    free(text);
    text = ran(&code, VITC_BINARY " inspect " RECIPE " | head -n 1");
    assert_true(strncmp(text, "// mae @step after all passes", 29) == 0);
    assert_string_equal(strchr(text, '\n'), "\n");
    free(text);
}

/* ---- terminals --------------------------------------------------------------------------------------------------- */

/* What a terminal of 70 columns shows of a command; skips where there is none to be had. malloc'ed. */
static char *on_terminal(const char *settings, const char *arguments) {
    struct winsize size = {.ws_row = 24, .ws_col = 70};
    char command[2048], *text = NULL;
    size_t length = 0;
    int master;
    snprintf(command, sizeof command,
             "unset COLUMNS NO_COLOR PAGER VITC_PAGER LESS; export TERM=xterm; %s exec %s inspect %s",
             settings, VITC_BINARY, arguments);
    pid_t child = forkpty(&master, NULL, NULL, &size);
    if (child < 0) skip();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    FILE *out = open_memstream(&text, &length);
    char buffer[4096];
    struct pollfd ready = {.fd = master, .events = POLLIN};
    int status, more = 1;
    for (ssize_t n; (more = poll(&ready, 1, 60000)) > 0 && (n = read(master, buffer, sizeof buffer)) > 0;)
        fwrite(buffer, 1, (size_t)n, out);
    fclose(out);
    if (more <= 0) kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(master);
    return text;
}

static size_t longest_line(const char *text) {
    size_t longest = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n')) {
        size_t n = 0;
        for (const char *c = line; *c && *c != '\n' && *c != '\r'; c++) {
            if (*c == '\033')
                c += strcspn(c, "m");
            else
                n += ((unsigned char)*c & 0xc0) != 0x80;
        }
        if (n > longest) longest = n;
    }
    return longest;
}

static void test_terminals(void **state) {
    (void)state;
    char *text = on_terminal("export VITC_PAGER=off;", RECIPE " --diff=simplify.1");
    assert_non_null(strstr(text, "\033[32m+"));
    assert_non_null(strstr(text, "\033[31m-"));
    assert_in_range(longest_line(text), 40, 90); /* a name may be longer than there is room */
    free(text);
    text = on_terminal("export VITC_PAGER=cat NO_COLOR=1;", RECIPE " --diff=simplify.1");
    assert_null(strstr(text, "\033["));
    free(text);
    text = on_terminal("export PAGER='sed s/^/P:/';", RECIPE " --passes");
    assert_non_null(strstr(text, "P:"));
    assert_non_null(strstr(text, "passes in "));
    free(text);
    text = on_terminal("export PAGER='sed s/^/P:/' VITC_PAGER=off;", RECIPE " --passes");
    assert_null(strstr(text, "P:"));
    free(text);
    text = on_terminal("export PAGER='head -n 2';", RECIPE); /* left early: no error */
    assert_in_range(strlen(text), 20, 600);
    assert_null(strstr(text, "vitc:"));
    free(text);
    static const char *const missing[] = {"no-such-pager", " no-such-pager -x", "/no/such/pager -F"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) { /* the text is shown all the same */
        char set[64];
        snprintf(set, sizeof set, "export PAGER='%s';", missing[i]);
        text = on_terminal(set, RECIPE " --passes");
        assert_non_null(strstr(text, "vitc: there is no pager '"));
        assert_non_null(strstr(text, "passes in "));
        free(text);
    }
    text = on_terminal("export PAGER=' ';", RECIPE " --passes"); /* none */
    assert_non_null(strstr(text, "passes in "));
    free(text);
    text = on_terminal("export PAGER='X=2; sed s/^/P$X:/';", RECIPE " --passes");
    assert_non_null(strstr(text, "P2:"));
    free(text);
    text = on_terminal("", RECIPE
                       " --diff=precision"); /* less, where it is, shows what fits on the screen and ends */
    assert_non_null(strstr(text, "nothing changed"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_pipes),
        cmocka_unit_test(test_terminals),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
