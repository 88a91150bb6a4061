/* How long the IR's own work takes on 100,000 operators: build, print, parse, verify, and each pass. */
#include "ir/ir.h"
#include "passes/passes.h"

#include <stdlib.h>
#include <time.h>

enum { OPERATORS = 100000, BLOCK = 14 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Residual blocks with a normalisation, a product and a nonlinearity, each with its own weights. */
static Module *build(Arena *arena, Diags *diags) {
    Module *module = module_new(arena, diags, "long");
    Func *func = module_add_func(module, "step");
    Type rows = type_make(DT_F32, 2, (int64_t[]){8, 16}), row = type_make(DT_F32, 1, (int64_t[]){16});
    Type square = type_make(DT_F32, 2, (int64_t[]){16, 16});
    ValueId x = func_add_input(func, "x", rows);
    for (int i = 0; i < OPERATORS / BLOCK; i++) {
        char name[32];
        ValueId weight[3];
        for (int w = 0; w < 3; w++) {
            snprintf(name, sizeof name, "blocks.%d.%s", i, (const char *[]){"weight", "bias", "proj"}[w]);
            State state = {.name = name, .type = w == 2 ? square : row, .a = 1};
            weight[w] = func_read_state(func, module_add_state(module, state));
        }
        snprintf(name, sizeof name, "blocks.%d", i);
        func->scope = arena_strdup(arena, name);
        ValueId y = ir_layernorm(func, x, weight[0], weight[1], 1e-6);
        y = ir_gelu(func, ir_matmul(func, y, weight[2], false, true), false);
        for (int k = 0; k < BLOCK - 4; k++) y = ir_binary(func, k % 2 ? OP_add : OP_mul, y, weight[k % 2]);
        x = ir_binary(func, OP_add, x, y);
    }
    func_add_output(func, "y", x);
    return module;
}

static double report(const char *what, double since) {
    double end = now();
    printf("%-10s %7.1f ms\n", what, 1e3 * (end - since));
    return now();
}

int main(void) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    double start = now();
    Module *module = build(arena, diags);
    size_t size, count = module->funcs[0]->count;
    start = report("build", start);
    char *text = module_print(module, &size);
    double print = now() - start;
    start = report("print", start);
    Module *back = module_parse(arena, diags, "text", text, size);
    double parse = now() - start;
    start = report("parse", start);
    bool good = back && module_verify(back, diags);
    double verify = now() - start;
    start = report("verify", start);
    int n;
    const Pass *table = pass_table(&n);
    for (int i = 0; good && i < n; i++) {
        good = table[i].run(back, diags);
        start = report(table[i].name, start);
    }
    diags_print(diags, stderr, false);
    printf("%zu operators, %.1f MB of text: print, parse and verify in %.3f s (wanted: under 0.5 s)\n", count,
           1e-6 * (double)size, print + parse + verify);
    free(text);
    arena_free(arena);
    return good ? 0 : 1;
}
