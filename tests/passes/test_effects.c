/* Passes ask an operator's effects, and not its name, before they drop, merge, repeat or regroup its nodes. Here an
 * elementwise operator is given effects that no operator has yet. */
#include "ir/ir.h"
#include "passes/passes.h"
#include "passes/plan/remat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static Module *parse(Arena *arena, Diags *diags, const char *text) {
    Module *module = module_parse(arena, diags, "test", text, strlen(text));
    if (!module) fail_msg("%s", diags_text(diags));
    return module;
}

/* Runs passes while `op` has other effects. */
static bool run_with(Module *module, const char *passes, OpKind op, Effects effects) {
    op_set_effects(op, effects);
    bool good = passes_run(module, passes, &(PassOptions){.verify = true}, module->diags);
    op_set_effects(op, EFFECTS_PURE);
    return good;
}

/* How many nodes of `op` a function has after some passes. */
static int count_after(const char *text, const char *passes, OpKind op, Effects effects) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = parse(arena, diags, text);
    if (!run_with(module, passes, op, effects)) fail_msg("%s", diags_text(diags));
    int n = 0;
    const Func *func = module->funcs[0];
    for (ValueId id = 0; id < func->count; id++) n += func_node(func, id)->op == op;
    arena_free(arena);
    return n;
}

/* By effects: PURE, AGAIN, ORDERED, COLLECTIVE. */
typedef struct {
    const char *name, *passes, *text;
    int count[4];
} Row;

static const Row ROWS[] = {
    {"a result that nobody uses is dropped",
     "simplify",
     "module @m {\n  func @f(%x : f32[8]) {\n    %a = exp %x\n    %b = neg %x\n    output y = %b\n  }\n}\n",
     {0, 1, 1, 0}},
    {"of two equal ones one goes",
     "simplify",
     "module @m {\n  func @f(%x : f32[8]) {\n    %a = exp %x\n    %b = exp %x\n    %c = mul %a, %b\n    "
     "output y = %c\n  }\n}\n",
     {1, 2, 2, 1}},
    {"of a constant it is computed beforehand",
     "simplify",
     "module @m {\n  func @f(%x : f32) {\n    %a = constant {value = 2}\n    %b = exp %a\n    %c = mul %x, "
     "%b\n"
     "    output y = %c\n  }\n}\n",
     {0, 1, 1, 1}},
    {"of a view of another the whole is computed",
     "batch-views,simplify",
     "module @m {\n  state %w : f32[8x8] = constant(value = 0), role = param\n"
     "  func @f(%x : f32[4x8], %y : f32[4x8]) {\n    %a = matmul %x, %w\n    %b = exp %a\n    %c = matmul "
     "%y, %w\n"
     "    %d = exp %c\n    output a = %b\n    output b = %d\n  }\n}\n",
     {1, 2, 2, 2}},
    {"fuse copies it into both kernels that use it",
     "reductions,fuse",
     "module @m {\n  func @f(%x : f32[64x48]) {\n    %a = exp %x\n    %b = sum %a {axes = [0]}\n    %c = sum "
     "%a {axes = [1]}\n"
     "    output y = %b\n    output z = %c\n  }\n}\n",
     {2, 2, 1, 1}},
    {"fuse leaves out what nobody uses",
     "fuse",
     "module @m {\n  func @f(%x : f32[64x48]) {\n    %a = exp %x\n    %b = neg %x\n    output y = %b\n  "
     "}\n}\n",
     {0, 1, 1, 0}},
};

static void test_graph_passes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        for (int e = 0; e < 4; e++) {
            int n = count_after(ROWS[i].text, ROWS[i].passes, OP_exp, (Effects)e);
            if (n != ROWS[i].count[e])
                fail_msg("%s: %d, not %d with effects %d", ROWS[i].name, n, ROWS[i].count[e], e);
        }
}

/* A value whose kernel may run again is dropped while others need the room; one whose may not is kept, and the limit
 * does not hold. */
static void test_remat(void **state) {
    (void)state;
    static const char text[] =
        "module @m {\n  func @step(%x : f32[65536], %i : i32[65536]) {\n    %g = gather %x, %i\n    %a = "
        "gather %g, %i\n"
        "    %b = gather %a, %i\n    %c = gather %b, %i\n    %y = mul %c, %g\n    output y = %y\n  }\n}\n";
    for (int e = 0; e < 4; e++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = parse(arena, diags, text);
        module->memory_limit =
            resident_bytes(module->funcs[0]) + 65536 * 4 * 5 / 2; /* of three values at a time */
        bool good = run_with(module, "fuse,schedule,remat,memory", OP_gather, (Effects)e);
        bool repeats = e == EFFECTS_PURE || e == EFFECTS_AGAIN;
        if (good != repeats) fail_msg("effects %d: %s", e, diags_text(diags));
        arena_free(arena);
    }
}

/* Kernels that happen in an order keep it, whatever room another would save. */
static void test_schedule(void **state) {
    (void)state;
    static const char text[] =
        "module @m {\n  func @step(%x : f32[65536], %i : i32[65536], %j : i32[4]) {\n    %a = gather %x, %i\n"
        "    %b = gather %x, %i\n    %c = gather %a, %j\n    %d = gather %b, %j\n    output c = %c\n    "
        "output d = %d\n  }\n}\n";
    for (int e = 0; e < 4; e++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = parse(arena, diags, text);
        if (!run_with(module, "fuse,schedule", OP_gather, (Effects)e)) fail_msg("%s", diags_text(diags));
        const Func *func = module->funcs[0];
        bool in_order = true; /* as written: the two large ones first */
        int large = 0;
        for (ValueId id = 0; id < func->count; id++)
            if (func_node(func, id)->op == OP_gather) {
                large += type_elements(func_type(func, id)) > 4;
                in_order = in_order && (type_elements(func_type(func, id)) > 4 || large == 2);
            }
        if (in_order != (e != EFFECTS_PURE)) fail_msg("effects %d", e);
        arena_free(arena);
    }
}

/* What no operator has: if one has, passes that move kernels have to be looked at, and this test asks for it. */
static void test_all_rows_are_pure(void **state) {
    (void)state;
    for (int op = 0; op < OP_COUNT; op++) {
        assert_true(op_is_pure((OpKind)op));
        assert_true(op_may_drop((OpKind)op) && op_may_merge((OpKind)op) && op_may_repeat((OpKind)op) &&
                    op_may_reorder((OpKind)op));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph_passes),
        cmocka_unit_test(test_remat),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_all_rows_are_pure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
