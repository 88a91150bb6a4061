/* Loops, compiled and run against the interpreter, which runs them before any pass: what is carried, sliced, stacked
 * and captured, several types, loops in loops, conditions, and their gradients. */
#include "tests/codegen/against.h"
#include "tests/passes/graph.h"

#include <stdlib.h>

/* Bodies, then the statements of @f(%x : f32[8x6], %w : f32[6x6]). */
typedef struct {
    const char *name, *bodies, *statements;
} Case;

#define BODY(inputs, statements) "  body @b(%i : i32, " inputs ") {\n" statements "  }\n"
#define MOVE                                                                                                 \
    BODY("%c : f32[8x6], %u : f32[6x6]",                                                                     \
         "    %p = matmul %c, %u\n    %t = tanh %p\n    %k = constant {value = 0.5}\n    %h = mul %c, %k\n"  \
         "    %o = add %h, %t\n    output c = %o\n")
#define LOSS                                                                                                 \
    "    %ct = slice %l {start = [0], limit = [48], step = [1]}\n    %cr = reshape %ct {shape = [8, 6]}\n"   \
    "    %sq = mul %cr, %cr\n    %loss = sum %sq {axes = [0, 1]}\n    %dx = grad %loss, %x\n"                \
    "    %dw = grad %loss, %w\n    output dx = %dx\n    output dw = %dw\n    output loss = %loss\n"

static const Case CASES[] = {
    {"one iteration", MOVE, "    %l = loop %x, %w {body = @b, words = 48, carried = 1}\n" LOSS},
    {"two iterations", MOVE, "    %l = loop %x, %w {body = @b, words = 48, count = 2, carried = 1}\n" LOSS},
    {"many iterations", MOVE, "    %l = loop %x, %w {body = @b, words = 48, count = 9, carried = 1}\n" LOSS},
    {"backwards", MOVE,
     "    %l = loop %x, %w {body = @b, words = 48, count = 8, carried = 1, reverse = true}\n" LOSS},
    {"in segments", MOVE, "    %l = loop %x, %w {body = @b, words = 48, count = 67, carried = 1}\n" LOSS},
    {"in segments without a rest", MOVE,
     "    %l = loop %x, %w {body = @b, words = 48, count = 81, carried = 1}\n" LOSS},
    {"values that change places",
     BODY("%c : f32[8x6], %d : f32[8x6], %u : f32[6x6]",
          "    %p = matmul %c, %u\n    %t = tanh %p\n    output c = %d\n    output d = %t\n"),
     "    %l = loop %x, %x, %w {body = @b, words = 96, count = 5, carried = 2}\n" LOSS},
    {"the number of the iteration",
     BODY("%c : f32[8x6], %u : f32[6x6]",
          "    %n = cast %i {dtype = f32}\n    %s = sin %n\n    %p = matmul %c, %u\n    %t = mul %p, %s\n"
          "    %e = add %c, %t\n    %o = sin %e\n    output c = %o\n"),
     "    %l = loop %x, %w {body = @b, words = 48, count = 70, carried = 1}\n" LOSS},
    {"other types",
     BODY("%c : f32[8x6], %n : i32, %a : f64, %u : f32[6x6]",
          "    %one = constant {value = 1, dtype = i32}\n    %m = add %n, %one\n"
          "    %f = cast %m {dtype = f64}\n    %s = sin %f\n    %b = mul %a, %s\n    %g = cast %b {dtype = "
          "f32}\n"
          "    %p = matmul %c, %u\n    %t = mul %p, %g\n    %o = tanh %t\n    %e = sum %o {axes = [0, 1]}\n"
          "    %h = cast %e {dtype = f64}\n    %q = add %b, %h\n"
          "    output c = %o\n    output n = %m\n    output a = %q\n"),
     "    %z = constant {value = 2, dtype = i32}\n    %y = constant {value = 0.7, dtype = f64}\n"
     "    %l = loop %x, %z, %y, %w {body = @b, words = 80, count = 3, carried = 3}\n"
     "    %n = part %l {start = 48, shape = [], dtype = i32}\n    %a = part %l {start = 64, shape = [], "
     "dtype = f64}\n"
     "    %nf = cast %n {dtype = f32}\n    %af = cast %a {dtype = f32}\n"
     "    %all = mul %nf, %af\n    %da = grad %af, %w\n    output n = %nf\n    output a = %all\n    output "
     "af = %af\n    output da = %da\n" LOSS},
    {"rows in and out",
     BODY("%c : f32[6], %r : f32[6], %u : f32[6x6]",
          "    %q = reshape %c {shape = [1, 6]}\n    %p = matmul %q, %u\n    %s = reshape %p {shape = [6]}\n"
          "    %o = add %s, %r\n    %t = sin %o\n    output c = %o\n    output t = %t\n"),
     "    %z = slice %w {start = [0, 0], limit = [1, 6], step = [1, 1]}\n    %c = reshape %z {shape = [6]}\n"
     "    %l = loop %c, %x, %w {body = @b, words = 64, count = 8, carried = 1, sliced = 1}\n"
     "    %rs = slice %l {start = [16], limit = [64], step = [1]}\n    %r = reshape %rs {shape = [8, 6]}\n"
     "    %v = mul %r, %r\n    %e = sum %v {axes = [0, 1]}\n    %dr = grad %e, %x\n    %du = grad %e, %w\n"
     "    output dr = %dr\n    output du = %du\n    output e = %e\n    output r = %r\n"},
    {"loops in a loop",
     "  body @in(%i : i32, %c : f32[8x6], %u : f32[6x6]) {\n    %p = matmul %c, %u\n    %t = tanh %p\n"
     "    output c = %t\n  }\n" BODY(
         "%c : f32[8x6], %u : f32[6x6]",
         "    %l = loop %c, %u {body = @in, words = 48, count = 3, carried = 1}\n"
         "    %ct = slice %l {start = [0], limit = [48], step = [1]}\n"
         "    %cr = reshape %ct {shape = [8, 6]}\n    %o = add %cr, %c\n    output c = %o\n"),
     "    %l = loop %x, %w {body = @b, words = 48, count = 4, carried = 1}\n" LOSS},
    {"what holds", MOVE,
     "    %s = sum %x {axes = [0, 1]}\n    %q = mul %s, %s\n    %z = constant {value = 0}\n    %h = ge %q, "
     "%z\n"
     "    %l = loop %h, %x, %w {body = @b, words = 48, carried = 1, when = true}\n" LOSS},
    {"what does not hold", MOVE,
     "    %s = sum %x {axes = [0, 1]}\n    %q = mul %s, %s\n    %z = constant {value = 0}\n    %h = lt %q, "
     "%z\n"
     "    %l = loop %h, %x, %w {body = @b, words = 48, carried = 1, when = true}\n" LOSS},
    {"a condition in a loop",
     "  body @in(%i : i32, %c : f32[8x6], %u : f32[6x6]) {\n    %p = matmul %c, %u\n    %t = tanh %p\n"
     "    output c = %t\n  }\n" BODY(
         "%c : f32[8x6], %u : f32[6x6]",
         "    %two = constant {value = 2, dtype = i32}\n    %m = rem %i, %two\n"
         "    %zero = constant {value = 0, dtype = i32}\n    %h = eq %m, %zero\n"
         "    %l = loop %h, %c, %u {body = @in, words = 48, carried = 1, when = true}\n"
         "    %ct = slice %l {start = [0], limit = [48], step = [1]}\n"
         "    %cr = reshape %ct {shape = [8, 6]}\n    %o = sin %cr\n    output c = %o\n"),
     "    %l = loop %x, %w {body = @b, words = 48, count = 70, carried = 1}\n" LOSS},
    {"stopped gradients",
     BODY("%c : f32[8x6], %u : f32[6x6]", "    %s = stop_grad %c\n    %p = matmul %s, %u\n    %t = tanh %p\n "
                                          "   %o = add %c, %t\n    output c = %o\n"),
     "    %l = loop %x, %w {body = @b, words = 48, count = 5, carried = 1}\n" LOSS},
};

/* The interpreter has no gradients: it runs them after autodiff, whose result is compared with differences. */
static char *text_of(const Case *c) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "module @m {\n%s  func @f(%%x : f32[8x6], %%w : f32[6x6]) {\n%s  }\n}\n", c->bodies,
            c->statements);
    fclose(out);
    return text;
}

/* With kernels and bodies it prints, and what is read back prints the same. */
static void check_text(const Func *func) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    size_t size;
    char *text = module_print(func->module, &size);
    Module *again = module_parse(arena, diags, "printed", text, size);
    if (!again) fail_msg("%s\n%s", text, diags_text(diags));
    char *second = module_print(again, NULL);
    assert_string_equal(second, text);
    free(text);
    free(second);
    arena_free(arena);
}

static void test_cases(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char *text = text_of(&CASES[i]);
        printf("%s\n", CASES[i].name);
        check_compiled(&(Against){.text = text, .gradients = true, .look = check_text, .tolerance = 2e-3});
        free(text);
    }
}

static size_t find_output(const Func *func, const char *name) {
    for (size_t i = 0; i < func->n_outputs; i++)
        if (strcmp(func->outputs[i].name, name) == 0) return i;
    return SIZE_MAX;
}

/* Gradient `d` of output `y` by an input, element by element, as a difference of two runs. */
static void check_differences(const Func *func, const char *d, const char *y, size_t input, Arena *arena) {
    size_t at_d = find_output(func, d), at_y = find_output(func, y);
    if (at_d == SIZE_MAX || at_y == SIZE_MAX) return;
    uint64_t seed = 5;
    Tensor inputs[] = {tensor_draw(arena, &func->inputs[0].type, 0, -1, 1, &seed),
                       tensor_draw(arena, &func->inputs[1].type, 0, -0.5, 0.5, &seed)};
    Tensor *at = run_func(func, inputs, arena);
    const double step = 1e-5;
    for (int64_t k = 0; k < type_elements(&inputs[input].type); k += 5) {
        double x = inputs[input].data[k];
        inputs[input].data[k] = x + step;
        double more = run_func(func, inputs, arena)[at_y].data[0];
        inputs[input].data[k] = x - step;
        double less = run_func(func, inputs, arena)[at_y].data[0], got = at[at_d].data[k];
        inputs[input].data[k] = x;
        double want = (more - less) / (2 * step);
        if (!(fabs(got - want) <= 1e-6 * (1 + fabs(want))))
            fail_msg("%s, element %lld: %g, not %g", d, (long long)k, got, want);
    }
}

static void test_gradients(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        char *text = text_of(&CASES[i]);
        if (strstr(text, "stop_grad")) text[0] = '\0'; /* these are no differences */
        Module *module = *text ? module_parse(arena, diags, "test", text, strlen(text)) : NULL;
        if (*text && (!module || !passes_run(module, PASSES_INTERPRET, NULL, diags)))
            fail_msg("%s: %s", CASES[i].name, diags_text(diags));
        static const struct {
            const char *d, *y;
            size_t input;
        } pairs[] = {{"dx", "loss", 0}, {"dw", "loss", 1}, {"dr", "e", 0}, {"du", "e", 1}, {"da", "af", 1}};
        printf("%s\n", CASES[i].name);
        for (size_t p = 0; module && p < sizeof pairs / sizeof *pairs; p++)
            check_differences(module_find_func(module, "f"), pairs[p].d, pairs[p].y, pairs[p].input, arena);
        free(text);
        arena_free(arena);
    }
}

/* Texts whose bodies and loops do not fit. */
static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"  func @f(%x : f32[4]) {\n    %l = loop %x {body = @b, words = 16, carried = 1}\n    output l = "
         "%l\n  }\n",
         "no body 'b' comes before this"},
        {"  body @b(%i : i32, %c : f32[4]) {\n    %l = loop %c {body = @b, words = 16, carried = 1}\n    "
         "output c = %l\n"
         "  }\n",
         "no body 'b' comes before this"},
        {"  body @b(%i : i32, %c : f32[5]) {\n    %s = sin %c\n    output c = %s\n  }\n  func @f(%x : "
         "f32[4]) {\n"
         "    %l = loop %x {body = @b, words = 16, carried = 1}\n    output l = %l\n  }\n",
         "is f32[5], and gets f32[4]"},
        {"  body @b(%i : i32, %c : f32[4]) {\n    %s = sum %c {axes = [0]}\n    output c = %s\n  }\n  func "
         "@f(%x : f32[4]) {\n"
         "    %l = loop %x {body = @b, words = 16, carried = 1}\n    output l = %l\n  }\n",
         "is f32[4], and gets f32"},
        {"  body @b(%i : i32, %c : f32[4]) {\n    %s = sin %c\n    output c = %s\n  }\n  func @f(%x : "
         "f32[4]) {\n"
         "    %l = loop %x {body = @b, words = 32, carried = 1}\n    output l = %l\n  }\n",
         "has 16 words, not 32"},
        {"  body @b(%i : i32, %c : f32[4]) {\n    %z = constant {value = 0}\n    %s = gt %c, %z\n    output "
         "c = %s\n  }\n"
         "  func @f(%x : f32[4]) {\n    %l = loop %x {body = @b, words = 16}\n    output l = %l\n  }\n",
         "which no loop holds"},
        {"  state %s : f32 = constant(value = 0), role = buffer\n  body @b(%i : i32, %c : f32) {\n    %o = "
         "add %c, %s\n"
         "    output c = %o\n  }\n",
         "a body reads state 's'"},
        {"  body @b(%i : i32, %c : f32[4]) {\n    %s = sin %c\n    output c = %s\n  }\n  func @f(%x : "
         "f32[4]) {\n"
         "    %l = loop %x, %x {body = @b, words = 16, carried = 1, count = 2, when = true}\n    output l = "
         "%l\n  }\n",
         "depends on one number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        char *text = arena_printf(arena, "module @m {\n%s}\n", cases[i].text);
        if (module_parse(arena, diags, "test", text, strlen(text)) ||
            !strstr(diags_text(diags), cases[i].message))
            fail_msg("%s\nis not refused by \"%s\", but: %s", text, cases[i].message, diags_text(diags));
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients), cmocka_unit_test(test_cases),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
