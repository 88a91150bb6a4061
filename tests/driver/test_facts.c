/* Cores and caches decide how a program is arranged, never what it computes: so a program that was made for a target's
 * usual machine has the bits of one that was made for this one. */
#include "tests/driver/built.h"

typedef struct {
    int64_t cores, own_cache;
} Facts;

/* Of which chains, blocks of products and what is computed again differ. */
static const Facts MACHINES[] = {{1, 1 << 20}, {64, 8 << 20}, {4, 48 << 10}};
enum { N_MACHINES = sizeof MACHINES / sizeof *MACHINES };

typedef struct {
    const char *recipe, *precision, *smaller[3]; /* further knobs */
} Case;

static const Case CASES[] = {
    {"quickstart", "fp32", {"hidden=64", "out_dim=32"}},
    {"dino", "bf16", {"out_dim=4096", "hidden=64", "bottleneck=32"}},
};

static Built build(const Case *c, const Facts *facts) {
    Built b = {.arena = arena_new()};
    const char *overrides[16] = {"batch=16", "width=64", "depth=2", "heads=2", "image=32", "patch=4"};
    int n = 6;
    char error[512];
    Diags *diags = diags_new(b.arena);
    overrides[n++] = arena_printf(b.arena, "train.precision=%s", c->precision);
    for (int i = 0; i < 3 && c->smaller[i]; i++) overrides[n++] = c->smaller[i];
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = n};
    const char *path = arena_printf(b.arena, SOURCE_DIR "/models/%s.yaml", c->recipe);
    if (!recipe_load(b.arena, diags, path, &options, &b.recipe)) fail_msg("%s", diags_text(diags));
    b.module = b.recipe.module;
    b.module->machine.cores = facts->cores;
    b.module->machine.own_cache = facts->own_cache;
    if (!codegen_machine(NULL, &b.module->machine, error, sizeof error)) fail_msg("%s", error);
    assert_int_equal(b.module->machine.cores, facts->cores); /* what is said is not asked for */
    if (!passes_run(b.module, PASSES_ALL, NULL, diags)) fail_msg("%s", diags_text(diags));
    built_compile(&b, NULL);
    return b;
}

/* How a program is arranged. */
static void arrangement(const Built *b, int64_t out[3]) {
    const VtFunction *step = vt_find_function(compiled_program(b->compiled), "step");
    out[0] = step->n_calls;
    out[1] = step->arena_bytes;
    out[2] = step->scratch_bytes + step->block_bytes;
}

static void test_same_bits(void **state) {
    const Case *c = *state;
    char *want = NULL;
    size_t size = 0, again;
    int64_t first[3];
    bool differs = false;
    for (int m = 0; m < N_MACHINES; m++) {
        int64_t now[3];
        Built b = build(c, &MACHINES[m]);
        char *got = built_step(&b, 2, &again);
        arrangement(&b, now);
        if (m == 0) {
            want = got;
            size = again;
            memcpy(first, now, sizeof first);
        } else {
            assert_int_equal(again, size);
            assert_memory_equal(got, want, size);
            free(got);
            differs = differs || memcmp(now, first, sizeof first) != 0;
        }
        built_drop(&b);
    }
    assert_true(differs);
    free(want);
}

int main(void) {
    enum { N = sizeof CASES / sizeof *CASES };
    struct CMUnitTest tests[N];
    char names[N][64];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%s %s", CASES[i].recipe, CASES[i].precision);
        tests[i] = (struct CMUnitTest){names[i], test_same_bits, NULL, NULL, (void *)&CASES[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
