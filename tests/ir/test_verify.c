/* The verifier: a valid module passes, and each broken invariant is told. */
#include "ir/plan/plan.h"
#include "tests/passes/graph.h"

static const char VALID[] =
    "module @m {\n"
    "  state %s : f64[2] = constant(value = 0), role = param\n"
    "  state %t : f64[2] = copy(%s), role = ema\n"
    "  func @f(%x : f64[2], %y : f64[2], %z : f64[4x8]) arena = 256 block = 128 barriers {\n"
    "    kernel 1 loops [2], single reads %x, %s, %y stores %1 {\n"
    "      %0 = add %x, %s : f64[2]\n"
    "      %1 = mul %0, %y : f64[2] at state(t)\n"
    "    }\n"
    "    barrier\n"
    "    kernel 2 loops [2] reads %1 stores %2 {\n"
    "      %2 = neg %1 : f64[2] at state(s)\n"
    "    }\n"
    "    chain {units = 4, size = 2} {\n"
    "      kernel 3 loops [4 x 8] reads %z stores %3 {\n"
    "        %3 = mul %z, %z : f64[4x8] at block(0)\n"
    "      }\n"
    "      kernel 4 loops [4 x 8] reads %3, %z stores %4 {\n"
    "        %4 = add %3, %z : f64[4x8] at arena(0)\n"
    "      }\n"
    "    }\n"
    "    barrier\n"
    "    kernel 5 loops [4 x 8] reads %4 stores %5 {\n"
    "      %5 = neg %4 : f64[4x8] at output(c)\n"
    "    }\n"
    "    copy %1 to output(a)\n"
    "    copy %2 to output(b)\n"
    "    barrier\n"
    "    copy %5 to output(d)\n"
    "    output a = %1\n    output b = %2\n    output c = %5\n    output d = %5\n    update s = %2\n    "
    "update t = %1\n  }\n}\n";

/* Node i of the text: after three inputs and one state. */
enum { ADD = 4, MUL = 5, NEG = 6, SQUARE = 7, SUM = 8, LAST = 9 };

static void break_operand(Module *m) {
    static const ValueId later[] = {NEG, 0};
    m->funcs[0]->nodes[MUL].operands = later;
}
static void break_type(Module *m) {
    m->funcs[0]->nodes[ADD].type.dim[0] = 3;
}
static void break_op(Module *m) {
    m->funcs[0]->nodes[NEG].op = OP_COUNT;
}
static void break_input_index(Module *m) {
    static const Attr far = {.i = 9};
    m->funcs[0]->nodes[0].attrs = &far;
}
static void break_input_twice(Module *m) {
    static const Attr first = {.i = 0};
    m->funcs[0]->nodes[1].attrs = &first;
}
/* ---- the plan ---- */

static Plan *plan_of(Module *m) {
    return m->funcs[0]->plan;
}
static void break_span(Module *m) {
    plan_of(m)->kernels[0].last = NEG;
}
static void break_kernel_of(Module *m) {
    plan_of(m)->kernel_of[MUL] = 3;
}
static void break_uncovered(Module *m) {
    plan_of(m)->n_kernels--;
    plan_of(m)->n_chains = 0;
}
static void break_kernel(Module *m) {
    plan_of(m)->kernels[1].domain.extent[0] = 3;
}
static void break_member(Module *m) {
    plan_of(m)->kernels[0].members[1].value = MUL;
}
static void break_chain_order(Module *m) {
    plan_of(m)->chains[0].last = 1;
}
static void break_chain_end(Module *m) {
    plan_of(m)->chains[0].last = 5;
}
static void break_chain_units(Module *m) {
    plan_of(m)->chains[0].units = 3;
}
static void break_block_chain(Module *m) {
    plan_of(m)->chains[0].last = 2;
}
static void break_no_chain(Module *m) {
    plan_of(m)->n_chains = 0;
}
static void break_block_offset(Module *m) {
    plan_of(m)->places[SQUARE].offset = 64;
}
/* Reads rows of other units than it computes. */
static void break_link(Module *m) {
    static const Attr perm = {.ints = {2, {1, 0}}};
    static const ValueId operand[] = {SQUARE};
    Func *func = m->funcs[0];
    Node *sum = &func->nodes[SUM], *last = &func->nodes[LAST];
    static const ValueId z[] = {2};
    sum->op = OP_transpose;
    sum->n_operands = 1;
    sum->operands = operand;
    sum->attrs = &perm;
    sum->type.dim[0] = 8;
    sum->type.dim[1] = 4;
    last->operands = z;
    func->outputs[0].value = SUM;
    func->outputs[2].value = func->outputs[3].value = LAST;
    Chain chain = func->plan->chains[0];
    NodeSpan spans[] = {{ADD, MUL}, {NEG, NEG}, {SQUARE, SQUARE}, {SUM, SUM}, {LAST, LAST}};
    plan_derive(func, spans, 5);
    ARENA_PUSH(m->arena, func->plan->chains, func->plan->n_chains, func->plan->chains_capacity, chain);
}
static void break_place(Module *m) {
    plan_of(m)->places[NEG] = (Place){PLACE_STATE, 1, 0};
}
static void break_place_kind(Module *m) {
    plan_of(m)->places[NEG].kind = PLACE_ARENA;
}
static void break_offset(Module *m) {
    plan_of(m)->places[SUM].offset = 8;
}
static void break_unplaced(Module *m) {
    plan_of(m)->places[SUM].offset = -1;
}
static void break_copies(Module *m) {
    plan_of(m)->n_copies--;
}
static void break_copy_target(Module *m) {
    plan_of(m)->copies[0].to.index = 2;
}
static void break_barrier(Module *m) {
    plan_of(m)->kernels[4].barrier = false;
}
static void break_barrier_after(Module *m) {
    plan_of(m)->kernels[4].after = 3;
}
static void break_barrier_order(Module *m) {
    plan_of(m)->kernels[4].after = 5;
}
static void break_lane(Module *m) {
    plan_of(m)->kernels[0].lane = LANES;
}
static void break_copy_barrier(Module *m) {
    plan_of(m)->copies[2].barrier = false;
}
static void break_chained_barrier(Module *m) {
    plan_of(m)->kernels[3].barrier = true;
}
static void break_chained_single(Module *m) {
    plan_of(m)->kernels[2].single = true;
}

/* ---- results ---- */

static void break_output(Module *m) {
    m->funcs[0]->outputs[0].value = 99;
}
static void break_output_role(Module *m) {
    m->funcs[0]->outputs[0].role = OUTPUT_LOSS;
}
static void break_output_name(Module *m) {
    m->funcs[0]->outputs[0].name = "b";
}
static void break_update_type(Module *m) {
    static const ValueId xy[] = {0, 1};
    m->states[0].type.dim[0] = 5;
    m->funcs[0]->nodes[3].type.dim[0] = 5;
    m->funcs[0]->nodes[ADD].operands = xy;
}
static void break_update_twice(Module *m) {
    m->funcs[0]->updates[1].state = 0;
}
static void break_copy(Module *m) {
    m->states[1].copy_of = 1;
}
static void break_state_type(Module *m) {
    m->states[1].type.dim[0] = 0;
}
static void break_function_init(Module *m) {
    m->states[1].init = INIT_FUNCTION;
}
static void break_input_name(Module *m) {
    m->funcs[0]->inputs[0].name = "s";
}

static const struct {
    void (*change)(Module *module);
    const char *message;
} BROKEN[] = {
    {break_operand, "@f, node 5 (mul): operand 0 is node 6, which does not come before it"},
    {break_type, "@f, node 4 (add): is f64[3], but its operands make f64[2]"},
    {break_op, "node 6: no such operator"},
    {break_input_index, "node 0 (input): index 9 of 3"},
    {break_input_twice, "the second node of input 0"},
    {break_span, "its nodes do not follow those of the kernel before"},
    {break_kernel_of, "node 5 (mul): is not known to be of kernel 1"},
    {break_uncovered, "node 9 (neg): is of no kernel"},
    {break_kernel, "kernel 2 is not what its nodes make"},
    {break_member, "kernel 1 is not what its nodes make"},
    {break_chain_order, "the chain of kernels 3 to 2 is empty"},
    {break_chain_end, "the chain of kernels 3 to 6 is empty, overlaps another or lacks kernels"},
    {break_chain_units, "units that it does not consist of"},
    {break_block_chain, "reads node 7, which lies in blocks of another chain"},
    {break_no_chain, "node 7 (mul): lies in blocks of no chain"},
    {break_block_offset, "lies at 64 of a block of 128 bytes"},
    {break_link, "reads other units of node 7"},
    {break_place, "node 6 (neg): lies in state, but belongs in state"},
    {break_place_kind, "node 6 (neg): lies in arena, but belongs in state"},
    {break_offset, "lies at 8 of an arena of 256 bytes"},
    {break_unplaced, "lies at -1 of an arena of 256 bytes"},
    {break_copies, "its copies are not those that outputs and updates need"},
    {break_copy_target, "its copies are not those that outputs and updates need"},
    {break_barrier, "no barrier between kernel 5 and kernel 4"},
    {break_barrier_after, "no barrier between kernel 5 and kernel 4"},
    {break_barrier_order, "threads wait before kernel 5 for kernel 5, which does not run before it"},
    {break_lane, "kernel 1 is thread 9's: there are 8"},
    {break_copy_barrier, "no barrier between copy 3 and kernel 5"},
    {break_chained_barrier, "kernel 4, of a chain, is single or has a barrier before it"},
    {break_chained_single, "kernel 3, of a chain, is single or has a barrier before it"},
    {break_output, "output 'a' is no value"},
    {break_output_role, "output 'a' has a role, but is no scalar"},
    {break_output_name, "two outputs are named 'b'"},
    {break_update_type, "'s' is f64[5], its update f64[2]"},
    {break_update_twice, "'s' is updated twice"},
    {break_copy, "starts as a copy of no state"},
    {break_state_type, "state 't' has no valid type"},
    {break_function_init, "no output of function @init makes state 't'"},
    {break_input_name, "an input and a state are named 's'"},
};

static void test_each_invariant(void **state) {
    (void)state;
    for (int i = -1; i < (int)(sizeof BROKEN / sizeof *BROKEN); i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Module *module = module_parse(arena, diags, "test", VALID, strlen(VALID));
        if (!module) fail_msg("%s", diags_text(diags));
        if (i >= 0) BROKEN[i].change(module);
        bool good = module_verify(module, diags);
        if (good != (i < 0)) fail_msg("not noticed: %s", i >= 0 ? BROKEN[i].message : diags_text(diags));
        if (i >= 0 && !strstr(diags_text(diags), BROKEN[i].message))
            fail_msg("%s\nis told as\n%s", BROKEN[i].message, diags_text(diags));
        arena_free(arena);
    }
}

/* ---- prologues: the part of a function up to its outputs, and what is wrong with it, if anything ----------------- */

#define K(NODES) "    kernel {\n" NODES "    }\n"
#define MAKE "    %0 = mul %x, %s\n    %1 = neg %0\n"
#define PRODUCT "    %2 = matmul %1, %w\n"

typedef struct {
    const char *body, *message;
} Part;

static const Part PROLOGUES[] = {
    {K(MAKE PRODUCT "    %3 = add %2, %x\n"), NULL},
    {K(MAKE "    %r = reshape %1 {shape = [4, 8, 8]}\n    %t = reshape %r {shape = [32, 8]}\n"
            "    %3 = matmul %t, %w\n"),
     NULL},
    {K(MAKE PRODUCT "    %3 = add %2, %1\n"), "has a prologue that others read"},
    {K(MAKE PRODUCT "    %3 = add %2, %0\n"), "has a prologue that others read"},
    {K(MAKE PRODUCT) K("    %3 = add %2, %1\n"), "has a prologue that others read"},
    {K(MAKE PRODUCT "    %3 = neg %2\n") "    output z = %0\n", "has a prologue that others read"},
    {K(MAKE "    %3 = matmul %1, %1 {tb = true}\n"), "its own kernel computes operand 1"},
    {K(MAKE "    %3 = matmul %w, %1 {tb = true}\n"), "its own kernel computes operand 1"},
    {K(MAKE "    %3 = matmul %1, %x {ta = true}\n"), "does not make its first operand row by row"},
    {K(MAKE "    %t = slice %1 {start = [0, 0], limit = [16, 8], step = [1, 1]}\n    %3 = matmul %t, %w\n"),
     "does not make its first operand row by row"},
    {K(MAKE "    %r = reshape %1 {shape = [4, 8, 8]}\n") K("    %b = reshape %x {shape = [4, 8, 8]}\n")
         K("    %3 = matmul %r, %b\n"),
     NULL},
    {K("    %b = reshape %x {shape = [4, 8, 8]}\n" MAKE
       "    %r = reshape %1 {shape = [4, 8, 8]}\n    %3 = matmul %r, %b\n"),
     "is no product of one matrix"},
    {K("    %0 = sum %x {axes = [1]}\n    %r = reshape %0 {shape = [32, 1]}\n    %1 = mul %x, %r\n" PRODUCT
       "    %3 = neg %2\n"),
     "has a prologue that is not elementwise"},
    {K("    %1 = matmul %x, %w\n" PRODUCT "    %3 = neg %2\n"), "has a prologue that is not elementwise"},
};

/* ---- the root of a kernel, and what it stores -------------------------------------------------------------------- */

static const Part STORED[] = {
    {K("    %0 = mul %x, %s\n    %3 = sum_rows %0 {rows = 8}\n") "    output z = %0\n", NULL},
    {K("    %0 = mul %x, %s\n    %1 = sum_rows %0 {rows = 8}\n    %3 = neg %0\n") "    output z = %1\n",
     "is followed by more of its kernel, whose last value it must be"},
    /* a further root has the dimensions of the last; what has not, and what only a product reads, has no loops */
    {K("    %0 = mul %x, %s\n    %1 = exp %x\n    %3 = neg %1\n") "    output z = %0\n", NULL},
    {K("    %0 = exp %s\n    %1 = exp %x\n    %3 = neg %1\n") "    output z = %0\n",
     "is read by others, but not computed in the loops of kernel 1"},
    {K("    %0 = transpose %w {perm = [1, 0]}\n    %1 = matmul %x, %0\n    %3 = neg %1\n") "    output z = "
                                                                                           "%0\n",
     "is read by others, but not computed in the loops of kernel 1"},
    {K("    %0 = mul %x, %s\n    %3 = pack %0 {panel = 4}\n") "    output z = %0\n", NULL},
    /* reductions of the last axes, and of one before columns */
    {K("    %3 = sum %x {axes = [0, 1]}\n"), NULL},
    {K("    %3 = sum %x {axes = [0]}\n"), NULL},
    {K("    %0 = exp %s\n    %3 = sum %0 {axes = [0]}\n"),
     "reduces neither the last axes nor one before several columns"},
    {K("    %r = reshape %x {shape = [4, 8, 8]}\n    %3 = amax %r {axes = [0, 2]}\n"),
     "reduces neither the last axes nor one before several columns"},
    {K("    %3 = sum %x {axes = [1], keep = true}\n"),
     "reduces neither the last axes nor one before several columns"},
    /* a row in the loops of a column; a product below one */
    {K("    %0 = sum %x {axes = [1]}\n    %r = reshape %0 {shape = [32, 1]}\n    %1 = mul %x, %r\n"
       "    %3 = sum %1 {axes = [0]}\n"),
     "the nodes of kernel 1 do not fit into one"},
    {K("    %0 = matmul %x, %w\n    %1 = sum %0 {axes = [1]}\n    %3 = neg %1\n"),
     "the nodes of kernel 1 do not fit into one"},
};

static void check_parts(const Part *parts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        const char *message = parts[i].message;
        char *text = arena_printf(arena,
                                  "module @m {\n  func @f(%%x : f32[32x8], %%s : f32[32x1], %%w : f32[8x8]) "
                                  "{\n%s    output y = %%3\n  }\n}\n",
                                  parts[i].body);
        Module *module = module_parse(arena, diags, "test", text, strlen(text));
        bool good = module && module_verify(module, diags);
        if (good == (message != NULL)) fail_msg("%s\n%s", text, diags_text(diags));
        if (message && !strstr(diags_text(diags), message))
            fail_msg("%s\nis told as\n%s", message, diags_text(diags));
        arena_free(arena);
    }
}

static void test_prologues(void **state) {
    (void)state;
    check_parts(PROLOGUES, sizeof PROLOGUES / sizeof *PROLOGUES);
}

static void test_stored(void **state) {
    (void)state;
    check_parts(STORED, sizeof STORED / sizeof *STORED);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_invariant),
                                       cmocka_unit_test(test_prologues), cmocka_unit_test(test_stored)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
