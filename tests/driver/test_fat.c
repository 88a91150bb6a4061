/* Programs for several kinds of processors: which code they choose, that another choice can be asked for, and that a
 * machine which can run none of it gets a sentence, not a signal. Features are taken away by VITC_CPU_WITHOUT, and by
 * qemu-user, whose processors really lack them. */
#include "tests/driver/runs.h"

#define TINY "quickstart width=24 depth=1 heads=2 hidden=16 out_dim=8 batch=32 train.knn.every=0"
#define TRAIN "train --data synthetic:64 --steps 2 --threads 2 --plain "

static bool have(const char *command) {
    return run_command("command -v %s", command) == 0;
}

static bool built; /* programs "fat", of x86-64-v3 and x86-64, and "v3" */

static int build_all(void **state) {
    (void)state;
    if (make_folder(state) != 0) return -1;
#ifdef __x86_64__
    if (!have("cc")) return 0;
    const char *how = SANITIZED ? "" : "--static";
    built =
        run_command("%s build " TINY " %s --target x86-64,x86-64-v3 -o %s", VITC_BINARY, how,
                    path_of("fat")) == 0 &&
        run_command("%s build " TINY " %s --target x86-64-v3 -o %s", VITC_BINARY, how, path_of("v3")) == 0;
    return built ? 0 : (said("(no program was built)"), -1);
#else
    return 0;
#endif
}

/* Whether there are programs, and this machine can run all that is in them. */
static void needs_programs(void) {
    if (built && run_command("%s help targets | grep -q 'x86-64-v3 *runs here'", VITC_BINARY) == 0) return;
    print_message("skipped: no compiler, or no x86-64-v3\n");
    skip();
}

static void test_choice(void **state) {
    (void)state;
    needs_programs();
    assert_int_equal(run_command("%s info", path_of("fat")), 0);
    assert_true(said("\nx86-64-v3      chosen\nx86-64         runs here too\n"));
    assert_int_equal(run_command("VITC_CPU_WITHOUT=sse3,fma %s info", path_of("fat")), 0);
    assert_true(said("\nx86-64-v3      this machine lacks sse3\nx86-64         chosen\n"));
    assert_int_equal(run_command("VITC_CPU_WITHOUT=fma %s embed --target list", path_of("fat")), 0);
    assert_true(said("x86-64-v3      this machine lacks fma\nx86-64         chosen\n"));
    assert_int_equal(run_command("%s " TRAIN "--out %s/chosen", path_of("fat"), folder), 0);
    assert_true(said("quickstart: built for x86-64-v3 "));
    assert_int_equal(run_command("VITC_CPU_WITHOUT=bmi %s " TRAIN "--out %s/less", path_of("fat"), folder),
                     0);
    assert_true(said("quickstart: built for x86-64 "));
    assert_int_equal(run_command("%s " TRAIN "--target x86-64 --out %s/forced", path_of("fat"), folder), 0);
    assert_true(said("quickstart: built for x86-64 "));
    assert_same("less", "forced");
    /* the same bits as where each is compiled, for a machine of many cores or of this one's */
    assert_int_equal(run_command("%s " TRAIN "--target x86-64-v3 " TINY " --out %s/jit", VITC_BINARY, folder),
                     0);
    assert_same("chosen", "jit");
}

static void test_refused(void **state) {
    (void)state;
    needs_programs();
    assert_int_equal(run_command("%s " TRAIN "--target x86-64-v4 --out %s/no", path_of("fat"), folder), 2);
    assert_true(said("fat: this program was not built for target 'x86-64-v4'; it holds x86-64-v3, x86-64\n"));
    assert_int_equal(run_command("VITC_CPU_WITHOUT=avx2 %s " TRAIN "--target x86-64-v3 --out %s/no",
                                 path_of("fat"), folder),
                     2);
    assert_true(said("fat: target x86-64-v3: this machine lacks avx2\n"));
    assert_int_equal(access(path_of("no"), F_OK), -1);
}

/* One sentence and exit code 1 for what would run code; what only tells runs anywhere. */
static void check_none(const char *prefix, const char *lacks) {
    char sentence[256];
    const char *v3 = path_of("v3");
    snprintf(sentence, sizeof sentence,
             "v3: this machine runs none of this program's targets: x86-64-v3: this machine lacks %s\n",
             lacks);
    assert_int_equal(run_command("%s %s " TRAIN "--out %s/none", prefix, v3, folder), 1);
    assert_true(said(sentence));
    assert_int_equal(run_command("%s %s info --check", prefix, v3), 1);
    assert_true(said(sentence));
    assert_int_equal(run_command("%s %s info", prefix, v3), 0);
    assert_int_equal(run_command("%s %s train --help", prefix, v3), 0);
    assert_int_equal(run_command("%s %s train --target list", prefix, v3), 0);
    snprintf(sentence, sizeof sentence, "x86-64-v3      this machine lacks %s\n", lacks);
    assert_true(said(sentence));
    assert_int_equal(access(path_of("none"), F_OK), -1);
}

static void test_none(void **state) {
    (void)state;
    needs_programs();
    check_none("VITC_CPU_WITHOUT=movbe", "movbe");
}

/* A processor of 2008, before AVX: the program's own code is for any. */
static void test_old_processor(void **state) {
    (void)state;
    needs_programs();
    if (SANITIZED || !have("qemu-x86_64")) {
        print_message("skipped: no qemu-x86_64 (Debian's package qemu-user), or sanitized\n");
        skip();
    }
#define NEHALEM "qemu-x86_64 -cpu Nehalem"
    check_none(NEHALEM, "avx");
    assert_int_equal(run_command(NEHALEM " %s " TRAIN "--out %s/old", path_of("fat"), folder), 0);
    assert_true(said("quickstart: built for x86-64 "));
    assert_same("old", "forced"); /* of test_choice */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_none), cmocka_unit_test(test_old_processor)};
    return cmocka_run_group_tests(tests, build_all, remove_folder);
}
