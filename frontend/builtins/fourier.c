/* Discrete Fourier transforms as products with matrices of cosines and sines. A transform of n = p·q goes in two steps,
 * of p and of q, with factors between them (Cooley and Tukey 1965): n·(p + q) products instead of n².
 *
 * Complex values are records of two tensors, re and im. */
#include "frontend/builtins/builtins.h"

#include <string.h>

/* im == IR_NONE: it is real. */
typedef struct {
    ValueId re, im;
} Complex;

enum { WHOLE = 128, MOST_WHOLE = 4096 }; /* sizes up to which one matrix is taken, and must be for a prime */

/* cos and sin of 2π·j·k/n, [rows, columns]; angles are reduced as whole numbers. */
static Complex waves(Func *func, int64_t rows, int64_t columns, int64_t n) {
    int64_t shape[] = {rows, columns};
    ValueId j = ir_iota(func, 2, shape, 0, DT_I32), k = ir_iota(func, 2, shape, 1, DT_I32);
    ValueId turns = ir_binary(func, OP_mul, j, k);
    turns = ir_binary(func, OP_rem, turns, ir_constant(func, (double)n, DT_I32));
    ValueId unit = ir_constant(func, 6.283185307179586 / (double)n, DT_F32);
    ValueId angle = ir_binary(func, OP_mul, ir_cast(func, turns, DT_F32), unit);
    return (Complex){ir_unary(func, OP_cos, angle), ir_unary(func, OP_sin, angle)};
}

static ValueId sum_of(Func *func, OpKind op, ValueId a, ValueId b) {
    return a == IR_NONE   ? (b == IR_NONE || op == OP_add ? b : ir_unary(func, OP_neg, b))
           : b == IR_NONE ? a
                          : ir_binary(func, op, a, b);
}

/* x·(cos ∓ i·sin), by elements or as a product; `sign` -1 for the forward transform. */
static Complex times(Func *func, Complex x, Complex wave, int sign, bool product) {
    ValueId part[4] = {IR_NONE, IR_NONE, IR_NONE, IR_NONE}; /* re·cos, re·sin, im·cos, im·sin */
    for (int k = 0; k < 4; k++) {
        ValueId a = k < 2 ? x.re : x.im, b = k % 2 ? wave.im : wave.re;
        if (a == IR_NONE) continue;
        part[k] = product ? ir_matmul(func, a, b, false, false) : ir_binary(func, OP_mul, a, b);
    }
    return (Complex){sum_of(func, sign < 0 ? OP_add : OP_sub, part[0], part[3]),
                     sum_of(func, sign < 0 ? OP_sub : OP_add, part[2], part[1])};
}

static Complex reshaped(Func *func, Complex x, int rank, const int64_t *shape) {
    return (Complex){ir_reshape(func, x.re, rank, shape), ir_reshape(func, x.im, rank, shape)};
}

static Complex moved(Func *func, Complex x, const int64_t *perm) {
    return (Complex){ir_transpose(func, x.re, perm), ir_transpose(func, x.im, perm)};
}

/* The largest divisor of n up to its root. */
static int64_t divisor_of(int64_t n) {
    int64_t best = 1;
    for (int64_t p = 1; p * p <= n; p++)
        if (n % p == 0) best = p;
    return best;
}

/* Whether n splits into factors that a matrix can be had for. */
static bool has_transform(int64_t n) {
    int64_t p = n <= WHOLE ? 1 : divisor_of(n);
    return p == 1 ? n <= MOST_WHOLE : has_transform(p) && has_transform(n / p);
}

/* Of the rows of x[rows, n]. With j = q·j1 + j2 and k = k1 + p·k2: over j1 for each j2, the factor, over j2. */
static Complex transform(Func *func, Complex x, int64_t rows, int64_t n, int sign) {
    int64_t p = n <= WHOLE ? 1 : divisor_of(n), q = n / p;
    if (p == 1) return times(func, x, waves(func, n, n, n), sign, true);
    x = moved(func, reshaped(func, x, 3, (int64_t[]){rows, p, q}), (int64_t[]){0, 2, 1}); /* [rows, j2, j1] */
    x = transform(func, reshaped(func, x, 2, (int64_t[]){rows * q, p}), rows * q, p, sign);
    x = reshaped(func, x, 3, (int64_t[]){rows, q, p});
    x = times(func, x, waves(func, q, p, n), sign, false);
    x = moved(func, x, (int64_t[]){0, 2, 1}); /* [rows, k1, j2] */
    x = transform(func, reshaped(func, x, 2, (int64_t[]){rows * p, q}), rows * p, q, sign);
    x = moved(func, reshaped(func, x, 3, (int64_t[]){rows, p, q}), (int64_t[]){0, 2, 1}); /* [rows, k2, k1] */
    return reshaped(func, x, 2, (int64_t[]){rows, n});
}

/* ---- the builtins ------------------------------------------------------------------------------------------------ */

/* What is transformed: rows along the axis, and how to go back. */
typedef struct {
    Complex x; /* [rows, n] */
    Type type; /* with the axis last */
    int axis;
    int64_t rows, n;
} Signal;

static bool real_f32(Evaluator *e, Loc loc, const Value *v, ValueId *id, Type *type) {
    if (!reals_of(e, loc, v, id, type)) return false;
    *id = ir_cast(e->func, *id, DT_F32);
    type->dtype = DT_F32;
    return true;
}

static const Value *field_of(const Value *record, const char *name) {
    for (size_t i = 0; record->kind == V_RECORD && i < record->count; i++)
        if (strcmp(record->names[i], name) == 0) return &record->items[i];
    return NULL;
}

static bool signal_of(Evaluator *e, const Expr *at, const char *name, const Value *v, const Value *axis,
                      Signal *s) {
    const Value *re = field_of(v, "re"), *im = field_of(v, "im");
    Type imaginary;
    if (v->kind == V_RECORD && !(re && im && v->count == 2)) {
        eval_error(e, at->loc, "%s wants a tensor, or record(re=…, im=…), not %s", name, show_value(e, v));
        return false;
    }
    s->x.im = IR_NONE;
    if (!real_f32(e, at->loc, re ? re : v, &s->x.re, &s->type)) return false;
    if (im && !real_f32(e, at->loc, im, &s->x.im, &imaginary)) return false;
    if (im && !type_equal(&s->type, &imaginary)) {
        eval_error(e, at->loc, "%s of re %s and im %s: they are to be alike", name,
                   type_text(e->arena, &s->type), type_text(e->arena, &imaginary));
        return false;
    }
    if (!axis_of(e, at->loc, axis, s->type.rank, &s->axis)) return false;
    s->n = s->type.dim[s->axis];
    s->rows = type_elements(&s->type) / s->n;
    int last = s->type.rank - 1;
    s->type.dim[s->axis] = s->type.dim[last];
    s->type.dim[last] = s->n;
    int64_t shape[] = {s->rows, s->n};
    s->x = (Complex){axes_exchanged(e, s->x.re, s->axis, last), axes_exchanged(e, s->x.im, s->axis, last)};
    s->x = reshaped(e->func, s->x, 2, shape);
    return true;
}

static bool fits(Evaluator *e, const Expr *at, const char *name, int64_t n) {
    if (has_transform(n)) return true;
    eval_error(e, at->loc, "%s of length %lld: no prime factor may be above %d", name, (long long)n,
               MOST_WHOLE);
    return false;
}

/* The first n of each row of the result, as the axis it was; real: without im. */
static Value finish(Evaluator *e, const Expr *at, Signal *s, Complex y, int64_t n, bool real) {
    int last = s->type.rank - 1;
    int64_t start[2] = {0}, limit[] = {s->rows, n}, step[] = {1, 1};
    s->type.dim[last] = n;
    ValueId parts[2] = {y.re, y.im};
    for (int k = 0; k < 2; k++) {
        if (parts[k] == IR_NONE) continue;
        if (n < func_type(e->func, parts[k])->dim[1])
            parts[k] = ir_slice(e->func, parts[k], start, limit, step);
        parts[k] = axes_exchanged(e, ir_reshape(e->func, parts[k], s->type.rank, s->type.dim), s->axis, last);
    }
    if (real) return value_tensor(e, at->loc, parts[0]);
    return record_of(e, at->loc, 2, (const char *const[]){"re", "im"}, parts);
}

static Complex scaled(Func *func, Complex x, double by) {
    ValueId scale = ir_constant(func, by, DT_F32);
    return (Complex){ir_binary(func, OP_mul, x.re, scale), ir_binary(func, OP_mul, x.im, scale)};
}

FUNCTION(b_fft) {
    UNUSED;
    Signal s;
    if (!signal_of(e, at, "fft", &args[0], &args[1], &s) || !fits(e, at, "fft", s.n)) return (Value){0};
    return finish(e, at, &s, transform(e->func, s.x, s.rows, s.n, -1), s.n, false);
}

FUNCTION(b_ifft) {
    UNUSED;
    Signal s;
    if (!signal_of(e, at, "ifft", &args[0], &args[1], &s) || !fits(e, at, "ifft", s.n)) return (Value){0};
    Complex y = transform(e->func, s.x, s.rows, s.n, 1);
    return finish(e, at, &s, scaled(e->func, y, 1 / (double)s.n), s.n, false);
}

FUNCTION(b_rfft) { /* the others are conjugate to these */
    UNUSED;
    Signal s;
    if (!signal_of(e, at, "rfft", &args[0], &args[1], &s) || !fits(e, at, "rfft", s.n)) return (Value){0};
    if (s.x.im != IR_NONE) return eval_error(e, at->loc, "rfft is of reals: fft takes re and im");
    Complex y = s.n <= WHOLE ? times(e->func, s.x, waves(e->func, s.n, s.n / 2 + 1, s.n), -1, true)
                             : transform(e->func, s.x, s.rows, s.n, -1);
    return finish(e, at, &s, y, s.n / 2 + 1, false);
}

/* The rest of a spectrum of n: the conjugates of rows 1 … (n - 1)/2, backwards. Their order is turned by a gather. */
static ValueId mirrored(Evaluator *e, ValueId x, int64_t n, bool negate) {
    int64_t count = (n - 1) / 2;
    if (count == 0) return x;
    ValueId place = ir_iota(e->func, 1, &count, 0, DT_I32);
    place = ir_binary(e->func, OP_sub, ir_constant(e->func, (double)count, DT_I32), place);
    ValueId turned = ir_transpose(e->func, x, (int64_t[]){1, 0});
    turned = ir_transpose(e->func, ir_gather(e->func, turned, place, 0), (int64_t[]){1, 0});
    if (negate) turned = ir_unary(e->func, OP_neg, turned);
    return ir_concat(e->func, 2, (ValueId[]){x, turned}, 1);
}

FUNCTION(b_irfft) {
    UNUSED;
    Signal s;
    if (!signal_of(e, at, "irfft", &args[0], &args[2], &s)) return (Value){0};
    int64_t length = 2 * (s.n - 1);
    if (args[1].kind != V_NONE && !int_of(e, at->loc, &args[1], "n", &length)) return (Value){0};
    if (s.x.im == IR_NONE) return eval_error(e, at->loc, "irfft wants what rfft gives: record(re=…, im=…)");
    if (length < 1 || length / 2 + 1 != s.n)
        return eval_error(e, at->loc, "irfft of %lld values gives %lld or %lld, not %lld", (long long)s.n,
                          (long long)(2 * s.n - 2), (long long)(2 * s.n - 1), (long long)length);
    if (!fits(e, at, "irfft", length)) return (Value){0};
    Complex full = {mirrored(e, s.x.re, length, false), mirrored(e, s.x.im, length, true)};
    Complex y = transform(e->func, full, s.rows, length, 1);
    return finish(e, at, &s, scaled(e->func, y, 1 / (double)length), length, true);
}
