/* Kernels that run block by block: the same bits as kernel by kernel, whatever the blocks, and for any number of
 * threads. */
#include "ir/plan/plan.h"
#include "passes/passes.h"
#include "tests/driver/built.h"
#include "tests/driver/order.h"

#define BEFORE                                                                                               \
    "simplify,batch-views,attention,autodiff,expand,simplify,split-rows,tile-sums,reductions,fuse,"          \
    "precision,"                                                                                             \
    "schedule,remat"

typedef struct {
    const char *recipe, *precision;
    int64_t cache; /* so small that there are chains, of blocks of several sizes */
    /* sums begin in products' tiles: those of rows may lie in two blocks, and keep their kernels out of chains */
    bool tiles;
    const char *smaller[3]; /* further knobs */
} Case;

/* Heads and decoders whose sizes no chain depends on; dino's head is still so wide that its rows are split. */
#define DINO {"out_dim=32768", "hidden=64", "bottleneck=32"}
#define DECODER {"decoder_dim=32", "decoder_depth=2", "decoder_heads=2"}
#define CONTRAST {"hidden=64", "out_dim=32"}

static const Case CASES[] = {
    {"quickstart", "fp32", 8 << 10, false, CONTRAST}, {"quickstart", "bf16", 24 << 10, false, CONTRAST},
    {"simmim", "fp32", 12 << 10, false, {0}},         {"mae", "fp32", 12 << 10, false, DECODER},
    {"mae", "bf16x3", 24 << 10, false, DECODER},      {"mocov3", "bf16", 8 << 10, false, CONTRAST},
    {"dino", "bf16", 24 << 10, false, DINO},          {"mae", "fp32", 12 << 10, true, DECODER},
    {"simmim", "bf16", 24 << 10, true, {0}},          {"mae", "bf16", 24 << 10, false, DECODER},
};

static Module *load(Arena *arena, const Case *c, bool chains, const char *features, Recipe *recipe) {
    const char *overrides[10] = {"batch=16", "width=32", "depth=2", "heads=2", "image=32", "patch=8"};
    int n = 6;
    Diags *diags = diags_new(arena);
    overrides[n++] = arena_printf(arena, "train.precision=%s", c->precision);
    for (int i = 0; i < 3 && c->smaller[i]; i++) overrides[n++] = c->smaller[i];
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = n};
    const char *path = arena_printf(arena, SOURCE_DIR "/models/%s.yaml", c->recipe);
    if (!recipe_load(arena, diags, path, &options, recipe)) fail_msg("%s", diags_text(diags));
    char error[512];
    if (c->tiles && !codegen_machine(features, &recipe->module->machine, error, sizeof error))
        fail_msg("%s", error);
    recipe->module->machine.own_cache = c->cache;
    recipe->module->machine.cores = 1; /* of which none waits for others */
    PassOptions verified = {.verify = true};
    bool good = passes_run(recipe->module, BEFORE, &verified, diags);
    if (good && chains) good = run_chain(recipe->module, diags);
    recipe->module->machine.cores = ORDER_THREADS; /* for small kernels to be spread over */
    if (!good || !passes_run(recipe->module, "memory,barriers", &verified, diags))
        fail_msg("%s", diags_text(diags));
    for (size_t f = 0; f < recipe->module->n_funcs; f++)
        for (int threads = 2; threads <= ORDER_THREADS; threads++)
            assert_int_equal(order_faults(arena, recipe->module->funcs[f], threads), 0);
    return recipe->module;
}

static Built build(const Case *c, bool chains, const char *features) {
    Built b = {.arena = arena_new()};
    b.module = load(b.arena, c, chains, features, &b.recipe);
    built_compile(&b, features);
    return b;
}

/* What the cases chained: long chains through an attention, and chains of its gradient. */
static bool met_attention, met_gradient;

static void look_at_chains(const Func *func) {
    for (ValueId id = 0; id < func->count; id++) {
        const Chain *chain =
            plan_kernel(func->plan, id) ? plan_chain(func->plan, func->plan->kernel_of[id]) : NULL;
        if (!chain || chain->last - chain->first < 4) continue;
        met_attention = met_attention || func_node(func, id)->op == OP_attention;
        met_gradient = met_gradient || func_node(func, id)->op == OP_attention_grad;
    }
}

static void check(const Case *c, const char *features, int most_threads) {
    size_t size, again;
    Built plain = build(c, false, features), chained = build(c, true, features);
    assert_int_equal(module_find_func(plain.module, "step")->plan->n_chains, 0);
    assert_true(module_find_func(chained.module, "step")->plan->n_chains > 0);
    look_at_chains(module_find_func(chained.module, "step"));
    char *want = built_step(&plain, 1, &size);
    for (int threads = 1; threads <= most_threads; threads += 2) {
        char *got = built_step(&chained, threads, &again);
        assert_int_equal(again, size);
        assert_memory_equal(got, want, size);
        free(got);
    }
    free(want);
    built_drop(&plain);
    built_drop(&chained);
}

/* Generated code has no sanitizers: with them one thread of this machine's target is enough. */
static void test_same_bits(void **state) {
    check(*state, NULL, SANITIZED ? 1 : 3);
}

static void test_targets(void **state) {
    (void)state;
    if (SANITIZED) skip();
    const Case c = {"mae", "bf16", 24 << 10, false, DECODER};
    check(&c, "x86-64", 1);
    check(&c, "amx-model", 1);
}

/* What lives in blocks needs no place in the arena, and the text says all of it. */
static void test_text(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Recipe recipe;
    Module *module = load(arena, &CASES[0], true, NULL, &recipe);
    const Func *step = module_find_func(module, "step");
    size_t n_local = 0, size, again;
    for (ValueId id = 0; id < step->count; id++) n_local += step->plan->places[id].kind == PLACE_BLOCK;
    assert_true(n_local > 0);
    assert_true(step->plan->block_bytes > 0);
    char *text = module_print(module, &size);
    Diags *diags = diags_new(arena);
    Module *parsed = module_parse(arena, diags, "test", text, size);
    if (!parsed) fail_msg("%s", diags_text(diags));
    char *twice = module_print(parsed, &again);
    assert_int_equal(again, size);
    assert_memory_equal(twice, text, size);
    free(twice);
    free(text);
    arena_free(arena);
}

/* Each barrier is needed: one that waits for a kernel less leaves two out of order. */
static void test_barriers_are_needed(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Recipe recipe;
    Func *step = module_find_func(load(arena, &CASES[0], true, NULL, &recipe), "step");
    int n = 0;
    for (uint32_t k = 0; k < step->plan->n_kernels && n < 10; k++) {
        Kernel *kernel = &step->plan->kernels[k];
        if (!kernel->barrier) continue;
        kernel->after--;
        assert_true(order_faults(arena, step, ORDER_THREADS) > 0);
        kernel->after++;
        n++;
    }
    assert_int_equal(n, 10);
    arena_free(arena);
}

static void test_were_long(void **state) {
    (void)state;
    assert_true(met_attention);
    assert_true(met_gradient);
}

int main(void) {
    enum { N = sizeof CASES / sizeof *CASES };
    struct CMUnitTest tests[N + 4] = {cmocka_unit_test(test_text), cmocka_unit_test(test_targets),
                                      cmocka_unit_test(test_barriers_are_needed)};
    char names[N][64];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%s %s, %d KiB%s", CASES[i].recipe, CASES[i].precision,
                 (int)(CASES[i].cache >> 10), CASES[i].tiles ? ", tiles" : "");
        tests[i + 3] = (struct CMUnitTest){names[i], test_same_bits, NULL, NULL, (void *)&CASES[i]};
    }
    tests[N + 3] = (struct CMUnitTest)cmocka_unit_test(test_were_long);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
