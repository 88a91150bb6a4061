/* A recipe with a head of 65,536 outputs: at a large batch no logits of student or teacher exist whole, nor do their
 * gradients; at a small one nothing changes. */
#include "ir/plan/plan.h"
#include "frontend/frontend.h"
#include "passes/passes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUTS = 65536 };
/* What makes values smaller for other reasons is left out. */
#define BEFORE "simplify,batch-views,attention,autodiff,expand,simplify,"
#define AFTER "reductions,fuse,precision,schedule,memory,barriers"
#define WHOLE BEFORE AFTER
#define SPLIT BEFORE "split-rows," AFTER

static Module *load(Arena *arena, const char *batch, const char *passes) {
    const char *overrides[] = {"depth=1", "width=64",      "heads=1",   "image=32",
                               "patch=8", "local_size=16", "hidden=64", batch};
    Recipe recipe;
    Diags *diags = diags_new(arena);
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = 8};
    if (!recipe_load(arena, diags, SOURCE_DIR "/models/dino.yaml", &options, &recipe) ||
        !passes_run(recipe.module, passes, &(PassOptions){.verify = true}, diags))
        fail_msg("%s", diags_text(diags));
    return recipe.module;
}

/* The most rows of logits that any value holds. */
static int64_t most_rows(const Func *func) {
    int64_t most = 0;
    for (ValueId id = 0; id < func->count; id++) {
        const Type *type = func_type(func, id);
        bool logits = type->rank > 1 && type->dim[type->rank - 1] == OUTPUTS;
        if (logits && type_elements(type) / OUTPUTS > most) most = type_elements(type) / OUTPUTS;
    }
    return most;
}

static void test_logits_are_never_whole(void **state) {
    (void)state;
    Arena *arena = arena_new();
    const Func *whole = module_find_func(load(arena, "batch=64", WHOLE), "step");
    const Func *step = module_find_func(load(arena, "batch=64", SPLIT), "step");
    assert_int_equal(most_rows(whole), 640);
    assert_int_equal(most_rows(step), 160);
    assert_true(step->plan->arena_bytes < whole->plan->arena_bytes * 4 / 5);
    arena_free(arena);
}

static void test_few_rows_stay(void **state) {
    (void)state;
    Arena *arena = arena_new();
    size_t before, after;
    char *want = module_print(load(arena, "batch=4", WHOLE), &before);
    char *got = module_print(load(arena, "batch=4", SPLIT), &after);
    assert_string_equal(got, want);
    free(got);
    free(want);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits_are_never_whole),
        cmocka_unit_test(test_few_rows_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
