/* Inside the interpreter: how it calls the meaning of an operator, eval_NAME, and the walks over index spaces that
 * meanings are written with. */
#ifndef VITC_IR_INTERPRET_EVAL_H
#define VITC_IR_INTERPRET_EVAL_H

#include "ir/ir.h"

/* One node being computed: operands' values and types, room for the result. */
typedef struct {
    const Func *func; /* that the node is of */
    const Node *node;
    const double *const *x;
    const Type *const *type;
    double *y;
    /* func_interpret: runs a body. */
    bool (*run)(const Func *func, const Tensor *inputs, const Tensor *states, Tensor *outputs,
                Tensor *new_states, Arena *arena, char *error, size_t size);
    Arena *arena; /* for the time of the run */
    char *error;
    size_t size;
} Eval;

/* Writes every element of eval->y; false with a message. */
#define OP(name, ...) bool eval_##name(Eval *eval);
#include "ir/ops.def"

bool eval_refuse(Eval *eval, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The larger and the smaller of two numbers; NaN if either is. */
static inline double larger_of(double a, double b) {
    return a > b || a != a ? a : b;
}
static inline double smaller_of(double a, double b) {
    return a < b || a != a ? a : b;
}

/* A walk over an index space in row-major order, with the linear index into one value at each point. */
typedef struct {
    int rank;
    int64_t dim[IR_MAX_RANK], index[IR_MAX_RANK], stride[IR_MAX_RANK], at;
} Walk;
/* Over all of `type`; stride 0 everywhere. */
Walk walk_over(const Type *type);
/* Over all of `over`, following `type` broadcast to it. */
Walk walk_broadcast(const Type *over, const Type *type);
void walk_step(Walk *walk);
/* Row-major strides of a type. */
void strides_of(const Type *type, int64_t stride[IR_MAX_RANK]);

/* x as [outer, n, inner] about an axis. */
typedef struct {
    int64_t outer, n, inner;
} Lines;
Lines lines_along(const Type *type, int64_t axis);

#endif
