/* Passes that are listened to, on recipes: they make the same module, tell no more than a page can hold, and speak of
 * values that there are or were. */
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "inspect/remark_text.h"
#include "ir/remarks.h"
#include "passes/passes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_REMARKS = 150000 }; /* of a recipe */

/* A recipe's module before all passes. */
static Module *loaded(Arena *arena, const char *recipe, const char *setting, bool recorded) {
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = &setting};
    options.n_overrides = setting != NULL;
    Diags *diags = diags_new(arena);
    Recipe made = {0};
    char error[512];
    bool good =
        recipe_load(arena, diags, arena_printf(arena, SOURCE_DIR "/models/%s", recipe), &options, &made) &&
        codegen_machine("x86-64-v3", &made.module->machine, error, sizeof error);
    if (!good) fail_msg("%s", diags_text(diags));
    if (recorded) module_record(made.module, arena);
    return made.module;
}

/* The module after all passes. */
static Module *compiled(Arena *arena, const char *recipe, const char *setting, bool recorded) {
    Module *module = loaded(arena, recipe, setting, recorded);
    if (!passes_run(module, PASSES_ALL, NULL, module->diags)) fail_msg("%s", diags_text(module->diags));
    return module;
}

static void check_remark(const Module *module, const Remark *item) {
    Arena *arena = arena_new();
    const Func *func = module->funcs[item->func];
    const char *text = remark_text(arena, item, NULL, NULL);
    if (strstr(text, "nothing") && !strstr(rule_info((Rule)item->rule)->text, "nothing"))
        fail_msg("%s of %%%u names no other value: %s", rule_info((Rule)item->rule)->name, item->value, text);
    assert_true(item->pass > 0 && !strchr(text, '{'));
    assert_true(item->value == IR_NONE || item->value < func->next_number);
    assert_true(item->other == IR_NONE || item->other < func->next_number);
    arena_free(arena);
}

static void test_recipes(void **state) {
    (void)state;
    static const struct {
        const char *recipe, *setting;
    } rows[] = {{"dino.yaml", NULL},
                {"dino.yaml", "train.precision=bf16"},
                {"dino.yaml", "train.memory=8GB"},
                {"mae.yaml", "train.precision=bf16x3"},
                {"objectives/nested.yaml", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *arena = arena_new();
        Module *told = compiled(arena, rows[i].recipe, rows[i].setting, true),
               *quiet = compiled(arena, rows[i].recipe, rows[i].setting, false);
        char *a = module_print(told, NULL), *b = module_print(quiet, NULL);
        if (strcmp(a, b) != 0) fail_msg("%s: another module where remarks are kept", rows[i].recipe);
        assert_true(told->remarks->count > told->funcs[0]->count && told->remarks->count < MOST_REMARKS);
        for (size_t r = 0; r < told->remarks->count; r++) check_remark(told, &told->remarks->items[r]);
        free(a);
        free(b);
        arena_free(arena);
    }
}

/* Of every value that fusion gets it tells where it went, or that nothing uses it. */
static void test_fusion_tells_all(void **state) {
    (void)state;
    static const char before[] = "simplify,batch-views,attention,autodiff,expand,simplify,split-rows,"
                                 "tile-sums,reductions,pack-weights";
    Arena *arena = arena_new();
    Module *module = loaded(arena, "mae.yaml", "train.precision=bf16", true);
    assert_true(passes_run(module, before, NULL, module->diags));
    size_t first = module->remarks->count;
    const Module *given = module_clone(module, arena);
    assert_true(passes_run(module, "fuse", NULL, module->diags));
    for (uint32_t f = 0; f < given->n_funcs; f++) {
        const Func *func = given->funcs[f];
        bool *told = ARENA_ARRAY(arena, bool, module->funcs[f]->next_number + 1);
        for (size_t r = first; r < module->remarks->count; r++)
            if (module->remarks->items[r].func == f) told[module->remarks->items[r].value] = true;
        for (ValueId id = 0; id < func->count; id++)
            if (func->nodes[id].number != IR_NONE && !told[func->nodes[id].number])
                fail_msg("@%s: nothing is told of %%%u", func->name, func->nodes[id].number);
    }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recipes),
                                       cmocka_unit_test(test_fusion_tells_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
