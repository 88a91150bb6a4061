/* Order and rematerialisation change no bit: recipes run some steps with kernels as `fuse` orders them, as `schedule`
 * does, and within ever lower limits of memory, down to the least that the error names; all states and outputs must be
 * equal. And what `train.memory` refuses. */
#include "ir/plan/plan.h"
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "passes/plan/remat.h"
#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define UNORDERED                                                                                            \
    "simplify,factor,sink-sums,demand,batch-views,attention,autodiff,zeros,expand,simplify,split-rows,"      \
    "symmetric,reductions,fuse,precision,memory,barriers"
#define SMALL "image=32", "patch=8", "width=24", "depth=3", "heads=2", "batch=8"

typedef struct {
    const char *path;
    const char *overrides[16];
} Row;

static const Row ROWS[] = {
    {"../bench/peers/vit.yaml", {SMALL, "classes=10"}},
    {"dino.yaml",
     {SMALL, "local_size=16", "locals=2", "out_dim=32", "hidden=32", "bottleneck=16", "warmup=1"}},
    {"mae.yaml", {"preset=tiny", "batch=8"}},
    {"mocov3.yaml", {SMALL, "hidden=32", "out_dim=16", "warmup=1"}},
    {"simmim.yaml", {SMALL, "mask_patch=8", "warmup=1"}},
    {"moco.yaml", {"preset=tiny", "batch=8"}},
    {"paper/swav.yaml", {"preset=tiny", "batch=8"}},
};
enum { N_ROWS = sizeof ROWS / sizeof *ROWS, STEPS = 2, MOST_OVERRIDES = 24 };

typedef struct {
    Arena *arena;
    Diags *diags;
    Recipe recipe;
    Func *step;
} Loaded;

static Loaded load(const Row *row, const char *extra, const char *passes) {
    Loaded loaded = {.arena = arena_new()};
    loaded.diags = diags_new(loaded.arena);
    const char *overrides[MOST_OVERRIDES];
    int n = 0;
    while (n < 16 && row->overrides[n]) overrides[n] = row->overrides[n], n++;
    if (extra) overrides[n++] = extra;
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = n};
    const char *path = arena_printf(loaded.arena, "%s/models/%s", SOURCE_DIR, row->path);
    if (!recipe_load(loaded.arena, loaded.diags, path, &options, &loaded.recipe))
        fail_msg("%s", diags_text(loaded.diags));
    if (passes_run(loaded.recipe.module, passes, &(PassOptions){.verify = true}, loaded.diags))
        loaded.step = module_find_func(loaded.recipe.module, "step");
    return loaded;
}

static void *draw_input(const VtProgram *program, int number) {
    const VtInput *input = &program->inputs[number];
    const VtTensor *type = &input->tensor;
    char *data = calloc(1, vt_bytes(type) + 64);
    VtRng rng = {.seed = (uint64_t)number + 1};
    if (input->source == VT_SOURCE_DRAW) vt_draw_fill(&program->draws[input->index], type, 1, 1, data);
    const double *scalar = vt_feed_scalar(program, number, &(double){10});
    if (scalar) *(double *)(void *)data = *scalar;
    for (int64_t k = 0; k < vt_elements(type); k++) {
        if (input->source == VT_SOURCE_VIEW) ((float *)data)[k] = (float)vt_rng_normal(&rng);
        if (input->source == VT_SOURCE_LABEL) ((int32_t *)data)[k] = (int32_t)k % 3;
    }
    return data;
}

/* All states and outputs after some steps, one after another. */
static char *run(const Loaded *loaded, size_t *size) {
    char error[512], *all = NULL;
    VtError problem = {0};
    Compiled *compiled =
        codegen_compile(loaded->recipe.module, &loaded->recipe.plan, NULL, error, sizeof error);
    if (!compiled) fail_msg("%s", error);
    const VtProgram *program = compiled_program(compiled);
    VtInstance *instance = vt_instance_new(program, &problem);
    if (!instance) fail_msg("%s", problem.message);
    void **inputs = calloc((size_t)program->n_inputs + 1, sizeof *inputs);
    for (int i = 0; i < program->n_inputs; i++) inputs[i] = draw_input(program, i);
    assert_true(vt_instance_init(instance, 3, &problem));
    for (int s = 0; s < STEPS; s++)
        if (!vt_instance_run(instance, "step", inputs, &problem)) fail_msg("%s", problem.message);
    FILE *stream = open_memstream(&all, size);
    for (int s = 0; s < program->n_states; s++)
        fwrite(vt_instance_state(instance, s), 1, vt_bytes(&program->states[s].tensor), stream);
    for (size_t i = 0; i < loaded->step->n_outputs; i++) {
        VtTensor type;
        const void *data = vt_instance_output(instance, "step", loaded->step->outputs[i].name, &type);
        fwrite(data, 1, vt_bytes(&type), stream);
    }
    fclose(stream);
    for (int i = 0; i < program->n_inputs; i++) free(inputs[i]);
    free(inputs);
    vt_instance_free(instance);
    compiled_free(compiled);
    return all;
}

static void assert_same_bits(const char *got, const char *want, size_t size, const char *path,
                             const char *how) {
    for (size_t i = 0; i < size; i++)
        if (got[i] != want[i]) fail_msg("%s %s: byte %zu of %zu differs", path, how, i, size);
}

/* The least limit, as the error of a lower one names it. */
static double least_megabytes(const Row *row) {
    Loaded loaded = load(row, "train.memory=1kB", PASSES_ALL);
    DiagKind kind;
    Loc loc;
    assert_null(loaded.step);
    const char *text = diags_message(loaded.diags, 0, &kind, &loc), *at = strstr(text, "it needs ");
    if (!at) fail_msg("%s", text);
    double least = atof(at + strlen("it needs "));
    arena_free(loaded.arena);
    return least;
}

static size_t count_again(const Func *func) {
    size_t n = 0;
    for (size_t k = 0; k < func->plan->n_kernels; k++) n += func->plan->kernels[k].again;
    return n;
}

static void check_row(const Row *row) {
    size_t size, other;
    Loaded given = load(row, NULL, UNORDERED), ordered = load(row, NULL, PASSES_ALL);
    char *want = run(&given, &size), *got = run(&ordered, &other);
    assert_int_equal(size, other);
    assert_same_bits(got, want, size, row->path, "ordered");
    assert_true(ordered.step->plan->arena_bytes <= given.step->plan->arena_bytes);
    assert_int_equal(count_again(ordered.step), 0);
    free(got);
    double all = (double)(ordered.step->plan->arena_bytes + resident_bytes(ordered.step)) / 1e6,
           least = least_megabytes(row);
    assert_true(least < all);
    for (int part = 0; part < 2; part++) {
        char limit[64];
        snprintf(limit, sizeof limit, "train.memory=%.1fMB", least + (all - least) * part / 2);
        Loaded limited = load(row, limit, PASSES_ALL);
        if (!limited.step) fail_msg("%s %s: %s", row->path, limit, diags_text(limited.diags));
        assert_true(limited.step->plan->arena_bytes + resident_bytes(limited.step) <=
                    limited.recipe.module->memory_limit);
        assert_true(count_again(limited.step) > 0);
        got = run(&limited, &other);
        assert_int_equal(size, other);
        assert_same_bits(got, want, size, row->path, limit);
        free(got);
        arena_free(limited.arena);
    }
    free(want);
    arena_free(given.arena);
    arena_free(ordered.arena);
}

static void test_bits_do_not_change(void **state) {
    (void)state;
    for (int i = 0; i < N_ROWS; i += SANITIZED ? 3 : 1)
        check_row(&ROWS[i]); /* generated code has no sanitizers */
}

/* Without a limit, of a step that is not small, what is nearly free to compute again is not kept; a limit it is far
 * from keeps all. */
static void test_nearly_free_values_are_not_kept(void **state) {
    (void)state;
    static const char *const precisions[] = {"train.precision=fp32", "train.precision=bf16"};
    for (int p = 0; p < 2; p++) {
        Row row = {"../bench/peers/vit.yaml",
                   {"image=32", "patch=4", "width=256", "depth=4", "heads=4", "batch=64", "classes=10",
                    precisions[p]}};
        size_t size, other;
        Loaded kept = load(&row, "train.memory=100GB", PASSES_ALL), usual = load(&row, NULL, PASSES_ALL);
        assert_int_equal(count_again(kept.step), 0);
        assert_true(count_again(usual.step) > 0);
        assert_true(usual.step->plan->arena_bytes < kept.step->plan->arena_bytes * 4 / 5);
        double all = 0, again = 0;
        for (ValueId id = 0; id < usual.step->count; id++) {
            const Kernel *kernel = plan_kernel(usual.step->plan, id);
            bool repeated =
                kernel &&
                (kernel->prologue && id <= kernel->prologue->last ? kernel->prologue->again : kernel->again);
            *(repeated ? &again : &all) += node_flops(usual.step, func_node(usual.step, id));
        }
        assert_true(again < 0.01 * all);
        char *want = run(&kept, &size), *got = run(&usual, &other);
        assert_int_equal(size, other);
        assert_same_bits(got, want, size, row.path, precisions[p]);
        free(want);
        free(got);
        arena_free(kept.arena);
        arena_free(usual.arena);
    }
}

static void test_every_precision_fits(void **state) {
    (void)state;
    static const char *const precisions[] = {"train.precision=bf16", "train.precision=bf16x3"};
    for (int p = 0; p < 2; p++) {
        Row row = {"../bench/peers/vit.yaml", {SMALL, "classes=10", precisions[p]}};
        char limit[64];
        size_t size;
        snprintf(limit, sizeof limit, "train.memory=%.1fMB", least_megabytes(&row));
        Loaded limited = load(&row, limit, PASSES_ALL);
        assert_non_null(limited.step);
        free(run(&limited, &size));
        arena_free(limited.arena);
    }
}

static void test_limits_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"train.memory=600", "train.memory=MB", "train.memory=-1MB",
                                      "train.memory=1TB", "train.memory=0MB"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Recipe recipe;
        RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = &bad[i], .n_overrides = 1};
        assert_false(recipe_load(arena, diags, SOURCE_DIR "/models/quickstart.yaml", &options, &recipe));
        assert_non_null(strstr(diags_text(diags), "is no limit: a number and a unit were expected"));
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits_do_not_change),
        cmocka_unit_test(test_nearly_free_values_are_not_kept),
        cmocka_unit_test(test_every_precision_fits),
        cmocka_unit_test(test_limits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
