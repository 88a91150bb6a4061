/* What is made as a product packs it has the bits of what a kernel of its own stores: on every target row, in every
 * precision, with any number of threads; rows of one loop and of several, that fill no vector, in pieces of K, with
 * choices. */
#include "ir/plan/plan.h"
#include "codegen/codegen.h"
#include "ir/plan/kernel.h"
#include "passes/passes.h"
#include "runtime/runtime.h"
#include "tests/codegen/rows.h"

#include <string.h>

typedef struct {
    const char *name, *text;
} Case;

/* A norm's application: numbers of each row, of each column, and of neither. */
#define NORM(B, T, K, N)                                                                                     \
    "module @m {\n"                                                                                          \
    "  func @f(%x : f32[" #B "x" #T "x" #K "], %s : f32[" #B "x" #T "], %q : f32[" #B "x" #T "], "           \
    "%g : f32[" #K "], %b : f32[" #K "], %w : f32[" #N "x" #K "], %z : f32[" #B "x" #T "x" #N "]) {\n"       \
    "    %n = constant {value = 0.0026041666666666665}\n"                                                    \
    "    %e = constant {value = 0.001}\n"                                                                    \
    "    %s1 = reshape %s {shape = [" #B ", " #T ", 1]}\n    %m = mul %s1, %n\n    %d = sub %x, %m\n"        \
    "    %q1 = reshape %q {shape = [" #B ", " #T ", 1]}\n    %q2 = mul %q1, %q1\n    %v = mul %q2, %n\n"     \
    "    %ve = add %v, %e\n    %r = rsqrt %ve\n    %t = mul %d, %r\n    %tg = mul %t, %g\n"                  \
    "    %y = add %tg, %b\n    %a = reshape %y {shape = [" #B "*" #T ", " #K "]}\n"                          \
    "    %p = matmul %a, %w {tb = true}\n    %o = reshape %p {shape = [" #B ", " #T ", " #N "]}\n"           \
    "    %u = mul %o, %n\n    %c = add %u, %z\n    output c = %c\n  }\n}\n"

/* The reshape's sizes are written out: the text knows no products. */
static const char *const ROWS[][2] = {{"[13*17, ", "[221, "}, {"[3*31, ", "[93, "}, {"[2*75, ", "[150, "}};

static const Case CASES[] = {
    {"rows of whole vectors", NORM(13, 17, 96, 72)},
    {"rows of odd length", NORM(3, 31, 77, 50)},
    {"rows in pieces", NORM(2, 75, 2571, 56)},
    {"patches", "module @m {\n"
                "  func @f(%x : f32[4x3x42x35], %w : f32[48x147]) {\n"
                "    %0 = reshape %x {shape = [4, 3, 6, 7, 5, 7]}\n"
                "    %1 = transpose %0 {perm = [0, 2, 4, 1, 3, 5]}\n"
                "    %2 = reshape %1 {shape = [120, 147]}\n"
                "    %3 = matmul %2, %w {tb = true}\n"
                "    output y = %3\n  }\n}\n"},
    {"patches in pieces", "module @m {\n"
                          "  func @f(%x : f32[8x3x60x90], %w : f32[32x2700]) {\n"
                          "    %0 = reshape %x {shape = [8, 3, 2, 30, 3, 30]}\n"
                          "    %1 = transpose %0 {perm = [0, 2, 4, 1, 3, 5]}\n"
                          "    %2 = reshape %1 {shape = [48, 2700]}\n"
                          "    %3 = matmul %2, %w {tb = true}\n"
                          "    output y = %3\n  }\n}\n"},
    {"choices", "module @m {\n"
                "  func @f(%x : f32[9x14x40], %t : f32[1x1x40], %h : f32[9x15x24], %w : f32[70x64]) {\n"
                "    %0 = broadcast %t {shape = [9, 1, 40]}\n"
                "    %1 = concat %0, %x {axis = 1}\n"
                "    %2 = pad %1 {low = [0, 0, 11], high = [0, 0, 13]}\n"
                "    %3 = pad %h {low = [0, 0, 40], high = [0, 0, 0]}\n"
                "    %4 = add %2, %3\n"
                "    %5 = reshape %4 {shape = [135, 64]}\n"
                "    %6 = matmul %5, %w {tb = true}\n"
                "    output y = %6\n  }\n}\n"},
    {"a function", "module @m {\n"
                   "  func @f(%x : f32[300x40], %w : f32[40x200]) {\n"
                   "    %0 = sigmoid %x\n"
                   "    %1 = mul %0, %x\n"
                   "    %2 = matmul %1, %w\n"
                   "    output y = %2\n  }\n}\n"},
    /* The pass makes no such one: each thread evaluates all rows, for each of several blocks of columns. */
    {"shared columns", "module @m {\n"
                       "  func @f(%x : f32[45x900], %s : f32[45x1], %w : f32[1700x900]) {\n"
                       "    kernel {\n      %0 = mul %x, %s\n"
                       "      %1 = tanh %0\n    }\n    kernel {\n"
                       "      %2 = matmul %1, %w {tb = true}\n"
                       "      %3 = add %2, %s\n    }\n"
                       "    output y = %3\n  }\n}\n"},
};
enum { N_CASES = sizeof CASES / sizeof *CASES };

static const char *case_text(Arena *arena, const Case *c) {
    const char *text = c->text;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const char *at = strstr(text, ROWS[i][0]);
        if (at)
            text =
                arena_printf(arena, "%.*s%s%s", (int)(at - text), text, ROWS[i][1], at + strlen(ROWS[i][0]));
    }
    return text;
}

/* All nodes in one kernel. */
static void join_kernels(Func *func) {
    const Plan *plan = func->plan;
    NodeSpan all = {plan->kernels[0].first, plan->kernels[plan->n_kernels - 1].last};
    plan_derive(func, &all, 1);
}

static int count_prologues(const Func *func) {
    int n = 0;
    for (size_t k = 0; k < func->plan->n_kernels; k++) n += func->plan->kernels[k].prologue != NULL;
    return n;
}

typedef struct {
    Arena *arena;
    Compiled *compiled;
    VtInput *inputs;
    void **pointers;
    size_t n_inputs;
} Program;

static Program program_new(const Run *run, const Case *c, bool prologues) {
    Program program = {.arena = arena_new()};
    char error[512] = "";
    Diags *diags = diags_new(program.arena);
    const char *text = case_text(program.arena, c);
    Module *module = module_parse(program.arena, diags, "text", text, strlen(text));
    if (!module) fail_msg("%s: %s", c->name, diags_text(diags));
    const Func *func = module->funcs[0];
    bool kernels = module->funcs[0]->plan != NULL;
    module->precision = *(const Precision *)((const char *)run->variant + sizeof(char *));
    PassOptions verify = {.verify = true};
    const char *list = prologues ? "simplify,fuse,precision,schedule,remat,prologue"
                                 : "simplify,fuse,precision,schedule,remat";
    if (kernels && prologues) join_kernels(module->funcs[0]);
    if (!passes_run(module, kernels ? "" : list, &verify, diags))
        fail_msg("%s: %s", c->name, diags_text(diags));
    if (count_prologues(func) != prologues)
        fail_msg("%s: a prologue where there should be none, or none:\n%s", c->name,
                 module_print(module, NULL));
    if (!passes_run(module, "memory,barriers", &verify, diags))
        fail_msg("%s: %s", c->name, diags_text(diags));
    program.n_inputs = func->n_inputs;
    program.inputs = ARENA_ARRAY(program.arena, VtInput, func->n_inputs);
    program.pointers = ARENA_ARRAY(program.arena, void *, func->n_inputs);
    for (size_t i = 0; i < func->n_inputs; i++) {
        const Type *type = &func->inputs[i].type;
        program.inputs[i].tensor =
            (VtTensor){.name = func->inputs[i].name, .dtype = type->dtype, .rank = type->rank};
        memcpy(program.inputs[i].tensor.dim, type->dim, sizeof *type->dim * type->rank);
        uint32_t seed = (uint32_t)i;
        float *data = arena_alloc(program.arena, sizeof *data * (size_t)type_elements(type));
        for (int64_t k = 0, n = type_elements(type); k < n; k++) {
            seed = seed * 1664525u + 1013904223u;
            data[k] = (float)((double)seed / 0x1p30 - 2);
        }
        program.pointers[i] = data;
    }
    VtProgram plan = {
        .name = "m", .version = "0", .n_inputs = (int32_t)func->n_inputs, .inputs = program.inputs};
    CodegenOptions options = {.target_features = run->row->name};
    program.compiled = codegen_compile(module, &plan, &options, error, sizeof error);
    if (!program.compiled) fail_msg("%s: %s", c->name, error);
    return program;
}

static void program_free(Program *program) {
    compiled_free(program->compiled);
    arena_free(program->arena);
}

static float *run_program(const Program *program, int threads, size_t *size) {
    VtError problem = {0};
    vt_set_threads(threads);
    VtInstance *instance = vt_instance_new(compiled_program(program->compiled), &problem);
    if (!instance) fail_msg("%s", problem.message);
    if (!vt_instance_run(instance, "f", program->pointers, &problem)) fail_msg("%s", problem.message);
    const VtFunction *f = &compiled_program(program->compiled)->functions[0];
    VtTensor type;
    const void *y = vt_instance_output(instance, "f", f->outputs[0].tensor.name, &type);
    *size = vt_bytes(&type);
    float *copy = malloc(*size);
    memcpy(copy, y, *size);
    vt_instance_free(instance);
    return copy;
}

static void test_same_bits(void **state) {
    const Run *run = *state;
    if (!target_runs_here(run->row, NULL)) skip();
    for (int i = 0; i < N_CASES; i++) {
        size_t size, again;
        Program plain = program_new(run, &CASES[i], false), made = program_new(run, &CASES[i], true);
        float *want = run_program(&plain, 1, &size);
        for (int threads = 1; threads <= 3; threads += 2) {
            float *got = run_program(&made, threads, &again);
            assert_int_equal(again, size);
            if (memcmp(got, want, size) != 0)
                fail_msg("%s: other bits with %d threads", CASES[i].name, threads);
            free(got);
        }
        free(want);
        program_free(&plain);
        program_free(&made);
    }
}

static const struct {
    const char *name;
    Precision precision;
} PRECISIONS[] = {{"fp32", PRECISION_FP32}, {"bf16", PRECISION_BF16}, {"bf16x3", PRECISION_BF16X3}};

int main(void) {
    struct CMUnitTest bits[MOST_RUNS];
    size_t n = run_rows(bits, test_same_bits, PRECISIONS, sizeof *PRECISIONS, 3);
    return _cmocka_run_group_tests("same bits", bits, n, NULL, NULL);
}
