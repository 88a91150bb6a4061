/* What the builtins' files share: the kind of function, and the helpers that more than one needs. */
#ifndef VITC_FRONTEND_BUILTINS_H
#define VITC_FRONTEND_BUILTINS_H

#include "frontend/evaluate/eval.h"

#define MOST 1e38 /* about what float32 holds */

#define BUILTIN(name) Value name(Elaborator *e, const Expr *at, Value *args, size_t n)
#define UNUSED (void)n

/* Sizes of one tensor from numbers, or from a single list of them; with `allow_minus` 0 and -1 are let pass and the product is not
 * checked. False after an error. */
bool sizes_of(Elaborator *e, Loc loc, const Value *list, Ints *out, bool allow_minus);
/* Over axes (none: all); a bool tensor as numbers. */
Value reduce_value(Elaborator *e, Loc loc, OpKind op, const Value *x, const Value *axis, const Value *keep);
Value mean_value(Elaborator *e, Loc loc, const Value *x, const Value *axis, const Value *keep);

/* clang-format off */
BUILTIN(b_abs);
BUILTIN(b_exp);
BUILTIN(b_log);
BUILTIN(b_sqrt);
BUILTIN(b_rsqrt);
BUILTIN(b_sin);
BUILTIN(b_cos);
BUILTIN(b_tanh);
BUILTIN(b_erf);
BUILTIN(b_sigmoid);
BUILTIN(b_floor);
BUILTIN(b_sign);
BUILTIN(b_stop_grad);
BUILTIN(b_gelu);
BUILTIN(b_sum);
BUILTIN(b_mean);
BUILTIN(b_max);
BUILTIN(b_min);
BUILTIN(b_var);
BUILTIN(b_std);
BUILTIN(b_where);
BUILTIN(b_cast);
BUILTIN(b_softmax);
BUILTIN(b_log_softmax);
BUILTIN(b_logsumexp);
BUILTIN(b_layernorm);
BUILTIN(b_normalize);
BUILTIN(b_one_hot);
BUILTIN(b_cross_entropy);
BUILTIN(b_argmax);
BUILTIN(b_argsort);
BUILTIN(b_reshape);
BUILTIN(b_transpose);
BUILTIN(b_broadcast);
BUILTIN(b_concat);
BUILTIN(b_stack);
BUILTIN(b_split);
BUILTIN(b_pad);
BUILTIN(b_gather);
BUILTIN(b_scatter);
BUILTIN(b_scatter_add);
BUILTIN(b_unfold);
BUILTIN(b_fold);
BUILTIN(b_zeros);
BUILTIN(b_ones);
BUILTIN(b_full);
BUILTIN(b_arange);
BUILTIN(b_iota);
BUILTIN(b_shape);
BUILTIN(b_dim);
BUILTIN(b_rank);
/* clang-format on */

#endif
