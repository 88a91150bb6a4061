/* Where values lie while a function runs: itself, or as the body of a loop, whose calls become calls of the function
 * around it. A body's inputs and outputs then lie where that has its operands and parts of the loop's result, and its
 * arena behind those of the functions around it. */
#ifndef VITC_CODEGEN_FRAME_H
#define VITC_CODEGEN_FRAME_H

#include "ir/plan/plan.h"
#include "runtime/program.h"

/* A place, and how it moves from iteration to iteration; the moves get their numbers when the call is made. */
typedef struct {
    VtArg arg;
    VtMove moves[VT_MAX_LOOPS];
    int n_moves;
} Pointer;

typedef struct {
    const Func *func;
    int depth;              /* how many loops are around it */
    double runs;            /* how often these run it, as far as that is known */
    int64_t arena;          /* byte of the program's arena where its own begins */
    const Pointer *inputs;  /* by input and … */
    const Pointer *outputs; /* … by output; NULL: they are the program's */
    const int32_t *numbers; /* then: of each of its inputs, the program's */
} Frame;

/* Where a place of the frame's plan lies; not in a block. */
Pointer frame_place(const Frame *frame, const Place *place);
/* Where a value lies, in a block too. */
Pointer frame_value(const Frame *frame, ValueId value);
/* Where a loop's operand lies: perhaps in a value that it is a part of. */
Pointer frame_operand(const Frame *frame, ValueId operand);
/* `bytes` further on, and `step` more with each iteration of a loop of `count` at `depth` (`odd`: see VtMove). */
Pointer pointer_move(Pointer pointer, int64_t bytes, int depth, int64_t step, int64_t count, bool odd);

/* The places of a loop node of `frame`. With several iterations, what is carried goes from one of two slots in the
 * arena to the other, or from row to row of what is kept: it is copied there first, and in the end to the result. */
typedef struct {
    Frame body;
    int n; /* carried values that are copied */
    Pointer *initial, *first, *last, *final;
    int64_t *bytes; /* of each */
} LoopFrame;
LoopFrame frame_of_loop(Arena *arena, const Frame *frame, ValueId loop);

#endif
