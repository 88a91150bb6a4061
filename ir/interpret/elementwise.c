/* The meaning of elementwise operators: one expression each, in float64; integers and bools are whole doubles. */
#include "ir/interpret/eval.h"

#include <math.h>

static bool is_integer(const Eval *eval) {
    return dtype_is_int((DType)eval->type[0]->dtype);
}

/* ---- one operand ------------------------------------------------------------------------------------------------- */

#define UNARY(name, expression)                                                                              \
    bool eval_##name(Eval *eval) {                                                                           \
        for (int64_t i = 0; i < type_elements(&eval->node->type); i++) {                                     \
            double x = eval->x[0][i];                                                                        \
            eval->y[i] = (expression);                                                                       \
        }                                                                                                    \
        return true;                                                                                         \
    }

UNARY(neg, -x)
UNARY(abs, fabs(x))
UNARY(sign, x > 0 ? 1 : x < 0 ? -1 : x)
UNARY(exp, exp(x))
UNARY(log, log(x))
UNARY(sqrt, sqrt(x))
UNARY(rsqrt, 1 / sqrt(x))
UNARY(tanh, tanh(x))
UNARY(erf, erf(x))
UNARY(sin, sin(x))
UNARY(cos, cos(x))
UNARY(sigmoid, 1 / (1 + exp(-x)))
UNARY(softplus, (x > 0 ? x : 0) + log1p(exp(-fabs(x))))
UNARY(floor, floor(x))
UNARY(not, x == 0)
UNARY(stop_grad, x)

static double gelu(double x, bool approximate) {
    double t = approximate ? tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x))
                           : erf(x * 0.70710678118654752440);
    return 0.5 * x * (1 + t);
}

UNARY(gelu, gelu(x, gelu_attrs(eval->node)->approximate))

/* A real that no integer is like: the nearest there is; NaN: 0. What is an integer wraps around (wrap_integers). */
static double to_integer(double x, DType from, DType to) {
    if (!dtype_is_float(from)) return x;
    double most = to == DT_I32 ? 0x1p31 - 1 : 0x1p63, least = to == DT_I32 ? -0x1p31 : -0x1p63;
    return isnan(x) ? 0 : x > most ? most : x < least ? least : trunc(x);
}

static double cast(double x, DType from, DType to) {
    if (to == DT_BOOL) return x != 0;
    return dtype_is_int(to) ? to_integer(x, from, to) : x;
}

UNARY(cast, cast(x, (DType)eval->type[0]->dtype, (DType)eval->node->type.dtype))

/* ---- two and three, broadcast ------------------------------------------------------------------------------------ */

#define BINARY(name, expression)                                                                             \
    bool eval_##name(Eval *eval) {                                                                           \
        Walk a_walk = walk_broadcast(&eval->node->type, eval->type[0]);                                      \
        Walk b_walk = walk_broadcast(&eval->node->type, eval->type[1]);                                      \
        for (int64_t i = 0; i < type_elements(&eval->node->type); i++) {                                     \
            double a = eval->x[0][a_walk.at], b = eval->x[1][b_walk.at];                                     \
            eval->y[i] = (expression);                                                                       \
            walk_step(&a_walk);                                                                              \
            walk_step(&b_walk);                                                                              \
        }                                                                                                    \
        return true;                                                                                         \
    }

BINARY(add, a + b)
BINARY(sub, a - b)
/* Of a product of integers the low bits, which a double need not hold. */
static double times(const Eval *eval, double a, double b) {
    bool exact = !is_integer(eval) || fabs(a * b) < 0x1p53 || fabs(a) >= 0x1p63 || fabs(b) >= 0x1p63;
    if (exact) return a * b;
    uint64_t low = (uint64_t)(int64_t)a * (uint64_t)(int64_t)b;
    return eval->node->type.dtype == DT_I32 ? (double)(int32_t)low : (double)(int64_t)low;
}

BINARY(mul, times(eval, a, b))
BINARY(pow, pow(a, b))
BINARY(max, larger_of(a, b))
BINARY(min, smaller_of(a, b))
BINARY(eq, a == b)
BINARY(ne, a != b)
BINARY(lt, a < b)
BINARY(le, a <= b)
BINARY(gt, a > b)
BINARY(ge, a >= b)
BINARY(and, a != 0 && b != 0)
BINARY(or, a != 0 || b != 0)

/* An integer as one; 2^63 stands for the last. */
static int64_t whole(double x) {
    return x >= 0x1p63 ? INT64_MAX : (int64_t)x;
}

/* An integer divided by 0 gives 0 and leaves 0, as in NumPy. */
static double quotient(const Eval *eval, double a, double b) {
    if (!is_integer(eval)) return a / b;
    if (b == 0 || b == -1) return b == 0 ? 0 : -a;
    int64_t x = whole(a), y = whole(b);
    return (double)(x / y - (x % y != 0 && (x < 0) != (y < 0)));
}

static double remainder_of(const Eval *eval, double a, double b) {
    if (!is_integer(eval)) return a - b * floor(a / b);
    if (b == 0 || b == -1) return 0;
    int64_t y = whole(b), rest = whole(a) % y;
    return (double)(rest && (rest < 0) != (y < 0) ? rest + y : rest);
}

BINARY(div, quotient(eval, a, b))
BINARY(rem, remainder_of(eval, a, b))

bool eval_select(Eval *eval) {
    Walk walk[3];
    for (int o = 0; o < 3; o++) walk[o] = walk_broadcast(&eval->node->type, eval->type[o]);
    for (int64_t i = 0; i < type_elements(&eval->node->type); i++) {
        int chosen = eval->x[0][walk[0].at] != 0 ? 1 : 2;
        eval->y[i] = eval->x[chosen][walk[chosen].at];
        for (int o = 0; o < 3; o++) walk_step(&walk[o]);
    }
    return true;
}
