/* `vitc run` refuses what it cannot use: each with one clear message and exit code, before anything is written. */
#include "runtime/runtime.h"
#include "tests/driver/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECIPE TEST_DIR "/golden/optim.yaml"

/* Tensors p0 (f32[rows, 8]), p1, g0, g1 as the recipe wants them, but for what a test changes. */
typedef struct {
    int64_t rows;
    int dtype, leave_out; /* dtype of p0; leave_out: how many from the end */
} Variant;

static void write_input(const Variant *v) {
    static double zeros[64];
    char path[128];
    VtError error;
    VtNamedTensor tensors[] = {
        {{.name = "model.p0", .dtype = v->dtype, .rank = 2, .dim = {v->rows, 8}}, zeros},
        {{.name = "model.p1", .dtype = VT_F32, .rank = 1, .dim = {8}}, zeros},
        {{.name = "g0", .dtype = VT_F32, .rank = 2, .dim = {8, 8}}, zeros},
        {{.name = "g1", .dtype = VT_F32, .rank = 1, .dim = {8}}, zeros},
    };
    snprintf(path, sizeof path, "%s/in.safetensors", folder);
    assert_true(vt_tensors_write(path, tensors, 4 - v->leave_out, NULL, &error));
}

static void write_text(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Runs in the folder, so that arguments name files of it. */
static void assert_refused(const char *arguments, int code, const char *message) {
    char command[2048], log[1 << 14] = "";
    snprintf(command, sizeof command, "cd %s && rm -f out.safetensors && %s run %s >log 2>&1", folder,
             VITC_BINARY, arguments);
    int status = system(command);
    snprintf(command, sizeof command, "%s/log", folder);
    FILE *file = fopen(command, "r");
    size_t n = fread(log, 1, sizeof log - 1, file);
    fclose(file);
    log[n] = '\0';
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code || !strstr(log, message))
        fail_msg("'%s' ended with %d and said: %s", arguments, WEXITSTATUS(status), log);
    snprintf(command, sizeof command, "%s/out.safetensors", folder);
    assert_int_equal(access(command, F_OK) == 0, code == 0);
}

#define FILES " --in in.safetensors --out out.safetensors "

static void test_good(void **state) {
    (void)state;
    write_input(&(Variant){8, VT_F32, 0});
    assert_refused(RECIPE FILES, 0, "");
    write_input(&(Variant){8, VT_F64, 0}); /* another float type is read as well */
    assert_refused(RECIPE FILES, 0, "");
}

static void test_tensors(void **state) {
    (void)state;
    write_input(&(Variant){4, VT_F32, 0});
    assert_refused(RECIPE FILES, 2, "model.p0: the file has shape [4x8], the recipe wants f32[8x8]");
    write_input(&(Variant){8, VT_F32, 1});
    assert_refused(RECIPE FILES, 2, "g1: input missing from the file");
    write_input(&(Variant){8, VT_F32, 3});
    assert_refused(RECIPE FILES, 2, "model.p1: parameter missing from the file");
    write_text("in.safetensors", "not a tensor file");
    assert_refused(RECIPE FILES, 2, "in.safetensors: its header claims");
    assert_refused(RECIPE " --in none.safetensors --out out.safetensors", 2, "none.safetensors");
}

static void test_flags(void **state) {
    (void)state;
    write_input(&(Variant){8, VT_F32, 0});
    assert_refused(RECIPE " --in in.safetensors", 2, "--out B.safetensors");
    assert_refused(RECIPE FILES "--function stop", 2, "has no function 'stop'");
    assert_refused(RECIPE FILES "--precision fp8", 2, "--precision fp8");
    assert_refused(RECIPE FILES "--step -1", 2, "--step");
    assert_refused(RECIPE FILES "--target mmx9", 2, "unknown target 'mmx9'");
    assert_refused(RECIPE FILES "rule=adam", 2, "knob 'rule' is one of adam_w, sgd, lars");
    assert_refused(RECIPE FILES "rle=sgd", 2, "did you mean 'rule'?");
    assert_refused("no-such-recipe" FILES, 2, "no-such-recipe");
    assert_refused(RECIPE " --in in.safetensors --out in.safetensors/out.safetensors", 2, "Not a directory");
}

static void test_rename(void **state) {
    (void)state;
    write_input(&(Variant){8, VT_F32, 0});
    write_text("names.yaml", "model.p0: [1, 2]\n");
    assert_refused(RECIPE FILES "--rename names.yaml", 2, "names.yaml:1");
    write_text("names.yaml", "model.p0: model.p9\n");
    assert_refused(RECIPE FILES "--rename names.yaml", 2, "model.p0: parameter missing from the file");
    assert_refused(RECIPE FILES "--rename none.yaml", 2, "cannot read 'none.yaml'");
    /* A long list is read to its last rule, or not at all. */
    char *rules = malloc(3 << 20), *at = rules;
    for (int i = 0; at < rules + (5 << 19); i++) at += sprintf(at, "# rule %d is for nothing here\n", i);
    strcpy(at, "model.p1: model.other\n");
    write_text("long.yaml", rules);
    assert_refused(RECIPE FILES "--rename long.yaml", 2, "model.p1: parameter missing from the file");
    free(rules);
}

/* What has to be fed can be listed, random numbers of modules among it; without --fed they are vitc's own. */
static void test_listed(void **state) {
    (void)state;
    static const char name[] = "student.backbone.blocks.1.drop_path1.gate.2 : f32[16]";
    for (int fed = 0; fed < 2; fed++) {
        char command[1024], text[1 << 15];
        snprintf(command, sizeof command, "%s check dino preset=tiny drop_path=0.1 %s", VITC_BINARY,
                 fed ? "--fed" : "");
        FILE *said = popen(command, "r");
        assert_non_null(said);
        text[fread(text, 1, sizeof text - 1, said)] = '\0';
        assert_int_equal(pclose(said), 0);
        assert_int_equal(strstr(text, name) != NULL, fed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_tensors),
                                       cmocka_unit_test(test_flags), cmocka_unit_test(test_rename),
                                       cmocka_unit_test(test_listed)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
