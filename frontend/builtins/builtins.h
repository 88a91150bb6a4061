/* The table of the builtins of the expression language, and what their files share. */
#ifndef VITC_FRONTEND_BUILTINS_BUILTINS_H
#define VITC_FRONTEND_BUILTINS_BUILTINS_H

#include "frontend/evaluate/evaluator.h"

/* All builtins: operators that have a name in the language, then builtins.def. */
const Builtin *builtin_table(size_t *n);

/* ---- shared by the files of this folder */
#define MOST 1e38 /* about what float32 holds */
#define FUNCTION(name) Value name(Evaluator *e, const Expr *at, Value *args, size_t n)
#define UNUSED (void)n

#define BUILTIN(name, signature) FUNCTION(b_##name);
#define PASSING(name, signature) FUNCTION(b_##name);
#define INITIAL(name, signature) FUNCTION(b_##name);
#include "frontend/builtins/builtins.def"

/* Sizes of one tensor from numbers, or from a single list of them; with `allow_minus` 0 and -1 are let pass and the
 * product is not checked. False after an error. */
bool sizes_of(Evaluator *e, Loc loc, const Value *list, Ints *out, bool allow_minus);

/* A record of n tensors. Poison where a value is IR_NONE, with the function's message, if it left one, as an error. */
Value record_of(Evaluator *e, Loc loc, size_t n, const char *const *names, const ValueId *values);

/* A tensor of reals: what has another type is cast to f32. False after an error. */
bool reals_of(Evaluator *e, Loc loc, const Value *v, ValueId *id, Type *type);

/* x with axes i and j exchanged. */
ValueId axes_exchanged(Evaluator *e, ValueId x, int i, int j);

#endif
