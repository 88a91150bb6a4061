/* The C interface of a model, on a program that was compiled just now: its bits are those of `vitc train`, whichever of
 * the two goes on; several handles at once; and each mistake that a caller can make is an error. */
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "library/model.h"
#include "passes/passes.h"
#include "runtime/built.h"
#include "tests/driver/runs.h"

#include <math.h>
#include <pthread.h>

#define SETTINGS                                                                                             \
    "width=24", "depth=1", "heads=2", "hidden=16", "out_dim=8", "batch=32", "epochs=1", "train.knn.every=0"
#define RECIPE "quickstart width=24 depth=1 heads=2 hidden=16 out_dim=8 batch=32 epochs=1 train.knn.every=0"
#define DATA "synthetic:640"

static VtVariant variant;
VtBuilt vt_built; /* as the linker would put it there */
static Arena *arena;
static Compiled *compiled;

static int compile_model(void **state) {
    static const char *overrides[] = {SETTINGS};
    Diags *diags;
    Recipe recipe;
    char error[512];
    if (make_folder(state) != 0) return -1;
    arena = arena_new();
    diags = diags_new(arena);
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models",
                             .overrides = overrides,
                             .n_overrides = sizeof overrides / sizeof *overrides};
    if (!recipe_load(arena, diags, SOURCE_DIR "/models/quickstart.yaml", &options, &recipe) ||
        !codegen_machine(NULL, &recipe.module->machine, error, sizeof error) ||
        !passes_run(recipe.module, PASSES_ALL, &(PassOptions){0}, diags) ||
        !(compiled = codegen_compile(recipe.module, &recipe.plan, &(CodegenOptions){0}, error, sizeof error)))
        return -1;
    variant =
        (VtVariant){.target = "native", .features = "", .traits = "", .program = compiled_program(compiled)};
    vt_built = (VtBuilt){.abi = VT_ABI,
                         .n_variants = 1,
                         .name = "quickstart",
                         .version = "test",
                         .recipe = recipe.resolved,
                         .recipe_hash = "0",
                         .variants = &variant};
    return 0;
}

static int drop_model(void **state) {
    compiled_free(compiled);
    arena_free(arena);
    return remove_folder(state);
}

static vt_model_handle *make(int32_t threads) {
    vt_model_options options = VT_MODEL_OPTIONS;
    vt_model_handle *handle;
    char message[256];
    options.threads = threads;
    if (vt_model_create(&options, &handle, message, sizeof message) != VT_MODEL_OK) fail_msg("%s", message);
    return handle;
}

#define GOOD(call, handle)                                                                                   \
    if ((call) != VT_MODEL_OK) fail_msg("%s: %s", #call, vt_model_message(handle))

static void open_images(vt_model_handle *handle) {
    const char *path = DATA;
    GOOD(vt_model_open_data(handle, &path, 1), handle);
}

static void steps(vt_model_handle *handle, int n) {
    for (int i = 0; i < n; i++) GOOD(vt_model_step(handle), handle);
}

static const char *checkpoint(const char *run) {
    char name[64];
    snprintf(name, sizeof name, "%s/checkpoint.safetensors", run);
    return path_of(name);
}

#define TRAIN(out, more)                                                                                     \
    assert_int_equal(run_command("%s train " RECIPE " --data " DATA " --plain --out %s/%s %s", VITC_BINARY,  \
                                 folder, out, more),                                                         \
                     0)

static void test_same_bits_as_train(void **state) {
    (void)state;
    TRAIN("whole", "--steps 6");
    TRAIN("half", "--steps 3");
    vt_model_handle *handle = make(2);
    open_images(handle);
    steps(handle, 3);
    GOOD(vt_model_save(handle, checkpoint("begun")), handle);
    steps(handle, 3);
    GOOD(vt_model_save(handle, checkpoint("library")), handle);
    assert_same("whole", "library");
    assert_int_equal(vt_model_free(handle), VT_MODEL_OK);
    /* Begun by train, ended by the library; data opened before and after the checkpoint is read. */
    for (int before = 0; before < 2; before++) {
        handle = make(1 + before);
        if (before) open_images(handle);
        if (before) steps(handle, 1);
        GOOD(vt_model_load(handle, checkpoint("half")), handle);
        if (!before) open_images(handle);
        steps(handle, 3);
        GOOD(vt_model_save(handle, checkpoint("ended")), handle);
        assert_same("whole", "ended");
        vt_model_free(handle);
    }
    /* Begun by the library, ended by train. */
    assert_int_equal(run_command("cp %s %s", checkpoint("begun"), checkpoint("half")), 0);
    TRAIN("half", "--steps 6 --resume");
    assert_same("whole", "half");
}

static void test_progress_and_metrics(void **state) {
    (void)state;
    int64_t done, total;
    double per_epoch, loss = NAN;
    vt_model_handle *handle = make(1);
    GOOD(vt_model_progress(handle, &done, &total, &per_epoch), handle);
    assert_true(done == 0 && total == 0 && per_epoch == 0);
    assert_int_equal(vt_model_metric(handle, "loss", &loss), VT_MODEL_BAD_REQUEST); /* no step yet */
    assert_int_equal(vt_model_step(handle), VT_MODEL_BAD_REQUEST);                  /* no data */
    assert_non_null(strstr(vt_model_message(handle), "no data"));
    open_images(handle);
    steps(handle, 2);
    GOOD(vt_model_progress(handle, &done, &total, &per_epoch), handle);
    assert_true(done == 2 && total == 20 && per_epoch == 20);
    GOOD(vt_model_metric(handle, "loss", &loss), handle);
    assert_true(isfinite(loss) && loss > 0);
    assert_string_equal(vt_model_message(handle), "");
    bool listed = false;
    for (int m = 0; m < vt_model_metrics(); m++)
        listed = listed || strcmp(vt_model_metric_name(m), "loss") == 0;
    assert_true(listed && !vt_model_metric_name(vt_model_metrics()) && !vt_model_metric_name(-1));
    assert_int_equal(vt_model_metric(handle, "lose", &loss), VT_MODEL_BAD_REQUEST);
    vt_model_free(handle);
}

/* What the loader would have made, given as the caller's own. */
static void test_batches_of_the_caller(void **state) {
    (void)state;
    enum { VIEW = 32 * 3 * 32 * 32 };
    vt_model_handle *one = make(1), *two = make(2);
    float *views[2];
    for (int v = 0; v < 2; v++) {
        views[v] = malloc(sizeof(float) * VIEW + 4);
        for (int i = 0; i < VIEW; i++) views[v][i] = sinf((float)(i * (v + 1)));
    }
    const void *inputs[] = {views[0], views[1]};
    assert_int_equal(vt_model_step_with(one, inputs, 2), VT_MODEL_BAD_REQUEST); /* how long is an epoch? */
    assert_int_equal(vt_model_set_steps_per_epoch(one, NAN), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_set_steps_per_epoch(one, 0), VT_MODEL_BAD_REQUEST);
    GOOD(vt_model_set_steps_per_epoch(one, 20), one);
    GOOD(vt_model_set_steps_per_epoch(two, 20), two);
    assert_int_equal(vt_model_step_with(one, inputs, 1), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_step_with(one, NULL, 2), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_step_with(one, (const void *[]){views[0], NULL}, 2), VT_MODEL_BAD_REQUEST);
    for (int s = 0; s < 3; s++) {
        GOOD(vt_model_step_with(one, inputs, 2), one);
        GOOD(vt_model_step_with(two, inputs, 2), two);
    }
    GOOD(vt_model_save(one, checkpoint("one")), one);
    GOOD(vt_model_save(two, checkpoint("two")), two);
    assert_same("one", "two");
    views[0][5] = NAN;
    assert_int_equal(vt_model_step_with(one, inputs, 2), VT_MODEL_NOT_FINITE);
    assert_int_equal(vt_model_save(one, checkpoint("one")), VT_MODEL_FAILED);
    for (int v = 0; v < 2; v++) free(views[v]);
    vt_model_free(one);
    vt_model_free(two);
}

static void test_settings(void **state) {
    (void)state;
    vt_model_setting_info info;
    double value;
    bool found = false;
    vt_model_handle *handle = make(1);
    for (int s = 0; s < vt_model_settings(); s++) {
        assert_int_equal(vt_model_setting(s, &info), VT_MODEL_OK);
        found = found || strcmp(info.name, "peak_lr") == 0;
        assert_null(strstr(info.name, "knn")); /* there is no evaluation here */
    }
    assert_true(found);
    assert_int_equal(vt_model_setting(vt_model_settings(), &info), VT_MODEL_BAD_REQUEST);
    GOOD(vt_model_get(handle, "peak_lr", &value), handle);
    assert_true(value == 0.002);
    GOOD(vt_model_set(handle, "peak_lr", 0.5), handle);
    GOOD(vt_model_get(handle, "peak_lr", &value), handle);
    assert_true(value == 0.5);
    assert_int_equal(vt_model_set(handle, "peak_lr", -1), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_set(handle, "peak_lr", NAN), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_set(handle, "width", 24), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_set(handle, NULL, 24), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_get(handle, "peak_lr", NULL), VT_MODEL_BAD_REQUEST);
    GOOD(vt_model_get(handle, "peak_lr", &value), handle);
    assert_true(value == 0.5);
    vt_model_free(handle);
    /* The same as by the command line, seed and all. */
    TRAIN("set", "--steps 2 train.seed=7 peak_lr=0.0125");
    vt_model_options options = VT_MODEL_OPTIONS;
    options.has_seed = 1;
    options.seed = 7;
    assert_int_equal(vt_model_create(&options, &handle, NULL, 0), VT_MODEL_OK);
    GOOD(vt_model_set(handle, "peak_lr", 0.0125), handle);
    open_images(handle);
    steps(handle, 2);
    GOOD(vt_model_save(handle, checkpoint("settings")), handle);
    assert_same("set", "settings");
    vt_model_free(handle);
}

static void test_states(void **state) {
    (void)state;
    vt_model_state_info info, first;
    vt_model_handle *handle = make(1);
    double step = -1, wrong = 0.5;
    assert_int_equal(vt_model_state(1, &first), VT_MODEL_OK); /* a parameter */
    assert_int_equal(vt_model_state(vt_model_states(), &info), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_state(-1, &info), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_state(0, NULL), VT_MODEL_BAD_REQUEST);
    char *data = malloc(first.bytes), *back = malloc(first.bytes);
    GOOD(vt_model_read_state(handle, first.name, data, first.bytes), handle);
    data[0] ^= 1;
    GOOD(vt_model_write_state(handle, first.name, data, first.bytes), handle);
    GOOD(vt_model_read_state(handle, first.name, back, first.bytes), handle);
    assert_memory_equal(data, back, first.bytes);
    assert_int_equal(vt_model_read_state(handle, first.name, data, first.bytes - 1), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_read_state(handle, first.name, NULL, first.bytes), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_write_state(handle, NULL, data, first.bytes), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_write_state(handle, "nothing", data, first.bytes), VT_MODEL_BAD_REQUEST);
    for (int s = 0; s < vt_model_states(); s++) {
        assert_int_equal(vt_model_state(s, &info), VT_MODEL_OK);
        if (info.role != VT_MODEL_COUNTER) continue;
        GOOD(vt_model_read_state(handle, info.name, &step, sizeof step), handle);
        assert_int_equal(vt_model_write_state(handle, info.name, &wrong, sizeof wrong), VT_MODEL_BAD_REQUEST);
    }
    assert_true(step == 0);
    assert_int_equal(vt_model_load(handle, NULL), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_load(handle, path_of("nowhere")), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_save(handle, NULL), VT_MODEL_BAD_REQUEST);
    assert_int_not_equal(vt_model_save(handle, "/proc/nowhere/x"), VT_MODEL_OK);
    free(data);
    free(back);
    vt_model_free(handle);
}

static void test_embed(void **state) {
    (void)state;
    enum { IMAGE = 3 * 32 * 32, WIDTH = 24, N = 33 }; /* a batch of 32, and one more */
    vt_model_handle *handle = make(2);
    uint8_t pixels[40 * 50 * 3];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 7);
    float *images = malloc(sizeof(float) * IMAGE * N), *features = malloc(sizeof(float) * WIDTH * N);
    for (int i = 0; i < N; i++)
        GOOD(vt_model_prepare_image(handle, pixels, 50, 40 - i, 3, images + i * IMAGE), handle);
    GOOD(vt_model_embed(handle, images, N, features), handle);
    for (int i = 0; i < N; i += 8) { /* an image's features do not depend on its neighbours */
        float alone[WIDTH];
        GOOD(vt_model_embed(handle, images + i * IMAGE, 1, alone), handle);
        assert_memory_equal(alone, features + i * WIDTH, sizeof alone);
    }
    assert_memory_not_equal(features, features + WIDTH, sizeof(float) * WIDTH);
    GOOD(vt_model_embed(handle, NULL, 0, NULL), handle);
    assert_int_equal(vt_model_embed(handle, NULL, 1, features), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_embed(handle, images, -1, features), VT_MODEL_BAD_REQUEST);
    images[3] = INFINITY;
    assert_int_equal(vt_model_embed(handle, images, 2, features), VT_MODEL_NOT_FINITE);
    assert_int_equal(vt_model_prepare_image(handle, pixels, 0, 40, 3, images), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_prepare_image(handle, pixels, 50, 1 << 30, 3, images), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_prepare_image(handle, pixels, 50, 40, 2, images), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_prepare_image(handle, NULL, 50, 40, 3, images), VT_MODEL_BAD_REQUEST);
    /* A file has the pixels that it has. */
    FILE *file = fopen(path_of("image.ppm"), "w");
    assert_non_null(file);
    fprintf(file, "P6 50 40 255\n");
    assert_int_equal(fwrite(pixels, 1, sizeof pixels, file), sizeof pixels);
    fclose(file);
    GOOD(vt_model_prepare_image(handle, pixels, 50, 40, 3, images), handle);
    GOOD(vt_model_read_image(handle, path_of("image.ppm"), images + IMAGE), handle);
    assert_memory_equal(images, images + IMAGE, sizeof(float) * IMAGE);
    assert_int_equal(vt_model_read_image(handle, folder, images), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_read_image(handle, path_of("log"), images), VT_MODEL_FAILED);
    assert_int_equal(vt_model_read_image(handle, path_of("nowhere"), images), VT_MODEL_BAD_REQUEST);
    free(images);
    free(features);
    vt_model_free(handle);
}

/* ---- mistakes ---------------------------------------------------------------------------------------------------- */

static void refuse(const vt_model_options *options, const char *word) {
    vt_model_handle *handle = (vt_model_handle *)&handle;
    char message[512] = "";
    assert_int_equal(vt_model_create(options, &handle, message, sizeof message), VT_MODEL_BAD_REQUEST);
    assert_null(handle);
    if (!strstr(message, word)) fail_msg("'%s' is not in: %s", word, message);
}

static void test_options(void **state) {
    (void)state;
    vt_model_options options = VT_MODEL_OPTIONS;
    options.size = 0;
    refuse(&options, "size is 0");
    options.size = sizeof options - 1;
    refuse(&options, "sizeof");
    options.size = sizeof options + 8;
    refuse(&options, "sizeof");
    options = (vt_model_options)VT_MODEL_OPTIONS;
    options.threads = -1;
    refuse(&options, "threads");
    options.threads = 1025;
    refuse(&options, "threads");
    options = (vt_model_options)VT_MODEL_OPTIONS;
    options.target = "z80";
    refuse(&options, "z80");
    assert_int_equal(vt_model_create(NULL, NULL, NULL, 0), VT_MODEL_BAD_REQUEST);
    options = (vt_model_options)VT_MODEL_OPTIONS;
    options.target = "native";
    vt_model_handle *handle;
    assert_int_equal(vt_model_create(&options, &handle, NULL, 0), VT_MODEL_OK);
    assert_string_equal(vt_model_target(handle), "native");
    vt_model_free(handle);
    assert_int_equal(vt_model_abi_version(), VT_MODEL_ABI);
    assert_int_equal(vt_model_targets(), 1);
    assert_string_equal(vt_model_target_lacks(0), "");
    assert_null(vt_model_target_name(1));
}

static void test_bad_handles(void **state) {
    (void)state;
    const char *path = DATA;
    double value;
    vt_model_handle *freed = make(1), *wrong[] = {NULL, freed, (vt_model_handle *)&value};
    assert_int_equal(vt_model_free(freed), VT_MODEL_OK);
    assert_int_equal(vt_model_free(freed), VT_MODEL_BAD_HANDLE);
    assert_int_equal(vt_model_free(NULL), VT_MODEL_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vt_model_step(wrong[i]), VT_MODEL_BAD_HANDLE);
        assert_int_equal(vt_model_step_with(wrong[i], NULL, 0), VT_MODEL_BAD_HANDLE);
        assert_int_equal(vt_model_open_data(wrong[i], &path, 1), VT_MODEL_BAD_HANDLE);
        assert_int_equal(vt_model_get(wrong[i], "peak_lr", &value), VT_MODEL_BAD_HANDLE);
        assert_int_equal(vt_model_save(wrong[i], "x"), VT_MODEL_BAD_HANDLE);
        assert_int_equal(vt_model_embed(wrong[i], NULL, 0, NULL), VT_MODEL_BAD_HANDLE);
        assert_null(vt_model_target(wrong[i]));
        assert_true(strlen(vt_model_message(wrong[i])) > 0);
    }
    vt_model_handle *handle = make(1);
    assert_int_equal(vt_model_open_data(handle, NULL, 1), VT_MODEL_BAD_REQUEST);
    assert_int_equal(vt_model_open_data(handle, &path, 2), VT_MODEL_BAD_REQUEST);
    path = path_of("nowhere");
    assert_int_equal(vt_model_open_data(handle, &path, 1), VT_MODEL_BAD_REQUEST);
    assert_non_null(strstr(vt_model_message(handle), "nowhere"));
    GOOD(vt_model_open_data(handle, NULL, 0), handle);
    vt_model_free(handle);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

enum { THREADS = 4 };

static void *train_beside(void *user) {
    char **saved = user, run[16];
    vt_model_handle *handle = make(1 + (int)(strlen(*saved) % 3));
    open_images(handle);
    steps(handle, 3);
    snprintf(run, sizeof run, "%s/saved", *saved);
    free(*saved);
    *saved =
        strdup(vt_model_save(handle, checkpoint(run)) == VT_MODEL_OK ? "good" : vt_model_message(handle));
    vt_model_free(handle);
    return NULL;
}

static void test_handles_in_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    char *saved[THREADS], name[32];
    for (int t = 0; t < THREADS; t++) {
        saved[t] = calloc(1, 16);
        memset(saved[t], 'a', (size_t)t + 1);
        assert_int_equal(pthread_create(&threads[t], NULL, train_beside, &saved[t]), 0);
    }
    TRAIN("three", "--steps 3");
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_join(threads[t], NULL), 0);
        assert_string_equal(saved[t], "good");
        free(saved[t]);
        snprintf(name, sizeof name, "%.*s/saved", t + 1, "aaaa");
        assert_same("three", name);
    }
}

static void *step_until_busy(void *user) {
    vt_model_handle *handle = user;
    vt_model_status status = VT_MODEL_OK;
    for (int i = 0; i < 200 && status == VT_MODEL_OK; i++) status = vt_model_step(handle);
    return (void *)(intptr_t)status;
}

/* Both may be told, one surely is: neither crashes. */
static void test_one_handle_in_two_threads(void **state) {
    (void)state;
    vt_model_handle *handle = make(1);
    pthread_t threads[2];
    void *status[2];
    open_images(handle);
    for (int t = 0; t < 2; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, step_until_busy, handle), 0);
    for (int t = 0; t < 2; t++) assert_int_equal(pthread_join(threads[t], &status[t]), 0);
    assert_true((intptr_t)status[0] == VT_MODEL_BUSY || (intptr_t)status[1] == VT_MODEL_BUSY);
    assert_int_equal(vt_model_free(handle), VT_MODEL_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_as_train),
        cmocka_unit_test(test_progress_and_metrics),
        cmocka_unit_test(test_batches_of_the_caller),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_embed),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_bad_handles),
        cmocka_unit_test(test_handles_in_threads),
        cmocka_unit_test(test_one_handle_in_two_threads),
    };
    return cmocka_run_group_tests(tests, compile_model, drop_model);
}
