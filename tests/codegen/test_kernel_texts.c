/* Texts of kernels: each distinct one once, with what it calls, the positions of its expressions and nothing that only
 * machines read. */
#include "codegen/codegen.h"
#include "passes/passes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

/* Two equal products, and a function of another size. */
static const char TEXT[] = "module @m {\n"
                           "  func @f(%x : f32[40x64], %w : f32[64x64], %v : f32[64x64]) {\n"
                           "    %0 = matmul %x, %w : f32[40x64]  // a.fc (nn.yaml:40:12)\n"
                           "    %1 = tanh %0 : f32[40x64]  // a (nn.yaml:41:3)\n"
                           "    %2 = matmul %1, %v : f32[40x64]  // b.fc (nn.yaml:40:12)\n"
                           "    %3 = tanh %2 : f32[40x64]  // b (nn.yaml:41:3)\n"
                           "    output y = %3\n  }\n}\n";

static const Module *planned(Arena *arena, const char *target) {
    Diags *diags = diags_new(arena);
    char error[512] = "";
    Module *module = module_parse(arena, diags, "test", TEXT, sizeof TEXT - 1);
    if (!module) fail_msg("%s", diags_text(diags));
    if (!codegen_machine(target, &module->machine, error, sizeof error)) fail_msg("%s", error);
    if (!passes_run(module, PASSES_ALL, NULL, diags)) fail_msg("%s", diags_text(diags));
    return module;
}

static KernelTexts texts_of(const Module *module, const KernelTextsRequest *request) {
    char error[512] = "";
    KernelTexts texts;
    if (!codegen_kernel_texts(module, request, &texts, error, sizeof error)) fail_msg("%s", error);
    return texts;
}

static void check_has(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("no '%s' in:\n%s", part, text);
}

static void check_lacks(const char *text, const char *part) {
    if (strstr(text, part)) fail_msg("'%s' in:\n%s", part, text);
}

static void check_target(const char *target, const char *instruction) {
    Arena *arena = arena_new();
    const Module *module = planned(arena, target);
    KernelTexts texts =
        texts_of(module, &(KernelTextsRequest){.target_features = target, .llvm = true, .assembly = true});
    const Plan *plan = module->funcs[0]->plan;
    assert_int_equal(plan->n_kernels, 2);
    assert_string_equal(texts.target, target);
    assert_int_equal(texts.n_kernels, 1);
    assert_true(texts.n_texts > 1);
    assert_int_equal(texts.text_of[0][0], 0);
    assert_int_equal(texts.text_of[0][1], 0);
    const KernelText *kernel = &texts.texts[0];
    assert_string_equal(kernel->name, "kernel_0.matmul.a.fc");
    assert_true(kernel->n_calls > 0);
    check_has(kernel->llvm, "define void @kernel_0.matmul.a.fc(");
    check_has(kernel->llvm, "; nn.yaml:40:12\n");
    check_has(kernel->llvm, "; nn.yaml:41:3\n");
    check_lacks(kernel->llvm, "!dbg");
    check_has(kernel->assembly, "kernel_0.matmul.a.fc:");
    check_has(kernel->assembly, "# nn.yaml:41:3\n");
    check_lacks(kernel->assembly, ".cfi_");
    check_lacks(kernel->assembly, ".loc");
    bool found = false;
    for (int i = 0; i < texts.n_texts; i++) {
        assert_non_null(texts.texts[i].assembly);
        found = found || strstr(texts.texts[i].assembly, instruction);
        for (int c = 0; c < texts.texts[i].n_calls; c++)
            assert_in_range(texts.texts[i].calls[c], 1, texts.n_texts - 1);
    }
    assert_true(found);
    kernel_texts_free(&texts);
    arena_free(arena);
}

static void test_texts(void **state) {
    (void)state;
    check_target("x86-64-v4", "vfmadd");
    check_target("x86-64-v3", "vfmadd");
    check_target("aarch64", "fmla");
}

static void test_one_kernel_and_names_of_files(void **state) {
    (void)state;
    Arena *arena = arena_new();
    const Module *module = planned(arena, "x86-64-v3");
    const char *files[] = {"", "", "lib/nn.yaml"};
    KernelTextsRequest request = {.target_features = "x86-64-v3",
                                  .assembly = true,
                                  .kernel = &module->funcs[0]->plan->kernels[1],
                                  .files = files,
                                  .n_files = 3};
    for (uint32_t i = 1; i < 3; i++) assert_non_null(diags_source_name(module->diags, i));
    KernelTexts texts = texts_of(module, &request);
    assert_int_equal(texts.n_kernels, 1);
    assert_null(texts.texts[0].llvm);
    check_has(texts.texts[0].assembly, "# lib/nn.yaml:41:3\n");
    kernel_texts_free(&texts);
    arena_free(arena);
}

static void test_refusals(void **state) {
    (void)state;
    Arena *arena = arena_new();
    const Module *module = planned(arena, "x86-64-v3");
    KernelTexts texts;
    char error[512] = "";
    KernelTextsRequest request = {.target_features = "x86-64-v9", .llvm = true};
    assert_false(codegen_kernel_texts(module, &request, &texts, error, sizeof error));
    assert_non_null(strstr(error, "x86-64-v9"));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts),
                                       cmocka_unit_test(test_one_kernel_and_names_of_files),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
