/* Initial weights from files: by recipe and by --init, whole and in part, renamed, converted, resized, refused; a run
 * that began so goes on without the file. The optimiser leaves all as it is, so that checkpoints show it. */
#include "tests/driver/runs.h"

#include <math.h>
#include <sys/stat.h>

/* weights.yaml */
static const char *read_recipe(void) {
    static char text[4096];
    FILE *file = fopen(TEST_DIR "/driver/weights.yaml", "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void write_text(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

/* A safetensors file of any program: the header, and what follows it. */
static void write_tensors(const char *name, const char *header, const void *data, size_t size) {
    FILE *file = fopen(path_of(name), "wb");
    uint64_t n = strlen(header);
    assert_non_null(file);
    assert_int_equal(fwrite(&n, 8, 1, file), 1);
    assert_int_equal(fwrite(header, 1, n, file), n);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static int train(const char *name, const char *more) {
    return run_command("cd %s && %s train r.yaml --data synthetic:12 --plain --out %s %s", folder,
                       VITC_BINARY, name, more);
}

/* A tensor of a run's checkpoint: n values. */
static void assert_values(const char *run, const char *tensor, const float *wanted, int n) {
    char path[256];
    VtError error;
    VtTensor shape;
    float have[64];
    snprintf(path, sizeof path, "%s/%s/checkpoint.safetensors", folder, run);
    VtTensorFile *file = vt_tensors_open(path, &error);
    assert_non_null(file);
    int i = vt_tensors_find(file, tensor);
    assert_true(i >= 0);
    vt_tensors_type(file, i, &shape);
    assert_int_equal(vt_elements(&shape), n);
    assert_true(vt_tensors_read(file, i, VT_F32, have, &error));
    vt_tensors_close(file);
    for (int k = 0; k < n; k++)
        if (fabsf(have[k] - wanted[k]) > 2e-6f * (1 + fabsf(wanted[k])))
            fail_msg("%s, element %d: %g, not %g", tensor, k, have[k], wanted[k]);
}

/* fc.weight [3, 48] is k/64, fc.bias is 5 6 7; table: prefix 9, then 1 2 4 8; under foreign names. */
static void make_files(void) {
    struct {
        float weight[144], bias[3], table[5], other[2];
    } foreign = {.bias = {5, 6, 7}, .table = {9, 1, 2, 4, 8}};
    for (int k = 0; k < 144; k++) foreign.weight[k] = (float)k / 64;
    write_tensors("foreign.safetensors",
                  "{\"model.head.weight\":{\"dtype\":\"F32\",\"shape\":[3,48],\"data_offsets\":[0,576]},"
                  "\"model.head.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[576,588]},"
                  "\"pos\":{\"dtype\":\"F32\",\"shape\":[1,5,1],\"data_offsets\":[588,608]},"
                  "\"logit\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[608,616]}}",
                  &foreign, sizeof foreign);
    const uint16_t center[3] = {0x3C00, 0xC000, 0x3555}, bias[3] = {0x3F80, 0xC000, 0x4049};
    write_tensors("half.safetensors", "{\"center\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,6]}}",
                  center, 6);
    write_tensors("brain.safetensors",
                  "{\"fc.bias\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]}}", bias, 6);
    write_text("names.yaml", "model.head.*: fc.*\npos: table\n");
    write_text("init.yaml", "model.head.*: encoder.fc.*\npos: encoder.table\n");
    write_text("r.yaml", read_recipe());
}

/* Whole, under other names; the EMA network starts from what was loaded; the run then needs no file. */
static void test_from(void **state) {
    (void)state;
    const float bias[] = {5, 6, 7}, table[] = {9, 1, 2, 4, 8};
    assert_int_equal(train("a", "weights=foreign.safetensors --steps 1"), 0);
    assert_true(said("encoder: 3 of 3 tensors from foreign.safetensors; not used of it: logit\n"));
    assert_values("a", "encoder.fc.bias", bias, 3);
    assert_values("a", "teacher.fc.bias", bias, 3);
    assert_values("a", "teacher.table", table, 5);
    assert_int_equal(train("a.whole", "weights=foreign.safetensors"), 0);
    assert_int_equal(
        run_command("grep -c 'from: .*/foreign.safetensors\\|hash: \"sha256:\\|\"model.head.\\*\"' "
                    "%s/a/recipe.yaml",
                    folder),
        0);
    assert_true(said("3\n"));
    assert_int_equal(run_command("cd %s && mkdir moved && mv foreign.safetensors names.yaml moved", folder),
                     0);
    assert_int_equal(run_command("%s resume %s/a --steps 2", VITC_BINARY, folder), 0);
    assert_false(log_holds("tensors from"));
    assert_int_equal(train("a", "weights=foreign.safetensors --resume"), 0);
    assert_same("a.whole", "a");
    assert_int_equal(run_command("cd %s && mv moved/* .", folder), 0);
    assert_int_equal(run_command("cd %s && %s check r.yaml weights=foreign.safetensors", folder, VITC_BINARY),
                     0);
    assert_true(said("encoder: 3 of 3 tensors"));
}

/* A library of the recipe, and a program that trains with it. */
static void make_library(void) {
    static const char *const flags = SANITIZED ? "-fsanitize=address,undefined" : "";
    assert_int_equal(
        run_command("cd %s && %s build r.yaml weights=foreign.safetensors --emit=lib -o model && "
                    "%s %s " SOURCE_DIR
                    "/tests/library/weights.c -o model/weights -Imodel/include -Lmodel/lib "
                    "-lweights -Wl,-rpath,%s/model/lib",
                    folder, VITC_BINARY, VITC_CC, flags, folder),
        0);
}

/* A built program has the rules in it, as a library has, and finds the file where it was, or beside the caller. */
static void test_built(void **state) {
    (void)state;
    if (run_command("command -v cc") != 0) skip();
    assert_int_equal(
        run_command("cd %s && %s build r.yaml weights=foreign.safetensors -o program", folder, VITC_BINARY),
        0);
    make_library();
    assert_int_equal(
        run_command("cd %s && rm names.yaml && ./program train --data synthetic:12 --plain --out built",
                    folder),
        0);
    assert_true(said("encoder: 3 of 3 tensors from ") && said("not used of it: logit\n"));
    assert_same("a.whole", "built");
    assert_int_equal(run_command("cd %s && cmp a.whole/recipe.yaml built/recipe.yaml", folder), 0);
    assert_int_equal(run_command("cd %s && mkdir -p moved && mv foreign.safetensors moved", folder), 0);
    assert_int_equal(run_command("cd %s && ./program train --data synthetic:12 --plain --out other", folder),
                     2);
    assert_true(said("cannot read '") && said("foreign.safetensors'"));
    assert_int_equal(
        run_command("cd %s/moved && ../program train --data synthetic:12 --plain --out ../other", folder), 0);
    assert_same("a.whole", "other");
    assert_int_equal(run_command("cd %s && model/weights library/checkpoint.safetensors", folder), 2);
    assert_true(said("cannot read '"));
    assert_int_equal(run_command("cd %s/moved && ../model/weights ../library/checkpoint.safetensors", folder),
                     0);
    assert_same("a.whole", "library");
    assert_int_equal(
        run_command("cd %s/moved && cp half.safetensors foreign.safetensors 2>/dev/null; cd %s && cp "
                    "half.safetensors foreign.safetensors && ./program train --data synthetic:12 --out "
                    "third",
                    folder, folder),
        2);
    assert_true(said("is another file than it was"));
    assert_int_equal(run_command("cd %s && model/weights third.safetensors", folder), 2);
    assert_true(said("is another file than it was"));
    make_files();
}

/* The saved recipe begins another run with the same file, and no other. */
static void test_saved_recipe(void **state) {
    (void)state;
    assert_int_equal(run_command("cd %s/a && %s train recipe.yaml --data synthetic:12 --out ../b --steps 1",
                                 folder, VITC_BINARY),
                     0);
    assert_true(said("encoder: 3 of 3 tensors"));
    assert_int_equal(
        run_command("cd %s && cp foreign.safetensors kept && cp half.safetensors foreign.safetensors",
                    folder),
        0);
    assert_int_equal(
        run_command("%s train %s/a/recipe.yaml --data synthetic:12 --out %s/c", VITC_BINARY, folder, folder),
        2);
    assert_true(said("is another file than it was"));
    assert_int_equal(run_command("cd %s && mv kept foreign.safetensors && test ! -e c", folder), 0);
}

/* Other types are converted; parts are told; a table of another grid is interpolated between its prefix and end. */
static void test_parts(void **state) {
    (void)state;
    const float center[] = {1, -2, 0.333251953f}, bias[] = {1, -2, 3.140625f};
    const float table[] = {9,     0.675383f, 1.109375f, 1.543367f, 2.282986f,
                           3.75f, 5.217014f, 3.890589f, 6.390625f, 8.890661f};
    assert_int_equal(train("d", "buffers=half.safetensors weights=brain.safetensors"), 0);
    assert_true(said(
        "encoder: 1 of 3 tensors from brain.safetensors; not in it: encoder.table, encoder.fc.weight\n"));
    assert_true(said("center: 1 of 1 tensors from half.safetensors\n"));
    assert_values("d", "center", center, 3);
    assert_values("d", "teacher.fc.bias", bias, 3);
    assert_int_equal(train("e", "weights=foreign.safetensors grid=3 only=table"), 0);
    assert_true(said(
        "encoder: 1 of 1 tensors from foreign.safetensors, 1 resized to another grid, 2 left out by `only`; "
        "not used of it: logit\n"));
    assert_values("e", "encoder.table", table, 10);
}

/* --init: the same by the command line; another run's checkpoint; kept for a run that has no checkpoint yet. */
static void test_init(void **state) {
    (void)state;
    const float bias[] = {5, 6, 7};
    assert_int_equal(
        train("f", "--init foreign.safetensors --rename init.yaml --only 'encoder.fc.*,!*.weight'"), 0);
    assert_true(said("1 of 1 tensors from "));
    assert_values("f", "teacher.fc.bias", bias, 3);
    assert_int_equal(train("g", "--init f/checkpoint.safetensors"), 0);
    assert_true(said("8 of 8 tensors from "));
    assert_same("f", "g");
    assert_int_equal(run_command("cd %s && rm g/checkpoint.safetensors && %s resume g", folder, VITC_BINARY),
                     0);
    assert_true(said("8 of 8 tensors from "));
    assert_same("f", "g");
    assert_int_equal(train("g", "--init f/checkpoint.safetensors --resume"), 0);
    assert_true(said("the checkpoint has the weights already"));
    assert_int_equal(train("g", "--init foreign.safetensors --resume"), 2);
    assert_true(said("this run began with"));
    assert_int_equal(
        run_command("cd %s && %s eval knn r.yaml --init f/checkpoint.safetensors --data synthetic:40", folder,
                    VITC_BINARY),
        0);
    assert_true(said("8 of 8 tensors"));
    assert_int_equal(
        run_command("cd %s && (%s eval knn r.yaml --init f/checkpoint.safetensors --data synthetic:40; "
                    "%s eval knn f --data synthetic:40) | grep -c '^10-NN'",
                    folder, VITC_BINARY, VITC_BINARY),
        0);
    assert_int_equal(
        run_command(
            "cd %s && %s eval knn a --data synthetic:40 --init foreign.safetensors --rename init.yaml",
            folder, VITC_BINARY),
        0);
    assert_true(said("3 of 5 tensors"));
}

/* A request that is wrong is said with what to do, and leaves nothing behind. */
static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *message;
    } cases[] = {
        {"weights=nowhere.safetensors", "cannot read 'nowhere.safetensors'"},
        {"weights=.", "no regular file"},
        {"weights=r.yaml", "its header claims"},
        {"weights=foreign.safetensors rules=nonames.yaml", "cannot read 'nonames.yaml'"},
        {"weights=half.safetensors",
         "none of its tensors is wanted in encoder: it has center; here there are "
         "encoder.table, encoder.fc.weight, encoder.fc.bias"},
        {"weights=foreign.safetensors only=nonesuch", "`only` matches no tensor of encoder"},
        {"buffers=wide.safetensors", "center is [4] there, [3] here"},
        {"buffers=nan.safetensors", "NaN or infinite"},
        {"weights=twice.safetensors",
         "both 'encoder.fc.bias' and 'model.head.bias' would be 'encoder.fc.bias' here"},
        {"--rename names.yaml", "go with --init"},
        {"--init foreign.safetensors", "none of its tensors is wanted: it has model.head.weight"},
        {"weights=oblong.safetensors", "encoder.table is [1x6x1] there, [1x5x1] here"},
        {"networks.encoder.from=3.safetensors", "cannot read '3.safetensors'"},
    };
    float zeros[8] = {0}, odd[3] = {0, NAN, 0};
    write_tensors("wide.safetensors",
                  "{\"center\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", zeros, 16);
    write_tensors("nan.safetensors", "{\"center\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}",
                  odd, 12);
    write_tensors("oblong.safetensors",
                  "{\"table\":{\"dtype\":\"F32\",\"shape\":[1,6,1],\"data_offsets\":[0,24]}}", zeros, 24);
    write_tensors("twice.safetensors",
                  "{\"encoder.fc.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
                  "\"model.head.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[12,24]}}",
                  zeros, 24);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stat status;
        assert_int_equal(train("bad", cases[i].arguments), 2);
        if (!said(cases[i].message)) fail_msg("'%s' was to be said", cases[i].message);
        assert_int_not_equal(stat(path_of("bad"), &status), 0);
    }
}

/* What is wrong in the recipe itself. */
static void test_recipe_errors(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"from: $weights", "about: x", "unknown key 'about' in a network"},
        {"from: $weights", "hash: x", "rename, only and hash go with `from: FILE.safetensors`"},
        {"value: zeros(3), ", "", "state 'center' has no value"},
        {"from: $buffers", "from: $grid", "from wants a word"},
        {"prefix=1", "prefix=2", "5 rows, less a prefix of 2 and a suffix of 0, are no square grid"},
        {"resize='grid', ", "", "prefix and suffix go with resize='grid'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[4096];
        const char *recipe = read_recipe(), *at = strstr(recipe, cases[i].from);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - recipe), recipe, cases[i].to,
                 at + strlen(cases[i].from));
        write_text("wrong.yaml", text);
        assert_int_equal(run_command("cd %s && %s check wrong.yaml", folder, VITC_BINARY), 2);
        if (!said(cases[i].message)) fail_msg("'%s' was to be said", cases[i].message);
    }
}

static int make_folder_and_cache(void **state) {
    char cache[64];
    if (make_folder(state) != 0) return -1;
    snprintf(cache, sizeof cache, "%s/cache", folder);
    make_files();
    return setenv("VITC_CACHE", cache, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_from),         cmocka_unit_test(test_built),
                                       cmocka_unit_test(test_saved_recipe), cmocka_unit_test(test_parts),
                                       cmocka_unit_test(test_init),         cmocka_unit_test(test_errors),
                                       cmocka_unit_test(test_recipe_errors)};
    return cmocka_run_group_tests(tests, make_folder_and_cache, remove_folder);
}
