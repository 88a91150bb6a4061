/* What is said while training goes on: metrics of held-out images, images, an end on a condition; the same whether or
 * not a run was interrupted, and without a trace in what is learned. */
#include "tests/driver/runs.h"

#include <sys/stat.h>

#define RECIPE TEST_DIR "/driver/words.yaml"
#define DATA "--data synthetic:200 --plain"

static int train(const char *name, const char *more) {
    return run_command("cd %s && %s train " RECIPE " " DATA " --out %s %s", folder, VITC_BINARY, name, more);
}

static int resume(const char *name, const char *more) {
    return run_command("cd %s && %s resume %s %s", folder, VITC_BINARY, name, more);
}

/* The lines of a run's metrics that hold a text. */
static char *metrics_with(const char *run, const char *text) {
    run_command("cd %s && grep '%s' %s/metrics.jsonl", folder, text, run);
    return read_log();
}

static void assert_same_log(const char *a, const char *b) {
    assert_int_equal(
        run_command("cd %s && grep -v features %s/metrics.jsonl >one; grep -v features %s/metrics.jsonl "
                    ">two; cmp one two && diff -r %s/images %s/images",
                    folder, a, b, a, b),
        0);
}

/* The recipe with something else in one place. */
static void write_recipe(const char *name, const char *from, const char *to) {
    static char text[4096];
    FILE *file = fopen(RECIPE, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    const char *at = strstr(text, from);
    if (!at) fail_msg("'%s' is not in the recipe", from);
    file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_true(fprintf(file, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
    assert_int_equal(fclose(file), 0);
}

/* Held-out metrics at their intervals; stopped anywhere, even between the checkpoint and the evaluation, the log and
 * the images are the same; and the weights those of a recipe that says nothing. */
static void test_same(void **state) {
    (void)state;
    assert_int_equal(train("whole", ""), 0);
    assert_true(said("epoch 2.00  val_loss ") && said("  distance ") && said("(3 held-out batches"));
    assert_int_equal(run_command("(cd %s && grep -c val_loss whole/metrics.jsonl; grep -c distance "
                                 "whole/metrics.jsonl; ls whole/images | tr '\\n' ' ')",
                                 folder),
                     0);
    assert_true(said("8\n4\nstep_000001.png step_000013.png step_000025.png step_000037.png"));
    static const char *const stops[] = {"--steps 6", "--steps 13", "--steps 30"};
    assert_int_equal(train("parts", "--threads 1 --steps 1"), 0);
    for (int i = 0; i < 3; i++) assert_int_equal(resume("parts", stops[i]), 0);
    assert_int_equal(
        run_command(
            "cd %s/parts && grep -v '^{\"step\":30,.*val_loss' metrics.jsonl >m && mv m metrics.jsonl",
            folder),
        0);
    assert_int_equal(
        run_command("cd %s && %s train " RECIPE " " DATA " --out parts --resume", folder, VITC_BINARY), 0);
    assert_same_log("whole", "parts");
    assert_int_equal(run_command("cd %s && sed '/on: test/d; /^log_images/,/gray/d' " RECIPE
                                 " >silent.yaml && %s train "
                                 "silent.yaml " DATA " --out silent",
                                 folder, VITC_BINARY),
                     0);
    assert_same("whole", "silent");
}

/* `stop` ends a run as done, which stays so until it says something else. */
static void test_stop(void **state) {
    (void)state;
    assert_int_equal(train("a", "train.stop='average < 5'"), 0);
    assert_true(said("train.stop holds: average < 5") && said("done at step ") &&
                said("(of 48: average < 5"));
    assert_int_equal(resume("a", ""), 0);
    assert_true(said("(of 48: average < 5"));
    assert_false(log_holds("train.stop holds"));
    char *line = metrics_with("a", "stopped");
    assert_non_null(strstr(line, "\"stopped\":\"average < 5\"}\n"));
    assert_null(strstr(strchr(line, '\n') + 1, "stopped")); /* once */
    free(line);
    assert_int_equal(resume("a", "train.stop='val_loss.since >= 2 or rebuild.loss < 0'"), 0);
    assert_true(said("train.stop: average < 5 -> val_loss.since") && said("done at step 36"));
    assert_int_equal(train("b", "train.stop='val_loss.since >= 2 or rebuild.loss < 0' --steps 25"), 0);
    assert_int_equal(resume("b", "--steps 48"), 0);
    assert_true(said("done at step 36"));
    assert_int_equal(resume("b", "train.stop=false --steps 48"), 0);
    assert_int_equal(
        run_command("cd %s && grep -v stopped b/metrics.jsonl >m && mv m b/metrics.jsonl", folder), 0);
    assert_same("whole", "b");
    assert_same_log("whole", "b");
    assert_int_equal(
        train("c", "train.stop='distance.best > 0 and val_loss < 10 and epoch > 1.2 and spread > -1'"), 0);
    assert_true(said("done at step 15"));
}

/* Another batch: evaluations go by epochs, those before it included. */
static void test_recounted(void **state) {
    (void)state;
    assert_int_equal(train("d", "--steps 12"), 0);
    assert_int_equal(resume("d", "train.batch=32 --extend --steps 12"), 0);
    assert_true(said("step 12 becomes step 6, of epoch 1"));
    assert_int_equal(
        run_command("cd %s && sed -n 's/^{\"step\":\\([0-9]*\\),.*val_loss.*/\\1/p' d/metrics.jsonl | tr "
                    "'\\n' ' '",
                    folder),
        0);
    assert_true(said("6 12 9 12 "));
}

static uint8_t *read_image(const char *path, VtImage *image) {
    struct stat status;
    VtError error;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    uint8_t *bytes = malloc((size_t)status.st_size);
    assert_int_equal(fread(bytes, 1, (size_t)status.st_size, file), status.st_size);
    fclose(file);
    assert_true(vt_image_decode(bytes, (size_t)status.st_size, path, 3, image, &error));
    return bytes;
}

/* Four rows of four images of 8 pixels: two views, one made, one of zeros, which is the mean colour. */
static void test_images(void **state) {
    (void)state;
    VtImage image;
    uint8_t *bytes = read_image(path_of("whole/images/step_000013.png"), &image);
    assert_int_equal(image.width, 4 * 10 - 2);
    assert_int_equal(image.height, 4 * 10 - 2);
    const uint8_t mean[] = {124, 116, 104};
    for (int y = 30; y < 38; y++)
        for (int x = 0; x < 38; x++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(image.pixels[3 * (y * 38 + x) + c], x % 10 < 8 ? mean[c] : 255);
    bool varied = false;
    for (int x = 0; x < 8; x++) varied = varied || image.pixels[3 * x] != image.pixels[0];
    assert_true(varied);
    vt_image_free(&image);
    free(bytes);
}

/* A metric is the mean over all held-out images of what the network gives when it is not trained. */
static void test_values(void **state) {
    (void)state;
    write_recipe("mode.yaml", "spread: var(rebuild.z)",
                 "mode: {value: \"1.5 if training else 0.25\", on: test}\n"
                 "  one: {value: \"mean(image * 0) + dim(image, 0)\", on: test, every: 2, warn_above: 15, "
                 "message: large}");
    assert_int_equal(run_command("cd %s && %s train mode.yaml " DATA " --out mode", folder, VITC_BINARY), 0);
    assert_true(said("warning: one = 16: large"));
    char *lines = metrics_with("mode", "mode");
    assert_non_null(strstr(lines, "{\"step\":12,\"epoch\":1.0,\"mode\":0.25,\"val_loss\""));
    assert_non_null(strstr(lines, "{\"step\":24,\"epoch\":2.0,\"mode\":0.25,\"one\":16.0,"));
    free(lines);
}

/* Without held-out images there are no such metrics, which is said; a run that is to end by them is refused. */
static void test_no_images(void **state) {
    (void)state;
    FILE *file = fopen(path_of("data_batch_1.bin"), "wb");
    for (int i = 0; i < 64; i++)
        for (int b = 0; b < 3073; b++) fputc(b ? (i * 31 + b) & 255 : i % 10, file);
    fclose(file);
    const char *data = "--data data_batch_1.bin --steps 2";
    assert_int_equal(train("none", data), 0);
    assert_true(said("there are no held-out images: no val_loss and other metrics"));
    assert_int_equal(train("refused", "--data data_batch_1.bin train.stop='val_loss < 1'"), 2);
    assert_true(said("there are no held-out images"));
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"on: test, every: 0.5", "every: 0.5", "every and best go with `on: test`"},
        {"on: test, every: 0.5", "on: valid", "`on` is train or test"},
        {"best: max", "best: high", "`best` is min or max"},
        {"every: 0.5", "every: 0", "every = 0 must be in"},
        {"views: [view]", "views: [veiw]", "log_images: there is no view 'veiw'; did you mean 'view'?"},
        {"views: [view]", "views: [image]",
         "log_images shows views that the losses read, which 'image' is not"},
        {"rebuilt: rebuild.made", "rebuilt: mean(rebuild.made)", "which 'rebuilt' is not: f32"},
        {"count: 4", "cuont: 4", "which 'cuont' is not: 4 (its options are every, count and views)"},
        {"rebuilt: rebuild.made", "rebuilt: image", "of which 'image' is none"},
        {"average < 0", "loss", "`stop` must be one bool that depends on what is logged"},
        {"average < 0", "view[0] < 1", "'view' is a view of the step: `stop` sees what is logged"},
        {"average < 0", "val_loss.best.x < 1", "has no field 'x'"},
        {"average < 0", "val_loss.worst < 1", "metric 'val_loss' has last, best and since"},
        {"value: loss", "value: lose", "unknown name 'lose'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_recipe("wrong.yaml", cases[i].from, cases[i].to);
        assert_int_equal(run_command("cd %s && %s check wrong.yaml", folder, VITC_BINARY), 2);
        if (!said(cases[i].message)) fail_msg("'%s' was to be said", cases[i].message);
    }
}

static int make_folder_and_cache(void **state) {
    char cache[64];
    if (make_folder(state) != 0) return -1;
    snprintf(cache, sizeof cache, "%s/cache", folder);
    return setenv("VITC_CACHE", cache, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same),      cmocka_unit_test(test_stop),
                                       cmocka_unit_test(test_recounted), cmocka_unit_test(test_images),
                                       cmocka_unit_test(test_values),    cmocka_unit_test(test_no_images),
                                       cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, make_folder_and_cache, remove_folder);
}
