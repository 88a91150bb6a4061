/* Sizes whose products or sums do not fit are refused where they arise: nothing behind shape rules can overflow. */
#include "ir/ir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

typedef struct {
    const char *line, *message; /* a statement of a function with inputs; NULL: it is good */
} Row;

static const Row ROWS[] = {
    {"%0 = broadcast %s {shape = [274877906944]}", NULL},
    {"%0 = broadcast %s {shape = [274877906945]}", "too large"},
    {"%0 = broadcast %s {shape = [4294967296, 4294967296, 4294967296]}", "too large"},
    {"%0 = broadcast %s {shape = [9223372036854775807, 2]}", "too large"},
    {"%0 = broadcast %s {shape = [-2, -3]}", "a size of -2"},
    {"%0 = reshape %m {shape = [-4, -8]}", "a size of -4"},
    {"%0 = reshape %m {shape = [4294967296, 4294967296, 32]}", "has 32 elements"},
    {"%0 = pad %m {low = [9223372036854775807, 0], high = [9223372036854775807, 0]}", "too large"},
    {"%0 = pad %m {low = [9223372036854775805, 0], high = [0, 0]}", "too large"},
    {"%0 = slice %m {start = [0, 0], limit = [4, 8], step = [9223372036854775807, 1]}", "out of range"},
    {"%0 = slice %m {start = [0, 0], limit = [4, 8], step = [1099511627776, 1]}", "out of range"},
    {"%0 = slice %m {start = [0, 0], limit = [4, 8], step = [100000, 1]}", NULL},
    {"%0 = unfold %i {kernel = [1, 1], stride = [1, 1], padding = [9223372036854775807, 0]}", "do not fit"},
    {"%0 = unfold %i {kernel = [4294967296, 4294967296], stride = [1, 1], padding = [4294967296, "
     "4294967296]}",
     "too large"},
    {"%0 = unfold %i {kernel = [9223372036854775807, 1], stride = [1, 1], padding = [4611686018427387904, "
     "0]}",
     "do not fit"},
    {"%0 = fold %w {size = [9223372036854775807, 1], kernel = [1, 1], stride = [1, 1], padding = [0, 0]}",
     "do not fit"},
    {"%0 = iota {shape = [4294967296]}", "counts to 4294967296 in i32"},
    {"%0 = iota {shape = [4294967296], dtype = i64}", NULL},
    {"%0 = constant {value = 3e9, dtype = i32}", "3e+09 is no i32"},
    {"%0 = constant {value = -2147483648, dtype = i32}", NULL},
    {"%0 = constant {value = 1e19, dtype = i64}", "1e+19 is no i64"},
    {"%0 = constant {value = inf, dtype = i64}", "inf is no i64"},
    {"%0 = gather %m, %k {batch = 4294967296}", "batch = 4294967296"},
    {"%b = broadcast %s {shape = [2147483648]}\n    %0 = argsort %b", "more than an i32 can count"},
};

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        char *text = arena_printf(
            arena,
            "module @m {\n  func @f(%%s : f32, %%m : f32[4x8], %%i : f32[1x1x4x4], %%w : f32[1x1x1], %%k : "
            "i32[2]) {\n    %s\n    output y = %%0\n  }\n}\n",
            ROWS[i].line);
        Module *module = module_parse(arena, diags, "test", text, strlen(text));
        const char *told = diags_text(diags);
        if (ROWS[i].message ? module || !strstr(told, ROWS[i].message) : !module)
            fail_msg("%s: %s", ROWS[i].line, told);
        arena_free(arena);
    }
}

/* Many values that are each not too large. */
static void test_all_together(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = module_new(arena, diags, "m");
    Func *func = module_add_func(module, "f");
    ValueId x = func_add_input(func, "x", type_scalar(DT_F64));
    int64_t shape[] = {IR_MAX_ELEMENTS};
    for (int64_t bytes = 0; bytes <= IR_MAX_BYTES; bytes += 8 * IR_MAX_ELEMENTS)
        ir_broadcast(func, x, 1, shape);
    assert_false(module_sizes(module, diags));
    assert_non_null(strstr(diags_text(diags), "the values of @f take more than 2^56 bytes"));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_all_together)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
