/* Where the values of a fused function lie: inside a kernel's loops, in a state that is updated in place, in an output,
 * in the arena, or in a thread's block. Both the pass `memory` (which gives the arena's offsets) and codegen (which makes arguments) follow it. */
#ifndef VITC_IR_PLACE_H
#define VITC_IR_PLACE_H

#include "ir/plan/kernel.h"

typedef enum {
    PLACE_LOOPS,
    PLACE_INPUT,
    PLACE_STATE,
    PLACE_OUTPUT,
    PLACE_ARENA,
    PLACE_BLOCK /* part by part in memory of the thread that computes it: Node.local */
} PlaceKind;

typedef struct {
    PlaceKind kind;
    uint32_t index; /* of the input, state or output */
} Place;

/* A run of nodes of one cluster: one kernel. Nodes without a cluster are sources. */
typedef struct {
    ValueId first, last;
} ClusterSpan;

/* An output or state that no kernel writes in place: a copy of `value` after all kernels. */
typedef struct {
    ValueId value;
    Place to;
    bool
        staged; /* from a state into a state: by way of spare bytes after the arena, as updates may swap states */
} PlaceCopy;

typedef struct {
    Place *places;      /* of each value */
    ClusterSpan *spans; /* in order */
    size_t n_spans;
    uint32_t *span_of; /* of each value; IR_NONE: a source */
    PlaceCopy *copies; /* outputs', then updates' */
    size_t n_copies;
} Placement;

Placement func_place(Arena *arena, const Func *func);

#endif
