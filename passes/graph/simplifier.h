/* Emitting simplified nodes: on each node the rules are tried, and a node equal to an earlier one is not emitted again
 * (value numbering). The pass `simplify` makes a Simplify for each walk over a function; rules (algebra.h) emit their
 * replacements through it too. */
#ifndef VITC_PASSES_GRAPH_SIMPLIFIER_H
#define VITC_PASSES_GRAPH_SIMPLIFIER_H

#include "ir/ir.h"

typedef struct Simplify {
    /* What `node`, its operands values of `func`, can be replaced by; IR_NONE: nothing better is known. */
    ValueId (*rules)(struct Simplify *s, const Node *node);
    Rewrite rewrite;
    Func *func; /* being made */
    Arena *scratch;
    uint32_t *slots; /* value + 1, by hash of the node */
    size_t n_slots, n_filled;
    uint32_t *uses; /* by new value: how many old nodes use it; exact from the second round on */
    size_t uses_capacity;
    int round, depth;
    size_t fired;     /* rules that applied */
    const char *rule; /* the words of the last one */
} Simplify;

/* The value of a node whose operands are values of s->func. */
ValueId simplify_node(Simplify *s, const Node *node);
/* The same as it is: no rules are tried, but equal nodes that are made later are merged with it. */
ValueId simplify_keep(Simplify *s, const Node *node);
/* Like func_emit, for operands known to fit: simplified, merged, emitted only if new. */
ValueId simplify_make(Simplify *s, OpKind op, const ValueId *operands, int n, const void *attrs);
/* An earlier value of such a node, operands in this order; IR_NONE: there is none, and none is made. */
ValueId simplify_find(Simplify *s, OpKind op, const ValueId *operands, int n, const void *attrs);
/* Whether nothing else uses the value. */
bool simplify_single_use(const Simplify *s, ValueId value);

#endif
