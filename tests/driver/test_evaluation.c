/* Evaluation as a user meets it: what `eval knn` used, what it leaves out, what it refuses, and a model that has
 * diverged; and what `embed` writes. */
#include "runtime/images/npy.h"
#include "tests/driver/put_image.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#define MODEL "quickstart width=16 depth=1 heads=2 hidden=16 out_dim=8 batch=8"
#define RECIPE MODEL " epochs=1 train.knn.k=3 --plain --threads 1"

/* Two classes; one test image is cut in half. */
static int make_data(void **state) {
    if (make_folder(state) != 0) return -1;
    for (int i = 0; i < 16; i++) put_image("data", "train", i % 2 ? "odd" : "even", i, 32, false);
    for (int i = 0; i < 6; i++) put_image("data", "test", i % 2 ? "odd" : "even", 100 + i, 32, i == 5);
    return 0;
}

/* The run that is judged. */
static const char *judged = "run";

static int eval(const char *arguments) {
    return run_command("%s eval knn %s/%s --data %s/data --threads 1 %s", VITC_BINARY, folder, judged, folder,
                       arguments);
}

static void test_broken_image_is_skipped(void **state) {
    (void)state;
    assert_int_equal(
        run_command("%s train " RECIPE " --data %s/data --out %s/run --steps 1", VITC_BINARY, folder, folder),
        0);
    assert_true(said("skipped in evaluation: 1 of 6 test images, the first:"));
    assert_true(said("skipped: 1 broken"));
    assert_int_equal(run_command("%s train " RECIPE " --data %s/data --out %s/strict --max-broken 0",
                                 VITC_BINARY, folder, folder),
                     1);
    assert_true(said("broken images: 1, more than the 0 allowed"));
    assert_int_equal(eval("--k 3"), 0);
    assert_true(said("skipped: 1 broken"));
    assert_int_equal(eval("--k 3 --max-broken 0"), 1);
    assert_true(said("more than the 0 allowed"));
}

static void test_says_what_was_used(void **state) {
    (void)state;
    assert_int_equal(eval("--k 3 --temperature 0.001"), 0);
    assert_true(said(
        "features: encoder(images), 16 dimensions, L2-normalised; view: images, 32 px; checkpoint: step 1"));
    assert_true(said("images: 16 to train on, 5 to test on, 2 classes, of ") &&
                said("view: normalize(mean=0.485 0.456 0.406, std=0.229 0.224 0.225); fp32, native"));
    assert_true(said("3-NN: top-1 "));
    assert_true(said("T 0.001"));
    assert_true(said("(16 training and 5 test images, 2 classes"));
    assert_int_equal(eval(""), 0);
    assert_true(said("of k = 10, 20, 100, 200 those that 16 training images allow"));
    assert_true(said("10-NN: "));
    assert_false(log_holds("20-NN: "));
}

static int eval_linear(const char *arguments) {
    return run_command("%s eval linear %s/%s --data %s/data --threads 1 %s", VITC_BINARY, folder, judged,
                       folder, arguments);
}

static void test_linear(void **state) {
    (void)state;
    assert_int_equal(eval_linear(""), 0);
    assert_true(said("features: encoder(images), 16 dimensions; view: images, 32 px; checkpoint: step 1"));
    assert_true(said("rate 0.001, decay 0: held out "));
    assert_true(said("chosen by 2 held-out training images; the best on the 5 test images: "));
    assert_true(said("skipped: 1 of the test images"));
    assert_int_equal(eval_linear("--form normalized --rates 1,10 --decays 0,0.1 --epochs 3 --held-out 0"), 0);
    assert_true(said("(the best of 4 on the 5 test images: rate "));
    assert_int_equal(eval_linear("--form steps --rates 1 --epochs 3"), 0);
    assert_true(said("(5 test images)"));
    assert_int_equal(eval_linear("--form ridge --held-out 3"), 0);
    assert_true(said("decay 1e-05: held out ") && said("chosen by 6 held-out training images"));
    static const char *const refused[][2] = {
        {"--k 3", "--k says nothing to eval linear"},
        {"--rates 0,1", "--rates 0,1: numbers above 0 were expected"},
        {"--rates ,", "--rates: there is no number"},
        {"--decays -1", "--decays -1: numbers from 0 were expected"},
        {"--form adam", "--form adam: cosine, steps, normalized or ridge was expected"},
        {"--form ridge --rates 1", "--rates says nothing to --form ridge"},
        {"--form ridge --decays 0", "--decays 0: of --form ridge they are above 0"},
        {"--held-out 101%", "--held-out 101%: a number of images of each class was expected"},
        {"--held-out 9", "9 images of each class are wanted, and class 0 has 8"},
        {"--shots 1", "--shots says nothing to eval linear"},
        {"--epochs 0", "--epochs"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(eval_linear(refused[i][0]), 2);
        assert_true(said(refused[i][1]));
    }
    assert_int_equal(eval_linear("--rates 1e38 --decays 0.1 --epochs 50"), 1);
    assert_true(said("a rate is too high"));
    assert_int_equal(eval_linear("--rates 0.1,1e38 --decays 0.1 --epochs 50"), 0);
    assert_true(said("rate 1e+38, decay 0.1: diverged") && said("(rate 0.1, decay 0.1, chosen by"));
}

/* Whitened features have no view of their own, but say so. */
static void test_whiten(void **state) {
    (void)state;
    assert_int_equal(eval("--k 3 --whiten zca --whiten-eps 0.1"), 0);
    assert_true(said("(whitened by 16 training images: zca, eps 0.1 of the mean variance)"));
    assert_true(said("3-NN: top-1 "));
    assert_int_equal(eval_linear("--form ridge --whiten pca"), 0);
    assert_true(said("(whitened by 16 training images: pca, eps 0.1 of the mean variance)"));
    assert_int_equal(eval("--whiten-eps 0.1"), 2);
    assert_true(said("--whiten-eps says nothing without --whiten zca or pca"));
}

static int eval_fewshot(const char *arguments) {
    return run_command("%s eval fewshot %s/run --data %s/data --threads 1 %s", VITC_BINARY, folder, folder,
                       arguments);
}

/* The same draws each time; amounts that there are not are left out, or refused where they were asked for. */
static void test_fewshot(void **state) {
    (void)state;
    assert_int_equal(eval_fewshot("--draws 3"), 0);
    assert_true(said("1 of each class: top-1 ") && said(" ± ") && said("(2 images, 3 draws)"));
    assert_true(said("(10 of each class: there are fewer)") && said("10 % of each class: top-1 "));
    assert_int_equal(eval_fewshot("--shots 5,50% --draws 2 --decays 1,0.1 --seed 7"), 0);
    assert_true(said("5 of each class, decay 0.1: top-1 ") && said("50 % of each class, decay 1: top-1 "));
    assert_int_equal(eval_fewshot("--shots 5 --draws 2 --baselines"), 0);
    assert_true(said("untrained: top-1 ") && said(" % (5 of each class)\n"));
    assert_int_equal(eval_fewshot("--shots 5 --draws 1 --classifier knn"), 0);
    assert_true(said("5 of each class, 10-NN: top-1 ") && said("(10 images, 1 draw)"));
    assert_false(log_holds(" ± "));
    static const char *const refused[][2] = {
        {"--shots 9", "9 images of each class are wanted, and class 0 has 8"},
        {"--shots 0", "--shots 0: numbers of images of each class, with commas between, were expected"},
        {"--shots 1.5", "--shots 1.5"},
        {"--shots %", "--shots %"},
        {"--shots ,", "--shots ,"},
        {"--classifier knn --decays 1", "--decays says nothing to --classifier knn"},
        {"--k 1", "--k and --temperature are for --classifier knn"},
        {"--classifier knn --shots 1 --k 3", "--k 3: there are 2 training images in a draw"},
        {"--decays 0", "--decays 0: of logistic regressions they are above 0"},
        {"--draws 0", "--draws"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(eval_fewshot(refused[i][0]), 2);
        assert_true(said(refused[i][1]));
    }
}

/* How many entries of eval.json have all of these texts; NULL ends them. */
static int entries_with(const char *name, const char *const *texts) {
    json_error_t problem;
    json_t *entries = json_load_file(path_of(name), 0, &problem);
    int found = 0;
    assert_true(json_is_array(entries));
    for (size_t i = 0; i < json_array_size(entries); i++) {
        char *text = json_dumps(json_array_get(entries, i), JSON_COMPACT | JSON_REAL_PRECISION(10));
        bool all = true;
        for (const char *const *t = texts; *t; t++) all = all && strstr(text, *t);
        found += all;
        free(text);
    }
    json_decref(entries);
    return found;
}

/* Each request has one entry, with what it depends on; baselines have theirs. */
static void test_entries(void **state) {
    (void)state;
    assert_int_equal(run_command("rm -f %s/run/eval.json", folder), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(eval("--k 3 --baselines"), 0);
    assert_true(said("features, untrained: encoder(images), 16 dimensions") &&
                said("features: the view's pixels, 3072 dimensions"));
    assert_true(said("all together:") && said("untrained: top-1 ") && said("pixels: top-1 "));
    assert_true(said(" (3-NN, T 0.07)\n"));
    assert_int_equal(eval("--k 5 --limit 8"), 0);
    assert_int_equal(eval("--k 1,2 --limit 8,5 --baselines"), 0);
    assert_true(said("8 to train on, 5 to test on") &&
                said("-NN, T 0.07, the best of 2 on the test images)\n"));
    static const char *const texts[][8] = {
        {"\"protocol\":\"knn\"", NULL},
        {"\"encoder\":\"trained\"", "\"hash\":\"sha256:", "\"step\":1", "\"ks\":[3]",
         "\"temperatures\":[0.07]", "\"test_broken\":1", "\"headline\":{\"k\":3,", NULL},
        {"\"encoder\":\"untrained\"", "\"seed\":0", "\"dim\":16,\"normalised\":\"l2\"", NULL},
        {"\"encoder\":\"pixels\"", "\"dim\":3072", NULL},
        {"\"ks\":[5]", "\"limit\":8", "\"train_images\":8", NULL},
        {"\"limit\":[8,5]", "\"train_images\":8", "\"test_images\":5", NULL},
    };
    static const int counts[] = {7, 1, 2, 2, 1, 3};
    for (int i = 0; i < 6; i++) assert_int_equal(entries_with("run/eval.json", texts[i]), counts[i]);
    /* A file of one's own, also where there is no run; what is no list of evaluations stays. */
    assert_int_equal(run_command("cd %s && %s eval knn " MODEL " --init run/checkpoint.safetensors "
                                 "--data data --k 3 --json own.json",
                                 folder, VITC_BINARY),
                     0);
    static const char *const own[] = {"\"file\":\"run/checkpoint.safetensors\"", "\"hash\":\"sha256:", NULL};
    assert_int_equal(entries_with("own.json", own), 1);
    assert_int_equal(eval("--k 3 --json /dev/null/x"), 2);
    assert_int_equal(run_command("(echo text >%s/run/eval.json)", folder), 0);
    assert_int_equal(eval("--k 3"), 2);
    assert_true(said("is no list of evaluations"));
    assert_int_equal(run_command("grep -q text %s/run/eval.json && rm %s/run/eval.json", folder, folder), 0);
}

/* Two that judge one run at once keep both results: what another has added meanwhile stays. */
static void test_side_by_side(void **state) {
    (void)state;
    int held = open(path_of("run"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(held, LOCK_EX), 0);
    assert_int_equal(
        run_command("cd %s && { { %s eval knn run --data data --k 3; echo ended; } >other 2>&1 & } && :",
                    folder, VITC_BINARY),
        0);
    wait_for_text("other", "top-1\\|ended");
    assert_int_equal(run_command("(echo '[{\"mine\": 1}]' >%s/run/eval.json)", folder), 0);
    close(held);
    wait_for_text("other", "ended");
    static const char *const mine[] = {"\"mine\":1", NULL}, *const theirs[] = {"\"ks\":[3]", NULL};
    assert_int_equal(entries_with("run/eval.json", mine) + entries_with("run/eval.json", theirs), 2);
    assert_int_equal(run_command("rm %s/run/eval.json", folder), 0);
}

/* Training's own k-NN and that of `eval` are one; several k and T are judged in one pass. */
static void test_same_as_training(void **state) {
    char *log, *line, *end;
    (void)state;
    assert_int_equal(run_command("%s train " RECIPE " --data %s/data --out %s/same --steps 1", VITC_BINARY,
                                 folder, folder),
                     0);
    double top1 = -1, top5 = -1, trained[2];
    log = read_log();
    for (line = log; (end = strstr(line, "k-NN top-1 ")); line = end + 1) /* the last one */
        assert_int_equal(sscanf(end, "k-NN top-1 %lf %%  top-5 %lf %%", &trained[0], &trained[1]), 2);
    free(log);
    assert_int_equal(run_command("%s eval knn %s/same --data %s/data --k 1,3 --temperature 1,0.07",
                                 VITC_BINARY, folder, folder),
                     0);
    log = read_log();
    for (line = log; (end = strstr(line, "3-NN: ")); line = end + 1)
        assert_int_equal(sscanf(end, "3-NN: top-1 %lf %%, top-5 %lf %%, T 0.07", &top1, &top5), 2);
    free(log);
    assert_float_equal(top1, trained[0], 0);
    assert_float_equal(top5, trained[1], 0);
    assert_true(said("1-NN: ") && said(", T 1\n") && said(", temperature 1, 0.07; "));
}

static int retrieval(const char *arguments) {
    return run_command("%s eval retrieval %s/run --data %s/data --threads 1 %s", VITC_BINARY, folder, folder,
                       arguments);
}

static void test_retrieval(void **state) {
    (void)state;
    assert_int_equal(retrieval("--baselines"), 0);
    assert_true(said("(5 queries among 16 images of 2 classes, 16 features; skipped: 1 broken, ") &&
                said("trained: mAP ") && said("pixels: mAP ") && said(" %, recall@10 100.00 %"));
    assert_int_equal(retrieval("--within"), 0);
    assert_true(said(", among test images") && said("(5 queries among 5 images of 2 classes"));
    static const char *const entry[] = {"\"protocol\":\"retrieval\"", "\"database\":\"test\"",
                                        "\"map\":", NULL};
    assert_int_equal(entries_with("run/eval.json", entry), 1);
    assert_int_equal(retrieval("--k 3"), 2);
    assert_true(said("--k says nothing to eval retrieval"));
    assert_int_equal(eval("--within"), 2);
    assert_true(said("--within says nothing to eval knn"));
}

static int eval_into(const char *name, const char *arguments) {
    return run_command("(cd %s && VITC_CACHE=programs %s eval knn run --data data --threads 1 --k 3 %s >%s "
                       "2>%s.err)", /* off would keep no features either */
                       folder, VITC_BINARY, arguments, name, name);
}

static int count_kept(void) {
    char command[256];
    snprintf(command, sizeof command, "ls %s/run/features 2>/dev/null | grep -c safetensors", folder);
    FILE *pipe = popen(command, "r");
    int n = -1;
    assert_int_equal(fscanf(pipe, "%d", &n), 1);
    pclose(pipe);
    return n;
}

/* Features are computed once for weights, settings and images, whatever becomes of the files they are kept in. */
static void test_kept(void **state) {
    (void)state;
    assert_int_equal(run_command("rm -rf %s/run/features", folder), 0);
    assert_int_equal(eval_into("first", "--no-feature-cache"), 0);
    assert_int_equal(count_kept(), 0);
    assert_int_equal(eval_into("made", ""), 0);
    assert_int_equal(count_kept(), 2);
    assert_int_equal(eval_into("kept", ""), 0);
    assert_int_equal(run_command("cd %s && cp -r run/features good && for f in run/features/*; do "
                                 "printf damage | dd of=$f bs=1 seek=700 conv=notrunc; done",
                                 folder),
                     0);
    assert_int_equal(eval_into("damaged", ""), 0);
    assert_int_equal(run_command("cd %s && diff -r good run/features && for f in made kept damaged; do "
                                 "cmp first $f && cmp first.err $f.err || exit 1; done",
                                 folder),
                     0);
    assert_int_equal(eval_into("other", "--layer 0"), 0); /* other features, of other images */
    assert_int_equal(count_kept(), 4);
    assert_int_equal(run_command("touch %s/data/train/odd/1.png", folder), 0);
    assert_int_equal(eval_into("touched", ""), 0);
    assert_int_equal(count_kept(), 6);
    assert_int_equal(run_command("cd %s && cmp first touched && rm -r good run/features", folder), 0);
    /* More than is allowed is told though features are kept. */
    assert_int_equal(eval_into("made", ""), 0);
    assert_int_equal(eval_into("few", "--max-broken 0"), 1);
}

static void test_refusals(void **state) {
    (void)state;
    assert_int_equal(eval("--k 17"), 2);
    assert_true(said("--k 17: there are 16 training images"));
    assert_int_equal(eval("--k 9 --limit 8"), 2);
    assert_int_equal(eval("--k 9 --limit 8,9"), 2);
    assert_int_equal(eval("--k 3 --limit 8,9,10"), 2);
    assert_true(said("--limit 8,9,10: whole numbers from 1 to 1000000000000 were expected, at most 2"));
    assert_int_equal(eval("--k 2.7"), 2);
    assert_int_equal(eval("--k 0"), 2);
    assert_int_equal(eval("--temperature 0"), 2);
    assert_int_equal(run_command("%s train " RECIPE " train.knn.k=17 --data %s/data --out %s/many",
                                 VITC_BINARY, folder, folder),
                     2);
    assert_true(said("train.knn.k = 17 neighbours of 16 labelled training images"));
    static const char *const ranges[] = {"train.knn.temperature=0",   "train.knn.temperature=-1",
                                         "train.knn.temperature=1e9", "train.knn.k=0",
                                         "train.knn.k=2.5",           "train.knn.every=-1"};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        assert_int_equal(run_command("%s check quickstart %s", VITC_BINARY, ranges[i]), 2);
}

/* ---- embed ------------------------------------------------------------------------------------------------------- */

static int embed(const char *arguments) {
    return run_command("cd %s && %s embed %s --threads 2 %s", folder, VITC_BINARY, judged, arguments);
}

/* The rows of a .npy file, malloc'ed. */
static float *read_npy(const char *name, int64_t *rows, int64_t *dim) {
    enum { MOST = 1 << 16 };
    uint8_t *bytes = malloc(MOST);
    FILE *file = fopen(path_of(name), "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, MOST, file);
    fclose(file);
    NpyHeader header;
    assert_true(npy_read_header(bytes, (int64_t)size, &header) && npy_is_whole(&header, 4));
    assert_string_equal(header.type, "<f4");
    assert_int_equal(header.rank, 2);
    assert_int_equal(header.at % 64, 0);
    *rows = header.dim[0];
    *dim = header.dim[1];
    memmove(bytes, bytes + header.at, (size_t)header.size);
    return (float *)(void *)bytes;
}

/* Line `line` of a file, in `out`. */
static const char *line_of(const char *name, int line, char out[256]) {
    FILE *file = fopen(path_of(name), "r");
    assert_non_null(file);
    for (int i = 0; i <= line; i++) assert_non_null(fgets(out, 256, file));
    fclose(file);
    out[strcspn(out, "\n")] = '\0';
    return out;
}

/* A row an image, in the order of their names; a broken one has a row of NaN, or none. */
static void test_embed(void **state) {
    (void)state;
    char line[256];
    int64_t n, dim, m, same;
    assert_int_equal(embed("--data data --out all.npy --names all.txt --labels all_labels.npy"), 0);
    assert_true(said("all.npy: 22 rows of 16 features") &&
                said("1 broken image has a row of NaN, the first: "));
    float *all = read_npy("all.npy", &n, &dim);
    assert_int_equal(n, 22);
    assert_int_equal(dim, 16);
    int broken = -1;
    for (int i = 0; i < n; i++) {
        if (strstr(line_of("all.txt", i, line), "odd/105.png")) broken = i;
        assert_int_equal(isnan(all[i * dim]), i == broken);
    }
    assert_true(broken >= 0);
    assert_string_equal(line_of("all.txt", 0, line), "data/test/even/100.png");

    assert_int_equal(embed("--data data --out few.npy --names few.txt --skip-broken --normalize "
                           "--labels few_labels.npy"),
                     0);
    assert_true(said("few.npy: 21 rows of 16 features, of length 1") && said("1 broken image left out"));
    /* An array of i32: of the classes in order, those to test on first. */
    assert_int_equal(run_command("cd %s && wc -c all_labels.npy few_labels.npy", folder), 0);
    assert_true(said("216 all_labels.npy") && said("212 few_labels.npy"));
    assert_int_equal(run_command("cd %s && od -An -v -td4 -w88 -j128 all_labels.npy", folder), 0);
    assert_true(said("0           0           0           1           1           1           0"));
    float *few = read_npy("few.npy", &m, &same);
    assert_int_equal(m, 21);
    for (int i = 0, from = 0; i < m; i++, from++) {
        double length = 0, was = 0;
        from += from == broken;
        for (int d = 0; d < dim; d++) length += (double)few[i * dim + d] * few[i * dim + d];
        for (int d = 0; d < dim; d++) was += (double)all[from * dim + d] * all[from * dim + d];
        assert_true(fabs(length - 1) < 1e-5);
        for (int d = 0; d < dim; d++)
            assert_true(fabs(few[i * dim + d] - all[from * dim + d] / sqrt(was)) < 1e-6);
    }
    free(all);
    free(few);
}

/* The same rows, with their labels and what they are. */
static void test_embed_tensors(void **state) {
    (void)state;
    VtError error;
    VtTensor shape;
    int64_t n, dim;
    float features[16 * 16];
    int32_t labels[16];
    assert_int_equal(embed("--data data --split train --out a.npy"), 0);
    float *rows = read_npy("a.npy", &n, &dim);
    assert_int_equal(n, 16);
    assert_int_equal(embed("--data data --split train --out a.safetensors"), 0);
    VtTensorFile *file = vt_tensors_open(path_of("a.safetensors"), &error);
    assert_non_null(file);
    assert_true(vt_tensors_verify(file, &error));
    assert_int_equal(vt_tensors_count(file), 3);
    assert_string_equal(vt_tensors_metadata(file, "features"), "encoder(images)");
    assert_string_equal(vt_tensors_type(file, vt_tensors_find(file, "paths"), &shape), "U8");
    int32_t paths[16 * 64];
    int64_t width = shape.dim[1];
    assert_true(shape.dim[0] == 16 && width == (int64_t)strlen("data/train/even/10.png"));
    assert_true(vt_tensors_read(file, vt_tensors_find(file, "paths"), VT_I32, paths, &error));
    for (int64_t k = 0; k < width; k++) {
        assert_int_equal(paths[k], "data/train/even/0.png"[k < 21 ? k : 21]);
        assert_int_equal(paths[15 * width + k], "data/train/odd/9.png"[k < 20 ? k : 20]);
    }
    vt_tensors_type(file, vt_tensors_find(file, "features"), &shape);
    assert_int_equal(shape.dim[0] * 1000 + shape.dim[1], 16016);
    assert_true(vt_tensors_read(file, vt_tensors_find(file, "features"), VT_F32, features, &error) &&
                vt_tensors_read(file, vt_tensors_find(file, "labels"), VT_I32, labels, &error));
    assert_memory_equal(features, rows, sizeof features);
    for (int i = 0; i < 16; i++) assert_int_equal(labels[i], i / 8);
    assert_string_equal(vt_tensors_metadata(file, "step"), "1");
    assert_string_equal(vt_tensors_metadata(file, "classes"), "[\"even\",\"odd\"]");
    vt_tensors_close(file);
    free(rows);

    assert_int_equal(
        embed("--data data --split train --layer -1 --readout mean --crops 5 --out d.safetensors"), 0);
    file = vt_tensors_open(path_of("d.safetensors"), &error);
    assert_non_null(file);
    assert_string_equal(vt_tensors_metadata(file, "layers"), "layer -1, mean");
    assert_string_equal(vt_tensors_metadata(file, "crops"), "5");
    vt_tensors_close(file);

    /* Without labels there are none; with one image left out the header is shorter than was thought. */
    assert_int_equal(
        run_command("mkdir %s/plain && cp %s/data/t*/odd/*.png %s/plain", folder, folder, folder), 0);
    assert_int_equal(embed("--data plain --out b.safetensors --skip-broken"), 0);
    file = vt_tensors_open(path_of("b.safetensors"), &error);
    assert_non_null(file);
    assert_true(vt_tensors_verify(file, &error));
    assert_int_equal(vt_tensors_count(file), 2);
    vt_tensors_type(file, 0, &shape);
    assert_int_equal(shape.dim[0], 10);
    vt_tensors_close(file);
    /* Initial weights, of a recipe and of a run. */
    assert_int_equal(
        embed("--init run/checkpoint.safetensors --data plain --out c.safetensors --skip-broken"), 0);
    assert_int_equal(
        run_command("cd %s && tail -c 640 b.safetensors >b && tail -c 640 c.safetensors >c && cmp b c",
                    folder),
        0);
}

static void test_embed_refusals(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *message;
        int code;
    } cases[] = {
        {"--data data", "embed RUN --data PATH --out FILE.npy|FILE.safetensors", 2},
        {"--data data --out a.txt", "--out a.txt: a file .npy or .safetensors was expected", 2},
        {"--data nothing --out x.npy", "no data at 'nothing'", 2},
        {"--data data --out data/x.npy/x.npy --names data", "cannot write 'data': it is a folder", 2},
        {"--data data --out x.npy --names x.npy", "--names and --out are the same file", 2},
        {"--data data --out x.npy --labels x.npy", "--labels and --out are the same file", 2},
        {"--data data --out x.npy --labels y.txt", "--labels y.txt: a file .npy was expected", 2},
        {"--data data --out x.npy --split val2", "unknown split 'val2'", 2},
        {"--data data --out x.npy --max-broken 0", "more than the 0 allowed", 1},
        {"--data data --out /dev/full", "a file .npy or .safetensors was expected", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(embed(cases[i].arguments), cases[i].code);
        assert_true(said(cases[i].message));
    }
    assert_int_equal(access(path_of("x.npy"), F_OK), -1);
    /* No file is left where the disk is full, or half of one. */
    assert_int_equal(
        run_command("cd %s && (ulimit -f 1; exec %s embed run --data data --out x.npy)", folder, VITC_BINARY),
        1);
    assert_int_equal(run_command("ls %s | grep x.npy", folder), 1);
}

/* Features of other layers: of the only block they are the recipe's, however they are asked for. */
static void test_layers(void **state) {
    (void)state;
    static const char tokens[] =
        "recipe: tokens\n"
        "use: [lib/vit.yaml, lib/optimizers.yaml]\n"
        "views: {images: {size: 32, augment: [normalize]}}\n"
        "networks: {encoder: \"vit(x, 8, 16, 1, 2, image=32)[:, 0]\"}\n"
        "objectives: {small: {loss: mean(encoder(images) ** 2)}}\n"
        "embed: {view: images, features: encoder(images)}\n"
        "train: {batch: 8, epochs: 1, optimizer: 'adamw(param, grad, 0.001)', knn: {every: 0}}\n";
    int64_t n, dim;
    FILE *file = fopen(path_of("tokens.yaml"), "w");
    assert_non_null(file);
    assert_true(fputs(tokens, file) >= 0 && fclose(file) == 0);
    assert_int_equal(
        run_command("cd %s && %s train tokens.yaml --data data --steps 1 --plain --threads 1 --out tokens",
                    folder, VITC_BINARY),
        0);
    judged = "tokens";
    assert_int_equal(embed("--data data --split train --out plain.npy"), 0);
    static const char *const same[] = {"--layer 0", "--last 1 --readout cls",
                                       "embed.features=\"encoder(images).at('norm')[:, 0]\""};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_int_equal(run_command("cd %s && %s embed tokens --data data --split train --out same.npy %s",
                                     folder, VITC_BINARY, same[i]),
                         0);
        assert_int_equal(run_command("cd %s && cmp plain.npy same.npy", folder), 0);
    }
    static const struct {
        const char *arguments;
        int dim;
    } wide[] = {{"--readout pooled", 64}, {"--layer 0,-1 --readout cls+mean", 64}};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        char arguments[128];
        snprintf(arguments, sizeof arguments, "--data data --split train --out wide.npy %s",
                 wide[i].arguments);
        assert_int_equal(embed(arguments), 0);
        free(read_npy("wide.npy", &n, &dim));
        assert_int_equal(n, 16);
        assert_int_equal(dim, wide[i].dim);
    }
    assert_int_equal(eval_linear("--layer 0,-1 --baselines --rates 0.1 --epochs 1"), 0);
    assert_true(said("features: layer 0, cls") && said("features, untrained: layer -1, cls") &&
                said("trained, layer -1: top-1 ") && said("pixels: top-1 "));
    static const char *const entry[] = {"\"layer\":\"layer -1\"", "\"encoder\":\"untrained\"", NULL};
    assert_int_equal(entries_with("tokens/eval.json", entry), 1);
    static const char *const refused[][2] = {
        {"--layer 1", "there is no layer 1: the network has 1, from 0 to 0"},
        {"--last 2", "the network has 1 layers, not 2"},
        {"--layer 0 --last 1", "--layer and --last both say which layers"},
        {"--layer x", "--layer x: whole numbers from -1000 to 1000 were expected"},
        {"--last 0", "--last 0: a whole number from 1"},
        {"--readout sum", "--readout sum: cls, mean, cls+mean or pooled was expected"},
        {"embed.readout=features[0]", "features must be [batch, dim], not f32[16]"},
        {"embed.layer=1", "there is no knob or value 'embed.layer'"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(eval(refused[i][0]), 2);
        assert_true(said(refused[i][1]));
    }
    judged = "run";
}

/* The mean of the features of five crops, each of which the view could show. */
static void test_crops(void **state) {
    (void)state;
    int64_t n, dim;
    double sums[2 * 16] = {0};
    for (int place = 0; place < 5; place++) {
        char arguments[256];
        snprintf(arguments, sizeof arguments,
                 "--data data/test/odd --skip-broken --out crop.npy "
                 "'views.images.augment=[{place_crop: {place: %d, resize: 36}}, normalize]'",
                 place);
        assert_int_equal(embed(arguments), 0);
        float *rows = read_npy("crop.npy", &n, &dim);
        assert_int_equal(n * 100 + dim, 216);
        for (int i = 0; i < 2 * 16; i++) sums[i] += rows[i] / 5.0;
        free(rows);
    }
    assert_int_equal(embed("--data data/test/odd --skip-broken --out crops.npy --crops 5"), 0);
    float *rows = read_npy("crops.npy", &n, &dim);
    for (int i = 0; i < 2 * 16; i++) assert_true(fabs(rows[i] - sums[i]) < 1e-5);
    free(rows);
    assert_int_equal(eval("--k 3 --crops 10 --baselines"), 0);
    assert_true(said("view: images, 32 px, the mean of 10 crops; checkpoint: step 1") &&
                said("skipped: 1 broken"));
    static const char *const entry[] = {"\"crops\":10", "\"encoder\":\"pixels\"", "\"test_broken\":1", NULL};
    assert_int_equal(entries_with("run/eval.json", entry), 1);
    assert_int_equal(eval("--k 3 --crops 3"), 2);
    assert_true(said("--crops 3: 1, 5 or 10 was expected"));
}

/* A signal ends it; what was written is gone. */
static void test_embed_stopped(void **state) {
    (void)state;
    char command[512];
    snprintf(
        command, sizeof command,
        "cd %s && exec %s embed run --data synthetic:4000000 --out long.npy --names long.txt >long.log 2>&1",
        folder, VITC_BINARY);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1200 && run_command("ls %s | grep long.txt.tmp", folder) != 0; i++) usleep(50000);
    kill(child, SIGTERM);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(run_command("cd %s && ls | grep -E 'long.(npy|txt)'", folder), 1);
}

/* Without classes there is no k-NN, but training, and the spread of features, need none. */
static void test_no_labels(void **state) {
    (void)state;
    assert_int_equal(run_command("mkdir %s/flat && cp %s/data/train/*/*.png %s/flat", folder, folder, folder),
                     0);
    assert_int_equal(run_command("%s train " RECIPE " train.knn.every=1 --data %s/flat --out %s/unlabelled",
                                 VITC_BINARY, folder, folder),
                     0);
    assert_true(said("no online k-NN: there is no test split"));
    assert_true(said("features: std "));
    assert_int_equal(run_command("grep -q features.rank %s/unlabelled/metrics.jsonl", folder), 0);
    assert_int_equal(run_command("%s eval knn %s/run --data %s/flat", VITC_BINARY, folder, folder), 2);
}

/* A signal that comes in the first k-NN does not wait for its end: all is saved before it was done. */
static void test_stopped_in_knn(void **state) {
    (void)state;
    char command[1024], begun[128];
    snprintf(begun, sizeof begun, "%s/stopped/metrics.jsonl", folder); /* made right before the first k-NN */
    snprintf(command, sizeof command,
             "exec %s train quickstart width=192 depth=6 --data synthetic:40000 --plain --out %s/stopped "
             ">%s/log 2>&1",
             VITC_BINARY, folder, folder);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1200 && access(begun, F_OK) != 0; i++) usleep(50000);
    usleep(100000);
    kill(child, SIGTERM);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(said("stopped by signal 15"));
    assert_true(said("at step 0; saved"));
    assert_false(log_holds("k-NN top-1"));
}

/* Weights that have overflowed give no percentage. */
static void test_diverged(void **state) {
    (void)state;
    assert_int_equal(
        run_command("%s train " RECIPE
                    " peak_lr=1e38 epochs=40 train.knn.every=0.5 --data %s/data --out %s/diverged",
                    VITC_BINARY, folder, folder),
        1);
    char *log = read_log();
    assert_null(strstr(log, "nan"));
    assert_true(strstr(log, "NaN") || strstr(log, "infinite") || strstr(log, "not finite"));
    free(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_broken_image_is_skipped),
                                       cmocka_unit_test(test_says_what_was_used),
                                       cmocka_unit_test(test_linear),
                                       cmocka_unit_test(test_whiten),
                                       cmocka_unit_test(test_fewshot),
                                       cmocka_unit_test(test_entries),
                                       cmocka_unit_test(test_side_by_side),
                                       cmocka_unit_test(test_kept),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_embed),
                                       cmocka_unit_test(test_embed_tensors),
                                       cmocka_unit_test(test_same_as_training),
                                       cmocka_unit_test(test_retrieval),
                                       cmocka_unit_test(test_layers),
                                       cmocka_unit_test(test_crops),
                                       cmocka_unit_test(test_embed_refusals),
                                       cmocka_unit_test(test_embed_stopped),
                                       cmocka_unit_test(test_no_labels),
                                       cmocka_unit_test(test_stopped_in_knn),
                                       cmocka_unit_test(test_diverged)};
    return cmocka_run_group_tests(tests, make_data, remove_folder);
}
