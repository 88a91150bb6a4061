/* For the tests of inspect/: an Inspection of a recipe in models/, or of IR text. Whatever fails is told and fails the
 * test. */
#ifndef VITC_TESTS_INSPECT_INSPECTED_H
#define VITC_TESTS_INSPECT_INSPECTED_H

#include "frontend/frontend.h"
#include "inspect/inspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static inline Inspection inspected_module(Arena *arena, Diags *diags, Module *module,
                                          const InspectionRun *run) {
    Inspection inspection = {0};
    bool good = module && inspection_run(&inspection, arena, module, run);
    if (!good) diags_print(diags, stderr, false);
    assert_true(good);
    return inspection;
}

/* `recipe`: the file below models/, with settings behind it: "dino.yaml preset=tiny batch=2". */
static inline Inspection inspected_recipe(Arena *arena, const char *recipe, const InspectionRun *run) {
    const char *settings[16];
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = settings};
    char *words = arena_strdup(arena, recipe), *rest, *file = strtok_r(words, " ", &rest);
    for (char *word; (word = strtok_r(NULL, " ", &rest));) {
        assert_true(options.n_overrides < 16);
        settings[options.n_overrides++] = word;
    }
    Diags *diags = diags_new(arena);
    Recipe loaded = {0};
    bool good =
        recipe_load(arena, diags, arena_printf(arena, SOURCE_DIR "/models/%s", file), &options, &loaded);
    return inspected_module(arena, diags, good ? loaded.module : NULL, run);
}

/* Of IR text; `run->passes` says which passes run ("": none). */
static inline Inspection inspected_text(Arena *arena, const char *text, const InspectionRun *run) {
    Diags *diags = diags_new(arena);
    return inspected_module(arena, diags, module_parse(arena, diags, "test.ir", text, strlen(text)), run);
}

/* The value called %number, or IR_NONE. */
static inline ValueId value_numbered(const Func *func, uint32_t number) {
    for (ValueId id = 0; id < func->count; id++)
        if (func->nodes[id].number == number) return id;
    return IR_NONE;
}

#endif
