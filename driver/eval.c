/* vitc eval: protocols that judge a frozen encoder. */
#include "driver/driver.h"

#include <stdlib.h>
#include <string.h>

static int eval_knn(Session *s, const char *run, const char *data, double k, double temperature,
                    int64_t limit) {
    VtError error = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", run);
    VtInstance *instance = vt_instance_new(s->program, &error);
    VtDataset *train = instance && vt_checkpoint_load(instance, s->program, path, &error)
                           ? vt_dataset_open(data, "train", &error)
                           : NULL;
    VtDataset *test = train ? vt_dataset_open(data, "test", &error) : NULL;
    int64_t n_train, n_test, dim;
    int32_t *train_labels = NULL, *test_labels = NULL;
    float *a =
        test ? vt_features(instance, s->program, train, limit, &n_train, &dim, &train_labels, &error) : NULL;
    float *b = a ? vt_features(instance, s->program, test, limit, &n_test, &dim, &test_labels, &error) : NULL;
    static const int ks[] = {10, 20, 100, 200};
    for (int i = 0; b && i < (k > 0 ? 1 : 4); i++) {
        double top1, top5;
        int neighbours = k > 0 ? (int)k : ks[i];
        vt_knn(a, train_labels, n_train, b, test_labels, n_test, dim, vt_dataset_classes(train), neighbours,
               temperature, &top1, &top5);
        printf("%d-NN: top-1 %.2f %%, top-5 %.2f %%\n", neighbours, top1, top5);
    }
    if (b)
        printf("(%lld training and %lld test images, %lld features, temperature %g)\n", (long long)n_train,
               (long long)n_test, (long long)dim, temperature);
    free(a);
    free(b);
    free(train_labels);
    free(test_labels);
    vt_dataset_close(train);
    vt_dataset_close(test);
    vt_instance_free(instance);
    return b ? 0 : fail(error.code, "%s", error.message);
}

int verb_eval(int argc, char **argv) {
    enum { DATA, K, TEMPERATURE, LIMIT, THREADS, NO_CACHE, N };
    Flag flags[N] = {[DATA] = {"data", true, false, NULL},
                     [K] = {"k", true, false, NULL},
                     [TEMPERATURE] = {"temperature", true, false, NULL},
                     [LIMIT] = {"limit", true, false, NULL},
                     [THREADS] = {"threads", true, false, NULL},
                     [NO_CACHE] = {"no-cache", false, false, NULL}};
    Arguments args;
    double k = 0, temperature = 0.07, limit = 0, threads = 0;
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (args.n_words != 2 || strcmp(args.words[0], "knn") != 0 || !flags[DATA].given)
        return fail(2, "vitc eval knn RUN --data PATH");
    if (!number_flag(&flags[K], 1, 1e6, &k) || !number_flag(&flags[TEMPERATURE], 1e-4, 1e4, &temperature) ||
        !number_flag(&flags[LIMIT], 1, 1e12, &limit) || !number_flag(&flags[THREADS], 1, 1024, &threads))
        return 2;
    vt_set_threads((int)threads);
    char recipe[4096];
    snprintf(recipe, sizeof recipe, "%s/recipe.yaml", args.words[1]);
    Session s;
    RecipeOptions options = {
        .models_dir = models_dir(), .overrides = args.overrides, .n_overrides = args.n_overrides};
    int code = 2;
    if (session_program(&s, recipe, &options, NULL, flags[NO_CACHE].given))
        code = eval_knn(&s, args.words[1], flags[DATA].value, k, temperature, (int64_t)limit);
    session_close(&s);
    return code;
}
