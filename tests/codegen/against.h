/* For tests: functions of a module, compiled, against the interpreter. With ACROSS=aarch64 in the environment they are
 * run on that target too, under an emulator, which takes a second each. */
#ifndef VITC_TESTS_CODEGEN_AGAINST_H
#define VITC_TESTS_CODEGEN_AGAINST_H

#include "codegen/codegen.h"
#include "passes/passes.h"
#include "runtime/runtime.h"
#include "tests/codegen/across.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

typedef struct {
    const char *text;     /* of a module, whose function @f is run on numbers between -1 and 1 */
    const char *features; /* NULL: the host's */
    bool shapes;          /* what passes should know of the target is said */
    double tolerance;     /* 0: 1e-4 */
    void (*look)(const Func *compiled); /* at @f after the passes; or NULL */
    bool gradients;                     /* it has `grad` nodes: the interpreter runs it after autodiff */
    bool as_written;                    /* the passes begin with these nodes, not with gradients */
} Against;

/* The outputs of @f on another architecture. `in`: its inputs, one after another. */
static inline void check_across(const Against *a, const char *target, const VtProgram *plan, const float *in,
                                size_t in_size, const Tensor *want) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    char error[512];
    Module *module = module_parse(arena, diags, "test", a->text, strlen(a->text));
    if (a->shapes && !codegen_machine(target, &module->machine, error, sizeof error)) fail_msg("%s", error);
    if (!passes_run(module, PASSES_ALL, &(PassOptions){.verify = true}, diags))
        fail_msg("%s", diags_text(diags));
    const Func *func = module_find_func(module, "f");
    int64_t n = 0;
    for (size_t i = 0; i < func->n_outputs; i++) n += type_elements(&want[i].type);
    float *out = (float *)across_run(module, plan, target, in, in_size, sizeof *out * (size_t)n), *got = out;
    for (size_t i = 0; i < func->n_outputs; i++)
        for (int64_t k = 0; k < type_elements(&want[i].type); k++, got++)
            if (!(fabs((double)*got - want[i].data[k]) <= (a->tolerance > 0 ? a->tolerance : 1e-4)))
                fail_msg("%s: output %zu, element %lld is %g, not %g", target, i, (long long)k, (double)*got,
                         want[i].data[k]);
    free(out);
    arena_free(arena);
}

/* How many kernels were compiled. The outputs of @f with one to three threads: near the interpreter's, and the same
 * bits each time. */
static inline int check_compiled(const Against *a) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = module_parse(arena, diags, "test", a->text, strlen(a->text));
    if (!module) fail_msg("%s", diags_text(diags));
    Module *plain = a->as_written ? module_clone(module, arena) : module;
    if (a->gradients && !passes_run(plain, PASSES_INTERPRET, &(PassOptions){.verify = true}, diags))
        fail_msg("%s", diags_text(diags));
    const Func *func = module_find_func(module, "f"), *reference = module_find_func(plain, "f");
    size_t n = func->n_inputs;
    Tensor *inputs = ARENA_ARRAY(arena, Tensor, n), *want = ARENA_ARRAY(arena, Tensor, func->n_outputs);
    void **pointers = ARENA_ARRAY(arena, void *, n);
    VtInput *plan_inputs = ARENA_ARRAY(arena, VtInput, n);
    uint32_t seed = 1;
    int64_t n_all = 0;
    for (size_t i = 0; i < n; i++) n_all += type_elements(&func->inputs[i].type);
    float *all_inputs = ARENA_ARRAY(arena, float, n_all + 1), *data = all_inputs;
    for (size_t i = 0; i < n; i++) {
        const Type *type = &func->inputs[i].type;
        int64_t elements = type_elements(type);
        inputs[i] = (Tensor){*type, ARENA_ARRAY(arena, double, elements)};
        for (int64_t k = 0; k < elements; k++) {
            seed = seed * 1664525u + 1013904223u;
            inputs[i].data[k] = data[k] = (float)((double)seed / 0x1p31 - 1);
        }
        pointers[i] = data;
        plan_inputs[i].tensor =
            (VtTensor){.name = func->inputs[i].name, .dtype = type->dtype, .rank = type->rank};
        memcpy(plan_inputs[i].tensor.dim, type->dim, sizeof *type->dim * type->rank);
        data += elements;
    }
    char message[512];
    assert_true(func_interpret(reference, inputs, NULL, want, NULL, arena, message, sizeof message));
    if (a->shapes && !codegen_machine(a->features, &module->machine, message, sizeof message))
        fail_msg("%s", message);
    if (!passes_run(module, PASSES_ALL, &(PassOptions){.verify = true}, diags))
        fail_msg("%s", diags_text(diags));
    if (a->look) a->look(func);
    VtProgram plan = {.abi = VT_ABI, .name = "test", .n_inputs = (int32_t)n, .inputs = plan_inputs};
    CodegenOptions options = {.target_features = a->features};
    Compiled *compiled = codegen_compile(module, &plan, &options, message, sizeof message);
    if (!compiled) fail_msg("%s", message);
    double tolerance = a->tolerance > 0 ? a->tolerance : 1e-4;
    float **first = ARENA_ARRAY(arena, float *, func->n_outputs);
    for (int threads = 1; threads <= 3; threads++) {
        VtError error = {0};
        vt_set_threads(threads);
        VtInstance *instance = vt_instance_new(compiled_program(compiled), &error);
        assert_non_null(instance);
        assert_true(vt_instance_run(instance, "f", pointers, &error));
        for (size_t i = 0; i < func->n_outputs; i++) {
            const float *got = vt_instance_output(instance, "f", func->outputs[i].name, NULL);
            for (int64_t k = 0; k < type_elements(&want[i].type); k++)
                if (!(fabs((double)got[k] - want[i].data[k]) <= tolerance))
                    fail_msg("%d threads: output %zu, element %lld is %g, not %g", threads, i, (long long)k,
                             (double)got[k], want[i].data[k]);
            size_t bytes = sizeof *got * (size_t)type_elements(&want[i].type);
            if (!first[i]) first[i] = memcpy(arena_alloc(arena, bytes), got, bytes);
            assert_memory_equal(got, first[i], bytes);
        }
        vt_instance_free(instance);
    }
    if (getenv("ACROSS") && across_is_here())
        check_across(a, getenv("ACROSS"), &plan, all_inputs, sizeof *all_inputs * (size_t)n_all, want);
    int kernels = compiled_kernels(compiled);
    compiled_free(compiled);
    arena_free(arena);
    return kernels;
}

#endif
