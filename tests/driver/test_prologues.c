/* What products make of their first operand themselves: the same bits as from kernels of their own, alone and in
 * chains, for any number of threads; and nothing of it reaches memory. */
#include "ir/plan/cost.h"
#include "passes/passes.h"
#include "tests/driver/built.h"

#define BEFORE                                                                                               \
    "simplify,batch-views,attention,autodiff,expand,simplify,split-rows,tile-sums,reductions,fuse,"          \
    "precision,schedule,remat"

typedef struct {
    const char *recipe, *precision, *dim;
    const char *smaller[6]; /* further knobs */
    int64_t chain_cache;    /* so small that there are chains */
    int least;              /* prologues, at least */
} Case;

static const char *const SMALL[] = {"patch=8", "depth=2", "heads=2"};

/* So large that what is elementwise is made again where it is read. */
#define IMAGES "batch=32", "image=64"

/* As wide as the encoder here, and no deeper. */
#define DECODER_SIZE "decoder_dim=256", "decoder_depth=2", "decoder_heads=4"
#define DECODER {IMAGES, DECODER_SIZE}

/* Widths are whole panels of all targets, so that sums of layer norms begin in tiles of the product before: else one
 * kernel sums each row and norms it. Batch norms of the contrastive heads are loops for any width. */
static const Case CASES[] = {
    {"mae", "bf16x3", "96", DECODER, 96 << 10, 4},
    {"mocov3", "bf16", "96", {"batch=96", "image=32", "hidden=95"}, 48 << 10, 3},
    {"mocov3", "fp32", "32", {"batch=96", "image=16", "hidden=91"}, 48 << 10, 3},
    {"dino", "fp32", "96", {IMAGES, "out_dim=512", "hidden=256", "locals=2", "local_size=32"}, 48 << 10, 3},
};

static Module *load(Arena *arena, const Case *c, bool prologues, bool chains, const char *features,
                    Recipe *recipe) {
    const char *overrides[12];
    char error[256];
    Machine target = {0};
    int n = 0;
    Diags *diags = diags_new(arena);
    for (size_t i = 0; i < sizeof SMALL / sizeof *SMALL; i++) overrides[n++] = SMALL[i];
    for (int i = 0; i < 6 && c->smaller[i]; i++) overrides[n++] = c->smaller[i];
    overrides[n++] = arena_printf(arena, "width=%s", c->dim);
    overrides[n++] = arena_printf(arena, "train.precision=%s", c->precision);
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = n};
    const char *path = arena_printf(arena, SOURCE_DIR "/models/%s.yaml", c->recipe);
    if (!recipe_load(arena, diags, path, &options, recipe)) fail_msg("%s", diags_text(diags));
    if (!codegen_machine(features, &target, error, sizeof error)) fail_msg("%s", error);
    memcpy(recipe->module->machine.tile, target.tile, sizeof target.tile); /* all else is as usual */
    PassOptions verified = {.verify = true};
    bool good = passes_run(recipe->module, prologues ? BEFORE ",prologue" : BEFORE, &verified, diags);
    recipe->module->machine.own_cache = c->chain_cache;
    recipe->module->machine.cores = 1; /* of which none waits for others */
    if (good && chains) good = run_chain(recipe->module, diags);
    if (!good || !passes_run(recipe->module, "memory,barriers", &verified, diags))
        fail_msg("%s", diags_text(diags));
    return recipe->module;
}

static Built build(const Case *c, bool prologues, bool chains, const char *features) {
    Built b = {.arena = arena_new()};
    b.module = load(b.arena, c, prologues, chains, features, &b.recipe);
    built_compile(&b, features);
    return b;
}

typedef struct {
    int alone, chained;
    double flops, bytes;
} Census;

static Census look_at(const Func *func) {
    Census census = {0};
    for (uint32_t k = 0; k < func->plan->n_kernels; k++) {
        const Kernel *kernel = &func->plan->kernels[k];
        KernelCost cost = kernel_cost(func, kernel);
        census.flops += cost.flops;
        census.bytes += cost.bytes;
        if (!kernel->prologue) continue;
        if (plan_chain(func->plan, k))
            census.chained++;
        else
            census.alone++;
    }
    return census;
}

/* What the cases came to: prologues in chains are not to be missed. */
static int met_alone, met_chained;

static void check(const Case *c, const char *features, bool alone, int most_threads) {
    size_t size, again;
    Built plain = build(c, false, false, features);
    Census without = look_at(module_find_func(plain.module, "step"));
    assert_int_equal(without.alone + without.chained, 0);
    char *want = built_step(&plain, 1, &size);
    for (int chains = !alone; chains < 2; chains++) {
        Built with = build(c, true, chains, features);
        Census census = look_at(module_find_func(with.module, "step"));
        met_alone += census.alone;
        met_chained += census.chained;
        if (census.alone + census.chained < c->least)
            fail_msg("%s: %d prologues, not %d", c->recipe, census.alone + census.chained, c->least);
        assert_true(census.flops == without.flops);
        assert_true(census.bytes < without.bytes);
        for (int threads = 1; threads <= most_threads; threads += 2) {
            char *got = built_step(&with, threads, &again);
            assert_int_equal(again, size);
            assert_memory_equal(got, want, size);
            free(got);
        }
        built_drop(&with);
    }
    free(want);
    built_drop(&plain);
}

static void test_same_bits(void **state) {
    check(*state, NULL, true, SANITIZED ? 1 : 3); /* generated code has no sanitizers */
}

static void test_targets(void **state) {
    (void)state;
    if (SANITIZED) skip();
    const Case c = {"mae", "bf16", "88", {"batch=64", "image=64", DECODER_SIZE}, 96 << 10, 4};
    check(&c, "x86-64", false, 1);
    check(&c, "amx-model", false, 1);
}

static void test_were_chained(void **state) {
    (void)state;
    printf("%d prologues alone, %d in chains\n", met_alone, met_chained);
    assert_true(met_alone > 0);
    assert_true(met_chained > 0);
}

int main(void) {
    enum { N = sizeof CASES / sizeof *CASES };
    struct CMUnitTest tests[N + 2] = {cmocka_unit_test(test_targets)};
    char names[N][64];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%s %s, dim %s", CASES[i].recipe, CASES[i].precision,
                 CASES[i].dim);
        tests[i + 1] = (struct CMUnitTest){names[i], test_same_bits, NULL, NULL, (void *)&CASES[i]};
    }
    tests[N + 1] = (struct CMUnitTest)cmocka_unit_test(test_were_chained);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
