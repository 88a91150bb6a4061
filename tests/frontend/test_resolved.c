/* A recipe that was resolved is the same recipe: each of models/, with its presets, and texts that YAML has no literal
 * block for. */
#include "frontend/frontend.h"
#include "frontend/text/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "recipe: t\nviews: {images: {size: 4, augment: [normalize]}}\ntrain: {batch: 2}\n"
#define EMBED "embed: {view: images, features: \"reshape(f(images), batch, -1)\"}\n"

/* A value of key f: how it is written in the source. */
static const char *const BODIES[] = {
    "f(x): |\n    y = x \n    return y\n",
    "f(x): |\n    y = x\t# a tab\n    return y\n",
    "f(x): |\n    y = x  # \xf0\x9f\x98\x80\n    return y\n",
    "f(x): |\n    y = x  # \xe2\x80\xa8\n    return y\n",
    "f(x): |\n    y = x  # \xc2\x85\n    return y\n",
    "f(x): |\n    y = x  # \xef\xbb\xbf\n    return y\n",
    "f(x): |\n\n\n    y = x\n    return y\n",
    "f(x): |\n    return x # \n",
    "f(x): |-\n    y = x\n    return y \n",
    "f(x): |+\n    y = x\n    return y\n\n\n",
    "f(x): |\r\n    y = x\r\n    return y\r\n",
    "f(x): |2\n    return x\n",
    "f(x): |\n    y = x # \xc3\xa9, na\xc3\xafve\n    return y\n",
    "f(x): >\n    x +\n\n    0\n",
    "f(x): \"x +\\\n    0\"\n",
    "f(x): x +\n    0\n",
    "f(x): x\n\n    + 0\n",
    "f(x): x # \xf0\x9f\x98\x80\n",
    "? |\n    f(x)\n  : x\n",
    "f(x): !block \"y = x\\n\\nreturn y\\n\"\n",
    "f(x): |\n    assert true, '\\x \"quoted\" : - & * ! % @ `'\n    return x\n",
    "f(x): |\n    # a line much longer than the width at which the emitter folds the lines of what is in "
    "quotes, with   spaces   \n"
    "    return x\n",
};

static char *print(Arena *arena, const char *path, const char *text, size_t size,
                   const RecipeOptions *options, Recipe *recipe) {
    Diags *diags = diags_new(arena);
    size_t length;
    if (!recipe_load_text(arena, diags, path, text, size, options, recipe))
        fail_msg("%s\n%s\n%.300s", path, diags_text(diags), text);
    bool shipped = strstr(path, "/models/") != NULL; /* nothing is told of those, no warning either */
    if (shipped && diags_count(diags)) fail_msg("%s", diags_text(diags));
    recipe->module->diags = NULL; /* without places in the source */
    char *ir = module_print(recipe->module, &length), *copy = arena_strdup(arena, ir);
    free(ir);
    return copy;
}

static void check_text(const char *path, const char *text, size_t size, const RecipeOptions *options) {
    Arena *arena = arena_new();
    Recipe recipe, again;
    const RecipeOptions alone = {0};
    char *ir = print(arena, path, text, size, options, &recipe);
    char *back = print(arena, "resolved.yaml", recipe.resolved, strlen(recipe.resolved), &alone, &again);
    if (strcmp(ir, back) != 0) fail_msg("%s: resolved, it is another module\n%s", path, recipe.resolved);
    if (strcmp(recipe.resolved, again.resolved) != 0) fail_msg("%s: resolved twice, it changes", path);
    arena_free(arena);
}

static void test_bodies(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof BODIES / sizeof *BODIES; i++) {
        char text[2000];
        const RecipeOptions options = {0};
        int n = snprintf(text, sizeof text, "%smodules:\n  %s%s", HEAD, BODIES[i], EMBED);
        check_text("t.yaml", text, (size_t)n, &options);
    }
}

/* The scalars of a tree are read back with their kind, whatever is in them. */
static void test_scalars(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",   " ",  "\n",   "\n\n", "  a\n", "a ",   "a \nb", "\ta", "~",
        "-1", "#a", "a: b", "- a",  "|",     "!a",   "&a",    "*a",  "'",
        "\"", "\\", "a\rb", "\x7f", "\x1b[", "%TAG", "null",  "é",   "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int kind = 0; kind < 2; kind++) {
            Arena *arena = arena_new();
            Diags *diags = diags_new(arena);
            Tree key = {.kind = TREE_SCALAR, .text = "k", .size = 1};
            Tree value = {.kind = TREE_SCALAR,
                          .text = texts[i],
                          .size = strlen(texts[i]),
                          .quoted = true,
                          .block = kind};
            TreeItem item = {&key, &value};
            Tree map = {.kind = TREE_MAP, .items = &item, .count = 1};
            if (!tree_print(arena, diags, &map))
                fail_msg("text %zu, kind %d: %s", i, kind, diags_text(diags));
            arena_free(arena);
        }
}

static void check_model(const char *path) {
    Arena *arena = arena_new();
    size_t size;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = arena_alloc(arena, 1 << 20);
    size = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    Tree *tree = tree_parse(arena, diags_new(arena), 0, text, size), *presets = tree_get(tree, "presets");
    size_t n = presets ? presets->count : 0;
    for (size_t i = SANITIZED ? n : 0; i <= n; i++) { /* the last preset is the smallest */
        const char *set = i ? arena_printf(arena, "preset=%s", presets->items[i - 1].key->text) : NULL;
        const RecipeOptions options = {
            .models_dir = SOURCE_DIR "/models", .overrides = &set, .n_overrides = i > 0};
        check_text(path, text, size, &options);
    }
    arena_free(arena);
}

static void test_models(void **state) {
    (void)state;
    static const char *const patterns[] = {SOURCE_DIR "/models/*.yaml", SOURCE_DIR "/models/paper/*.yaml",
                                           SOURCE_DIR "/models/objectives/*.yaml",
                                           SOURCE_DIR "/models/eval/*.yaml",
                                           SOURCE_DIR "/tests/driver/*.yaml"};
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        glob_t found;
        assert_int_equal(glob(patterns[p], 0, NULL, &found), 0);
        for (size_t i = 0; i < found.gl_pathc; i++) check_model(found.gl_pathv[i]);
        globfree(&found);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bodies), cmocka_unit_test(test_scalars),
                                       cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
