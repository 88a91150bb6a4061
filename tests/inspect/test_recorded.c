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

/* The module after all passes. */
static Module *compiled(Arena *arena, const char *recipe, const char *setting, bool recorded) {
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = &setting};
    options.n_overrides = setting != NULL;
    Diags *diags = diags_new(arena);
    Recipe loaded = {0};
    char error[512];
    bool good =
        recipe_load(arena, diags, arena_printf(arena, SOURCE_DIR "/models/%s", recipe), &options, &loaded) &&
        codegen_machine("x86-64-v3", &loaded.module->machine, error, sizeof error);
    if (good && recorded) module_record(loaded.module, arena);
    if (!good || !passes_run(loaded.module, PASSES_ALL, NULL, diags)) fail_msg("%s", diags_text(diags));
    return loaded.module;
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recipes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
