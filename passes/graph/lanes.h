/* Lanes: equal operators applied to several values, as one operator applied to all of them.
 *
 * The values of n lanes are one *whole* when they are laid one after another along an axis. Lanes of one shape are
 * concatenated along `axis`. Lanes whose sizes differ in further axes (images of several resolutions: [B, N_i, D]) have
 * the axes [axis, end) flattened first: the whole is [Σ B·N_i, D]. Here stands, for each operator, how the whole of its
 * results comes from the wholes of its operands; which nodes become lanes of one another is decided in
 * batch_views.c. */
#ifndef VITC_PASSES_GRAPH_LANES_H
#define VITC_PASSES_GRAPH_LANES_H

#include "ir/ir.h"

typedef struct {
    int n;
    const ValueId *values; /* one of each lane */
    int axis, end;
} Lanes;

/* Lanes along an axis, with the fewest axes flattened; false if the values differ elsewhere too. */
bool lanes_along(const Node *nodes, int n, const ValueId *values, int axis, Lanes *lanes);

/* What lane `lane` takes of the whole's axis. */
int64_t lanes_size(const Node *nodes, const Lanes *lanes, int lane);

/* What the whole of the results needs of an operand. */
typedef enum {
    OPERAND_SHARED, /* one value, the same in every lane */
    OPERAND_WHOLE,  /* the whole of the lanes' operands along `axis` */
    OPERAND_SPREAD, /* the same after each was broadcast along the lanes' axes (spread_type) */
} OperandKind;

typedef struct {
    OperandKind kind;
    int axis;
} OperandNeed;

/* The needs of every operand of `y`, nodes of one operator; false: the whole cannot be had so. Where an operand's axis
 * is open (sizes of 1 beside it) `prefer` is taken if it may be; -1: none. */
bool lanes_needs(const Node *nodes, const Lanes *y, int prefer, OperandNeed *needs);

/* The type that a lane's operand `o` is broadcast to. */
Type spread_type(const Node *nodes, const Lanes *y, int lane, int o);

/* Emits the whole of the results; operands are values of `func`, as the needs tell. */
ValueId lanes_emit(Func *func, const Node *nodes, const Lanes *y, const OperandNeed *needs,
                   ValueId *operands);

/* Whether two nodes may be the same step of two lanes: equal operators and attributes, but for sizes along [axis, end)
 * of their operands. */
bool nodes_alike(const Node *a, const Node *b, int axis, int end);

#endif
