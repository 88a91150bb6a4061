/* Images of compiled programs: what is loaded runs as what was written, and damaged ones are refused or harmless to
 * load. */
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tests/driver/step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Arena *arena;
    Compiled *compiled;
    char *image;
    size_t size;
} Fixture;

static Compiled *compile_once(Arena *arena) {
    static const char *const overrides[] = {"width=8",  "depth=1",   "heads=1",
                                            "hidden=8", "out_dim=8", "batch=4"};
    Diags *diags = diags_new(arena);
    Recipe recipe;
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = 6};
    char error[512] = "";
    bool good = recipe_load(arena, diags, SOURCE_DIR "/models/quickstart.yaml", &options, &recipe) &&
                passes_run(recipe.module, PASSES_ALL, NULL, diags);
    Compiled *compiled =
        good ? codegen_compile(recipe.module, &recipe.plan, NULL, error, sizeof error) : NULL;
    if (!compiled) diags_print(diags, stderr, false);
    if (error[0]) print_message("%s\n", error);
    return compiled;
}

static int compile(void **state) {
    static Fixture f;
    f.arena = arena_new();
    f.compiled = compile_once(f.arena);
    f.image = f.compiled ? compiled_image(f.compiled, &f.size) : NULL;
    *state = &f;
    return f.image ? 0 : -1;
}

static int forget(void **state) {
    Fixture *f = *state;
    free(f->image);
    compiled_free(f->compiled);
    arena_free(f->arena);
    return 0;
}

static void test_runs_the_same(void **state) {
    Fixture *f = *state;
    char error[512] = "";
    Compiled *loaded = codegen_load(f->image, f->size, TELL_NOBODY, error, sizeof error);
    assert_non_null(loaded);
    assert_string_equal(compiled_target(loaded), compiled_target(f->compiled));
    assert_int_equal(compiled_kernels(loaded), compiled_kernels(f->compiled));
    size_t sizes[2], again;
    char *a = one_step(compiled_program(f->compiled), &sizes[0]),
         *b = one_step(compiled_program(loaded), &sizes[1]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(a, b, sizes[0]);
    for (int i = 0; i < compiled_program(loaded)->n_functions; i++) {
        const VtFunction *was = &compiled_program(f->compiled)->functions[i],
                         *is = &compiled_program(loaded)->functions[i];
        assert_int_equal(is->n_outputs, was->n_outputs);
        for (int o = 0; o < is->n_outputs; o++) assert_int_equal(is->outputs[o].role, was->outputs[o].role);
    }
    char *image = compiled_image(loaded, &again); /* an image of an image is that image */
    assert_int_equal(again, f->size);
    assert_memory_equal(image, f->image, f->size);
    free(image);
    free(a);
    free(b);
    compiled_free(loaded);
}

/* Compiled on one core, and on all of them: the same bytes. */
static void test_cores(void **state) {
    Fixture *f = *state;
    cpu_set_t all, one;
    int core = 0;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    while (!CPU_ISSET(core, &all)) core++;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    Arena *arena = arena_new();
    Compiled *compiled = compile_once(arena);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_non_null(compiled);
    size_t size;
    char *image = compiled_image(compiled, &size);
    assert_int_equal(size, f->size);
    assert_memory_equal(image, f->image, size);
    free(image);
    compiled_free(compiled);
    arena_free(arena);
}

static void test_truncated(void **state) {
    Fixture *f = *state;
    char error[512];
    for (size_t n = 0; n < f->size; n += n < 4096 ? 1 : 97) {
        char *part = malloc(n + 1); /* of its own size, for the sanitizer */
        memcpy(part, f->image, n);
        assert_null(codegen_load(part, n, TELL_NOBODY, error, sizeof error));
        free(part);
    }
}

/* Where the descriptor ends: at the first object file. */
static size_t descriptor_size(const Fixture *f) {
    const char *elf = memmem(f->image, f->size, "\177ELF", 4);
    assert_non_null(elf);
    return (size_t)(elf - f->image);
}

/* Any bytes of the descriptor changed: refused, or a program all of whose indices and offsets are good. */
static void test_changed(void **state) {
    enum { CHANGES = 3000 };
    Fixture *f = *state;
    size_t n = descriptor_size(f);
    VtRng rng = {.seed = 11};
    int refused = 0;
    char error[512], *image = malloc(f->size);
    for (int i = 0; i < CHANGES; i++) {
        static const unsigned char odd[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
        size_t at = (size_t)vt_rng_below(&rng, (int64_t)n), wide = vt_rng_u32(&rng) % 2 ? 1 : 4;
        memcpy(image, f->image, f->size);
        for (size_t k = at; k < at + wide && k < n; k++) image[k] = (char)odd[vt_rng_u32(&rng) % 5];
        Compiled *loaded = codegen_load(image, f->size, TELL_NOBODY, error, sizeof error);
        refused += loaded == NULL;
        compiled_free(loaded);
    }
    print_message("%d of %d changes refused\n", refused, CHANGES);
    assert_in_range(refused, CHANGES / 10, CHANGES);
    free(image);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs_the_same), cmocka_unit_test(test_cores),
                                       cmocka_unit_test(test_truncated), cmocka_unit_test(test_changed)};
    return cmocka_run_group_tests(tests, compile, forget);
}
