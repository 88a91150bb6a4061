/* vitc eval: protocols that judge a frozen encoder. */
#include "command/weights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const char *run, *data; /* run NULL: a recipe, with initial weights */
    const VtInitialWeights *weights;
    int k; /* 0: those of the literature that fit */
    double temperature;
    int64_t limit, max_broken;
    bool previous; /* of the two checkpoints the one before */
} KnnRequest;

/* The recipe's `embed: features:` on one line. */
static const char *features_text(Session *s) {
    size_t size = strlen(s->resolved), n = 0;
    Tree *root = tree_parse(s->arena, s->diags, diags_add_source(s->diags, "recipe.yaml", s->resolved, size),
                            s->resolved, size);
    const Tree *embed = root ? tree_get(root, "embed") : NULL;
    const Tree *features = embed ? tree_get(embed, "features") : NULL;
    if (!features || features->kind != TREE_SCALAR) return "features";
    char *text = arena_alloc(s->arena, 2 * strlen(features->text) + 1);
    for (const char *c = features->text; *c; c++) {
        if (*c != '\n')
            text[n++] = *c;
        else if (c[1])
            n += (size_t)sprintf(text + n, "; ");
    }
    text[n] = '\0';
    return text;
}

static void print_used(Session *s, const KnnRequest *request, const VtInstance *instance,
                       const VtFeatures *features) {
    const VtProgram *p = s->program;
    int counter = vt_instance_counter(instance);
    printf("features: %s, %lld dimensions, L2-normalised", features_text(s), (long long)features->dim);
    const VtFunction *embed = vt_find_function(p, "embed");
    for (int i = 0; embed && i < embed->n_inputs; i++) {
        const VtInput *input = &p->inputs[embed->inputs[i]];
        if (input->source == VT_SOURCE_VIEW)
            printf("; view: %s, %d px", input->tensor.name, p->pipelines[input->index].size);
    }
    if (counter >= 0 && !request->weights)
        printf("; checkpoint: step %.0f", *(const double *)vt_instance_state(instance, counter));
    putchar('\n');
}

/* The ks of the request, or those of the literature that n training images allow. */
static int choose_ks(const KnnRequest *request, int64_t n, int ks[4]) {
    static const int usual[] = {10, 20, 100, 200};
    int count = 0;
    if (request->k > 0) return ks[0] = request->k, 1;
    for (int i = 0; i < 4; i++)
        if (usual[i] <= n) ks[count++] = usual[i];
    if (n == 0) return ks[0] = 1, 1; /* vt_knn says why there are none */
    if (count < 4)
        printf("(of k = 10, 20, 100, 200 those that %lld training images allow%s)\n", (long long)n,
               count ? "" : ": none; k is their number");
    if (count == 0) ks[count++] = (int)n;
    return count;
}

static void print_results(const KnnRequest *request, const VtFeatures *train, const VtFeatures *test,
                          const int *ks, const VtKnnResult *results, int n) {
    for (int i = 0; i < n; i++)
        printf("%d-NN: top-1 %.2f %%, top-5 %.2f %%, T %g\n", ks[i], results[i].top1, results[i].top5,
               request->temperature);
    printf("(%lld training and %lld test images, %d classes, %lld features, temperature %g; skipped: %lld "
           "broken, %lld unlabelled, %lld with features 0)\n",
           (long long)results->train, (long long)results->test, results->classes, (long long)train->dim,
           request->temperature, (long long)(train->broken + test->broken), (long long)results->unlabelled,
           (long long)results->zero);
    const VtFeatures *sets[] = {train, test};
    for (int i = 0; i < 2; i++)
        if (sets[i]->broken)
            fprintf(stderr, "vitc: skipped: %lld of the %s images, the first: %s\n",
                    (long long)sets[i]->broken, i ? "test" : "training", sets[i]->first_broken.message);
}

/* What can be seen before hours of features. */
static bool check_request(const KnnRequest *request, const VtDataset *train, const VtDataset *test,
                          VtError *error) {
    const VtDataset *sets[] = {train, test};
    for (int i = 0; i < 2; i++) {
        int64_t n = vt_dataset_size(sets[i]);
        if (vt_dataset_labelled(sets[i]) == 0)
            return vt_fail(error, 2, "'%s': none of its %lld %s images has a label: k-NN needs them",
                           request->data, (long long)n, i ? "test" : "training");
    }
    int64_t n = vt_dataset_size(train);
    if (request->limit > 0 && request->limit < n) n = request->limit;
    return request->k <= n ||
           vt_fail(error, 2, "--k %d: there are %lld training images: a number from 1 to %lld", request->k,
                   (long long)n, (long long)n);
}

static bool judge(Session *s, const KnnRequest *request, const VtInstance *instance, const VtFeatures *train,
                  const VtFeatures *test, VtError *error) {
    int ks[4];
    VtKnnResult results[4];
    print_used(s, request, instance, train);
    int n = choose_ks(request, vt_features_usable(train), ks);
    if (!vt_knn(train, test, &(VtKnn){ks, n, request->temperature}, results, error)) return false;
    print_results(request, train, test, ks, results, n);
    return true;
}

static bool load(const KnnRequest *request, VtInstance *instance, const VtProgram *program, VtError *error) {
    char path[4096], previous[4096];
    if (request->weights) {
        vt_instance_initial_weights(instance, request->weights);
        return vt_instance_init(instance, (uint64_t)program->train.seed, error);
    }
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", request->run);
    snprintf(previous, sizeof previous, "%s/checkpoint.previous.safetensors", request->run);
    if (vt_checkpoint_load(instance, program, request->previous ? previous : path, error)) return true;
    if (!request->previous) vt_checkpoint_offer(previous, "--previous takes it", error);
    return false;
}

/* The data set that is judged, which may be named after the source that the features' view has. */
static bool find_data(const Session *s, const Arguments *args, KnnRequest *request) {
    const VtProgram *p = s->program;
    if (args->n_values > 1) return fail(2, "eval knn judges one data set: --data PATH once") < 0;
    const char *path = args->values[0];
    request->data = path;
    bool plain = !strchr(path, '=') || access(path, F_OK) == 0;
    return plain || find_source(p, path, &request->data) >= 0;
}

/* As the view of the features wants them. */
static bool set_channels(const VtProgram *p, VtDataset *set, VtError *error) {
    const VtFunction *embed = vt_find_function(p, "embed");
    int channels = 3;
    for (int i = 0; embed && i < embed->n_inputs; i++) {
        const VtInput *input = &p->inputs[embed->inputs[i]];
        if (input->source == VT_SOURCE_VIEW) channels = vt_pipeline_reads(&p->pipelines[input->index]);
    }
    return vt_dataset_set_channels(set, channels, error);
}

static int eval_knn(Session *s, const KnnRequest *request) {
    VtError error = {0};
    VtFeatures a = {0}, b = {0};
    VtInstance *instance = vt_instance_new(s->program, &error);
    bool good = instance && load(request, instance, s->program, &error);
    VtDataset *train = good ? vt_dataset_open(request->data, "train", &error) : NULL;
    VtDataset *test = train ? vt_dataset_open(request->data, "test", &error) : NULL;
    good = test && set_channels(s->program, train, &error) && set_channels(s->program, test, &error) &&
           check_request(request, train, test, &error) &&
           vt_features(instance, s->program, train, request->limit, request->max_broken, &a, &error) &&
           vt_features(instance, s->program, test, request->limit, request->max_broken, &b, &error) &&
           judge(s, request, instance, &a, &b, &error);
    vt_features_free(&a);
    vt_features_free(&b);
    vt_dataset_close(train);
    vt_dataset_close(test);
    vt_instance_free(instance);
    if (!good) return fail(error.code, "%s", error.message);
    return fflush(stdout) == 0 ? 0 : fail(1, "cannot write the results: %s", strerror(errno));
}

enum {
    DATA,
    K,
    TEMPERATURE,
    LIMIT,
    MAX_BROKEN,
    THREADS,
    PREVIOUS,
    NO_CACHE,
    STRICT,
    INIT,
    RENAME,
    ONLY,
    N_FLAGS
};
static const Flag FLAGS[N_FLAGS] = {
    [DATA] = {"data", FLAG_LIST, false, NULL},          [K] = {"k", true, false, NULL},
    [TEMPERATURE] = {"temperature", true, false, NULL}, [LIMIT] = {"limit", true, false, NULL},
    [MAX_BROKEN] = {"max-broken", true, false, NULL},   [THREADS] = {"threads", true, false, NULL},
    [PREVIOUS] = {"previous", false, false, NULL},      [NO_CACHE] = {"no-cache", false, false, NULL},
    [STRICT] = {"strict", false, false, NULL},          [INIT] = {"init", true, false, NULL},
    [RENAME] = {"rename", true, false, NULL},           [ONLY] = {"only", true, false, NULL}};

/* The recipe of a run, or one that is given weights; NULL after telling. run: NULL: it is no run's. */
static const char *recipe_of(Arena *arena, const char *word, const char **run) {
    static char path[4096];
    struct stat status;
    bool folder = stat(word, &status) == 0 && S_ISDIR(status.st_mode);
    const char *recipe = folder ? NULL : find_recipe(arena, word);
    *run = recipe ? NULL : word;
    if (recipe && stat(recipe, &status) == 0 && S_ISREG(status.st_mode)) return recipe;
    snprintf(path, sizeof path, "%s/recipe.yaml", word);
    *run = word;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
        return path; /* a FIFO would wait for its writer */
    fail(2, "'%s' is no run: %s '%s'", word, access(path, F_OK) == 0 ? "no regular file:" : "there is no",
         path);
    return NULL;
}

/* Runs are judged by their checkpoint, or by the file of --init alone; recipes by all their initial weights. */
static bool find_weights(Session *s, const InitFlags *init, KnnRequest *request, Weights *weights) {
    *weights = (Weights){.count = 0};
    if (request->run && !init->path) return true;
    if (!weights_open(s, init, request->run == NULL, weights)) return false;
    weights_tell(weights, stdout);
    request->weights = weights->open;
    return weights->open || fail(2, "a recipe alone has no weights that could be judged: --init "
                                    "FILE.safetensors, or the folder of "
                                    "a run") < 0;
}

int verb_eval(int argc, char **argv) {
    Flag flags[N_FLAGS];
    Arguments args;
    InitFlags init;
    double k = 0, temperature = 0.07, limit = 0, broken = 100, threads = 0;
    memcpy(flags, FLAGS, sizeof flags);
    if (!parse_arguments(argc, argv, flags, N_FLAGS, &args)) return 2;
    if (args.n_words != 2 || strcmp(args.words[0], "knn") != 0 || !flags[DATA].given)
        return fail(2, "vitc eval knn RUN --data PATH");
    if (!whole_flag(&flags[K], 1, 1e5, &k) || !number_flag(&flags[TEMPERATURE], 1e-4, 1e4, &temperature) ||
        !whole_flag(&flags[LIMIT], 1, 1e12, &limit) || !whole_flag(&flags[MAX_BROKEN], 0, 1e12, &broken) ||
        !whole_flag(&flags[THREADS], 1, 1024, &threads) ||
        !init_flags(&flags[INIT], &flags[RENAME], &flags[ONLY], &init))
        return 2;
    vt_set_threads((int)threads);
    KnnRequest request = {.k = (int)k,
                          .temperature = temperature,
                          .previous = flags[PREVIOUS].given,
                          .limit = (int64_t)limit,
                          .max_broken = (int64_t)broken};
    Session s;
    Arena *arena = arena_new();
    Weights weights = {.count = 0};
    const char *recipe = recipe_of(arena, args.words[1], &request.run);
    RecipeOptions options = recipe_options(&args, &flags[STRICT]);
    int code = 2;
    if (recipe) {
        if (session_program(&s, recipe, &options, NULL, flags[NO_CACHE].given) &&
            find_data(&s, &args, &request) && find_weights(&s, &init, &request, &weights))
            code = eval_knn(&s, &request);
        vt_weights_close(weights.open);
        session_close(&s);
    }
    arena_free(arena);
    return code;
}
