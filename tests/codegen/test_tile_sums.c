/* Sums that begin in a product's tiles, and by themselves in loops, on every target, against the interpreter. */
#include "ir/plan/plan.h"
#include "tests/codegen/against.h"
#include "tests/codegen/rows.h"

#include <stdio.h>

static int n_in_products, n_in_loops;

/* Block reductions in products' kernels, and in others. */
static void count(const Func *func) {
    n_in_products = n_in_loops = 0;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (!op_is_block_reduction(node->op)) continue;
        bool product = plan_kernel(func->plan, id)->kind == KERNEL_MATMUL;
        *(product ? &n_in_products : &n_in_loops) += 1;
    }
}

typedef struct {
    const char *name, *body; /* of @f, after its inputs */
    int in_products;         /* that must be there */
} Case;

static const char INPUTS[] =
    "module @m {\n"
    "  func @f(%x : f32[203x40], %w : f32[96x40], %b : f32[96], %r : f32[7x29x96], %g : f32[96]) {\n";

static const Case CASES[] = {
    /* a bias' gradient */
    {"rows of a product",
     "    %0 = matmul %x, %w {tb = true}\n    %1 = reshape %0 {shape = [7, 29, 96]}\n    %2 = add %1, %b\n"
     "    %3 = tanh %2\n    %4 = sum %3 {axes = [0, 1]}\n    output y = %3\n    output s = %4\n",
     1},
    /* those of a norm: two sums of one product's result, which itself is stored, and another operand read */
    {"two sums of rows",
     "    %0 = matmul %x, %w {tb = true}\n    %1 = reshape %0 {shape = [7, 29, 96]}\n    %2 = mul %1, %r\n"
     "    %3 = sum %2 {axes = [0, 1]}\n    %4 = sum %1 {axes = [0, 1], keep = true}\n    %5 = tanh %1\n    "
     "output y = %5\n"
     "    output s = %3\n    output t = %4\n",
     1},
    /* a residual's norm */
    {"moments of a product",
     "    %0 = matmul %x, %w {tb = true}\n    %1 = reshape %0 {shape = [7, 29, 96]}\n    %2 = add %1, %b\n   "
     " %3 = add %r, %2\n"
     "    %4 = constant {value = 0.010416666666666666}\n    %5 = sum %3 {axes = [2], keep = true}\n    %6 = "
     "mul %5, %4\n"
     "    %7 = sub %3, %6\n    %8 = mul %7, %7\n    %9 = sum %8 {axes = [2]}\n    output y = %3\n    output "
     "s = %5\n    output q = %9\n",
     1},
    /* both; a sum over rows of what needs whole rows of the product stays as it was */
    {"moments and rows",
     "    %0 = matmul %x, %w {tb = true}\n    %1 = add %0, %b\n    %2 = constant {value = "
     "0.010416666666666666}\n"
     "    %3 = sum %1 {axes = [1], keep = true}\n    %4 = mul %3, %2\n    %5 = sub %1, %4\n    %6 = mul %5, "
     "%5\n"
     "    %7 = sum %6 {axes = [1], keep = true}\n    %c = constant {value = 0.001}\n    %d = mul %7, %c\n    "
     "%8 = mul %5, %d\n    %9 = sum %8 {axes = [0]}\n    "
     "output y = %1\n    output s = %9\n",
     1},
    /* written down, where no product is: whole and broken blocks, and loops that are split */
    {"rows of loops",
     "    %0 = mul %r, %r\n    %1 = sum_rows %0, %r {rows = 30}\n    %2 = reshape %r {shape = [203, 96]}\n"
     "    %3 = sum_rows %2 {rows = 1000}\n    %4 = reshape %x {shape = [203, 5, 8]}\n    %5 = transpose %4 "
     "{perm = [0, 2, 1]}\n"
     "    %6 = exp %5\n    %7 = reshape %6 {shape = [203, 40]}\n    %8 = sum_rows %7 {rows = 4}\n    output "
     "a = %1\n    output b = %3\n"
     "    output c = %8\n",
     0},
    {"moments of loops",
     "    %0 = mul %r, %g\n    %1 = moments %0 {columns = 24}\n    %2 = moments %x {columns = 5}\n    %3 = "
     "moments %b {columns = 96}\n"
     "    %4 = amax %r {axes = [2], keep = true}\n    %5 = sub %r, %4\n    %6 = moments %5 {columns = 32}\n"
     "    %7 = reshape %x {shape = [203, 5, 8]}\n    %8 = transpose %7 {perm = [0, 2, 1]}\n    %9 = exp %8\n"
     "    %10 = reshape %9 {shape = [203, 40]}\n    %11 = moments %10 {columns = 10}\n    output a = %1\n    "
     "output b = %2\n"
     "    output c = %3\n    output d = %6\n    output e = %11\n",
     0},
};

static void test_case(void **state) {
    const Run *run = *state;
    const Case *c = run->variant;
    char text[4096];
    if (!target_runs_here(run->row, NULL)) {
        printf("skipped: this machine has no %s\n", run->row->name);
        skip();
    }
    snprintf(text, sizeof text, "%s%s  }\n}\n", INPUTS, c->body);
    check_compiled(&(Against){
        .text = text, .features = run->row->name, .shapes = true, .tolerance = 2e-3, .look = count});
    assert_int_equal(n_in_products, c->in_products);
    assert_true(c->in_products || n_in_loops > 0);
}

/* Tiles of another width than the moments in their kernel are told, not compiled. */
static void test_other_tiles(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    static const char text[] = "module @m target(tile = 4, by = 6) {\n  func @f(%x : f32[203x40], %w : "
                               "f32[96x40]) {\n    %0 = matmul %x, %w {tb = true}\n"
                               "    %1 = sum %0 {axes = [1], keep = true}\n    %2 = sub %0, %1\n    %3 = mul "
                               "%2, %2\n    %4 = sum %3 {axes = [1]}\n"
                               "    output y = %4\n  }\n}\n";
    char error[512] = "";
    Module *module = module_parse(arena, diags, "test", text, strlen(text));
    assert_non_null(module);
    assert_true(passes_run(module, PASSES_ALL, &(PassOptions){.verify = true}, diags));
    VtProgram plan = {.abi = VT_ABI, .name = "test"};
    assert_null(codegen_compile(module, &plan, &(CodegenOptions){0}, error, sizeof error));
    assert_non_null(strstr(error, "moments of 6 columns"));
    arena_free(arena);
}

int main(void) {
    struct CMUnitTest tests[MOST_RUNS + 1];
    size_t n = run_rows(tests, test_case, CASES, sizeof *CASES, sizeof CASES / sizeof *CASES);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_other_tiles);
    return _cmocka_run_group_tests("tile sums", tests, n, NULL, NULL);
}
