/* View lanes: the values that one operator has in several views of a batch (no lanes of vectors). The pass batch-views
 * replaces the n operators by one that is applied to all lanes together.
 *
 * The *whole* of n lanes is their concatenation. Lanes of one shape are concatenated along `axis`. Lanes whose sizes
 * differ in further axes (images of several resolutions: [B, N_i, D]) have the axes [axis, end) flattened first: the
 * whole is [Σ B·N_i, D]. This file says for each operator how the whole of its results is computed from the wholes of
 * its operands; batch_views.c decides which nodes become lanes of each other. */
#ifndef VITC_PASSES_GRAPH_LANES_H
#define VITC_PASSES_GRAPH_LANES_H

#include "ir/ir.h"

typedef struct {
    int n;
    const ValueId *values; /* one of each lane */
    int axis, end;
} Lanes;

/* *lanes: the values as lanes along `axis`, with as few axes flattened as possible; false: they differ in others. */
bool lanes_along(const Node *nodes, int n, const ValueId *values, int axis, Lanes *lanes);

/* The size of lane number `lane` along the axis of the whole. */
int64_t lanes_size(const Node *nodes, const Lanes *lanes, int lane);

/* In which form an operand is needed to compute the whole of the results. */
typedef enum {
    OPERAND_SHARED, /* one value, the same in every lane */
    OPERAND_WHOLE,  /* the whole of the lanes' operands along `axis` */
    OPERAND_SPREAD, /* the same after each was broadcast along the lanes' axes (spread_type) */
} OperandKind;

typedef struct {
    OperandKind kind;
    int axis;
} OperandNeed;

/* needs[o]: the form of operand o, for the results `y` of nodes of one operator; false: the operator cannot be applied
 * to the whole. Where an operand could be concatenated along several axes (beside it are sizes of 1), `prefer` is taken
 * if it is one of them; -1: no preference. */
bool lanes_needs(const Node *nodes, const Lanes *y, int prefer, OperandNeed *needs);

/* The type that a lane's operand `o` is broadcast to. */
Type spread_type(const Node *nodes, const Lanes *y, int lane, int o);

/* Emits the whole of the results into `func`; operands: its values, in the forms that `needs` says. */
ValueId lanes_emit(Func *func, const Node *nodes, const Lanes *y, const OperandNeed *needs,
                   ValueId *operands);

/* Whether two nodes may be the same operator in two lanes: equal operators and attributes, but for sizes along the axes
 * [axis, end) of their operands. */
bool nodes_alike(const Node *a, const Node *b, int axis, int end);

#endif
