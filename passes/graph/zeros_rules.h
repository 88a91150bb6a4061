/* Supports: where a value may differ from zero, by operators. A support is a selection (selection.h): all elements that
 * it does not select are zero, and the value's *compact* form holds those that it does. Rows that an index names may be
 * the same row several times; the value then has their sum, as scatter_add makes it, so that only what is linear in
 * such a value can be computed in its compact form. */
#ifndef VITC_PASSES_GRAPH_ZEROS_RULES_H
#define VITC_PASSES_GRAPH_ZEROS_RULES_H

#include "passes/graph/demand_rules.h"

/* The support of a value all of whose elements are zero. */
extern const Selection SUPPORT_EMPTY;

typedef struct {
    const Selection *of;     /* the result's; NULL: any element may differ from zero */
    const Selection **takes; /* of each operand, what the compact result is made of; NULL: all of it */
    uint32_t carries;        /* bit o: the result is linear in operand o, whose compact form may have rows */
    bool fewer_terms;        /* sums have fewer terms than in the node as it is */
    double share;            /* of the node's work that is left */
} Support;

/* Whether a value is a constant 0, perhaps broadcast. */
bool support_is_zero(const Func *func, ValueId value);
/* The support of a node's result from those of its operands, `operands[o]`, NULL where it is unknown. */
Support support_of(const DemandRules *rules, const Node *node, const Selection *const *operands);
/* The compact result, of operands of which `takes` is taken. `nodes`: of the function as it was. */
ValueId support_emit(Simplify *simplify, const Node *nodes, const Node *node, const Support *support,
                     ValueId *operands, const IndexValues *indices);

/* The whole value again: zeros around the compact one. */
ValueId support_fill(Simplify *simplify, ValueId compact, const Selection *of, const Type *type,
                     const IndexValues *indices);

#endif
