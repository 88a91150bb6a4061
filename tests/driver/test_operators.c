/* Functions of the language that are made of several operators, or are factorisations: what they are stands beside them
 * in other words of the language, and both sides are equal, interpreted and compiled. Then small recipes that use them
 * are trained, compiled against interpreted. */
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "ir/base/stream.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* Names: a, b [4, 5, 5]; x [3, 4, 6], y [6, 5]; spd [2, 6, 6], symmetric and definite; img [2, 6, 9, 8]; big [70, 70],
 * which takes several blocks of rows; wave [3, 60], long [2, 210], both of lengths that split; ties [4, 7], of few
 * numbers. */
#define DRAWS                                                                                                \
    "draws:\n"                                                                                               \
    "  a: {sampler: normal, shape: [4, 5, 5]}\n"                                                             \
    "  b: {sampler: normal, shape: [4, 5, 5]}\n"                                                             \
    "  x: {sampler: normal, shape: [3, 4, 6]}\n"                                                             \
    "  y: {sampler: normal, shape: [6, 5]}\n"                                                                \
    "  root: {sampler: normal, shape: [2, 6, 6]}\n"                                                          \
    "  img: {sampler: normal, shape: [2, 6, 9, 8]}\n"                                                        \
    "  w: {sampler: normal, shape: [8, 3, 3, 2]}\n"                                                          \
    "  each: {sampler: normal, shape: [12, 1, 3, 3]}\n"                                                      \
    "  big: {sampler: normal, shape: [70, 70]}\n"                                                            \
    "  wave: {sampler: normal, shape: [3, 60]}\n"                                                            \
    "  long: {sampler: normal, shape: [2, 210]}\n"                                                           \
    "  noise: {sampler: uniform, shape: [4, 7]}\n"

static const struct {
    const char *left, *right;
    double tolerance; /* of f32; 0: 2e-5 */
} EQUAL[] = {
    {"eye(4)", "cast(reshape(arange(4), 4, 1) == arange(4), 'f32')", 0},
    {"eye(2, 3) @ y[:3]", "y[:2]", 0},
    /* products with more and fewer axes */
    {"y[:4, :4] @ a[:, :4]", "broadcast(reshape(y[:4, :4], 1, 4, 4), 4, 4, 4) @ a[:, :4]", 0},
    {"y[:, :5] @ transpose(b)", "broadcast(reshape(y[:, :5], 1, 6, 5), 4, 6, 5) @ transpose(b)", 0},
    {"transpose(y) @ transpose(x)", "transpose(x @ y)", 0},
    {"a[:1] @ b", "stack([a[0] @ b[i] for i in range(4)])", 0},
    {"reshape(a, 4, 1, 5, 5) @ b[:3]", "stack([stack([a[i] @ b[j] for j in range(3)]) for i in range(4)])",
     0},
    {"y[0] @ a", "sum(y[0, :, none] * a, 1)", 0},
    {"a @ y[0]", "sum(a * y[0], -1)", 0},
    {"y[:, 0] @ y[:, 1]", "sum(y[:, 0] * y[:, 1])", 0},
    /* backwards */
    {"y[::-1]", "stack([y[5 - i] for i in range(6)])", 0},
    {"x[:, ::-2]", "stack([x[:, 3], x[:, 1]], axis=1)", 0},
    {"x[..., 4:0:-3]", "stack([x[..., 4], x[..., 1]], axis=-1)", 0},
    {"x[1, ::-1, ::-1]", "x[::-1][1][::-1][:, ::-1]", 0},
    {"x[:, -1:-9:-1][:, ::-1]", "x", 0},
    /* order */
    {"sort(x)", "gather(x, argsort(x), batch=2)", 0},
    {"sort(x, axis=0)", "transpose(sort(transpose(x, 2, 1, 0)), 2, 1, 0)", 0},
    {"sort(x, descending=true)", "-sort(-x)", 0},
    {"sort(cast(floor(4 * noise), 'i32'))", "floor(sort(4 * noise))", 0},
    {"argsort(floor(3 * noise))", "argsort(floor(3 * noise) + 0.001 * arange(7))", 0},
    {"argsort(floor(3 * noise), descending=true)", "argsort(0.001 * arange(7) - floor(3 * noise))", 0},
    {"top_k(x, 3).values", "sort(x, descending=true)[..., :3]", 0},
    {"top_k(x, 2, axis=1).values", "sort(x, axis=1, descending=true)[:, :2]", 0},
    {"top_k(x, 2, axis=1, largest=false).indices", "argsort(x, axis=1)[:, :2]", 0},
    {"top_k(x, 1).indices[..., 0]", "argmax(x)", 0},
    {"top_k(floor(3 * noise), 4).indices", "argsort(floor(3 * noise), descending=true)[:, :4]", 0},
    {"argmin(x, axis=1)", "argsort(x, axis=1)[:, 0]", 0},
    {"argsort(where(noise > 0.5, log(-1 - noise), noise))", "argsort(where(noise > 0.5, 9, noise))",
     0}, /* NaN */
    {"argsort(where(noise > 0.5, log(-1 - noise), noise), descending=true)",
     "argsort(where(noise > 0.5, 9, noise), descending=true)", 0},
    {"top_k(where(noise > 0.5, log(-1 - noise), noise), 3).indices",
     "argsort(where(noise > 0.5, 9, noise), descending=true)[:, :3]", 0},
    {"argsort(argsort(long))", "sum(cast(long[:, none] < long[:, :, none], 'i32'), 2)", 0},
    {"argsort(argsort(long, descending=true))", "sum(cast(long[:, none] > long[:, :, none], 'i32'), 2)", 0},
    {"argsort(transpose(floor(long)), axis=0)", "transpose(argsort(floor(long)))", 0},
    {"argsort(where(noise > 0.5, -1, 1) * (noise < -1))", "argsort(0 * noise)", 0}, /* -0 and 0 */
    {"argsort(cast(100 * long, 'i32'), descending=true)",
     "argsort(cast(cast(100 * long, 'i32'), 'f32'), descending=true)", 0},
    {"argsort(long > 0)", "argsort(cast(long > 0, 'f32'))", 0},
    {"top_k(long, 12).indices", "argsort(long, descending=true)[:, :12]", 0},
    {"cumsum(x)", "x @ cast(reshape(arange(6), 6, 1) <= arange(6), 'f32')", 0},
    {"cumsum(x, axis=1)[:, 3]", "sum(x, 1)", 0},
    {"cumsum(x, axis=0, reverse=true)", "concat([sum(x, 0, keep=true), x[1:2] + x[2:], x[2:]])", 0},
    {"cumsum(cast(10 * x, 'i32'))[..., 5]", "sum(cast(10 * x, 'i32'), 2)", 0},
    {"cumsum(x > 0)[..., 5]", "sum(cast(x > 0, 'i32'), 2)", 0},
    /* einsum */
    {"einsum('ij,jk->ik', y, a[0])", "y @ a[0]", 0},
    {"einsum('bij,bjk->bik', a, b)", "a @ b", 0},
    {"einsum('bhnd,bhmd->bhnm', img, img)", "img @ transpose(img)", 0},
    {"einsum('bhnd,bhmd->hbnm', img, img)", "transpose(img @ transpose(img), 1, 0, 2, 3)", 0},
    {"einsum('bni,ij', x, y)", "transpose(x @ y)", 0},
    {"einsum('b i j , b j k', a, b)", "sum(a @ b, 0)", 0},
    {"einsum('...i,ij->...j', x, y)", "x @ y", 0},
    {"einsum('...ij,...jk', a, a[:1])", "a @ broadcast(a[:1], 4, 5, 5)", 0},
    {"einsum('...ij,...jk', a, a[0])", "a @ broadcast(a[:1], 4, 5, 5)", 0},
    {"einsum('ii', a[0])", "sum(a[0] * eye(5))", 0},
    {"einsum('bii->bi', a)", "sum(a * eye(5), 2)", 0},
    {"einsum('bii,bij->bj', a, b)", "sum(reshape(sum(a * eye(5), 2), 4, 5, 1) * b, 1)", 0},
    {"einsum('ijk->ki', x)", "transpose(sum(x, 1))", 0},
    {"einsum('ba', y)", "transpose(y)", 0},
    {"einsum('bi,bi->b', y, y)", "sum(y * y, 1)", 0},
    {"einsum('i,j->ij', y[0], y[1])", "reshape(y[0], 5, 1) * y[1]", 0},
    {"einsum('ij,jk,kl->il', y, a[0], a[1])", "y @ a[0] @ a[1]", 1e-4},
    {"einsum('bij,bjk,bkl,l->bi', a, b, a, y[0])", "sum((a @ b @ a) * y[0], 2)", 2e-4},
    {"einsum('i,i,i->', y[0], y[1], y[2])", "sum(y[0] * y[1] * y[2])", 0},
    {"einsum('ij,kl->', y, a[0])", "sum(y) * sum(a[0])", 1e-4},
    {"einsum('bhnd->bnhd', img)", "transpose(img, 0, 2, 1, 3)", 0},
    /* matrices */
    {"cholesky(spd) @ transpose(cholesky(spd))", "spd", 1e-4},
    {"cholesky(spd) * cast(reshape(arange(6), 6, 1) < arange(6), 'f32')", "0 * spd", 0},
    {"cholesky(spd + x[0, 0, 0] * (root - transpose(root)))", "cholesky(spd)", 0},
    {"cholesky(large) @ transpose(cholesky(large))", "large", 2e-3},
    {"cast(cholesky(-spd) == cholesky(-spd), 'f32')[:, 0, 0]", "zeros(2)", 0}, /* NaN */
    {"spd @ solve(spd, root)", "root", 1e-4},
    {"solve(spd, root[:, 0])", "solve(spd, reshape(root[:, 0], 2, 6, 1))[..., 0]", 0},
    {"a[0] @ solve(a[0], transpose(y))", "transpose(y)", 1e-3},
    {"solve(a[0], b)", "solve(broadcast(a[:1], 4, 5, 5), b)", 1e-3},
    {"big @ solve(big, big[:, :3])", "big[:, :3]", 2e-3},
    {"solve(spd, eye(6)[none])", "solve(spd, broadcast(eye(6), 2, 6, 6))", 0},
    {"solve_triangular(cholesky(spd), cholesky(spd) @ root)", "root", 1e-4},
    {"solve_triangular(cholesky(spd), transpose(cholesky(spd)) @ root, transpose=true)", "root", 1e-4},
    {"solve_triangular(spd, root, lower=false)",
     "solve(spd * cast(reshape(arange(6), 6, 1) <= arange(6), 'f32'), root)", 1e-4},
    {"solve_triangular(large, concat([big, big], axis=1))",
     "concat([solve_triangular(large, big), solve_triangular(large, big)], axis=1)", 0},
    {"eigh(spd).vectors * reshape(eigh(spd).values, 2, 1, 6) @ transpose(eigh(spd).vectors)", "spd", 1e-4},
    {"transpose(eigh(spd).vectors) @ eigh(spd).vectors", "broadcast(eye(6), 2, 6, 6)", 0},
    {"eigh(large).vectors * eigh(large).values @ transpose(eigh(large).vectors)", "large", 2e-3},
    {"eigh(spd).values", "sort(eigh(spd).values)", 0},
    {"max(eigh(spd).vectors, axis=1)", "max(abs(eigh(spd).vectors), axis=1)", 0},
    {"eigh(3 * eye(4)).values", "full(4, 3)", 0},
    {"svd(x).u * reshape(svd(x).s, 3, 1, 4) @ transpose(svd(x).v)", "x", 1e-4},
    {"svd(transpose(x)).u * reshape(svd(x).s, 3, 1, 4) @ transpose(svd(transpose(x)).v)", "transpose(x)",
     1e-4},
    {"svd(spd).s", "sort(eigh(spd).values, descending=true)", 1e-4},
    {"transpose(svd(y).v) @ svd(y).v", "eye(5)", 0},
    {"svd(big).u * svd(big).s @ transpose(svd(big).v)", "big", 1e-3},
    {"transpose(svd(0 * y + y[:, :1]).u) @ svd(0 * y + y[:, :1]).u", "eye(5)", 0}, /* of rank 1 */
    {"svd(long).u * svd(long).s @ transpose(svd(long).v)", "long", 1e-4},
    {"svd(transpose(wave)).u * svd(transpose(wave)).s @ transpose(svd(transpose(wave)).v)", "transpose(wave)",
     1e-4},
    {"transpose(svd(0 * wave + wave[:1]).v) @ svd(0 * wave + wave[:1]).v", "eye(3)", 0}, /* of rank 1 */
    {"svd(0 * wave).s", "zeros(3)", 0},
    {"transpose(svd(0 * wave).v) @ svd(0 * wave).v", "eye(3)", 0},
    /* f64 */
    {"cast(cholesky(cast(spd, 'f64')), 'f32')", "cholesky(spd)", 0},
    {"cast(solve(cast(spd, 'f64'), cast(root, 'f64')), 'f32')", "solve(spd, root)", 1e-4},
    {"cast(solve_triangular(cast(large, 'f64'), cast(big, 'f64'), transpose=true), 'f32')",
     "solve_triangular(large, big, transpose=true)", 1e-4},
    {"cast(eigh(cast(spd, 'f64')).vectors, 'f32')", "eigh(spd).vectors", 0},
    {"cast(svd(cast(x, 'f64')).u, 'f32')", "svd(x).u", 0},
    {"cast(cumsum(cast(x, 'f64'), axis=1), 'f32')", "cumsum(x, axis=1)", 0},
    {"cast(cumsum(cast(10 * x, 'i64'), axis=0), 'f32')", "cast(cumsum(cast(10 * x, 'i32'), axis=0), 'f32')",
     0},
    {"argsort(cast(x, 'f64'), descending=true)", "argsort(x, descending=true)", 0},
    /* windows */
    {"conv2d(img, eye(6)[:, :, none, none])", "img", 0},
    {"max_pool(img, (2, 3), (2, 3))[:, :, :3, :2]",
     "max(reshape(img[:, :, :6, :6], dim(img, 0), 6, 3, 2, 2, 3), axis=(3, 5))", 0},
    {"max_pool(img, 3, 2, 1)", "max_pool(max_pool(img, (1, 3), (1, 2), (0, 1)), (3, 1), (2, 1), (1, 0))", 0},
    {"conv2d(img[:, :3], w)",
     "reshape(transpose(unfold(img[:, :3], (3, 2), 1) @ transpose(reshape(w, 8, 18))), 2, 8, 7, 7)", 0},
    {"conv2d(img, w, groups=2)", "concat([conv2d(img[:, :3], w[:4]), conv2d(img[:, 3:], w[4:])], axis=1)", 0},
    {"conv2d(img, w, stride=2, padding=(1, 0), groups=2)",
     "concat([conv2d(img[:, :3], w[:4], 2, (1, 0)), conv2d(img[:, 3:], w[4:], 2, (1, 0))], axis=1)", 0},
    {"conv2d(img[:, :3, :, :8], w[:, :, :, :1], stride=(3, 1))",
     "conv2d(pad(img[:, :3], ((0, 0), (0, 0), (0, 0), (0, 1))), w[:, :, :, :1], (3, 1))[..., :8]", 0},
    {"conv2d(img[:, :3, :, :], w, stride=(3, 2))", "conv2d(img[:, :3], w)[:, :, ::3, ::2]", 0},
    {"conv2d(img, each[:6], padding=1, groups=6)[:, 4:5]", "conv2d(img[:, 4:5], each[4:5], padding=1)", 0},
    {"conv2d(img, each, stride=2, groups=6)[:, 6:8]", "conv2d(img[:, 3:4], each[6:8], 2)", 0},
    /* Fourier */
    {"fft(wave).re", "wave @ cos(6.283185307179586 / 60 * reshape(arange(60), 60, 1) * arange(60))", 1e-3},
    {"fft(long).im",
     "-(long @ sin(6.283185307179586 / 210 * (reshape(arange(210), 210, 1) * arange(210) % 210)))", 1e-3},
    {"fft(fft(x, axis=1)).re[:, 0, 0]", "sum(x, (1, 2))", 0},
    {"ifft(fft(long)).re", "long", 0},
    {"ifft(fft(long)).im", "0 * long", 0},
    {"ifft(fft(record(re=x, im=2 * x), axis=1), axis=1).im", "2 * x", 0},
    {"rfft(wave).re", "fft(wave).re[:, :31]", 1e-4},
    {"rfft(long).im", "fft(long).im[:, :106]", 1e-4},
    {"irfft(rfft(wave))", "wave", 0},
    {"irfft(rfft(y), n=5)", "y", 0},
    {"irfft(rfft(x, axis=0), n=3, axis=0)", "x", 0},
    {"sum(rfft(long).re[:, 1:105] ** 2 + rfft(long).im[:, 1:105] ** 2, 1) * 2 + rfft(long).re[:, 0] ** 2 + "
     "rfft(long).re[:, 105] ** 2",
     "210 * sum(long ** 2, 1)", 0.3},
};
enum { N_EQUAL = sizeof EQUAL / sizeof *EQUAL };

/* ---- a step, interpreted and compiled ---------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    Diags *diags;
    Recipe recipe;
    const Func *step;
} Loaded;

static Loaded load(const char *text, const char *passes) {
    static const RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .with_values = true};
    Loaded l = {.arena = arena_new()};
    l.diags = diags_new(l.arena);
    if (!recipe_load_text(l.arena, l.diags, "t.yaml", text, strlen(text), &options, &l.recipe) ||
        !passes_run(l.recipe.module, passes, &(PassOptions){.verify = true}, l.diags))
        fail_msg("%s", diags_text(l.diags));
    l.step = module_find_func(l.recipe.module, "step");
    return l;
}

/* The inputs of the program, and the same numbers as the interpreter reads them. */
typedef struct {
    void **data;
    Tensor *tensors;
} Inputs;

static Inputs draw_inputs(const Loaded *l) {
    const VtProgram *plan = &l->recipe.plan;
    Inputs in = {ARENA_ARRAY(l->arena, void *, plan->n_inputs + 1),
                 ARENA_ARRAY(l->arena, Tensor, l->step->n_inputs + 1)};
    for (int i = 0; i < plan->n_inputs; i++) {
        const VtInput *input = &plan->inputs[i];
        size_t bytes = vt_bytes(&input->tensor) + 64;
        in.data[i] = memset(arena_alloc(l->arena, bytes), 0, bytes);
        const double *scalar = vt_feed_scalar(plan, i, &(double){10});
        if (scalar) *(double *)in.data[i] = *scalar;
        if (input->source == VT_SOURCE_DRAW)
            vt_draw_fill(&plan->draws[input->index], &input->tensor, 1, 1, in.data[i]);
        VtRng rng = {.seed = (uint64_t)i};
        for (int64_t k = 0; input->source == VT_SOURCE_VIEW && k < vt_elements(&input->tensor); k++)
            ((float *)in.data[i])[k] = (float)vt_rng_normal(&rng);
        for (size_t j = 0; j < l->step->n_inputs; j++) {
            const Input *own = &l->step->inputs[j];
            if (strcmp(own->name, input->tensor.name)) continue;
            in.tensors[j] = (Tensor){own->type, ARENA_ARRAY(l->arena, double, type_elements(&own->type))};
            for (int64_t k = 0; k < type_elements(&own->type); k++)
                in.tensors[j].data[k] = own->type.dtype == DT_F64   ? ((double *)in.data[i])[k]
                                        : own->type.dtype == DT_F32 ? (double)((float *)in.data[i])[k]
                                                                    : ((int32_t *)in.data[i])[k];
        }
    }
    return in;
}

static const char *const TARGETS[] = {"x86-64", NULL}; /* NULL: the host's */

static Compiled *compile(const Loaded *l, const char *target) {
    char error[512];
    CodegenOptions options = {.target_features = target};
    Compiled *compiled = codegen_compile(l->recipe.module, &l->recipe.plan, &options, error, sizeof error);
    if (!compiled) fail_msg("%s", error);
    return compiled;
}

static const float *output_of(VtInstance *instance, const char *name) {
    const float *data = vt_instance_output(instance, "step", name, NULL);
    assert_non_null(data);
    return data;
}

/* ---- equal expressions ------------------------------------------------------------------------------------------- */

static char *recipe_of_equals(void) {
    TextStream stream;
    FILE *out = stream_begin(&stream);
    fputs("recipe: t\nviews: {pixels: {size: 2}}\ntrain: {batch: 1}\n" DRAWS
          "objectives:\n  check:\n    loss: |\n"
          "      spd = root @ transpose(root) + 0.5 * eye(6)\n"
          "      large = big @ transpose(big) + eye(70)\n"
          "      total = 0\n",
          out);
    for (int i = 0; i < N_EQUAL; i++)
        fprintf(out,
                "      left = %s\n      right = %s\n"
                "      assert rank(left) == rank(right), 'row %d: of rank {rank(left)} and {rank(right)}'\n"
                "      for m, n in zip(shape(left), shape(right)):\n"
                "        assert m == n, 'row %d: sizes of {m} and {n}'\n"
                "      e%d = max(abs(cast(left, 'f32') - right))\n"
                "      total = total + e%d\n",
                EQUAL[i].left, EQUAL[i].right, i, i, i, i);
    fputs("      return total\nvalues:\n", out);
    for (int i = 0; i < N_EQUAL; i++) fprintf(out, "  e%d: check.e%d\n", i, i);
    return stream_end(&stream, NULL);
}

static void test_equal_interpreted(void **state) {
    (void)state;
    char *text = recipe_of_equals(), error[512];
    Loaded l = load(text, PASSES_INTERPRET);
    Inputs in = draw_inputs(&l);
    Tensor *outputs = ARENA_ARRAY(l.arena, Tensor, l.step->n_outputs + 1);
    Tensor *states = ARENA_ARRAY(l.arena, Tensor, l.recipe.module->n_states + 1),
           *after = ARENA_ARRAY(l.arena, Tensor, l.recipe.module->n_states + 1);
    for (size_t i = 0; i < l.recipe.module->n_states; i++) {
        const Type *type = &l.recipe.module->states[i].type;
        states[i] = (Tensor){*type, ARENA_ARRAY(l.arena, double, type_elements(type))};
    }
    if (!func_interpret(l.step, in.tensors, states, outputs, after, l.arena, error, sizeof error))
        fail_msg("%s", error);
    int wrong = 0, found = 0;
    for (size_t o = 0; o < l.step->n_outputs; o++) {
        int row;
        if (sscanf(l.step->outputs[o].name, "e%d", &row) != 1) continue;
        found++;
        if (outputs[o].data[0] <= 1e-9) continue;
        print_error("interpreted, %s is not %s: %g\n", EQUAL[row].left, EQUAL[row].right, outputs[o].data[0]);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(found, N_EQUAL);
    free(text);
    arena_free(l.arena);
}

static void test_equal_compiled(void **state) {
    (void)state;
    char *text = recipe_of_equals(), name[16];
    int wrong = 0;
    for (size_t t = 0; t < sizeof TARGETS / sizeof *TARGETS; t++) {
        Loaded l = load(text, PASSES_ALL);
        Inputs in = draw_inputs(&l);
        Compiled *compiled = compile(&l, TARGETS[t]);
        float first[N_EQUAL];
        for (int threads = 1; threads <= 3; threads += 2) {
            VtError error = {0};
            vt_set_threads(threads);
            VtInstance *instance = vt_instance_new(compiled_program(compiled), &error);
            assert_non_null(instance);
            assert_true(vt_instance_init(instance, 1, &error));
            assert_true(vt_instance_run(instance, "step", in.data, &error));
            for (int i = 0; i < N_EQUAL; i++) {
                snprintf(name, sizeof name, "e%d", i);
                float e = output_of(instance, name)[0];
                if (threads == 1) first[i] = e;
                assert_memory_equal(&first[i], &e, sizeof e);
                if (threads > 1 || e <= (EQUAL[i].tolerance > 0 ? EQUAL[i].tolerance : 2e-5)) continue;
                print_error("%s: %s is not %s: %g\n", TARGETS[t] ? TARGETS[t] : "host", EQUAL[i].left,
                            EQUAL[i].right, (double)e);
                wrong++;
            }
            vt_instance_free(instance);
        }
        compiled_free(compiled);
        arena_free(l.arena);
    }
    free(text);
    assert_int_equal(wrong, 0);
}

/* ---- recipes ----------------------------------------------------------------------------------------------------- */

static const char *const RECIPES[] = {"w_mse", "shampoo", "tokeniser", "convolutions", "wasserstein"};

static double number_at(const void *data, DType dtype, int64_t i) {
    switch (dtype) {
    case DT_F32: return ((const float *)data)[i];
    case DT_F64: return ((const double *)data)[i];
    case DT_I32: return ((const int32_t *)data)[i];
    default: return (double)((const int64_t *)data)[i];
    }
}

static Tensor *states_of(const Loaded *l, const VtInstance *instance) {
    const Module *module = l->recipe.module;
    Tensor *states = ARENA_ARRAY(l->arena, Tensor, module->n_states + 1);
    for (size_t s = 0; s < module->n_states; s++) {
        const Type *type = &module->states[s].type;
        states[s] = (Tensor){*type, ARENA_ARRAY(l->arena, double, type_elements(type))};
        for (int64_t i = 0; i < type_elements(type); i++)
            states[s].data[i] = number_at(vt_instance_state(instance, (int)s), (DType)type->dtype, i);
    }
    return states;
}

/* How far two values of a state are apart after a step: by what they have of the largest move. */
static void assert_moved_alike(const char *recipe, const Loaded *l, const Tensor *before, const Tensor *got,
                               const Tensor *want) {
    for (size_t s = 0; s < l->recipe.module->n_states; s++) {
        double most = 0, off = 0;
        for (int64_t i = 0; i < type_elements(&want[s].type); i++) {
            most = fmax(most, fabs(want[s].data[i] - before[s].data[i]));
            off = fmax(off, fabs(got[s].data[i] - want[s].data[i]));
        }
        if (!(off <= 1e-6 + 2e-3 * most))
            fail_msg("%s: %s moves by up to %g, and is %g off", recipe, l->recipe.module->states[s].name,
                     most, off);
    }
}

/* `bf16`: products are rounded, and all is only near. */
static void check_recipe(const char *name, const char *target, bool bf16) {
    size_t size;
    char error[512];
    Arena *arena = arena_new();
    const char *path = arena_printf(arena, "%s/driver/operators/%s.yaml", TEST_DIR, name);
    char *text = stream_read_file(arena, path, 1 << 20, &size);
    assert_non_null(text);
    Loaded plain = load(text, PASSES_INTERPRET);
    char *train = strstr(text, "train: {");
    assert_non_null(train);
    if (bf16)
        text = arena_printf(arena, "%.*strain: {precision: bf16, %s", (int)(train - text), text,
                            train + strlen("train: {"));
    Loaded planned = load(text, PASSES_ALL);
    Inputs in = draw_inputs(&plain);
    Compiled *compiled = compile(&planned, target);
    VtError failed = {0};
    vt_set_threads(2);
    VtInstance *instance = vt_instance_new(compiled_program(compiled), &failed);
    assert_non_null(instance);
    assert_true(vt_instance_init(instance, 1, &failed));
    Tensor *before = states_of(&plain, instance), *outputs, *want;
    outputs = ARENA_ARRAY(arena, Tensor, plain.step->n_outputs + 1);
    want = ARENA_ARRAY(arena, Tensor, plain.recipe.module->n_states + 1);
    if (!func_interpret(plain.step, in.tensors, before, outputs, want, arena, error, sizeof error))
        fail_msg("%s", error);
    assert_true(vt_instance_run(instance, "step", in.data, &failed));
    double loss = outputs[0].data[0], got = output_of(instance, plain.step->outputs[0].name)[0];
    if (!(fabs(loss - got) <= (bf16 ? 0.03 : 1e-4) * (1 + fabs(loss))))
        fail_msg("%s: the loss is %g, not %g", name, got, loss);
    if (!bf16) assert_moved_alike(name, &plain, before, states_of(&plain, instance), want);
    vt_instance_free(instance);
    compiled_free(compiled);
    arena_free(plain.arena);
    arena_free(planned.arena);
    arena_free(arena);
}

static void test_recipes(void **state) {
    (void)state;
    for (size_t r = 0; r < sizeof RECIPES / sizeof *RECIPES; r++) {
        for (size_t t = 0; t < sizeof TARGETS / sizeof *TARGETS; t++)
            check_recipe(RECIPES[r], TARGETS[t], false);
        check_recipe(RECIPES[r], NULL, true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equal_interpreted),
                                       cmocka_unit_test(test_equal_compiled), cmocka_unit_test(test_recipes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
