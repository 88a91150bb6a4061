/* Where machines differ or trap: integers divided by 0, the smallest divided by -1, sums that do not fit, reals that no
 * integer is like, indices that no row has. Compiled code does what the interpreter does, on every target. */
#include "codegen/codegen.h"
#include "codegen/target/select.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *text;    /* of a module with function @f */
    double x[16], y[16]; /* numbers that the elements of its two inputs take turns of */
    int n_x, n_y;
} Case;

#define INTEGERS(dtype)                                                                                      \
    "module @m {\n  func @f(%x : " dtype "[67], %y : " dtype "[67]) {\n"                                     \
    "    %q = div %x, %y\n    %r = rem %x, %y\n    %s = add %x, %y\n    %p = mul %x, %y\n"                   \
    "    %d = sub %x, %y\n    %n = neg %x\n    %a = abs %x\n    %t = sum %x {axes = "                        \
    "[0]}\n"                                                                                                 \
    "    %b = cast %x {dtype = bool}\n    %c = cast %x {dtype = i32}\n    %e = cast %x {dtype = i64}\n"      \
    "    output q = %q\n    output r = %r\n    output s = %s\n    output p = %p\n    output d = %d\n"        \
    "    output n = %n\n    output a = %a\n    output t = %t\n    output b = %b\n"                           \
    "    output c = %c\n    output e = %e\n  }\n}\n"

static const char QUOTIENTS[] =
    "module @m {\n  func @f(%x : i64[67], %y : i64[67]) {\n    %q = div %x, %y\n    %r = rem %x, %y\n"
    "    output q = %q\n    output r = %r\n  }\n}\n";

static const char CASTS[] =
    "module @m {\n  func @f(%x : f32[67], %y : f64[67]) {\n"
    "    %a = cast %x {dtype = i32}\n    %b = cast %x {dtype = i64}\n"
    "    %c = cast %y {dtype = i32}\n    %d = cast %y {dtype = i64}\n"
    "    %e = cast %x {dtype = bool}\n"
    "    output a = %a\n    output b = %b\n    output c = %c\n    output d = %d\n    output e = %e\n  }\n}\n";

static const char ROWS[] = "module @m {\n  func @f(%x : f32[4x3], %i : i32[9]) {\n"
                           "    %rows = gather %x, %i\n    %zero = constant {value = 0}\n"
                           "    %none = broadcast %zero {shape = [4, 3]}\n"
                           "    %one = constant {value = 1}\n    %ones = broadcast %one {shape = [9, 3]}\n"
                           "    %sum = scatter_add %x, %i, %ones\n    %set = scatter %none, %i, %rows\n"
                           "    output rows = %rows\n    output sum = %sum\n    output set = %set\n  }\n}\n";

static const Case CASES[] = {
    {INTEGERS("i32"),
     {0, 1, -1, 7, -7, -2147483648.0, 2147483647, 65536},
     {0, -1, 3, -3, -2147483648.0, 2147483647, 2},
     8,
     7},
    /* Beyond 2^53 the interpreter rounds. */
    {INTEGERS("i64"), {0, 1, -1, 7, -7, -0x1p50, 0x1p40, 65536}, {0, -1, 3, -3, -0x1p45, 0x1p33, 2}, 8, 7},
    {QUOTIENTS, {-0x1p63, 5, -0x1p63, -0x1p62}, {-1, 0, 2, 4, -2}, 4, 5},
    {CASTS,
     {NAN, INFINITY, -INFINITY, 3e9, -3e9, 1e30, -1e30, 2.7, -2.7, 0, 0x1p31, -0x1p31, 1e19},
     {NAN, 2147483646.9, -2147483648.9, INFINITY, -INFINITY, 9.3e18, -9.3e18, 0.99, -0.99},
     13,
     9},
    {ROWS, {1, 2, 3, 4, 5}, {-1, 0, 3, 4, 2147483647, -2147483648.0, 2, 0, 1}, 5, 9},
};

static void store(void *data, DType dtype, int64_t i, double value) {
    if (dtype == DT_F32) ((float *)data)[i] = (float)value;
    if (dtype == DT_F64) ((double *)data)[i] = value;
    if (dtype == DT_I32) ((int32_t *)data)[i] = (int32_t)value;
    if (dtype == DT_I64) ((int64_t *)data)[i] = (int64_t)value;
}

static double load(const void *data, DType dtype, int64_t i) {
    return dtype == DT_F32   ? (double)((const float *)data)[i]
           : dtype == DT_I32 ? (double)((const int32_t *)data)[i]
           : dtype == DT_I64 ? (double)((const int64_t *)data)[i]
                             : (double)((const uint8_t *)data)[i];
}

static void check(const Case *c, const char *features) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = module_parse(arena, diags, "test", c->text, strlen(c->text));
    if (!module) fail_msg("%s", diags_text(diags));
    const Func *func = module->funcs[0];
    Tensor inputs[2], want[16];
    void *data[2];
    VtInput plan_inputs[2] = {0};
    for (int i = 0; i < 2; i++) {
        const Type *type = &func->inputs[i].type;
        const double *numbers = i ? c->y : c->x;
        int count = i ? c->n_y : c->n_x;
        inputs[i] = (Tensor){*type, ARENA_ARRAY(arena, double, type_elements(type))};
        data[i] = arena_alloc(arena, (size_t)type_bytes(type));
        for (int64_t k = 0; k < type_elements(type); k++) {
            store(data[i], type->dtype, k, numbers[k % count]);
            inputs[i].data[k] = type->dtype == DT_F32 ? (float)numbers[k % count] : numbers[k % count];
        }
        plan_inputs[i].tensor =
            (VtTensor){.name = func->inputs[i].name, .dtype = type->dtype, .rank = type->rank};
        memcpy(plan_inputs[i].tensor.dim, type->dim, sizeof *type->dim * type->rank);
    }
    char message[512];
    VtError error = {0};
    if (!func_interpret(func, inputs, NULL, want, NULL, arena, message, sizeof message))
        fail_msg("%s", message);
    if (!passes_run(module, PASSES_ALL, &(PassOptions){.verify = true}, diags))
        fail_msg("%s", diags_text(diags));
    VtProgram plan = {.abi = VT_ABI, .name = "test", .n_inputs = 2, .inputs = plan_inputs};
    CodegenOptions options = {.target_features = features};
    Compiled *compiled = codegen_compile(module, &plan, &options, message, sizeof message);
    if (!compiled) fail_msg("%s", message);
    VtInstance *instance = vt_instance_new(compiled_program(compiled), &error);
    assert_non_null(instance);
    assert_true(vt_instance_run(instance, "f", data, &error));
    for (size_t o = 0; o < func->n_outputs; o++) {
        const void *got = vt_instance_output(instance, "f", func->outputs[o].name, NULL);
        for (int64_t k = 0; k < type_elements(&want[o].type); k++)
            if (load(got, want[o].type.dtype, k) != want[o].data[k])
                fail_msg("%s: output %s, element %lld is %.17g, interpreted %.17g",
                         features ? features : "host", func->outputs[o].name, (long long)k,
                         load(got, want[o].type.dtype, k), want[o].data[k]);
    }
    vt_instance_free(instance);
    compiled_free(compiled);
    arena_free(arena);
}

static void test_same_as_interpreted(void **state) {
    (void)state;
    static const char *const targets[] = {NULL, "x86-64-v3", "x86-64"};
    for (int t = 0; t < 3; t++)
        for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
            if (!targets[t] || target_runs_here(target_find(targets[t]), NULL)) check(&CASES[i], targets[t]);
}

/* What the words of the operator table promise. */
static void test_divided_by_zero(void **state) {
    (void)state;
    static const char text[] = "module @m {\n  func @f(%x : i32[4], %y : i32[4]) {\n    %q = div %x, %y\n"
                               "    %r = rem %x, %y\n    output q = %q\n    output r = %r\n  }\n}\n";
    double x[] = {5, -5, -2147483648.0, 7}, y[] = {0, 0, -1, -2}, q[] = {0, 0, -2147483648.0, -4},
           r[] = {0, 0, 0, -1};
    Arena *arena = arena_new();
    Module *module = module_parse(arena, diags_new(arena), "test", text, strlen(text));
    Tensor inputs[] = {{module->funcs[0]->inputs[0].type, x}, {module->funcs[0]->inputs[1].type, y}}, got[2];
    char message[256];
    assert_true(func_interpret(module->funcs[0], inputs, NULL, got, NULL, arena, message, sizeof message));
    for (int i = 0; i < 4; i++) assert_true(got[0].data[i] == q[i] && got[1].data[i] == r[i]);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_as_interpreted),
                                       cmocka_unit_test(test_divided_by_zero)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
