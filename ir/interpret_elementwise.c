/* The meaning of elementwise operators: one expression each, in float64; integers and bools are whole doubles. */
#include "ir/interpret.h"

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
UNARY(floor, floor(x))
UNARY(not, x == 0)
UNARY(stop_grad, x)

static double gelu(double x, bool approximate) {
    double t = approximate ? tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x))
                           : erf(x * 0.70710678118654752440);
    return 0.5 * x * (1 + t);
}

UNARY(gelu, gelu(x, eval->node->attrs[0].b))

static double cast(double x, DType to) {
    if (to == DT_BOOL) return x != 0;
    return dtype_is_int(to) ? trunc(x) : x;
}

UNARY(cast, cast(x, (DType)eval->node->type.dtype))

/* ---- two and three, broadcast ------------------------------------------------------------------------------------- */

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
BINARY(mul, a *b)
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

static bool divides_by_zero(Eval *eval) {
    for (int64_t i = 0; is_integer(eval) && i < type_elements(eval->type[1]); i++)
        if (eval->x[1][i] == 0) return !eval_refuse(eval, "an integer divided by 0");
    return false;
}

static BINARY(quotient, is_integer(eval) ? floor(a / b) : a / b) static BINARY(remainder,
                                                                               a - b * floor(a / b))

    bool eval_div(Eval *eval) {
    return !divides_by_zero(eval) && eval_quotient(eval);
}

bool eval_rem(Eval *eval) {
    return !divides_by_zero(eval) && eval_remainder(eval);
}

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
