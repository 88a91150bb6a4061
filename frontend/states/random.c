/* Draws that are made where they are read: distributions in operators, over the whole numbers that `random` makes.
 * Nothing of them is stored, and a backward pass that makes them again gets the same bits. */
#include "frontend/recipe/catalog.h"
#include "frontend/states/states.h"

#include <math.h>

typedef struct {
    Func *func;
    ValueId key[5]; /* scalars */
    const double *p;
    const Type *type; /* of the result */
    int64_t n;        /* its elements */
} Random;

static ValueId number(const Random *r, double value, DType dtype) {
    return ir_constant(r->func, value, dtype);
}

static ValueId with(const Random *r, OpKind op, ValueId x, double value) {
    return ir_binary(r->func, op, x, number(r, value, (DType)func_type(r->func, x)->dtype));
}

/* For element i word `first + i * every` of the stream: uniform over all of i32. */
static ValueId words(const Random *r, int64_t first, int64_t every) {
    ValueId index = ir_iota(r->func, 1, &r->n, 0, DT_I32);
    if (every != 1) index = with(r, OP_mul, index, (double)every);
    if (first) index = with(r, OP_add, index, (double)first);
    index = ir_reshape(r->func, index, r->type->rank, r->type->dim);
    ValueId x[] = {index, r->key[0], r->key[1], r->key[2], r->key[3], r->key[4]};
    return func_emit(r->func, OP_random, x, 6, NULL);
}

/* f64 in (0, 1), or [0, 1) for above = 0: (word + above) / 2^32, exactly. */
static ValueId fraction(const Random *r, ValueId word, double above) {
    return with(r, OP_mul, with(r, OP_add, ir_cast(r->func, word, DT_F64), 0x1p31 + above), 0x1p-32);
}

static ValueId random_uniform(const Random *r) {
    ValueId x = fraction(r, words(r, 0, 1), 0);
    if (r->p[1] - r->p[0] != 1) x = with(r, OP_mul, x, r->p[1] - r->p[0]);
    if (r->p[0] != 0) x = with(r, OP_add, x, r->p[0]);
    double below = nextafterf((float)r->p[1], (float)r->p[0]); /* rounding to f32 must not reach the end */
    return with(r, OP_min, ir_cast(r->func, x, DT_F32), below);
}

static ValueId random_normal(const Random *r) { /* Box and Muller 1958 */
    ValueId u = ir_cast(r->func, fraction(r, words(r, 0, 2), 0.5), DT_F32);
    ValueId v = with(r, OP_mul, fraction(r, words(r, 1, 2), 0), 6.283185307179586477);
    ValueId radius = ir_unary(r->func, OP_sqrt, with(r, OP_mul, ir_unary(r->func, OP_log, u), -2));
    ValueId wave = ir_unary(r->func, OP_cos, ir_cast(r->func, v, DT_F32));
    ValueId x = ir_binary(r->func, OP_mul, radius, wave);
    return with(r, OP_add, with(r, OP_mul, x, r->p[1]), r->p[0]);
}

/* word + 2^31 < p · 2^32, for whole numbers */
static ValueId random_bernoulli(const Random *r) {
    double limit = ceil(r->p[0] * 0x1p32);
    ValueId hit = limit == 0 ? number(r, 0, DT_BOOL) : with(r, OP_le, words(r, 0, 1), limit - 1 - 0x1p31);
    ValueId x = ir_cast(r->func, hit, DT_F32);
    return limit == 0 ? ir_broadcast(r->func, x, r->type->rank, r->type->dim) : x;
}

static ValueId random_randint(const Random *r) {
    ValueId x = with(r, OP_mul, fraction(r, words(r, 0, 1), 0), r->p[1] - r->p[0]);
    return ir_cast(r->func, with(r, OP_add, ir_unary(r->func, OP_floor, x), r->p[0]), DT_I32);
}

static ValueId sorted(const Random *r, ValueId x) {
    return func_emit(r->func, OP_argsort, &x, 1, &(OrderAttrs){.axis = -1});
}

static ValueId random_permutation(const Random *r) {
    return sorted(r, words(r, 0, 1));
}

static ValueId random_shuffle_mask(const Random *r) {
    double kept = floor((double)r->type->dim[r->type->rank - 1] * (1 - r->p[0]));
    return ir_cast(r->func, with(r, OP_ge, sorted(r, random_permutation(r)), kept), DT_F32);
}

static const struct {
    const char *sampler;
    ValueId (*make)(const Random *r);
} DEVICE[] = {{"uniform", random_uniform},         {"normal", random_normal},
              {"bernoulli", random_bernoulli},     {"randint", random_randint},
              {"permutation", random_permutation}, {"shuffle_mask", random_shuffle_mask}};
enum { N_DEVICE = sizeof DEVICE / sizeof *DEVICE };

static int find(int sampler) {
    for (int i = 0; i < N_DEVICE; i++)
        if (catalog_find(SAMPLERS, DEVICE[i].sampler) == sampler) return i;
    return -1;
}

/* Words are counted in i32, of which `normal` takes two an element. */
bool random_on_device(int sampler, const Type *type) {
    return type->rank > 0 && find(sampler) >= 0 && type_elements(type) < (int64_t)1 << 30;
}

/* Another key for each iteration of the loops around: their factors are odd, so that none is like another. */
static ValueId key_of_iteration(const Random *r, ValueId key, const Loop *loop) {
    for (; loop; loop = loop->outer) {
        if (loop->condition != IR_NONE) continue;
        ValueId number = with(r, OP_mul, with(r, OP_add, loop->number, 1), 695872825);
        key = ir_binary(r->func, OP_add, with(r, OP_mul, key, 739982445), number);
    }
    return key;
}

ValueId random_value(Func *func, ValueId key, const Loop *loop, int sampler, const double *params,
                     const Type *type) {
    Random r = {.func = func, .p = params, .type = type, .n = type_elements(type)};
    for (int64_t k = 0; k < 5; k++) {
        int64_t limit = k + 1, step = 1;
        r.key[k] = ir_reshape(func, ir_slice(func, key, &k, &limit, &step), 0, NULL);
    }
    r.key[1] = key_of_iteration(&r, r.key[1], loop);
    return DEVICE[find(sampler)].make(&r);
}
