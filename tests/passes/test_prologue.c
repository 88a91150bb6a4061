/* The pass `prologue`: which kernels go into the product that reads what they store, and which stay. */
#include "ir/plan/plan.h"
#include "passes/passes.h"
#include "tests/passes/graph.h"

/* Two kernels, or more, of which the last is the product's. */
#define HEAD(TARGET) "module @m" TARGET " {\n  state %s : f32[64x1] = constant(value = 1), role = buffer\n"
#define INPUTS "  func @step(%x : f32[64x32], %w : f32[32x48], %v : f32[32x96]) {\n"
#define K(NODES) "    kernel {\n" NODES "    }\n"
#define MAKE K("    %0 = mul %x, %s\n    %1 = neg %0\n")
#define PRODUCT K("    %2 = matmul %1, %w\n    %3 = neg %2\n")
#define END "    output y = %3\n  }\n}\n"

static const struct {
    const char *name, *text;
    size_t kernels; /* after the pass */
} CASES[] = {
    {"it goes", HEAD("") INPUTS MAKE PRODUCT END, 1},
    {"another reads it", HEAD("") INPUTS MAKE PRODUCT K("    %4 = neg %1\n") "    output z = %4\n" END, 3},
    {"an output", HEAD("") INPUTS MAKE PRODUCT "    output z = %1\n" END, 2},
    {"the epilogue reads it",
     HEAD("") "  func @step(%x : f32[64x32], %w : f32[32x32]) {\n" MAKE K(
         "    %2 = matmul %1, %w\n    %3 = add %2, %1\n") END,
     2},
    {"it stores more", HEAD("") INPUTS MAKE PRODUCT K("    %4 = exp %0\n") "    output z = %4\n" END, 3},
    {"threads share columns", HEAD("") INPUTS MAKE K("    %2 = matmul %1, %v\n    %3 = neg %2\n") END, 2},
    {"several blocks of columns", HEAD(" target(cache = 1024)") INPUTS MAKE PRODUCT END, 2},
    {"a reduction",
     HEAD("") INPUTS K(
         "    %0 = sum %x {axes = [1]}\n    %r = reshape %0 {shape = [64, 1]}\n    %1 = mul %x, %r\n")
         PRODUCT END,
     2},
    {"much to compute", HEAD("") INPUTS K("    %0 = erf %x\n    %1 = exp %0\n") PRODUCT END, 2},
    {"the second operand",
     HEAD("") "  func @step(%x : f32[32x32], %w : f32[64x32]) {\n" K("    %0 = mul %x, %x\n    %1 = neg %0\n")
         K("    %2 = matmul %w, %1\n    %3 = neg %2\n") END,
     2},
    {"transposed",
     HEAD("") "  func @step(%x : f32[32x64], %w : f32[32x48]) {\n" K("    %0 = mul %x, %x\n    %1 = neg %0\n")
         K("    %2 = matmul %1, %w {ta = true}\n    %3 = neg %2\n") END,
     2},
    {"what it reads is updated before the product",
     HEAD("") INPUTS MAKE K("    %4 = add %s, %s\n") PRODUCT "    update s = %4\n" END, 3},
    {"what it reads is updated after the product",
     HEAD("") INPUTS MAKE PRODUCT K("    %4 = add %s, %s\n") "    update s = %4\n" END, 2},
    {"what it reads would live longer, and takes more than it",
     HEAD("") INPUTS K("    %a = neg %x\n") K("    %b = exp %x\n") K("    %1 = mul %a, %b\n") PRODUCT END, 4},
    {"what it reads would live longer, but takes as much",
     HEAD("") INPUTS K("    %a = neg %x\n") K("    %1 = mul %a, %a\n") PRODUCT END, 2},
};

static void test_cases(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = module_parse(arena, diags, "test", CASES[i].text, strlen(CASES[i].text));
        if (!module) fail_msg("%s: %s", CASES[i].name, diags_text(diags));
        PassOptions verified = {.verify = true};
        if (!passes_run(module, "prologue", &verified, diags))
            fail_msg("%s: %s", CASES[i].name, diags_text(diags));
        const Func *func = module->funcs[0];
        if (func->plan->n_kernels != CASES[i].kernels)
            fail_msg("%s:\n%s", CASES[i].name, module_print(module, NULL));
        assert_int_equal(func->plan->n_copies, 0);
        size_t size, again; /* the text says all of it */
        char *text = module_print(module, &size);
        Module *parsed = module_parse(arena, diags, "test", text, size);
        if (!parsed) fail_msg("%s", diags_text(diags));
        char *twice = module_print(parsed, &again);
        assert_string_equal(twice, text);
        free(twice);
        free(text);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
