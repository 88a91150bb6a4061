/* The text form: what is printed reads back as the same function and prints the same bytes; what is wrong is refused
 * with its position. */
#include "ir/plan/plan.h"
#include "tests/passes/random_graph.h"

static Module *parse(Arena *arena, Diags *diags, const char *text) {
    return module_parse(arena, diags, "text", text, strlen(text));
}

static void check_round_trip(const Module *module, Diags *diags, Arena *arena, const char *what) {
    size_t size, again_size;
    char *text = module_print(module, &size);
    assert_non_null(text);
    Module *back = module_parse(arena, diags, "printed", text, size);
    if (!back) fail_msg("%s does not read back:\n%s\n%s", what, diags_text(diags), text);
    char *again = module_print(back, &again_size);
    if (again_size != size || memcmp(text, again, size) != 0)
        fail_msg("%s prints differently:\n%s\nthen\n%s", what, text, again);
    free(text);
    free(again);
}

static void test_random_functions(void **state) {
    (void)state;
    bool seen[OP_COUNT] = {false};
    for (uint64_t seed = 0; seed < 800; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed, 60);
        for (size_t i = 0; i < g.func->count; i++) seen[g.func->nodes[i].op] = true;
        char what[32];
        snprintf(what, sizeof what, "seed %d", (int)seed);
        assert_true(module_verify(g.module, diags));
        check_round_trip(g.module, diags, arena, what);
        arena_free(arena);
    }
    for (int op = 0; op < OP_COUNT; op++)
        if (!seen[op] && op != OP_grad) fail_msg("no %s was printed", op_info(op)->name);
}

/* Canonical text: prints as it is. */
static const char CANONICAL[] =
    "module @\"odd name\" target(batch = 64, precision = bf16, memory = 600000000) {\n"
    "  state %net.0.weight : f32[3x2] = trunc_normal(mean = 0, std = 0.02), role = param, decay  // "
    "(a.yaml:4:3)\n"
    "  state %net.1.weight : f32[2] = normal(mean = 1, std = 2), role = param\n"
    "  state %ema.0.weight : f32[3x2] = copy(%net.0.weight), role = ema, frozen\n"
    "  state %\"7\" : f64 = constant(value = 1e-300), role = counter\n"
    "  state %q2 : f32[2] = constant(value = 0), role = optimizer\n"
    "  state %q : f32[4] = uniform(low = -1, high = 0.1), role = buffer\n"
    "  func @step(%x : f32[8x3], %\"say \\\"hi\\\"\\x0a\" : i32[8]) {\n"
    "    %0 = matmul %x, %net.0.weight : f32[8x2]  // net.0 (\"my file\":12:1)\n"
    "    %1 = mul %0, %q2 : f32[8x2]  // net.1\n"
    "    %2 = sum %1 {axes = [0, 1]} : f32  // (lib/nn.yaml:7)\n"
    "    %3 = gelu %1 {approximate = true} : f32[8x2]\n"
    "    %4 = mul %3, %net.1.weight : f32[8x2]\n"
    "    %5 = constant {value = 0.1, dtype = f64} : f64\n"
    "    %6 = iota {shape = [2, 3], axis = 1} : i32[2x3]  // \"a b\" (a.yaml:1:1)\n"
    "    %7 = grad %2, %net.0.weight : f32[3x2]\n"
    "    output loss = %2, role = loss\n"
    "    output \"0\" = %x\n"
    "    update net.0.weight = %7\n"
    "    update ema.0.weight = %net.0.weight\n"
    "  }\n"
    "  func @empty() precision = fp32 {\n"
    "  }\n"
    "}\n";

/* Kernels, chains, barriers, copies and places: prints as it is. */
static const char PLANNED[] =
    "module @m {\n"
    "  state %s : f32[8x4] = constant(value = 0), role = buffer\n"
    "  state %t : f32[8x4] = constant(value = 0), role = buffer\n"
    "  state %\"n 1\" : f64 = constant(value = 0), role = counter\n"
    "  func @step(%x : f32[8x4], %w : f32[4x4]) arena = 256 block = 64 barriers {\n"
    "    kernel 1 loops [], single reads %\"n 1\" stores %1 {\n"
    "      %0 = constant {value = 1, dtype = f64} : f64\n"
    "      %1 = add %\"n 1\", %0 : f64 at state(\"n 1\")  // (a.yaml:4:3)\n"
    "    }\n"
    "    chain {units = 8, size = 2} {\n"
    "      kernel 2 product [8 x 4], again, prologue again reads %x, %w stores %3 {\n"
    "        %2 = neg %x : f32[8x4]\n"
    "        %3 = matmul %2, %w : f32[8x4] at block(0)\n"
    "      }\n"
    "      kernel 3 rows [8 | 4] reads %3 stores %4, %6 {\n"
    "        %4 = exp %3 : f32[8x4] at arena(0)\n"
    "        %5 = sum %4 {axes = [1]} : f32[8]\n"
    "        %6 = log %5 : f32[8] at output(norm)\n"
    "      }\n"
    "    }\n"
    "    barrier\n"
    "    kernel 4 function [8] reads %4 stores %7 {\n"
    "      %7 = argmax %4 {axis = 1} : i32[8] at output(\"first one\")\n"
    "    }\n"
    "    copy %s to stage(0)\n"
    "    copy %t to stage(128), single\n"
    "    barrier\n"
    "    copy %s from stage(0) to state(t)\n"
    "    copy %t from stage(128) to state(s)\n"
    "    output norm = %6\n"
    "    output \"first one\" = %7\n"
    "    update \"n 1\" = %1\n"
    "    update t = %s\n"
    "    update s = %t\n"
    "  }\n"
    "  func @none(%y : f32) precision = bf16x3 arena = 0 {\n"
    "    copy %y to output(y)\n"
    "    output y = %y\n"
    "  }\n"
    "}\n";

/* Index maps of kernels: splits, choices, a prologue, a column. Prints as it is. */
static const char MAPPED[] =
    "module @maps {\n"
    "  func @f(%x : f32[6x8], %b : f32[4x1]) {\n"
    "    kernel 1 loops [2 x 4 x 6] reads %x over [i2, 4*i0 + i1], %b over [i1, 0] stores %2 {\n"
    "      %0 = transpose %x {perm = [1, 0]} : f32[8x6] over [4*i0 + i1, i2]\n"
    "      %1 = reshape %0 {shape = [2, 4, 6]} : f32[2x4x6]\n"
    "      %2 = add %1, %b : f32[2x4x6] at output(c)\n"
    "    }\n"
    "    output c = %2\n"
    "  }\n"
    "  func @g(%x : f32[4x6], %w : f32[8x5], %s : f32[2]) {\n"
    "    kernel 1 loops [8 x 2] reads %x over [i0, i1 + 1] and [i0 - 4, i1 + 1], %s over [i1] stores %2 {\n"
    "      %0 = concat %x, %x : f32[8x6] over [i0, i1 + 1]\n"
    "      %1 = slice %0 {start = [0, 1], limit = [8, 3], step = [1, 1]} : f32[8x2]\n"
    "      %2 = add %1, %s : f32[8x2] at arena\n"
    "    }\n"
    "    kernel 2 product [5 x 2] reads %2 over [p1, p0], %w stores %7 {\n"
    "      %3 = transpose %2 {perm = [1, 0]} : f32[2x8]\n"
    "      %4 = neg %3 : f32[2x8]\n"
    "      %5 = matmul %4, %w : f32[2x5] over [i1, i0]\n"
    "      %6 = transpose %5 {perm = [1, 0]} : f32[5x2]\n"
    "      %7 = exp %6 : f32[5x2] at output(e)\n"
    "    }\n"
    "    kernel 3 column [5 x 2] reads %7 stores %8 {\n"
    "      %8 = sum %7 {axes = [0]} : f32[2] over [i1] at output(z)\n"
    "    }\n"
    "    output e = %7\n"
    "    output z = %8\n"
    "  }\n"
    "}\n";

static void test_mapped_text(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = parse(arena, diags, MAPPED);
    if (!module) fail_msg("%s", diags_text(diags));
    char *text = module_print(module, NULL);
    assert_string_equal(text, MAPPED);
    free(text);
    char *bare = arena_strdup(arena, MAPPED), *to = bare; /* they may be left out */
    for (const char *from = bare; *from;) {
        const char *over = strncmp(from, " over [", 7) == 0 || strncmp(from, " and [", 6) == 0
                               ? strchr(from, ']') + 1
                               : from;
        if (over > from)
            from = over;
        else
            *to++ = *from++;
    }
    *to = 0;
    assert_null(strstr(bare, "over"));
    module = parse(arena, diags, bare);
    if (!module) fail_msg("%s", diags_text(diags));
    text = module_print(module, NULL);
    assert_string_equal(text, MAPPED);
    free(text);
    arena_free(arena);
}

/* What goes without saying may be said, in any order of terms; what a loop of size 1 adds is nothing. */
static void test_plain_maps(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module =
        parse(arena, diags,
              "module @m {\n  func @f(%x : f32[4x1x6]) {\n    kernel reads %x over [i0,0,3*i2+i3] {\n"
              "%a = reshape %x {shape = [4, 1, 2, 3]} over [ i0 , i1, 1 * i2, 2*i1 + i3 ]\n}\n"
              "    output a = %a\n  }\n}\n");
    if (!module) fail_msg("%s", diags_text(diags));
    char *text = module_print(module, NULL);
    assert_non_null(strstr(text, "reads %x over [i0, 0, 3*i2 + i3] stores %0 {"));
    assert_non_null(strstr(text, "%0 = reshape %x {shape = [4, 1, 2, 3]} : f32[4x1x2x3] at output(a)"));
    free(text);
    arena_free(arena);
}

static void test_planned_text(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = parse(arena, diags, PLANNED);
    if (!module) fail_msg("%s", diags_text(diags));
    char *text = module_print(module, NULL);
    assert_string_equal(text, PLANNED);
    free(text);
    const Plan *plan = module->funcs[0]->plan;
    assert_int_equal(plan->n_kernels, 4);
    assert_int_equal(plan->n_copies, 4);
    assert_int_equal(plan->stage_bytes, 256);
    assert_true(plan->kernels[0].single && plan->kernels[1].again && plan->kernels[1].prologue->again);
    assert_true(plan->kernels[3].barrier && !plan->kernels[1].barrier);
    assert_int_equal(plan->chains[0].last, 2);
    size_t size; /* a copy says the same */
    text = module_print(module_clone(module, arena), &size);
    assert_string_equal(text, PLANNED);
    free(text);
    arena_free(arena);
}

/* Only which kernel a node is in must be said. */
static void test_short_plan(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module =
        parse(arena, diags,
              "module @m {\n  func @f(%x : f32[8x4]) {\n    kernel {\n%a = exp %x\n}\n"
              "    chain {units = 8, size = 2} {\n    kernel {\n%b = neg %a\n}\nkernel loops [8 x 4] {\n"
              "%c = mul %b, %a\n}\n}\n    output c = %c\n  }\n}\n");
    if (!module) fail_msg("%s", diags_text(diags));
    char *text = module_print(module, NULL);
    assert_string_equal(text, "module @m {\n  func @f(%x : f32[8x4]) {\n"
                              "    kernel 1 loops [8 x 4] reads %x stores %0 {\n"
                              "      %0 = exp %x : f32[8x4] at arena\n    }\n"
                              "    chain {units = 8, size = 2} {\n"
                              "      kernel 2 loops [8 x 4] reads %0 stores %1 {\n"
                              "        %1 = neg %0 : f32[8x4] at arena\n      }\n"
                              "      kernel 3 loops [8 x 4] reads %1, %0 stores %2 {\n"
                              "        %2 = mul %1, %0 : f32[8x4] at output(c)\n      }\n    }\n"
                              "    output c = %2\n  }\n}\n");
    free(text);
    arena_free(arena);
}

static void test_canonical_text(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = parse(arena, diags, CANONICAL);
    if (!module) fail_msg("%s", diags_text(diags));
    char *text = module_print(module, NULL);
    assert_string_equal(text, CANONICAL);
    free(text);
    assert_string_equal(module->funcs[0]->inputs[1].name, "say \"hi\"\n");
    assert_int_equal(module->batch, 64);
    assert_true(module->states[0].decay && module->states[2].frozen && module->states[2].copy_of == 0);
    arena_free(arena);
}

/* What people may write: names, comments, no types. */
static void test_free_text(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = parse(arena, diags,
                           "// a file\n\nmodule @m {\n\tfunc @f(%x : f64[2x3]) { // note, with commas\n"
                           "%half = constant {value=.5,dtype=f64}\n\n  // between\n"
                           "%y = mul %x, %half // of (course)\n%9 = reshape %y {shape = [ 6 ]} : f64[6]\n"
                           "output y = %9 // done\n}\n}");
    if (!module) fail_msg("%s", diags_text(diags));
    char *text = module_print(module, NULL);
    assert_string_equal(text, "module @m {\n  func @f(%x : f64[2x3]) {\n"
                              "    %10 = constant {value = 0.5, dtype = f64} : f64\n"
                              "    %11 = mul %x, %10 : f64[2x3]\n"
                              "    %9 = reshape %11 {shape = [6]} : f64[6]\n    output y = %9\n  }\n}\n");
    free(text);
    arena_free(arena);
}

static const struct {
    const char *text, *message;
    uint32_t line, col;
} REFUSED[] = {
    {"", "an empty text", 1, 1},
    {"modul @m {\n}\n", "expected module @name {", 1, 1},
    {"module @m {\n", "the module is not closed", 2, 1},
    {"module @m {\n}\nmore\n", "text after the end", 3, 1},
    {"module @m target(memory = 0) {\n}\n", "memory of less than 1", 1, 28},
    {"module @m target(batch = 0) {\n}\n", "a batch of less than 1", 1, 27},
    {"module @m {\n  state %s : f32 = twice(), role = param\n}\n", "expected an initialiser", 2, 20},
    {"module @m {\n  state %s : f32 = constant(value = 1), role = king\n}\n", "expected a role", 2, 48},
    {"module @m {\n  state %s : f32 = copy(%t), role = ema\n}\n", "no state 't' comes before this", 2, 26},
    {"module @m {\n  state %s : f99 = constant(value = 1), role = ema\n}\n", "expected an element type", 2,
     14},
    {"module @m {\n  state %s : f32[2x0] = constant(value = 1), role = ema\n}\n", "expected a size", 2, 20},
    {"module @m {\n  state %s : f32[9999999x9999999] = constant(value = 1), role = ema\n}\n", "too large", 2,
     26},
    {"module @m {\n  func @f(%x : f32, %x : f32) {\n  }\n}\n", "%x is defined twice", 2, 22},
    {"module @m {\n  func @f(%7 : f32) {\n  }\n}\n", "an input is named", 2, 12},
    {"module @m {\n  func @f() {\n    %0 = addd %a, %b\n  }\n}\n", "did you mean 'add'?", 3, 10},
    {"module @m {\n  func @f() {\n    %0 = state {index = 0} : f32\n  }\n}\n", "used by name", 3, 10},
    {"module @m {\n  func @f() {\n    %0 = neg %1\n    %1 = neg %0\n  }\n}\n", "no value %1 is defined", 3,
     14},
    {"module @m {\n  func @f(%a : f32) {\n    %0 = neg %a\n    %0 = neg %a\n  }\n}\n", "%0 is defined twice",
     4, 5},
    {"module @m {\n  func @f(%a : f32) {\n    %0 = neg %a {fast = true}\n  }\n}\n", "no attribute 'fast'", 3,
     18},
    {"module @m {\n  func @f(%a : f32[2]) {\n    %0 = sum %a\n  }\n}\n", "sum needs axes", 3, 16},
    {"module @m {\n  func @f(%a : f32[2]) {\n    %0 = sum %a {axes = [3]}\n  }\n}\n", "axis 3 of f32[2]", 3,
     10},
    {"module @m {\n  func @f(%a : f32[2]) {\n    %0 = neg %a : f32[3]\n  }\n}\n", "the result f32[2]", 3, 10},
    {"module @m {\n  func @f(%a : f32[2]) {\n    %0 = neg %a : f32[2\n  }\n}\n", "expected ']'", 3, 24},
    {"module @m {\n  func @f(%a : f32[2]) {\n    %0 = neg %a %a\n  }\n}\n", "unexpected text", 3, 17},
    {"module @m {\n  func @f(%a : f32[2]) {\n    output y = %b\n  }\n}\n", "no value %b", 3, 16},
    {"module @m {\n  func @f(%a : f32) {\n    output y = %a, role = best\n  }\n}\n",
     "expected a role: value, loss", 3, 27},
    {"module @m {\n  func @f(%a : f32) {\n    output y = %a, loss\n  }\n}\n", "expected role = ", 3, 20},
    {"module @m {\n  func @f(%a : f32[2]) {\n    update s = %a\n  }\n}\n", "no state 's'", 3, 12},
    {"module @m {\n  func @f(%a : f32[2]) {\n", "the function is not closed", 3, 1},
    {"module @m {\n  func @f() {\n    %0 = constant {value = 1e}\n  }\n}\n", "not a number", 3, 28},
    {"module @m {\n  func @f() {\n    %0 = iota {shape = [99999999999999999999]}\n  }\n}\n", "64 bits", 3,
     25},
    {"module @m {\n  func @\"f() {\n  }\n}\n", "unfinished name", 2, 9},
};

/* What may be wrong in a function of kernels; its first line is the third of the text. */
static const struct {
    const char *head, *body, *message;
    uint32_t line, col;
} REFUSED_PLANS[] = {
    {"", "kernel 2 {\n%0 = neg %x\n}\n", "this is kernel 1", 3, 8},
    {"", "kernel product [4 x 4] {\n%0 = neg %x\n}\n", "its nodes make a kernel of kind loops", 3, 8},
    {"", "kernel loops [4 x 5] {\n%0 = neg %x\n}\n", "its nodes make other loops", 3, 8},
    {"", "kernel rows [4 x 4] {\n%0 = sum %x {axes = [1]}\n}\n", "its nodes make other loops", 3, 8},
    {"", "kernel loops [4 x {\n%0 = neg %x\n}\n", "expected a whole number", 3, 19},
    {"", "kernel reads %y {\n%0 = neg %x\n}\n", "no value %y", 3, 14},
    {"", "kernel reads %w {\n%0 = neg %x\n}\n", "its nodes read other values", 3, 13},
    {"", "kernel stores %1 {\n%0 = neg %x\n%1 = neg %0\n}\noutput a = %0\n", "it stores other values", 3, 14},
    {"", "kernel, twice {\n%0 = neg %x\n}\n", "expected again, prologue again or single", 3, 9},
    {"", "kernel, prologue again {\n%0 = neg %x\n}\n", "it has no prologue", 3, 9},
    {"", "kernel {\n%0 = neg %x over [i1, i0]\n}\n", "its nodes make it over [i0, i1]", 4, 18},
    {"", "kernel {\n%0 = neg %x over [i0]\n}\n", "its nodes make it over [i0, i1]", 4, 18},
    {"", "kernel {\n%0 = neg %x over [p0, p1]\n}\n", "its nodes make it over [i0, i1]", 4, 18},
    {"", "kernel {\n%0 = neg %x over [i0, i1 + i2]\n}\n", "its nodes make it over [i0, i1]", 4, 18},
    {"", "kernel {\n%0 = neg %x over [i0, i1] and [i0, i1]\n}\n", "its nodes make it over [i0, i1]", 4, 18},
    {"", "kernel reads %w, %x over [i1, i0 + 1] {\n%0 = sub %w, %x\n}\n", "its nodes make it over [i0, i1]",
     3, 26},
    {"",
     "kernel {\n%0 = concat %x, %x {axis = 0}\n%1 = neg %0\n%2 = exp %x over [i0, i1]\n%3 = add %1, %1\n}\n",
     "have no index map of it", 6, 18},
    {"", "kernel reads %x over [i0, i1] {\n%0 = argmax %x {axis = 0}\n}\n", "have no index map of it", 3, 22},
    {"", "kernel {\n%0 = neg %x over [j0]\n}\n", "expected a loop", 4, 19},
    {"", "kernel {\n%0 = neg %x over [i0, i10]\n}\n", "at most 10 loops", 4, 23},
    {"", "kernel {\n%0 = neg %x over [i0, p1]\n}\n", "and its prologue's in one", 4, 23},
    {"", "kernel {\n%0 = neg %x over [2*i0 + i0]\n}\n", "a loop twice", 4, 26},
    {"", "kernel {\n%0 = neg %x over [1 - 1]\n}\n", "two numbers", 4, 23},
    {"", "kernel {\n%0 = neg %x over [i0\n}\n", "expected ']'", 4, 21},
    {"", "%0 = neg %x over [i0, i1]\n", "a node of no kernel", 3, 6},
    {"", "kernel {\n}\n", "a kernel without nodes", 3, 1},
    {"", "kernel {\n%0 = neg %x\n", "the module is not closed", 7, 1},
    {"", "kernel {\n%0 = neg %x\n}\n%1 = neg %0\n", "a node of no kernel", 6, 6},
    {"", "kernel {\n%0 = neg %x at output(z)\n}\noutput a = %0\n", "no output 'z'", 4, 16},
    {"", "kernel {\n%0 = neg %x at state(z)\n}\n", "no state 'z'", 4, 22},
    {"", "kernel {\n%0 = neg %x at moon\n}\n", "expected a place: arena, block", 4, 16},
    {"", "kernel {\n%0 = neg %x at arena\n}\noutput a = %0\n", "it does not lie there, but in output", 4, 16},
    {"arena = 64", "kernel {\n%0 = neg %x at arena(-1)\n}\n", "an offset of less than 0", 4, 22},
    {"arena = -1", "", "arena of negative size", 2, 51},
    {"block = 64", "", "block = BYTES goes with arena = BYTES", 2, 51},
    {"barriers", "", "barriers go with arena = BYTES", 2, 49},
    {"", "barrier\n", "a barrier before nothing", 3, 1},
    {"", "kernel, single 9 {\n%0 = neg %x\n}\n", "single kernels are of threads 1 to 8", 3, 16},
    {"", "kernel {\n%0 = neg %x\n}\nbarrier 2\n", "no kernel or copy of that number comes before", 6, 9},
    {"", "barrier\nbarrier\nkernel {\n%0 = neg %x\n}\n", "two barriers in a row", 4, 1},
    {"", "chain {units = 4, size = 2} {\n}\n", "a chain without kernels", 3, 1},
    {"", "chain {units = 4, size = 5} {\n}\n", "blocks of more than all", 3, 27},
    {"", "chain {units = 4, size = 2} {\nbarrier\n", "expected kernel or '}' in a chain", 4, 1},
    {"", "chain {units = 4} {\n", "expected ','", 3, 17},
    {"", "kernel {\n%0 = neg %x\n}\ncopy %0 to output(a)\noutput a = %0\n", "need no such copy here", 6, 1},
    {"", "copy %x to output(b)\noutput a = %x\noutput b = %x\n", "need no such copy here", 3, 1},
    {"", "copy %x to output(a)\noutput a = %x\noutput b = %x\n", "need 2 copies, not 1", 3, 1},
};

static void test_refused_plans(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED_PLANS / sizeof *REFUSED_PLANS; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        const char *text =
            arena_printf(arena, "module @m {\n  func @f(%%x : f32[4x4], %%w : f32[4x4]) %s {\n%s  }\n}\n",
                         REFUSED_PLANS[i].head, REFUSED_PLANS[i].body);
        if (parse(arena, diags, text)) fail_msg("read without an error:\n%s", text);
        DiagKind kind;
        Loc loc;
        const char *message = diags_message(diags, 0, &kind, &loc);
        if (!strstr(message, REFUSED_PLANS[i].message) || loc.line != REFUSED_PLANS[i].line ||
            loc.col != REFUSED_PLANS[i].col)
            fail_msg("%u:%u: %s\nfor\n%s\nwanted %u:%u: %s", loc.line, loc.col, message, text,
                     REFUSED_PLANS[i].line, REFUSED_PLANS[i].col, REFUSED_PLANS[i].message);
        arena_free(arena);
    }
}

static void test_refused_texts(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        if (parse(arena, diags, REFUSED[i].text)) fail_msg("read without an error:\n%s", REFUSED[i].text);
        DiagKind kind;
        Loc loc;
        const char *message = diags_message(diags, 0, &kind, &loc);
        if (!strstr(message, REFUSED[i].message) || loc.line != REFUSED[i].line || loc.col != REFUSED[i].col)
            fail_msg("%u:%u: %s\nfor\n%s\nwanted %u:%u: %s", loc.line, loc.col, message, REFUSED[i].text,
                     REFUSED[i].line, REFUSED[i].col, REFUSED[i].message);
        arena_free(arena);
    }
}

/* Later errors are shown too, and what follows from one error is not. */
static void test_all_errors_at_once(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    assert_null(
        parse(arena, diags,
              "module @m {\n  func @f(%a : f32[2]) {\n    %0 = bad %a\n    %1 = neg %0\n    %2 = neg %9\n"
              "    output y = %1\n  }\n  state %s f32\n}\n"));
    DiagKind kind;
    Loc loc;
    assert_int_equal(diags_errors(diags), 3);
    const uint32_t lines[] = {3, 5, 8};
    for (int i = 0; i < 3; i++) {
        diags_message(diags, i, &kind, &loc);
        assert_int_equal(loc.line, lines[i]);
    }
    arena_free(arena);
}

static void test_bytes_that_are_no_text(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    assert_null(module_parse(arena, diags, "x", "module\0@m", 9));
    assert_null(module_parse(arena, diags, "x", "module @\xff {", 11));
    assert_null(module_parse(arena, diags, "x", "module @m { // \xe2\x82", 17));
    assert_int_equal(diags_errors(diags), 3);
    arena_free(arena);
}

/* All that a module says of its target. */
static void test_clone(void **state) {
    (void)state;
    static const char text[] =
        "module @m target(batch = 2, precision = bf16, memory = 9000, cache = 64, cores = 3, panel = 4, "
        "rows = 2, tile = 6, by = 8) {\n  func @f() {\n  }\n}\n";
    Arena *arena = arena_new();
    Module *module = module_parse(arena, diags_new(arena), "test", text, strlen(text));
    assert_non_null(module);
    size_t size, again;
    char *want = module_print(module, &size), *got = module_print(module_clone(module, arena), &again);
    assert_string_equal(got, want);
    assert_non_null(strstr(got, "tile = 6, by = 8"));
    free(want);
    free(got);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clone),
        cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_planned_text),
        cmocka_unit_test(test_mapped_text),
        cmocka_unit_test(test_plain_maps),
        cmocka_unit_test(test_short_plan),
        cmocka_unit_test(test_free_text),
        cmocka_unit_test(test_random_functions),
        cmocka_unit_test(test_refused_texts),
        cmocka_unit_test(test_refused_plans),
        cmocka_unit_test(test_all_errors_at_once),
        cmocka_unit_test(test_bytes_that_are_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
