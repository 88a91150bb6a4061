/* Long chains and wide sums of operators, compiled and run: kernels are cut where they would grow too long, no walk
 * over a graph goes deeper than a kernel, and none takes all the ways there are through it. */
#include "tests/codegen/against.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* `link`: what makes value number 2 of a link from value 1, its intermediate values %@a to %@d; the first reads %x. */
typedef struct {
    const char *name, *link;
    int n;
} Deep;

#define HALVES                                                                                               \
    "%@a = slice %1 {start = [0, 0], limit = [16, 16], step = [1, 1]}\n"                                     \
    "%@b = slice %1 {start = [0, 16], limit = [16, 32], step = [1, 1]}\n"
#define ROWS                                                                                                 \
    "%@a = slice %1 {start = [0, 0], limit = [8, 32], step = [1, 1]}\n"                                      \
    "%@b = slice %1 {start = [8, 0], limit = [16, 32], step = [1, 1]}\n"

static const Deep DEEP[] = {
    {"each value is read twice", "%@a = sin %1\n%@b = mul %@a, %1\n%2 = sub %@b, %x\n", 2000},
    {"sums of what is moved",
     "%@a = mul %1, %x\n%@b = reshape %@a {shape = [512]}\n%@c = reshape %@b {shape = [16, 32]}\n%2 = add "
     "%@c, %x\n",
     1500},
    {"transposed",
     "%@a = transpose %1 {perm = [1, 0]}\n%@b = reshape %@a {shape = [16, 32]}\n%2 = tanh %@b\n", 300},
    {"halves of rows", HALVES "%@c = sin %@a\n%@d = cos %@b\n%2 = concat %@c, %@d {axis = 1}\n", 200},
    {"halves of columns", ROWS "%@c = sin %@b\n%@d = cos %@a\n%2 = concat %@c, %@d {axis = 0}\n", 200},
    {"halves of rows of one value",
     "%@e = tanh %1\n%@f = mul %@e, %x\n%@a = slice %@f {start = [0, 0], limit = [16, 16], step = [1, "
     "1]}\n%@b = slice %@f {start = [0, 16], limit = [16, 32], step = [1, 1]}\n%@c = sin %@a\n%@d = cos "
     "%@b\n%2 = concat %@c, %@d {axis = 1}\n",
     60},
    {"halves of columns of one value",
     "%@e = tanh %1\n%@f = mul %@e, %x\n%@a = slice %@f {start = [0, 0], limit = [8, 32], step = [1, "
     "1]}\n%@b = slice %@f {start = [8, 0], limit = [16, 32], step = [1, 1]}\n%@c = sin %@a\n%@d = cos "
     "%@b\n%2 = concat %@c, %@d {axis = 0}\n",
     60},
    {"shifted",
     "%@a = slice %1 {start = [1, 0], limit = [16, 32], step = [1, 1]}\n%@b = pad %@a {low = [0, 0], high = "
     "[1, 0]}\n%@c = mul %@b, %x\n%2 = sub %@c, %x\n",
     400},
    {"shifted columns",
     "%@a = slice %1 {start = [0, 1], limit = [16, 32], step = [1, 1]}\n%@b = pad %@a {low = [0, 0], high = "
     "[0, 1]}\n%@c = mul %@b, %x\n%2 = sub %@c, %1\n",
     20},
    {"means taken away", "%@a = amax %1 {axes = [1], keep = true}\n%@b = sub %1, %@a\n%2 = tanh %@b\n", 200},
};

/* Chains of what kernels are not made of, for the passes alone. */
static const Deep OTHERS[] = {
    {"read three times", "%@a = tanh %1\n%@b = mul %@a, %1\n%@c = max %@b, %1\n%2 = sub %@c, %@a\n", 0},
    {"rows divided by their sums",
     "%@a = abs %1\n%@b = sum %@a {axes = [1], keep = true}\n%2 = div %1, %@b\n", 0},
    {"columns divided by their sums",
     "%@a = abs %1\n%@b = sum %@a {axes = [0], keep = true}\n%2 = div %1, %@b\n", 0},
    {"products", "%@a = matmul %1, %x {tb = true}\n%@b = tanh %@a\n%@c = matmul %@b, %x\n%2 = add %@c, %1\n",
     0},
    {"softmax", "%@a = softmax %1\n%@b = mul %@a, %1\n%2 = add %@b, %x\n", 0},
    {"choices", "%@a = constant {value = 0}\n%@b = gt %1, %@a\n%@c = mul %1, %x\n%2 = select %@b, %@c, %1\n",
     0},
    {"casts",
     "%@a = cast %1 {dtype = i32}\n%@b = cast %@a {dtype = f32}\n%@c = mul %1, %x\n%2 = add %@b, %@c\n", 0},
};

/* A module whose @f is that chain, `n` links of it; with the gradient of the sum of its squares. malloc'ed. */
static char *chain(const Deep *deep, int n, bool gradient) {
    char *text = NULL, from[24] = "%x", to[24];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs("module @m {\n  func @f(%x : f32[16x32]) {\n", out);
    for (int i = 0; i < n; i++) {
        snprintf(to, sizeof to, "%%v%d", i);
        for (const char *c = deep->link; *c; c++) {
            if (*c == '@')
                fprintf(out, "u%d", i);
            else if (*c == '%' && (c[1] == '1' || c[1] == '2'))
                fputs(*++c == '1' ? from : to, out);
            else
                fputc(*c, out);
        }
        strcpy(from, to);
    }
    fprintf(out, "    output y = %s\n", from);
    if (gradient)
        fprintf(out,
                "    %%squares = mul %s, %s\n    %%loss = sum %%squares {axes = [0, 1]}\n    %%g = grad "
                "%%loss, %%x\n"
                "    output g = %%g\n",
                from, from);
    fputs("  }\n}\n", out);
    fclose(out);
    return text;
}

static void test_chains(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof DEEP / sizeof *DEEP; i++) {
        char *text = chain(&DEEP[i], DEEP[i].n, false);
        clock_t start = clock();
        int kernels = check_compiled(&(Against){.text = text, .tolerance = 1e-2});
        if (getenv("VITC_TEST_TIMES"))
            fprintf(stderr, "%s: %d kernels, %.2f s\n", DEEP[i].name, kernels,
                    (double)(clock() - start) / CLOCKS_PER_SEC);
        free(text);
    }
}

/* Nodes of all functions after the passes, of a chain with its gradient. */
static size_t run_passes(const Deep *deep, int n) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    char *text = chain(deep, n, true);
    clock_t start = clock();
    Module *module = module_parse(arena, diags, "test", text, strlen(text));
    if (!module || !passes_run(module, PASSES_ALL, NULL, diags)) fail_msg("%s", diags_text(diags));
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    size_t nodes = module->funcs[0]->count;
    if (getenv("VITC_TEST_TIMES")) fprintf(stderr, "%s, %d links: %.2f s\n", deep->name, n, seconds);
    if (seconds > 60) fail_msg("%s: the passes took %.0f s", deep->name, seconds);
    free(text);
    arena_free(arena);
    return nodes;
}

/* Passes make of twice as long a chain twice as much, in seconds: a walk that took all ways would never end. */
static void test_gradients(void **state) {
    (void)state;
    enum { LINKS = SANITIZED ? 400 : 1000 };
    const size_t n = sizeof DEEP / sizeof *DEEP, m = sizeof OTHERS / sizeof *OTHERS;
    for (size_t i = 0; i < n + m; i++) {
        const Deep *deep = i < n ? &DEEP[i] : &OTHERS[i - n];
        size_t once = run_passes(deep, LINKS), twice = run_passes(deep, 2 * LINKS);
        if (twice > 5 * once / 2) fail_msg("%s: %zu nodes, then %zu", deep->name, once, twice);
    }
}

/* A sum of so many terms, each of its own, in a chain; and as many that one concat puts side by side. */
static void test_wide(void **state) {
    (void)state;
    enum { TERMS = 2600 };
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs("module @m {\n  func @f(%x : f32[16x8]) {\n    %s0 = sin %x\n", out);
    for (int i = 1; i <= TERMS; i++) {
        fprintf(out, "    %%c%d = constant {value = %g}\n    %%p%d = mul %%x, %%c%d\n", i, i / 7000.0, i, i);
        fprintf(out, "    %%s%d = sub %%p%d, %%s%d\n", i, i, i - 1);
        if (i % 8 == 0)
            fprintf(out,
                    "    %%r%d = slice %%x {start = [%d, 0], limit = [%d, 8], step = [1, 1]}\n    %%t%d = "
                    "mul %%r%d, %%r%d\n",
                    i, i / 8 % 16, i / 8 % 16 + 1, i, i, i);
    }
    fputs("    %w = concat", out);
    for (int i = 8; i <= TERMS; i += 8) fprintf(out, "%s %%t%d", i > 8 ? "," : "", i);
    fprintf(out, " {axis = 0}\n    output y = %%s%d\n    output w = %%w\n  }\n}\n", TERMS);
    fclose(out);
    check_compiled(&(Against){.text = text, .tolerance = 1e-2});
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chains), cmocka_unit_test(test_wide),
                                       cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
