/* Products whose result is symmetric: half of it is computed and mirrored, on every target, against the interpreter;
 * the same bits with any number of threads. Sizes fill no tiles, blocks of columns, batches; epilogues are no functions
 * of the product alone, so that both halves must read their own places. */
#include "tests/codegen/against.h"
#include "tests/codegen/rows.h"

#include <stdio.h>

typedef struct {
    const char *name, *body; /* of @f, after its inputs */
    double tolerance;
} Case;

static const char INPUTS[] =
    "module @m {\n"
    "  func @f(%x : f32[197x70], %y : f32[5x33], %z : f32[3x65x40], %k : f32[45x2100], "
    "%w : f32[1x7], %r : f32[197x197], %s : f32[197]) {\n";

static const Case CASES[] = {
    {"rows and columns",
     "    %0 = matmul %x, %x {tb = true, symmetric = true}\n    output a = %0\n"
     "    %1 = matmul %x, %x {ta = true, symmetric = true}\n    output b = %1\n"
     "    %2 = matmul %y, %y {tb = true, symmetric = true}\n    output c = %2\n"
     "    %3 = matmul %w, %w {ta = true, symmetric = true}\n    output d = %3\n"
     "    %4 = matmul %w, %w {tb = true, symmetric = true}\n    output e = %4\n",
     1e-4},
    {"batches, and a long K",
     "    %0 = matmul %z, %z {tb = true, symmetric = true}\n    output a = %0\n"
     "    %1 = matmul %z, %z {ta = true, symmetric = true}\n    output b = %1\n"
     "    %2 = matmul %k, %k {tb = true, symmetric = true}\n    output c = %2\n",
     2e-3},
    {"epilogues",
     "    %0 = matmul %x, %x {tb = true, symmetric = true}\n    %1 = mul %0, %r\n    %2 = add %1, %s\n"
     "    %3 = tanh %2\n    output a = %3\n    output b = %0\n"
     "    %4 = matmul %k, %k {tb = true, symmetric = true}\n    %5 = slice %r {start = [3, 5], limit = [48, "
     "50], "
     "step = [1, 1]}\n    %6 = add %4, %5\n    output c = %6\n"
     "    %7 = matmul %z, %z {tb = true, symmetric = true}\n    %8 = transpose %7 {perm = [1, 0, 2]}\n"
     "    %9 = tanh %8\n    output d = %9\n",
     1e-1},
    {"what reads it sums",
     "    %0 = matmul %x, %x {tb = true, symmetric = true}\n    %1 = mul %0, %0\n    %2 = sum %1 {axes = "
     "[0]}\n"
     "    output a = %2\n    %3 = amax %0 {axes = [1]}\n    output b = %3\n"
     "    %4 = softmax %0\n    output c = %4\n",
     2e-1},
    {"bf16",
     "    %0 = matmul %x, %x {tb = true, precision = bf16, symmetric = true}\n    output a = %0\n"
     "    %1 = matmul %z, %z {ta = true, precision = bf16, symmetric = true}\n    output b = %1\n"
     "    %2 = matmul %k, %k {tb = true, precision = bf16x3, symmetric = true}\n    output c = %2\n",
     5e-1},
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
    check_compiled(
        &(Against){.text = text, .features = run->row->name, .shapes = true, .tolerance = c->tolerance});
}

int main(void) {
    struct CMUnitTest tests[MOST_RUNS];
    size_t n = run_rows(tests, test_case, CASES, sizeof *CASES, sizeof CASES / sizeof *CASES);
    return _cmocka_run_group_tests("symmetric products", tests, n, NULL, NULL);
}
