/* The verifier: a valid module passes, and each broken invariant is told. */
#include "tests/passes/graph.h"

static const char VALID[] =
    "module @m {\n"
    "  state %s : f64[2] = constant(value = 0), role = param\n"
    "  state %t : f64[2] = copy(%s), role = ema\n"
    "  func @f(%x : f64[2], %y : f64[2], %z : f64[4x8]) arena = 64 block = 128 {\n"
    "    %0 = add %x, %s : f64[2] [cluster = 1, offset = 0]\n"
    "    %1 = mul %0, %y : f64[2] [cluster = 1]\n"
    "    %2 = neg %1 : f64[2] [cluster = 2]\n"
    "    %3 = mul %z, %z : f64[4x8] [cluster = 3, local, offset = 0]\n"
    "    %4 = add %3, %z : f64[4x8] [cluster = 4]\n"
    "    chain 3 to 4 {units = 4, size = 2}\n"
    "    output a = %1\n    output b = %2\n    output c = %4\n    update s = %2\n    update t = %1\n  }\n}\n";

/* Node i of the text: after three inputs and one state. */
enum { ADD = 4, MUL = 5, NEG = 6, SQUARE = 7, SUM = 8 };

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
static void break_cluster(Module *m) {
    m->funcs[0]->nodes[NEG].cluster = 1;
    m->funcs[0]->nodes[MUL].cluster = 2;
}
static void break_chain_order(Module *m) {
    m->funcs[0]->chains[0].first = 0;
}
static void break_chain_units(Module *m) {
    m->funcs[0]->chains[0].units = 3;
}
static void break_chain_gap(Module *m) {
    m->funcs[0]->nodes[SUM].cluster = 5;
    m->funcs[0]->chains[0].last = 5;
}
static void break_local(Module *m) {
    m->funcs[0]->chains[0].last = 3;
}
static void break_local_output(Module *m) {
    m->funcs[0]->nodes[SUM].local = true;
}
static void break_local_offset(Module *m) {
    m->funcs[0]->nodes[SQUARE].offset = 64;
}
/* Reads rows of other units than it computes. */
static void break_link(Module *m) {
    static const Attr perm = {.ints = {2, {1, 0}}};
    Node *square = &m->funcs[0]->nodes[SQUARE], *sum = &m->funcs[0]->nodes[SUM];
    static const ValueId operand[] = {SQUARE};
    square->local = false;
    square->offset = -1;
    sum->op = OP_transpose;
    sum->n_operands = 1;
    sum->operands = operand;
    sum->attrs = &perm;
    sum->type.dim[0] = 8;
    sum->type.dim[1] = 4;
}
static void break_offset(Module *m) {
    m->funcs[0]->nodes[ADD].offset = 56;
}
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
    {break_cluster, "lies apart from the rest of cluster 1"},
    {break_offset, "lies at 56 of an arena of 64 bytes"},
    {break_chain_order, "chain 0 to 4 is empty or meets another"},
    {break_chain_units, "units that it does not consist of"},
    {break_chain_gap, "comes before cluster 4 of a chain"},
    {break_local, "is local to another chain"},
    {break_local_output, "is local, but an output"},
    {break_local_offset, "lies at 64 of a block of 128 bytes"},
    {break_link, "reads other units of node 7"},
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

#define MAKE "    %0 = mul %x, %s [cluster = 1]\n    %1 = neg %0 [cluster = 1]\n"
#define PRODUCT "    %2 = matmul %1, %w [cluster = 1]\n"

typedef struct {
    const char *body, *message;
} Part;

static const Part PROLOGUES[] = {
    {MAKE PRODUCT "    %3 = add %2, %x [cluster = 1]\n", NULL},
    {MAKE "    %r = reshape %1 {shape = [4, 8, 8]} [cluster = 1]\n"
          "    %t = reshape %r {shape = [32, 8]} [cluster = 1]\n"
          "    %3 = matmul %t, %w [cluster = 1]\n",
     NULL},
    {MAKE PRODUCT "    %3 = add %2, %1 [cluster = 1]\n", "has a prologue that others read"},
    {MAKE PRODUCT "    %3 = add %2, %0 [cluster = 1]\n", "has a prologue that others read"},
    {MAKE PRODUCT "    %3 = add %2, %1 [cluster = 2]\n", "has a prologue that others read"},
    {MAKE PRODUCT "    %3 = neg %2 [cluster = 1]\n    output z = %0\n", "has a prologue that others read"},
    {MAKE "    %3 = matmul %1, %1 {tb = true} [cluster = 1]\n", "its own kernel computes operand 1"},
    {MAKE "    %3 = matmul %w, %1 {tb = true} [cluster = 1]\n", "its own kernel computes operand 1"},
    {MAKE "    %3 = matmul %1, %x {ta = true} [cluster = 1]\n", "does not make its first operand row by row"},
    {MAKE "    %t = slice %1 {start = [0, 0], limit = [16, 8], step = [1, 1]} [cluster = 1]\n"
          "    %3 = matmul %t, %w [cluster = 1]\n",
     "does not make its first operand row by row"},
    {MAKE "    %r = reshape %1 {shape = [4, 8, 8]} [cluster = 1]\n"
          "    %b = reshape %x {shape = [4, 8, 8]} [cluster = 2]\n"
          "    %3 = matmul %r, %b [cluster = 3]\n",
     NULL},
    {"    %b = reshape %x {shape = [4, 8, 8]} [cluster = 1]\n" MAKE
     "    %r = reshape %1 {shape = [4, 8, 8]} [cluster = 1]\n    %3 = matmul %r, %b [cluster = 1]\n",
     "is no product of one matrix"},
    {"    %0 = sum %x {axes = [1]} [cluster = 1]\n    %r = reshape %0 {shape = [32, 1]} [cluster = 1]\n"
     "    %1 = mul %x, %r [cluster = 1]\n" PRODUCT "    %3 = neg %2 [cluster = 1]\n",
     "has a prologue that is not elementwise"},
    {"    %1 = matmul %x, %w [cluster = 1]\n" PRODUCT "    %3 = neg %2 [cluster = 1]\n",
     "has a prologue that is not elementwise"},
};

/* ---- what a kernel is founded on, and what it stores ------------------------------------------------------------- */

static const Part STORED[] = {
    {"    %0 = mul %x, %s [cluster = 1]\n    %3 = sum_rows %0 {rows = 8} [cluster = 1]\n    output z = %0\n",
     NULL},
    {"    %0 = mul %x, %s [cluster = 1]\n    %1 = sum_rows %0 {rows = 8} [cluster = 1]\n    %3 = neg %0 "
     "[cluster = 1]\n"
     "    output z = %1\n",
     "is followed by more of cluster 1, which is founded on it"},
    {"    %0 = mul %x, %s [cluster = 1]\n    %1 = exp %x [cluster = 1]\n    %3 = neg %1 [cluster = 1]\n    "
     "output z = %0\n",
     "is read by others, but not computed in the loops of cluster 1"},
    {"    %0 = mul %x, %s [cluster = 1]\n    %3 = pack %0 {panel = 4} [cluster = 1]\n    output z = %0\n",
     NULL},
    {"    %3 = neg %x [cluster = 1]\n    chain 7 to 8 {units = 2, size = 1}\n", "chain 7 to 8 lacks kernels"},
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
