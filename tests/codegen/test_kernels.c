/* Compiled functions against the interpreter: graphs that fusion once made wrong kernels of. */
#include "tests/codegen/against.h"

/* Two branches of a choice read the same element of a value, each where the other must not. */
static const char CONCAT_OF_SLICES[] = "module @m {\n"
                                       "  func @f(%x : f32[12x32], %a : f32[32], %b : f32[32]) {\n"
                                       "    %0 = slice %x {start = [0, 0], limit = [6, 32], step = [1, 1]}\n"
                                       "    %1 = mul %0, %a\n"
                                       "    %2 = slice %x {start = [6, 0], limit = [12, 32], step = [1, 1]}\n"
                                       "    %3 = mul %2, %b\n"
                                       "    %4 = concat %1, %3\n"
                                       "    output y = %4\n"
                                       "  }\n"
                                       "}\n";

/* Columns so long that they are summed in parts; rows and columns of several loops each, side by side in memory, or
 * with a factor for some of them. */
static const char LONG_COLUMNS[] =
    "module @m {\n"
    "  func @f(%x : f32[1088x72], %z : f32[2x2100x24], %u : f32[20x5x9x3x4x6], "
    "%v : f32[3x1x1]) {\n"
    "    %0 = sum %x {axes = [0]}\n"
    "    %1 = sum %z {axes = [1]}\n"
    "    %2 = reshape %u {shape = [20, 45, 72]}\n"
    "    %3 = sum %2 {axes = [1]}\n"
    "    %4 = mul %u, %v\n"
    "    %5 = reshape %4 {shape = [20, 45, 72]}\n"
    "    %6 = sum %5 {axes = [1]}\n"
    "    output y = %0\n"
    "    output z = %1\n"
    "    output u = %3\n"
    "    output v = %6\n"
    "  }\n"
    "}\n";

/* Products of rows, by where they start: what lies at one distance from the first of its kind shares its code. `y` at
 * row 0 lies before it, where no argument may point; x0·x4 lies at two distances from x0·x2. */
static const char PAIRS[] = "module @m {\n"
                            "  func @f(%x : f32[6x40], %y : f32[8x40]) {\n"
                            "    %x0 = slice %x {start = [0, 0], limit = [2, 40], step = [1, 1]}\n"
                            "    %x2 = slice %x {start = [2, 0], limit = [4, 40], step = [1, 1]}\n"
                            "    %x4 = slice %x {start = [4, 0], limit = [6, 40], step = [1, 1]}\n"
                            "    %y0 = slice %y {start = [0, 0], limit = [2, 40], step = [1, 1]}\n"
                            "    %y4 = slice %y {start = [4, 0], limit = [6, 40], step = [1, 1]}\n"
                            "    %y6 = slice %y {start = [6, 0], limit = [8, 40], step = [1, 1]}\n"
                            "    %ma = mul %x0, %y4\n    %a = sum %ma {axes = [1]}\n"
                            "    %mb = mul %x2, %y6\n    %b = sum %mb {axes = [1]}\n"
                            "    %mc = mul %x4, %y0\n    %c = sum %mc {axes = [1]}\n"
                            "    %md = mul %x0, %x2\n    %d = sum %md {axes = [1]}\n"
                            "    %me = mul %x0, %x4\n    %e = sum %me {axes = [1]}\n"
                            "    %mf = mul %x2, %x4\n    %f = sum %mf {axes = [1]}\n"
                            "    output a = %a\n    output b = %b\n    output c = %c\n"
                            "    output d = %d\n    output e = %e\n    output f = %f\n"
                            "  }\n"
                            "}\n";

/* Counters of several parameters, each read by the kernel of its parameter; the counter of steps is read by all before
 * it moves. */
static const char COUNTERS[] = "module @m {\n"
                               "  state %step : f64 = constant(value = 0), role = counter\n"
                               "  state %a : f32 = constant(value = 1), role = optimizer\n"
                               "  state %b : f32 = constant(value = 2), role = optimizer\n"
                               "  state %c : i64[1] = constant(value = 3), role = buffer\n"
                               "  state %v : f32[40] = constant(value = 1), role = param\n"
                               "  state %w : f32[30] = constant(value = 1), role = param\n"
                               "  func @step() {\n"
                               "    %1 = constant {value = 1}\n"
                               "    %2 = constant {value = 1, dtype = f64}\n"
                               "    %3 = constant {value = 1, dtype = i64}\n"
                               "    %a1 = add %a, %1\n    %b1 = add %b, %1\n    %c1 = add %c, %3\n"
                               "    %s1 = add %step, %2\n    %s = cast %step {dtype = f32}\n"
                               "    %va = mul %v, %a1\n    %v1 = add %va, %s\n"
                               "    %wb = mul %w, %b1\n    %w1 = add %wb, %s\n"
                               "    update a = %a1\n    update b = %b1\n    update c = %c1\n"
                               "    update step = %s1\n    update v = %v1\n    update w = %w1\n"
                               "  }\n"
                               "}\n";

/* Numbers that are arguments: reals, and whole ones beyond 2^24, as the thresholds of random numbers are. */
static const char THRESHOLDS[] =
    "module @m {\n"
    "  func @f(%x : f32[5x40], %y : f32[5x40], %z : f32[5x40]) {\n"
    "    %k = constant {value = 1000, dtype = i32}\n"
    "    %ca = constant {value = 123456789, dtype = i32}\n"
    "    %cb = constant {value = -987654321, dtype = i32}\n"
    "    %cc = constant {value = 33554435, dtype = i32}\n"
    "    %ra = constant {value = 0.3}\n    %rb = constant {value = -1.7}\n    %rc = constant {value = 2.9}\n"
    "    %ai = cast %x {dtype = i32}\n    %a0 = add %ai, %ca\n    %a1 = rem %a0, %k\n    %a2 = cast %a1 "
    "{dtype = f32}\n    %a = mul %a2, %ra\n"
    "    %bi = cast %y {dtype = i32}\n    %b0 = add %bi, %cb\n    %b1 = rem %b0, %k\n    %b2 = cast %b1 "
    "{dtype = f32}\n    %b = mul %b2, %rb\n"
    "    %ci = cast %z {dtype = i32}\n    %c0 = add %ci, %cc\n    %c1 = rem %c0, %k\n    %c2 = cast %c1 "
    "{dtype = f32}\n    %c = mul %c2, %rc\n"
    "    output a = %a\n    output b = %b\n    output c = %c\n"
    "  }\n"
    "}\n";

/* 5 queries of 2 images, 3 heads, and 9 keys; results are stored as products would read them. */
static const char FEW_QUERIES[] =
    "module @m {\n"
    "  func @f(%q : f32[10x12], %kv : f32[18x24], %bias : f32[5x9], %w : f32[10x12]) {\n"
    "    %q1 = reshape %q {shape = [2, 5, 3, 4]}\n    %q2 = transpose %q1 {perm = [0, 2, 1, 3]}\n"
    "    %kv1 = reshape %kv {shape = [2, 9, 2, 3, 4]}\n    %kv2 = transpose %kv1 {perm = [2, 0, 3, 1, 4]}\n"
    "    %k1 = slice %kv2 {start = [0, 0, 0, 0, 0], limit = [1, 2, 3, 9, 4], step = [1, 1, 1, 1, 1]}\n"
    "    %v1 = slice %kv2 {start = [1, 0, 0, 0, 0], limit = [2, 2, 3, 9, 4], step = [1, 1, 1, 1, 1]}\n"
    "    %k2 = reshape %k1 {shape = [2, 3, 9, 4]}\n    %v2 = reshape %v1 {shape = [2, 3, 9, 4]}\n"
    "    %b = reshape %bias {shape = [1, 1, 5, 9]}\n    %y = attention %q2, %k2, %v2, %b {scale = 0.5}\n"
    "    %y1 = transpose %y {perm = [0, 2, 1, 3]}\n"
    "    %y2 = reshape %y1 {shape = [10, 12]}\n    %yw = mul %y2, %w\n"
    "    %l = sum %yw {axes = [0, 1]}\n    %dq = grad %l, %q\n    %dkv = grad %l, %kv\n"
    "    %db = grad %l, %bias\n"
    "    output y = %y2\n    output dq = %dq\n    output dkv = %dkv\n    output db = %db\n"
    "  }\n"
    "}\n";

static void found_attention(const Func *compiled) {
    int forward = 0, queries = 0, keys = 0;
    for (ValueId id = 0; id < compiled->count; id++) {
        forward += func_node(compiled, id)->op == OP_attention;
        queries += func_node(compiled, id)->op == OP_attention_query_grad;
        keys += func_node(compiled, id)->op == OP_attention_key_grad;
    }
    assert_true(forward == 1 && queries == 1 && keys == 1);
}

/* A triangle of a product, in bands, and a loss over all cosines, of which half are computed; with gradients. */
static const char TRIANGLE[] =
    "module @m {\n"
    "  func @f(%x : f32[300x400], %y : f32[300x400], %w : f32[300x300]) {\n"
    "    %n = iota {shape = [300]}\n    %i = reshape %n {shape = [300, 1]}\n    %below = ge %i, %n\n"
    "    %0 = matmul %x, %y {tb = true}\n    %zero = constant {value = 0}\n"
    "    %1 = select %below, %0, %zero\n    %2 = mul %1, %w\n    %l = sum %2 {axes = [0, 1]}\n"
    "    %dx = grad %l, %x\n    %dy = grad %l, %y\n"
    "    output a = %1\n    output b = %dx\n    output c = %dy\n"
    "    %3 = matmul %x, %x {tb = true}\n    %c = constant {value = 0.01}\n    %4 = mul %3, %c\n"
    "    %5 = tanh %4\n    %6 = sum %5 {axes = [0, 1]}\n    %dz = grad %6, %x\n"
    "    output d = %5\n    output e = %dz\n"
    "  }\n"
    "}\n";

/* A block of which the first token is read, and rows that an index names: demand narrows all but keys and values. */
static const char FIRST_TOKEN[] =
    "module @m {\n"
    "  func @f(%x : f32[4x17x16], %noise : f32[4x16], %qkv : f32[48x16], %w : f32[16x16], %up : f32[32x16], "
    "%down : f32[16x32], %scale : f32[16], %shift : f32[16]) {\n"
    "    %n1 = layernorm %x, %scale, %shift\n    %f1 = reshape %n1 {shape = [68, 16]}\n"
    "    %p = matmul %f1, %qkv {tb = true}\n    %p1 = reshape %p {shape = [4, 17, 3, 2, 8]}\n"
    "    %p2 = transpose %p1 {perm = [2, 0, 3, 1, 4]}\n"
    "    %q1 = slice %p2 {start = [0, 0, 0, 0, 0], limit = [1, 4, 2, 17, 8], step = [1, 1, 1, 1, 1]}\n"
    "    %k1 = slice %p2 {start = [1, 0, 0, 0, 0], limit = [2, 4, 2, 17, 8], step = [1, 1, 1, 1, 1]}\n"
    "    %v1 = slice %p2 {start = [2, 0, 0, 0, 0], limit = [3, 4, 2, 17, 8], step = [1, 1, 1, 1, 1]}\n"
    "    %q = reshape %q1 {shape = [4, 2, 17, 8]}\n    %k = reshape %k1 {shape = [4, 2, 17, 8]}\n"
    "    %v = reshape %v1 {shape = [4, 2, 17, 8]}\n    %s = matmul %q, %k {tb = true}\n"
    "    %a = softmax %s\n    %y = matmul %a, %v\n    %y1 = transpose %y {perm = [0, 2, 1, 3]}\n"
    "    %y2 = reshape %y1 {shape = [68, 16]}\n    %o = matmul %y2, %w {tb = true}\n"
    "    %o1 = reshape %o {shape = [4, 17, 16]}\n    %r = add %x, %o1\n"
    "    %n2 = layernorm %r, %scale, %shift\n    %f2 = reshape %n2 {shape = [68, 16]}\n"
    "    %u = matmul %f2, %up {tb = true}\n    %g = gelu %u\n    %d = matmul %g, %down {tb = true}\n"
    "    %d1 = reshape %d {shape = [4, 17, 16]}\n    %z = add %r, %d1\n"
    "    %cls = slice %z {start = [0, 0, 0], limit = [4, 1, 16], step = [1, 1, 1]}\n"
    "    %i = argsort %noise {count = 4}\n"
    "    %patches = slice %z {start = [0, 1, 0], limit = [4, 17, 16], step = [1, 1, 1]}\n"
    "    %rows = gather %patches, %i {batch = 1}\n"
    "    %all = concat %cls, %rows {axis = 1}\n    %t = tanh %all\n    %l = sum %t {axes = [0, 1, 2]}\n"
    "    %dx = grad %l, %x\n    %dqkv = grad %l, %qkv\n    %ddown = grad %l, %down\n"
    "    %dscale = grad %l, %scale\n"
    "    output cls = %cls\n    output rows = %rows\n    output dx = %dx\n    output dqkv = %dqkv\n"
    "    output ddown = %ddown\n    output dscale = %dscale\n"
    "  }\n"
    "}\n";

/* The widest product of the block's second half: of five tokens of an image. */
static void found_rows(const Func *compiled) {
    bool found = false;
    for (ValueId id = 0; id < compiled->count; id++) {
        const Node *node = func_node(compiled, id);
        found = found || (node->op == OP_matmul && node->type.dim[0] == 4 * 5 && node->type.dim[1] == 32);
        assert_false(node->op == OP_matmul && node->type.dim[0] == 4 * 17 && node->type.dim[1] == 48);
    }
    assert_true(found);
}

static double number_of(VtInstance *instance, const VtProgram *program, const char *name) {
    int s = vt_instance_find_state(instance, name);
    const void *data = vt_instance_state(instance, s);
    int dtype = program->states[s].tensor.dtype;
    return dtype == VT_F64   ? *(const double *)data
           : dtype == VT_I64 ? (double)*(const int64_t *)data
                             : (double)*(const float *)data;
}

static void test_counters(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = module_parse(arena, diags, "test", COUNTERS, strlen(COUNTERS));
    char message[512];
    assert_non_null(module);
    assert_true(passes_run(module, PASSES_ALL, &(PassOptions){.verify = true}, diags));
    Compiled *compiled =
        codegen_compile(module, &(VtProgram){.name = "test"}, &(CodegenOptions){0}, message, sizeof message);
    if (!compiled) fail_msg("%s", message);
    const VtProgram *program = compiled_program(compiled);
    assert_int_equal(program->functions[0].n_calls, 4); /* a, b and c; step; v; w */
    VtInstance *instance = vt_instance_new(program, NULL);
    assert_non_null(instance);
    assert_true(vt_instance_init(instance, 1, NULL));
    double v = 1, w = 1;
    for (int step = 0; step < 3; step++) {
        assert_true(vt_instance_run(instance, "step", NULL, NULL));
        v = v * (2 + step) + step;
        w = w * (3 + step) + step;
        assert_true(number_of(instance, program, "a") == 2 + step);
        assert_true(number_of(instance, program, "b") == 3 + step);
        assert_true(number_of(instance, program, "c") == 4 + step);
        assert_true(number_of(instance, program, "step") == 1 + step);
        assert_true(number_of(instance, program, "v") == v && number_of(instance, program, "w") == w);
    }
    vt_instance_free(instance);
    compiled_free(compiled);
    arena_free(arena);
}

static void test_concat_of_slices(void **state) {
    (void)state;
    check_compiled(&(Against){.text = CONCAT_OF_SLICES});
}
static void test_pairs_share_code(void **state) {
    (void)state;
    assert_int_equal(check_compiled(&(Against){.text = PAIRS}), 4);
}

static void test_numbers_are_arguments(void **state) {
    (void)state;
    assert_int_equal(check_compiled(&(Against){.text = THRESHOLDS}), 1);
}

static void test_long_columns(void **state) {
    (void)state;
    check_compiled(&(Against){.text = LONG_COLUMNS});
}

static void test_few_queries(void **state) {
    (void)state;
    check_compiled(&(Against){.text = FEW_QUERIES, .look = found_attention, .gradients = true});
}

/* Of rows so large that rounding their products is more than exp can take: the largest alone counts. */
static void test_large_scores(void **state) {
    (void)state;
    check_compiled(&(Against){.text = "module @m {\n"
                                      "  func @f(%x : f32[16x17]) {\n"
                                      "    %c = constant {value = 1e20}\n    %s = mul %x, %c\n"
                                      "    %y = softmax %s\n    output y = %y\n"
                                      "  }\n"
                                      "}\n"});
}

static void test_first_token(void **state) {
    (void)state;
    check_compiled(
        &(Against){.text = FIRST_TOKEN, .look = found_rows, .gradients = true, .as_written = true});
}

static int n_products, n_symmetric;
static void look_at_products(const Func *func) {
    n_products = n_symmetric = 0;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->op != OP_matmul) continue;
        n_products++;
        n_symmetric += matmul_attrs(node)->symmetric;
    }
}

static void test_triangle(void **state) {
    (void)state;
    check_compiled(&(Against){
        .text = TRIANGLE, .shapes = true, .tolerance = 1e-3, .look = look_at_products, .gradients = true});
    assert_int_equal(n_symmetric, 1);
    assert_int_equal(n_products, 5 + 4); /* bands; dx, dy, the cosines, dz */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_triangle),         cmocka_unit_test(test_concat_of_slices),
        cmocka_unit_test(test_pairs_share_code), cmocka_unit_test(test_numbers_are_arguments),
        cmocka_unit_test(test_long_columns),     cmocka_unit_test(test_counters),
        cmocka_unit_test(test_few_queries),      cmocka_unit_test(test_first_token),
        cmocka_unit_test(test_large_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
