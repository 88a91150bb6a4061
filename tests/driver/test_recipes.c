/* Every recipe of models/ trains: a few steps of a small configuration on procedural images, with finite losses, to the
 * same bits on one thread and on two (the same program: it is compiled once). A recipe without a row here fails the
 * test. */
#include "runtime/runtime.h"
#include "tests/driver/folder.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *path, *arguments; /* in models/ */
    bool once;                    /* on two threads alone, to save time */
} Row;

#define SMALL "image=32 patch=8 width=24 depth=2 heads=2 batch=8 epochs=2 "

#define SHORT "width=48 depth=2 batch=16"

#define VARIANTS "../tests/driver/variants.yaml"

static const Row ROWS[] = {
    {"byol.yaml", "preset=tiny batch=8", false},
    {"cmc.yaml", "preset=tiny batch=8", false},
    {"compact.yaml", "preset=tiny batch=8", false},
    {"dictionary.yaml", "preset=tiny batch=8", false},
    {"dictionary.yaml",
     "preset=tiny batch=8 centre=patch contrast=0.0015 code=projected features=codes cells=2", true},
    {"dino.yaml", SMALL "local_size=16 locals=2 out_dim=32 hidden=32 bottleneck=16 warmup=1", false},
    {"hybrid.yaml", SMALL "mask_patch=8 hidden=32 out_dim=16 warmup=1", false},
    {"instance.yaml", "preset=tiny batch=8", false},
    {"hybrid.yaml", "preset=tiny batch=8 like=mae balance_end=0.8", true},
    {"hybrid.yaml", "preset=tiny batch=8 mim_layer=1", true},
    {"hybrid.yaml", "preset=tiny batch=8 balance=0", true},
    {"mae.yaml", "preset=tiny batch=8", false},
    {"moco.yaml", "preset=tiny batch=8", false},
    {"mocov3.yaml", SMALL "hidden=32 out_dim=16 warmup=1", false},
    {"quickstart.yaml", SMALL "hidden=32 out_dim=16", false},
    {"simmim.yaml", SMALL "mask_patch=8 warmup=1", false},
    {"sit.yaml", "preset=tiny batch=8", false},
    {"supervised.yaml", "preset=tiny batch=8", false},
    {"supervised.yaml",
     "preset=tiny batch=8 mixup=0.8 cutmix=1 operations=2 erasing=0.5 repeat=3 drop_path=0.2", false},
    {"paper/barlow.yaml", "preset=tiny batch=8", true},
    {"paper/can.yaml", "preset=tiny batch=8", false},
    {"paper/data2vec.yaml", "preset=tiny batch=8", false},
    {"paper/dinov2.yaml", "preset=tiny batch=8", true},
    {"paper/gram.yaml", "preset=tiny batch=8", true},
    {"paper/ibot.yaml", "preset=tiny batch=8", false},
    {"paper/ijepa.yaml", "preset=tiny batch=8", false},
    {"paper/layerwise.yaml", "preset=tiny batch=8", false},
    {"paper/msn.yaml", "preset=tiny batch=8", false},
    {"paper/simclr.yaml", "preset=tiny batch=8", true},
    {"paper/simsiam.yaml", "preset=tiny batch=8", true},
    {"paper/swav.yaml", "preset=tiny batch=8", false},
    {"paper/vicreg.yaml", "preset=tiny batch=8", true},
    {"paper/wmse.yaml", "preset=tiny batch=8", true},
    {"objectives/barlow.yaml", SHORT, true},
    {"objectives/beside.yaml", SHORT, true},
    {"objectives/byol.yaml", SHORT, true},
    {"objectives/can.yaml", SHORT, true},
    {"objectives/cmc_lab.yaml", SHORT, true},
    {"objectives/data2vec.yaml", SHORT, true},
    {"objectives/dino_koleo.yaml", SHORT, true},
    {"objectives/gram.yaml", SHORT, true},
    {"objectives/hybrid_layers.yaml", SHORT, true},
    {"objectives/ibot.yaml", SHORT, true},
    {"objectives/ijepa.yaml", SHORT, true},
    {"objectives/kmeans.yaml", SHORT, true},
    {"objectives/mixup.yaml", SHORT, true},
    {"objectives/modern.yaml", SHORT, true},
    {"objectives/msn.yaml", SHORT, true},
    {"objectives/nested.yaml", SHORT, true},
    {"objectives/simclr.yaml", SHORT, true},
    {"objectives/simsiam.yaml", SHORT, true},
    {"objectives/swav_queue.yaml", SHORT, true},
    {"objectives/tico.yaml", SHORT, true},
    {"objectives/vicreg.yaml", SHORT, true},
    {"objectives/windows.yaml", SHORT, true},
    {"objectives/wmse.yaml", SHORT, true},
    {VARIANTS, "position=learned registers=2", false},
    {VARIANTS, "position=sincos", false},
    {VARIANTS, "position=none registers=1", false},
    {VARIANTS, "position=relative registers=2 qkv_bias=qv", false},
};
enum { N_ROWS = sizeof ROWS / sizeof *ROWS, STEPS = 3 };

/* The `loss` of each line of metrics.jsonl. */
static int read_losses(const char *path, double *losses, int most) {
    char line[1 << 14];
    int n = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (n < most && fgets(line, sizeof line, file)) {
        json_t *object = json_loads(line, 0, NULL);
        const json_t *loss = json_object_get(object, "loss");
        if (loss) losses[n++] = json_number_value(loss);
        json_decref(object);
    }
    fclose(file);
    return n;
}

static void test_trains(void **state) {
    const Row *row = *state;
    /* With sanitizers every other one will do; without, test_learning does the same with the presets. */
    if (SANITIZED ? (row - ROWS) % 2 : strcmp(row->arguments, "preset=tiny batch=8") == 0) skip();
    double losses[2][STEPS];
    bool once = row->once || SANITIZED; /* whether bits depend on threads is a question to generated code */
    for (int threads = once ? 2 : 1; threads <= 2; threads++) {
        char command[2048], out[256];
        snprintf(out, sizeof out, "%s/run", folder);
        snprintf(command, sizeof command,
                 "rm -rf %s && VITC_CACHE=%s/cache %s train %s/models/%s %s train.knn.every=0 --data "
                 "synthetic:640 "
                 "--plain --out %s --steps %d --threads %d >%s/log 2>&1 || { cat %s/log; false; }",
                 out, folder, VITC_BINARY, SOURCE_DIR, row->path, row->arguments, out, STEPS, threads, folder,
                 folder);
        assert_int_equal(system(command), 0);
        strcat(out, "/metrics.jsonl");
        assert_int_equal(read_losses(out, losses[threads - 1], STEPS), STEPS);
    }
    for (int i = 0; i < STEPS; i++) {
        assert_true(isfinite(losses[1][i]));
        if (!once) assert_true(losses[0][i] == losses[1][i]);
    }
    assert_true(losses[1][0] != losses[1][STEPS - 1]);
}

static void look_for_rows(const char *below) {
    char path[512];
    snprintf(path, sizeof path, "%s/models/%s", SOURCE_DIR, below);
    DIR *models = opendir(path);
    assert_non_null(models);
    for (struct dirent *entry; (entry = readdir(models));) {
        if (!strstr(entry->d_name, ".yaml")) continue;
        bool found = false;
        snprintf(path, sizeof path, "%s%s", below, entry->d_name);
        for (int i = 0; i < N_ROWS && !found; i++) found = strcmp(ROWS[i].path, path) == 0;
        if (!found) fail_msg("models/%s has no row in this test", path);
    }
    closedir(models);
}

static void test_all_have_rows(void **state) {
    (void)state;
    look_for_rows("");
    look_for_rows("paper/");
    look_for_rows("objectives/");
}

/* At sizes whose values are worth storing as bf16 the IR is valid after each pass. */
static void test_mixed_precision(void **state) {
    (void)state;
    static const char *const recipes[] = {"simmim", "mae", "mocov3", "dino"};
    for (int i = 0; i < 4; i++) {
        char command[1024];
        snprintf(command, sizeof command,
                 "VITC_VERIFY=1 %s inspect %s/models/%s.yaml preset=cifar depth=2 batch=4 "
                 "train.precision=bf16 >%s/ir",
                 VITC_BINARY, SOURCE_DIR, recipes[i], folder);
        assert_int_equal(system(command), 0);
    }
}

int main(void) {
    struct CMUnitTest tests[N_ROWS + 2];
    for (int i = 0; i < N_ROWS; i++)
        tests[i] = (struct CMUnitTest){ROWS[i].path, test_trains, NULL, NULL, (void *)&ROWS[i]};
    tests[N_ROWS] = (struct CMUnitTest)cmocka_unit_test(test_all_have_rows);
    tests[N_ROWS + 1] = (struct CMUnitTest)cmocka_unit_test(test_mixed_precision);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
