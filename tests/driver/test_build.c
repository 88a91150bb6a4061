/* `vitc build` as a user runs it: files of every kind, the same bytes again, what it refuses, what it says where
 * compiler, archives or libraries are missing, damaged programs, and the installed tree. */
#include "tests/driver/runs.h"

#include <signal.h>
#include <sys/stat.h>

/* Small enough that it compiles in a moment. */
#define TINY "quickstart width=24 depth=1 heads=2 hidden=16 out_dim=8 batch=32 train.knn.every=0"

static bool have(const char *command) {
    return run_command("command -v %s", command) == 0;
}

static int build(const char *flags, const char *name) {
    return run_command("%s build " TINY " %s -o %s/%s", VITC_BINARY, flags, folder, name);
}

static void write_script(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", text);
    fclose(file);
    assert_int_equal(chmod(path_of(name), 0755), 0);
}

/* The number that a shell command prints. */
__attribute__((format(printf, 1, 2))) static long number_of(const char *format, ...) {
    char command[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    assert_int_equal(run_command("{ %s; }", command), 0);
    char *log = read_log();
    long number = strtol(log, NULL, 10);
    free(log);
    return number;
}

/* ---- files of every kind ----------------------------------------------------------------------------------------- */

static void test_texts(void **state) {
    (void)state;
    static const struct {
        const char *kind, *holds;
    } cases[] = {{"ir", "module @quickstart"}, {"llvm", "define "}, {"asm", "quickstart_program"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char flags[64];
        snprintf(flags, sizeof flags, "--emit=%s", cases[i].kind);
        for (int again = 0; again < 2; again++)
            assert_int_equal(build(flags, cases[i].kind), 0); /* its own */
        assert_int_equal(run_command("grep -q '%s' %s", cases[i].holds, path_of(cases[i].kind)), 0);
        assert_int_equal(
            run_command("%s build " TINY " %s -o - | cmp - %s", VITC_BINARY, flags, path_of(cases[i].kind)),
            0);
    }
    assert_int_equal(run_command("%s opt %s", VITC_BINARY, path_of("ir")), 0); /* it reads back */
}

static void test_object(void **state) {
    (void)state;
    assert_int_equal(build("--emit=obj", "one.o"), 0);
    if (!have("nm") || !have("cc")) {
        print_message("no nm and cc: symbols are not looked at\n");
        return;
    }
    assert_int_equal(build("--emit=obj --target x86-64-v2,x86-64", "two.o"), 0);
    static const char *const names[] = {"one.o", "two.o"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(number_of("nm -g --defined-only %s | wc -l", path_of(names[i])), 1);
        assert_int_equal(
            run_command("nm -g --defined-only %s | grep -q ' quickstart_program$'", path_of(names[i])), 0);
        assert_int_equal(run_command("! readelf -S %s | grep -q eh_frame", path_of(names[i])), 0);
    }
    assert_int_equal(build("--emit=obj --name 3-d.x", "named.o"), 0);
    assert_int_equal(run_command("nm -g --defined-only %s | grep -q ' _3_d_x_program$'", path_of("named.o")),
                     0);
}

/* Shared and static, of one target and of several: what they need, how large they are, that they run; and the same
 * bytes when they are built again, with other names of temporary files. */
static void test_programs(void **state) {
    (void)state;
    static const struct {
        const char *name, *flags;
        bool fixed;
        long most; /* bytes */
    } cases[] = {{"shared", "", false, 4 << 20},
                 {"fixed", "--static", true, 8 << 20},
                 {"fat", "--target x86-64-v2,x86-64", false, 4 << 20}};
    if (!have("cc")) skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (SANITIZED && cases[i].fixed) continue; /* sanitizers are shared libraries */
        char name[64];
        snprintf(name, sizeof name, "%s.again", cases[i].name);
        assert_int_equal(build(cases[i].flags, cases[i].name), 0);
        assert_int_equal(run_command("mkdir -p %s/other && TMPDIR=%s/other %s build " TINY " %s -o %s",
                                     folder, folder, VITC_BINARY, cases[i].flags, path_of(name)),
                         0);
        assert_int_equal(run_command("ls -A %s/other | wc -l | grep -qx 0", folder), 0);
        assert_int_equal(run_command("cmp %s %s", path_of(cases[i].name), path_of(name)), 0);
        assert_true(SANITIZED || number_of("stat -c %%s %s", path_of(cases[i].name)) <= cases[i].most);
        if (have("readelf")) {
            assert_int_equal(run_command("readelf -d %s | grep -q NEEDED", path_of(cases[i].name)),
                             cases[i].fixed);
            assert_int_equal(run_command("! readelf -sW %s | grep -qi llvm", path_of(cases[i].name)), 0);
        }
        assert_int_equal(run_command("env -i %s info", path_of(cases[i].name)), 0);
        assert_true(said("quickstart, built by vitc"));
        assert_true(said("peak_lr") && said("hidden"));
        assert_int_equal(run_command("%s info %s", VITC_BINARY, path_of(cases[i].name)), 0);
    }
    /* nor what others load: it would take longer to start than all the rest */
    assert_int_equal(run_command("! ldd %s | grep -qiE 'llvm|yaml|icu|xml|stdc'", path_of("shared")), 0);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

/* A program in the current folder is often called as its recipe is. */
static void test_named_as_recipe(void **state) {
    (void)state;
    if (!have("cc")) skip();
    for (int again = 0; again < 2; again++)
        assert_int_equal(run_command("cd %s && %s build " TINY " -o quickstart", folder, VITC_BINARY), 0);
    assert_int_equal(run_command("cd %s && cp quickstart model && %s check model", folder, VITC_BINARY), 2);
    assert_true(said("'model' is a program or library, not a recipe"));
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *flags, *name;
        int code;
        const char *says;
    } cases[] = {
        {"--emit=exee", "new", 2, "did you mean 'exe'?"},
        {"--target x86-64-v33", "new", 2, "x86-64-v3"},
        {"--target x86-64,x86-64", "new", 2, "names x86-64 twice"},
        {"--target x86-64,aarch64", "new", 2, "aarch64"},
        {"--target ,", "new", 2, "names no target"},
        {"--static --emit=obj", "new", 2, "--static goes with"},
        {"--cc /nonexistent/cc", "new", 2, "install Debian's package gcc"},
        {"--cc false", "new", 2, "compiles for no machine"},
        {"--cc ' '", "new", 2, "names no compiler"},
        {"--name ''", "new", 2, "--name"},
        {"--name a/b", "new", 2, "letters, digits"},
        {"nosuch=1", "new", 2, "nosuch"},
        {"", "text", 2, "--force overwrites it"},
        {"--emit=ir", "text", 2, "--force overwrites it"},
        {"", "link", 2, "is a link"},
        {"", "dir", 2, "dir"},
        {"--force", "dir", 2, "dir"},
        {"", "dir/", 2, "dir"},
        {"--force", "pipe", 2, "pipe"},
        {"", "text/below", 2, "text"},
    };
    assert_int_equal(
        run_command("cd %s && echo mine >text && ln -s text link && mkdir dir && mkfifo pipe", folder), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = build(cases[i].flags, cases[i].name);
        if (code != cases[i].code) print_message("%s -o %s\n", cases[i].flags, cases[i].name);
        assert_true(said(cases[i].says));
        assert_int_equal(code, cases[i].code);
        assert_int_equal(access(path_of("new"), F_OK), -1);
    }
    assert_int_equal(
        run_command("cd %s && test \"$(cat link)\" = mine && test -L link && test -p pipe", folder), 0);
    assert_int_equal(run_command("%s build " TINY, VITC_BINARY), 2);
    assert_true(said("build wants -o FILE"));
    assert_int_equal(run_command("%s build " TINY " -o -", VITC_BINARY), 2);
    assert_int_equal(run_command("%s build -o %s", VITC_BINARY, path_of("new")), 2);
    assert_int_equal(build("--emit=ir --force", "text"), 0);
    assert_int_equal(build("--emit=ir --force", "link"), 0); /* the link gives way, not what it points to */
    assert_int_equal(run_command("cd %s && ! test -L link && head -1 text | grep -q 'vitc build'", folder),
                     0);
}

/* Compilers that fail: their message is shown, with the package that has what they lack, and the object stays. */
static void test_linker_fails(void **state) {
    (void)state;
    static const struct {
        const char *say, *says;
    } cases[] = {
        {"ld: something is wrong", "ld: something is wrong"},
        {"/usr/bin/ld: cannot find -ljpeg: No such file or directory",
         "install Debian's package libjpeg62-turbo-dev"},
        {"/usr/bin/ld: cannot find -lz\n/usr/bin/ld: cannot find -lgcc", "Debian's package zlib1g-dev"},
        {"ld.lld: error: unable to find library -lz", "install Debian's package zlib1g-dev"},
        {"ld: cannot find -lz: no such file; ld: cannot find -lpng16: no; ld: cannot find -lz: no",
         "install Debian's packages zlib1g-dev libpng-dev"},
        {"/usr/bin/ld: cannot find Scrt1.o: No such file or directory", "install Debian's package libc6-dev"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char script[512], flags[256];
        snprintf(script, sizeof script,
                 "test \"$1\" = -dumpmachine && { echo x86_64-linux-gnu; exit 0; }\necho '%s' >&2\nexit 3",
                 cases[i].say);
        write_script("failing", script);
        snprintf(flags, sizeof flags, "--target x86-64 --cc %s", path_of("failing"));
        assert_int_equal(build(flags, "unlinked"), 1);
        assert_true(said(cases[i].says));
        assert_true(said("linking failed"));
        assert_true(said("unlinked.x86-64.o"));
        assert_int_equal(access(path_of("unlinked"), F_OK), -1);
        assert_int_equal(access(path_of("unlinked.x86-64.o"), F_OK), 0);
    }
    assert_int_equal(run_command("CC=/nonexistent/cc %s build " TINY " -o %s", VITC_BINARY, path_of("new")),
                     2);
    assert_true(said("there is no '/nonexistent/cc'"));
    if (have("cc"))
        assert_int_equal(
            run_command("TMPDIR=/nonexistent %s build " TINY " -o %s", VITC_BINARY, path_of("new")), 1);
    assert_int_equal(
        run_command("VITC_LIB=/nonexistent %s build " TINY " -o %s", VITC_BINARY, path_of("new")), 1);
    assert_true(said("no runtime archive for x86_64 in '/nonexistent'"));
}

/* A signal while the linker works: the command ends by it, and leaves nothing behind. */
static void test_stopped(void **state) {
    (void)state;
    write_script("slow", "test \"$1\" = -dumpmachine && { echo x86_64-linux-gnu; exit 0; }\n"
                         "touch $(dirname $0)/linking; sleep 1; exit 1");
    assert_int_equal(run_command("mkdir %s/scratch", folder), 0);
    pid_t child = fork();
    if (child == 0) {
        char command[1024];
        snprintf(command, sizeof command,
                 "TMPDIR=%s/scratch exec %s build " TINY " --target x86-64 --cc %s -o %s", folder,
                 VITC_BINARY, path_of("slow"), path_of("stopped"));
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 600 && access(path_of("linking"), F_OK) != 0; i++) usleep(50000);
    int status = 0;
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(run_command("ls -A %s/scratch | wc -l | grep -qx 0 && ! ls %s/stopped*", folder, folder),
                     0);
}

/* ---- damaged programs -------------------------------------------------------------------------------------------- */

static void test_damaged(void **state) {
    (void)state;
    if (access(path_of("shared"), F_OK) != 0) skip();
    long size = number_of("stat -c %%s %s", path_of("shared"));
    for (int i = 1; i < 8; i++) { /* cut short anywhere behind its notes */
        assert_int_equal(run_command("(head -c %ld %s >%s)", size * i / 8, path_of("shared"), path_of("cut")),
                         0);
        assert_int_equal(run_command("%s info %s", VITC_BINARY, path_of("cut")), 1);
        assert_true(said("damaged"));
    }
    assert_int_equal(run_command("(head -c %ld %s >%s) && chmod +x %s", size - 9, path_of("shared"),
                                 path_of("cut"), path_of("cut")),
                     0);
    assert_int_equal(run_command("%s info", path_of("cut")), 1); /* it still runs, and says so itself */
    assert_true(said("damaged"));
    for (int i = 1; i < 8; i++) { /* a byte that is another */
        assert_int_equal(run_command("cp %s %s && printf '\\125\\252' | dd of=%s bs=1 seek=%ld conv=notrunc",
                                     path_of("shared"), path_of("cut"), path_of("cut"), size * i / 8),
                         0);
        if (run_command("cmp -s %s %s", path_of("shared"), path_of("cut")) == 0) continue;
        assert_int_equal(run_command("%s info %s", VITC_BINARY, path_of("cut")), 1);
        assert_true(said("damaged"));
    }
    assert_int_equal(run_command("(head -c %ld %s >%s)", size - 9, path_of("shared"), path_of("cut")), 0);
    assert_int_equal(run_command("%s train --data synthetic --steps 1 --out %s/none", path_of("cut"), folder),
                     1);
    assert_true(said("damaged"));
    if (have("strip")) { /* what is loaded stays the same */
        assert_int_equal(build("-g", "debug"), 0);
        assert_int_equal(run_command("strip %s && %s info", path_of("debug"), path_of("debug")), 0);
    }
    assert_int_equal(run_command("%s info %s", VITC_BINARY, path_of("text")), 2); /* no program at all */
}

/* ---- the installed tree ------------------------------------------------------------------------------------------ */

static void test_installed(void **state) {
    (void)state;
    if (run_command("cmake --install %s --prefix %s/usr", BUILD_DIR, folder) != 0) {
        print_message("no cmake: what is installed is not looked at\n");
        skip();
    }
    assert_int_equal(run_command("mv %s/usr %s/moved", folder, folder), 0); /* it finds itself */
    unsetenv("VITC_MODELS");
    unsetenv("VITC_LIB");
    assert_int_equal(run_command("cd / && %s/moved/bin/vitc build " TINY " --emit=ir -o -", folder), 0);
    assert_true(log_holds("moved/bin/../share/vitc/models/quickstart.yaml"));
    if (!have("cc")) skip();
    assert_int_equal(
        run_command("cd / && %s/moved/bin/vitc build " TINY " --verbose -o %s/installed", folder, folder), 0);
    assert_true(said("moved/"));
    assert_true(!log_holds(BUILD_DIR));
    assert_int_equal(run_command("%s info", path_of("installed")), 0);
    if (have("man")) { /* pages of the manual, which tell all verbs */
        assert_int_equal(
            number_of("for page in %s/moved/share/man/*/*; do man --warnings -l $page 2>&1 >/dev/null; done "
                      "| wc -l",
                      folder),
            0);
    }
    assert_int_equal(
        number_of("%s help | sed -n '/^lists/q; s/^  \\([a-z]*\\) .*/\\1/p' | while read verb; do cd "
                  "%s/moved/share/man/man1; "
                  "grep -qE \"^\\.B $verb$\" vitc.1 && [ -f vitc-$verb.1 ] || echo $verb; done | wc -l",
                  VITC_BINARY, folder),
        0);
    assert_int_equal(
        run_command("cd %s/moved/share && grep -q 'bandwidth' man/man1/vitc-bench.1 && "
                    "grep -q complete-words bash-completion/completions/vitc zsh/site-functions/_vitc "
                    "zsh/vendor-completions/_vitc fish/vendor_completions.d/vitc.fish",
                    folder),
        0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),    cmocka_unit_test(test_object),
        cmocka_unit_test(test_programs), cmocka_unit_test(test_named_as_recipe),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_linker_fails),
        cmocka_unit_test(test_stopped),  cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_installed)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
