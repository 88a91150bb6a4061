/* What operators need of their operands for a part of their result, by their index maps; and how they compute it of
 * parts. */
#ifndef VITC_PASSES_GRAPH_DEMAND_RULES_H
#define VITC_PASSES_GRAPH_DEMAND_RULES_H

#include "passes/graph/selection.h"

typedef struct {
    const Func *func;
    Arena *arena;
    /* Whether all elements of an index are numbers of one of n rows. */
    bool (*in_range)(void *user, ValueId index, int64_t n);
    void *user;
} DemandRules;

/* Whether parts of the operator's result can be computed by themselves. */
bool demand_has_rule(OpKind op);
/* Whether all of its result may need only a part of an operand. */
bool demand_selects(OpKind op);
/* Whether its result is a view, which is made of whatever part of the operand there is. */
bool demand_is_view(OpKind op);
/* What of the result is computed where `want` is wanted, which is that or more; needs[o]: for it of each operand,
 * SELECTION_NOTHING where it is not read. */
const Selection *demand_needs(const DemandRules *rules, const Node *node, const Selection *want,
                              const Selection **needs);
/* The result's part `want`, as demand_needs gave it, of the operands' compact values (IR_NONE: of one not read), which
 * become those that the operator reads. `nodes`: of the function as it was. */
ValueId demand_emit(Simplify *simplify, const Node *nodes, const Node *node, const Selection *want,
                    const Selection *const *needs, ValueId *operands, const IndexValues *indices);

#endif
