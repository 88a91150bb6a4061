/* k-NN over features (normalisation, similarities, the nearest, votes) as a share of the fp32 peak measured between
 * the runs, and of that what the compiled products alone take: bench_neighbours [TRAIN [TEST [WIDTH [TARGET]]]], by
 * default 50,000 images, 10,000 and 128. */
#include "bench/median.h"
#include "bench/peak.h"
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 5, CLASSES = 10 };

static const char RECIPE[] =
    "recipe: compared\n"
    "views: {image: {size: 8, augment: [normalize]}}\n"
    "networks:\n"
    "  encoder(x): \"reshape(x, dim(x, 0), 192) @ param(192, %lld, name='weight')\"\n"
    "train: {batch: 32}\n"
    "embed: {view: image, features: \"encoder(image)\"}\n";

typedef struct {
    Arena *arena;
    Compiled *compiled;
    VtInstance *instance;
} Program;

static bool compile(Program *p, long long width, const char *target) {
    char text[1024], error[512] = "";
    Recipe recipe;
    p->arena = arena_new();
    Diags *diags = diags_new(p->arena);
    int size = snprintf(text, sizeof text, RECIPE, width);
    RecipeOptions options = {.models_dir = "models"};
    if (!recipe_load_text(p->arena, diags, "compared.yaml", text, (size_t)size, &options, &recipe) ||
        !codegen_machine(target, &recipe.module->machine, error, sizeof error) ||
        !passes_run(recipe.module, PASSES_ALL, &(PassOptions){0}, diags)) {
        diags_print(diags, stderr, false);
        return fprintf(stderr, "%s\n", error) < 0;
    }
    p->compiled = codegen_compile(recipe.module, &recipe.plan, &(CodegenOptions){.target_features = target},
                                  error, sizeof error);
    p->instance = p->compiled ? vt_instance_new(compiled_program(p->compiled), NULL) : NULL;
    return p->instance || fprintf(stderr, "%s\n", error) < 0;
}

static VtFeatures drawn(int64_t n, int64_t dim, const char *name) {
    VtFeatures f = {
        malloc(sizeof(float) * (size_t)(n * dim)), malloc(sizeof(int32_t) * (size_t)n), n, dim, 0, {0}};
    VtRng rng = {.seed = 1, .stream = vt_stream(name)};
    for (int64_t i = 0; i < n; i++) {
        f.labels[i] = (int32_t)(i % CLASSES);
        for (int64_t d = 0; d < dim; d++)
            f.values[i * dim + d] =
                (float)vt_rng_uniform(&rng) - 0.5f + (d % CLASSES == f.labels[i] ? 0.2f : 0);
    }
    return f;
}

static void ignore_tile(void *user, const VtTile *tile, int thread, int threads) {
    (void)user, (void)tile, (void)thread, (void)threads;
}

static void ignore_queries(void *user, int64_t query, int64_t n, int thread, int threads) {
    (void)user, (void)query, (void)n, (void)thread, (void)threads;
}

/* Seconds of the products alone. */
static double measure_products(const Program *p, const VtFeatures *train, const VtFeatures *test) {
    VtSimilarities s;
    VtDirections a, b;
    VtError error;
    if (!vt_similarities_open(&s, p->instance, compiled_program(p->compiled), &error) ||
        !vt_similarities_directions(&s, train, false, &a, &error) ||
        !vt_similarities_directions(&s, test, true, &b, &error))
        return -1;
    double start = bench_now();
    bool good =
        vt_similarities_run(&s, &b, &a, &(VtTileUse){.take = ignore_tile, .finish = ignore_queries}, &error);
    double seconds = bench_now() - start;
    vt_directions_free(&a);
    vt_directions_free(&b);
    vt_similarities_close(&s);
    return good ? seconds : -1;
}

static double measure_knn(const Program *p, const VtFeatures *train, const VtFeatures *test,
                          VtKnnResult *results) {
    static const int ks[] = {10, 20, 100, 200};
    VtError error;
    double start = bench_now();
    if (!vt_knn(p->instance, compiled_program(p->compiled), train, test, &(VtKnn){ks, 4, (double[]){0.07}, 1},
                results, &error))
        return fprintf(stderr, "%s\n", error.message), -1;
    return bench_now() - start;
}

int main(int argc, char **argv) {
    long long sizes[] = {50000, 10000, 128};
    for (int i = 0; i < 3 && i + 1 < argc; i++) sizes[i] = atoll(argv[i + 1]);
    PeakKind kinds[2];
    Program p = {0};
    if (sizes[0] < 200 || sizes[1] < 1 || sizes[2] < 1)
        return fprintf(stderr, "bench_neighbours [TRAIN [TEST [WIDTH [TARGET]]]]: TRAIN of 200 or more\n"), 2;
    if (peak_kinds(kinds) == 0) return fprintf(stderr, "no peak to compare with on this machine\n"), 1;
    if (!compile(&p, sizes[2], argc > 4 ? argv[4] : NULL)) return 1;
    VtFeatures train = drawn(sizes[0], sizes[2], "train"), test = drawn(sizes[1], sizes[2], "test");
    VtKnnResult results[4];
    double flops = 2.0 * (double)sizes[0] * (double)sizes[1] * (double)sizes[2];
    double peak[REPEATS], knn[REPEATS], products[REPEATS], seconds[REPEATS];
    for (int r = 0; r < REPEATS; r++) {
        peak[r] = peak_gflops(&kinds[0], 4000000);
        seconds[r] = measure_knn(&p, &train, &test, results);
        double alone = measure_products(&p, &train, &test);
        if (seconds[r] < 0 || alone < 0) return 1;
        peak[r] = (peak[r] + peak_gflops(&kinds[0], 4000000)) / 2;
        knn[r] = flops / seconds[r] / 1e9 / peak[r];
        products[r] = flops / alone / 1e9 / peak[r];
    }
    printf("%lld x %lld images of %lld features, k = 10, 20, 100, 200 (%d-NN: %.1f %%); %d threads, %s\n",
           sizes[0], sizes[1], sizes[2], results[1].k, results[1].top1, vt_threads(),
           compiled_target(p.compiled));
    printf("  %s peak %.0f GFLOP/s\n", kinds[0].name, median(peak, REPEATS));
    printf("  k-NN, all of it   %5.1f %% of it, %.3f s\n", 100 * median(knn, REPEATS),
           median(seconds, REPEATS));
    printf("  products alone    %5.1f %%\n", 100 * median(products, REPEATS));
    vt_features_free(&train);
    vt_features_free(&test);
    vt_instance_free(p.instance);
    compiled_free(p.compiled);
    arena_free(p.arena);
    return 0;
}
