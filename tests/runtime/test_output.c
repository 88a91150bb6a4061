/* Files that replace others: whole or not at all, through no link, beside nothing that is left over. */
#include "runtime/runtime.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char made[] = "/tmp/vitc-output-XXXXXX";

static int begin(void **state) {
    (void)state;
    return mkdtemp(made) ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", made);
    return system(command);
}

static const char *in(const char *name) {
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", made, name);
    return path;
}

static bool holds(const char *path, const char *text) {
    char buffer[64] = "";
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(buffer, 1, sizeof buffer - 1, file) : 0;
    if (file) fclose(file);
    return n == strlen(text) && strcmp(buffer, text) == 0;
}

static bool put(const char *path, const char *text, VtError *error) {
    return vt_replace_with(path, 0666, text, strlen(text), error);
}

static void test_replaces(void **state) {
    (void)state;
    VtError error;
    struct stat status;
    mode_t mask = umask(027);
    assert_true(put(in("a"), "old", &error) && put(in("a"), "new", &error));
    umask(mask);
    assert_true(holds(in("a"), "new"));
    assert_int_equal(stat(in("a"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    VtReplacement *r = vt_replace_begin(in("a"), 0666, &error);
    assert_true(vt_replace_write(r, "half", 4));
    assert_true(holds(in("a"), "new"));
    vt_replace_drop(r);
    assert_true(holds(in("a"), "new"));
    char command[128];
    snprintf(command, sizeof command, "test \"$(ls -A %s)\" = a", made);
    assert_int_equal(system(command), 0);
}

/* A link gives way; what it points to stays. What is no file, and a name that is a folder's, is refused. */
static void test_what_is_there(void **state) {
    (void)state;
    VtError error;
    assert_true(put(in("target"), "precious", &error));
    assert_int_equal(symlink("target", in("link")), 0);
    assert_true(put(in("link"), "x", &error));
    assert_true(holds(in("target"), "precious") && holds(in("link"), "x"));
    assert_int_equal(mkfifo(in("fifo"), 0600), 0);
    assert_int_equal(mkdir(in("folder"), 0700), 0);
    const char *const refused[] = {"/dev/null", in("fifo"), in("folder")};
    for (int i = 0; i < 3; i++) {
        assert_false(vt_output_check(refused[i], &error));
        assert_int_equal(error.code, 2);
        assert_false(put(refused[i], "x", &error));
        assert_int_equal(error.code, 2);
    }
    char name[256], path[512];
    memset(name, 'n', 255);
    name[255] = '\0';
    snprintf(path, sizeof path, "%s/%s", made, name);
    assert_true(put(path, "x", &error) && holds(path, "x")); /* the longest name there is */
}

static void test_folders(void **state) {
    (void)state;
    VtError error;
    assert_true(vt_output_check(in("p/q/r.svg"), &error) && vt_output_check_folder(in("p/q"), &error));
    assert_int_not_equal(access(in("p"), F_OK), 0); /* a check makes nothing */
    assert_true(vt_make_folders(in("p/q//r/"), 0777, &error));
    assert_int_equal(access(in("p/q/r"), F_OK), 0);
    assert_true(vt_make_folders(in("p/q"), 0777, &error));
    assert_true(put(in("new/folder/file"), "x", &error) && holds(in("new/folder/file"), "x"));
    assert_true(put(in("plain"), "x", &error));
    assert_false(vt_make_folders(in("plain/below"), 0777, &error));
    assert_false(vt_make_folders(in("plain"), 0777, &error));
    assert_false(vt_output_check_folder(in("plain"), &error));
    assert_false(vt_output_check_folder(in("plain/below"), &error));
    assert_false(vt_output_check(in("plain/below"), &error));
    assert_false(vt_output_check(in("p/"), &error));
    assert_false(vt_output_check("", &error));
}

/* Another name of a file; where there can be none, as across file systems, a copy. What was there is replaced. */
static void test_link(void **state) {
    (void)state;
    VtError error;
    struct stat a, b;
    char other[] = "/dev/shm/vitc-output-XXXXXX";
    assert_true(put(in("from"), "new", &error) && put(in("to"), "old", &error));
    assert_true(vt_replace_by_link(in("from"), in("to"), &error));
    assert_true(vt_replace_by_link(in("from"), in("to"), &error)); /* a second time: it is that already */
    assert_true(stat(in("from"), &a) == 0 && stat(in("to"), &b) == 0 && a.st_ino == b.st_ino &&
                a.st_nlink == 2);
    assert_false(vt_replace_by_link(in("missing"), in("to"), &error));
    assert_true(holds(in("to"), "new"));
    int file = mkstemp(other);
    if (file < 0) return; /* no second file system here */
    assert_int_equal(write(file, "far", 3), 3);
    close(file);
    assert_true(vt_replace_by_link(other, in("to"), &error));
    assert_true(holds(in("to"), "far") && holds(in("from"), "new"));
    unlink(other);
}

/* What a killed process left of this very file goes; what others have there stays. */
static void test_sweep(void **state) {
    (void)state;
    VtError error;
    assert_true(put(in("s.tmp-0123456789ab"), "x", &error) && put(in("s.tmp-mine"), "x", &error));
    assert_int_equal(symlink("target", in("s.tmp-aaaaaaaaaaaa")), 0);
    vt_replace_sweep(in("s"));
    struct stat status;
    assert_int_not_equal(access(in("s.tmp-0123456789ab"), F_OK), 0);
    assert_int_equal(access(in("s.tmp-mine"), F_OK), 0);
    assert_int_equal(lstat(in("s.tmp-aaaaaaaaaaaa"), &status), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replaces), cmocka_unit_test(test_what_is_there),
                                       cmocka_unit_test(test_folders), cmocka_unit_test(test_link),
                                       cmocka_unit_test(test_sweep)};
    return cmocka_run_group_tests(tests, begin, end);
}
