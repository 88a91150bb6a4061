/* Every elementwise row of ir/ops.def, with every element type and attribute it allows, on every target: compiled code
 * computes what the interpreter does. Made from the table: a new row is swept without a line here. */
#include "codegen/codegen.h"
#include "codegen/target/select.h"
#include "passes/passes.h"
#include "runtime/runtime.h"
#include "tests/codegen/across.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* Inputs: for each element type x, y and z, as vectors and as scalars. */
enum { N = 211, OPERANDS = 3, MOST_TEXT = 1 << 20, INPUTS = DT_COUNT * OPERANDS * 2 };

/* Exact in every type: what is left of a division, and of a rounding, is then the same. Of integers whole numbers. The
 * counts have no common factor, so that each meets each. */
static const double X[] = {0, 1, -1, 0.5, -0.5, 2, 3.75, -3.75, 9, -12, 64, -0.0, 0.0078125, 8192, 88, -96},
                    Y[] = {1, -1, 2, 0.5, -0.25, 3, -3, 0, 16, -8, 4.5, -4096, 0.125},
                    Z[] = {2, -7, 0, 1.5, -32, 5, 640};
static const double ENDS[] = {INFINITY, -INFINITY, NAN};

static double number(DType dtype, int operand, int64_t i) {
    static const struct {
        const double *of;
        int64_t n;
    } numbers[OPERANDS] = {{X, sizeof X / sizeof *X}, {Y, sizeof Y / sizeof *Y}, {Z, sizeof Z / sizeof *Z}};
    bool end = dtype_is_float(dtype) && i % 7 == operand; /* now and then no number */
    double value = end ? ENDS[i / 7 % 3] : numbers[operand].of[i % numbers[operand].n];
    if (dtype == DT_BOOL) return value > 0;
    return dtype_is_float(dtype) ? value : trunc(value);
}

static void store(void *data, DType dtype, int64_t i, double value) {
    float single = (float)value;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    switch (dtype) {
    case DT_F32: ((float *)data)[i] = single; break;
    case DT_F64: ((double *)data)[i] = value; break;
    case DT_BF16: ((uint16_t *)data)[i] = (uint16_t)(bits >> 16); break;
    case DT_I32: ((int32_t *)data)[i] = (int32_t)value; break;
    case DT_I64: ((int64_t *)data)[i] = (int64_t)value; break;
    default: ((uint8_t *)data)[i] = value != 0;
    }
}

static double load(const void *data, DType dtype, int64_t i) {
    float single;
    switch (dtype) {
    case DT_F32: return ((const float *)data)[i];
    case DT_F64: return ((const double *)data)[i];
    case DT_BF16: {
        uint32_t bits = (uint32_t)((const uint16_t *)data)[i] << 16;
        memcpy(&single, &bits, sizeof single);
        return single;
    }
    case DT_I32: return ((const int32_t *)data)[i];
    case DT_I64: return (double)((const int64_t *)data)[i];
    default: return ((const uint8_t *)data)[i];
    }
}

/* Integers are the same; reals are as near as their type tells them apart, and as what they are the difference of. */
static bool is_near(double got, double want, DType dtype) {
    if (!dtype_is_float(dtype)) return got == want;
    if (dtype != DT_F64) want = (float)want;
    if (isnan(want) || isinf(want)) return isnan(want) ? isnan(got) : got == want;
    double relative = dtype == DT_BF16 ? 0x1p-7 : dtype == DT_F32 ? 1e-5 : 1e-9;
    return fabs(got - want) <= relative * (fabs(want) + 1);
}

/* ---- the module, made from the table ----------------------------------------------------------------------------- */

typedef struct {
    char *text; /* of the function */
    size_t length;
    int outputs, of_row;
} Sweep;

static void input_name(char out[16], DType dtype, int operand, bool scalar) {
    snprintf(out, 16, "%c%s%s", "xyz"[operand], scalar ? "1" : "", dtype_name(dtype));
}

static size_t write_signature(char *text) {
    size_t length = (size_t)sprintf(text, "module @m {\n  func @f(");
    for (int i = 0; i < INPUTS; i++) {
        char name[16];
        DType dtype = (DType)(i / (2 * OPERANDS));
        input_name(name, dtype, i / 2 % OPERANDS, i % 2);
        length += (size_t)sprintf(text + length, "%s%%%s : %s%s", i ? ", " : "", name, dtype_name(dtype),
                                  i % 2 ? "" : "[211]");
    }
    return length + (size_t)sprintf(text + length, ") {\n");
}

/* Adds an application of the row to operands of these types, if that is valid IR. */
static void add_case(Sweep *sweep, const OpInfo *row, const DType *types, bool scalar, const char *attrs) {
    char line[512], *text = malloc(1 << 14);
    int at = snprintf(line, sizeof line, "    %%r%d = %s", sweep->outputs, row->name);
    for (int o = 0; o < row->min_operands; o++) {
        char name[16];
        bool one = scalar || (o && row->min_operands > OPERANDS); /* `random`: indices, and scalars */
        input_name(name, types[o % OPERANDS], o % OPERANDS, one);
        at += snprintf(line + at, sizeof line - (size_t)at, "%s %%%s", o ? "," : "", name);
    }
    at += snprintf(line + at, sizeof line - (size_t)at, "%s\n    output %s_%d = %%r%d\n", attrs, row->name,
                   sweep->outputs, sweep->outputs);
    size_t length = write_signature(text);
    length += (size_t)sprintf(text + length, "%s  }\n}\n", line);
    Arena *arena = arena_new();
    if (module_parse(arena, diags_new(arena), "case", text, length)) {
        sweep->length += (size_t)sprintf(sweep->text + sweep->length, "%s", line);
        sweep->outputs++;
        sweep->of_row++;
    }
    arena_free(arena);
    free(text);
}

/* All types of the operands, for a choice of attributes. */
static void add_types(Sweep *sweep, const OpInfo *row, const char *attrs) {
    int ways = 1;
    int n = row->min_operands < OPERANDS ? row->min_operands : OPERANDS;
    for (int o = 0; o < n; o++) ways *= DT_COUNT;
    for (int way = 0; way < ways; way++) {
        DType types[OPERANDS];
        for (int o = 0, rest = way; o < n; o++, rest /= DT_COUNT) types[o] = (DType)(rest % DT_COUNT);
        add_case(sweep, row, types, false, attrs);
        add_case(sweep, row, types, true, attrs);
    }
}

/* All attributes that are choices of few; rows have one at most. */
static void add_row(Sweep *sweep, const OpInfo *row) {
    char attrs[64] = "";
    assert_true(row->min_operands == row->max_operands && row->min_operands <= ELEMENTWISE_MAX &&
                row->n_attrs <= 1);
    sweep->of_row = 0;
    if (row->n_attrs == 0) add_types(sweep, row, attrs);
    for (int value = 0; row->n_attrs == 1 && value < DT_COUNT; value++) {
        const AttrSpec *spec = &row->attrs[0];
        assert_true(spec->kind == ATTR_BOOL || spec->kind == ATTR_DTYPE);
        if (spec->kind == ATTR_BOOL && value > 1) break;
        const char *text = spec->kind == ATTR_DTYPE ? dtype_name((DType)value) : value ? "true" : "false";
        snprintf(attrs, sizeof attrs, " {%s = %s}", spec->key, text);
        add_types(sweep, row, attrs);
    }
    if (sweep->of_row == 0) fail_msg("%s: no types of its operands make valid IR", row->name);
}

/* ---- compiled and interpreted ------------------------------------------------------------------------------------ */

static Module *parse(Arena *arena, const Sweep *sweep) {
    char *text = malloc(MOST_TEXT);
    Diags *diags = diags_new(arena);
    size_t length = write_signature(text);
    length += (size_t)sprintf(text + length, "%s  }\n}\n", sweep->text);
    Module *module = module_parse(arena, diags, "elementwise", text, length);
    if (!module) fail_msg("%s", diags_text(diags));
    free(text);
    return module;
}

/* The module with its inputs, and what they give. */
typedef struct {
    Arena *arena;
    Module *module;
    Tensor *want;
    void *data[INPUTS];
    VtInput inputs[INPUTS];
    VtProgram plan;
} Case;

static void make_case(Case *c, const Sweep *sweep) {
    *c = (Case){.arena = arena_new()};
    c->module = parse(c->arena, sweep);
    const Func *func = c->module->funcs[0];
    Tensor inputs[INPUTS];
    char message[512];
    c->want = ARENA_ARRAY(c->arena, Tensor, func->n_outputs);
    for (int i = 0; i < INPUTS; i++) {
        const Type *type = &func->inputs[i].type;
        inputs[i] = (Tensor){*type, ARENA_ARRAY(c->arena, double, N)};
        c->data[i] = arena_alloc(c->arena, 8 * N);
        for (int64_t k = 0; k < type_elements(type); k++) {
            inputs[i].data[k] = number(type->dtype, i / 2 % OPERANDS, i % 2 ? 5 : k);
            store(c->data[i], type->dtype, k, inputs[i].data[k]);
        }
        c->inputs[i].tensor =
            (VtTensor){.name = func->inputs[i].name, .dtype = type->dtype, .rank = type->rank};
        memcpy(c->inputs[i].tensor.dim, type->dim, sizeof *type->dim * type->rank);
    }
    if (!func_interpret(func, inputs, NULL, c->want, NULL, c->arena, message, sizeof message))
        fail_msg("%s", message);
    Diags *diags = diags_new(c->arena);
    if (!passes_run(c->module, PASSES_ALL, &(PassOptions){.verify = true}, diags))
        fail_msg("%s", diags_text(diags));
    c->plan = (VtProgram){.abi = VT_ABI, .name = "test", .n_inputs = INPUTS, .inputs = c->inputs};
}

/* How many outputs are wrong: this one or none. */
static int check_output(const Case *c, size_t o, const void *got, const char *target) {
    const Output *output = &c->module->funcs[0]->outputs[o];
    const Tensor *want = &c->want[o];
    DType dtype = want->type.dtype;
    for (int64_t k = 0; k < type_elements(&want->type); k++) {
        if (is_near(load(got, dtype, k), want->data[k], dtype)) continue;
        print_message("%s: %s (%s), element %lld: %.9g, interpreted %.9g\n", target, output->name,
                      dtype_name(dtype), (long long)k, load(got, dtype, k), want->data[k]);
        return 1;
    }
    return 0;
}

static void check_target(const Sweep *sweep, const char *features) {
    Case c;
    VtError error = {0};
    char message[512];
    make_case(&c, sweep);
    const Func *func = c.module->funcs[0];
    CodegenOptions options = {.target_features = features};
    Compiled *compiled = codegen_compile(c.module, &c.plan, &options, message, sizeof message);
    if (!compiled) fail_msg("%s", message);
    VtInstance *instance = vt_instance_new(compiled_program(compiled), &error);
    assert_non_null(instance);
    assert_true(vt_instance_run(instance, "f", c.data, &error));
    int wrong = 0;
    for (size_t o = 0; o < func->n_outputs; o++)
        wrong +=
            check_output(&c, o, vt_instance_output(instance, "f", func->outputs[o].name, NULL), features);
    if (wrong) fail_msg("%s: %d outputs are wrong", features, wrong);
    vt_instance_free(instance);
    compiled_free(compiled);
    arena_free(c.arena);
}

/* The same on another architecture. */
static void check_across(const Sweep *sweep, const char *target) {
    Case c;
    make_case(&c, sweep);
    const Func *func = c.module->funcs[0];
    char *in = malloc(8 * N * INPUTS);
    size_t in_size = 0, out_size = 0;
    for (int i = 0; i < INPUTS; i++) {
        size_t size = (size_t)type_elements(&func->inputs[i].type) * dtype_size(func->inputs[i].type.dtype);
        memcpy(in + in_size, c.data[i], size);
        in_size += size;
    }
    for (size_t o = 0; o < func->n_outputs; o++)
        out_size += (size_t)type_elements(&c.want[o].type) * dtype_size(c.want[o].type.dtype);
    char *out = across_run(c.module, &c.plan, target, in, in_size, out_size), *at = out;
    int wrong = 0;
    for (size_t o = 0; o < func->n_outputs; o++) {
        wrong += check_output(&c, o, at, target);
        at += (size_t)type_elements(&c.want[o].type) * dtype_size(c.want[o].type.dtype);
    }
    if (wrong) fail_msg("%s: %d outputs are wrong", target, wrong);
    free(in), free(out);
    arena_free(c.arena);
}

static Sweep sweep_all(void) {
    Sweep sweep = {.text = calloc(1, MOST_TEXT)};
    for (int op = 0; op < OP_COUNT; op++)
        if (op_info((OpKind)op)->loop == LOOP_ELEMENTWISE) add_row(&sweep, op_info((OpKind)op));
    return sweep;
}

static void test_every_row(void **state) {
    (void)state;
    Sweep sweep = sweep_all();
    int n;
    const Target *const *rows = target_all(&n);
    for (int r = 0; r < n; r++)
        if (target_runs_here(rows[r], NULL)) check_target(&sweep, rows[r]->name);
    free(sweep.text);
}

static void test_every_row_on_aarch64(void **state) {
    (void)state;
    if (SANITIZED || !across_is_here()) skip();
    Sweep sweep = sweep_all();
    check_across(&sweep, "aarch64");
    check_across(&sweep, "aarch64-bf16");
    free(sweep.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_row),
                                       cmocka_unit_test(test_every_row_on_aarch64)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
