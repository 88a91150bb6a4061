/* The operator `loop`: a body, which is a function of the module, run several times, or at most once.
 *
 * Operands, in order: with `when` a scalar that says whether the body runs at all; the initial values of what is
 * carried; what is sliced, [count, …] each; what is captured. The body's inputs: the number of the iteration (i32), the
 * carried values, a row of each sliced operand, the captured values. Its outputs: the carried values for the next
 * iteration, of the same types, and rows, which are stacked to [count, …].
 *
 * A node has one result, so a loop's is a vector of 32-bit words that holds its parts one behind the other, each at a
 * multiple of LOOP_ALIGN words: what is carried in the end, then what is stacked; with `kept` also what was carried all
 * the time, [count + 1, …]: row i is what goes into iteration i, and comes out of i - 1 (reverse: row i + 1 goes into
 * it, row i comes out). A part of f32 is a slice of it (loop_part), which costs nothing; one of another type is taken
 * out by the operator `part`. An i64 or f64 takes two words. A body reads no states and updates none: they are carried
 * or captured. */
#ifndef VITC_IR_LOOP_H
#define VITC_IR_LOOP_H

#include "ir/ir.h"

enum { LOOP_ALIGN = 16, LOOP_DEPTH = 8 }; /* words, of 4 bytes; loops in loops */

typedef struct {
    int64_t start; /* word */
    Type type;
} LoopPart;

/* Whether values of the type can be parts: f32, f64, i32, i64; and how many words such a part takes. */
static inline bool loop_holds(const Type *type) {
    return type->dtype != DT_BOOL && type->dtype != DT_BF16;
}
static inline int64_t loop_words(const Type *type) {
    int64_t words = size_mul(type_elements(type), (int64_t)dtype_size((DType)type->dtype) / 4);
    return size_add(words, LOOP_ALIGN - 1) / LOOP_ALIGN * LOOP_ALIGN;
}

Func *loop_body(const Func *func, const Node *loop);
/* The part for output `k` of the body; behind its outputs those that are kept. */
LoopPart loop_part_of(const Func *body, const LoopAttrs *attrs, size_t k);
/* Number of the first carried, sliced and captured operand. */
typedef struct {
    int carried, sliced, captured;
} LoopOperands;
LoopOperands loop_operands(const LoopAttrs *attrs);

/* Emits a loop. `attrs`: as LoopAttrs, of which `body` and `words` are filled in. */
ValueId loop_emit(Func *func, const Func *body, const ValueId *operands, int n, LoopAttrs attrs);
/* Part k of a loop's result, as a value of its own type. */
ValueId loop_part(Func *func, ValueId loop, size_t k);
/* The same of a value that lies in words of a vector as a part does. */
ValueId loop_take(Func *func, ValueId words, const LoopPart *part);

/* Where an operand of a loop lies in memory: `base` is stored, the operand a contiguous part of it, from byte `offset`
 * on; views[0..n_views) lead there. */
enum { LOOP_VIEWS = 16 };
typedef struct {
    ValueId base, views[LOOP_VIEWS];
    int n_views;
    int64_t offset;
} LoopOperand;
LoopOperand loop_operand(const Func *func, ValueId operand);

/* Why the node, whose operator is `loop`, does not fit its body; NULL: it does. In the arena. */
const char *loop_fault(Arena *arena, const Func *func, const Node *loop);

#endif
