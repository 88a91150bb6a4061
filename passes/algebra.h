/* The local rules of `simplify`, and what they need of it: nodes are made through it, so that whatever a rule makes is
 * simplified and merged with its equals in turn. */
#ifndef VITC_PASSES_ALGEBRA_H
#define VITC_PASSES_ALGEBRA_H

#include "ir/ir.h"

typedef struct {
    Rewrite rewrite;
    Func *func; /* being made */
    Arena *scratch;
    uint32_t *slots; /* value + 1, by hash of the node */
    size_t n_slots, n_filled;
    uint32_t *uses; /* of made values by the old nodes; exact from the second round on */
    size_t uses_capacity;
    int round, depth;
    size_t fired; /* rules that applied */
} Simplify;

/* Like func_emit, for operands known to fit: simplified, merged, emitted only if new. */
ValueId simplify_make(Simplify *s, OpKind op, const ValueId *operands, int n, const Attr *attrs);
/* Whether nothing else uses the value. */
bool simplify_single_use(const Simplify *s, ValueId value);

/* What `node` (its operands values of s->func) can be replaced by, or IR_NONE. */
ValueId algebra_apply(Simplify *s, const Node *node);

#endif
