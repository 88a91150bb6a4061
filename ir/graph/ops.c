/* The operator table in memory, and what passes may do with operators by their effects. */
#include "ir/ir.h"

#include <string.h>

const char *const ATTR_KIND_NAMES[] = {"int", "real", "bool", "ints", "dtype", "precision", "func"};

/* The specifications of each set: SPECS_matmul, and how many they are. */
#define FIELD_INT i
#define FIELD_REAL f
#define FIELD_BOOL b
#define FIELD_INTS ints
#define FIELD_DTYPE dtype
#define FIELD_PRECISION precision
#define FIELD_FUNC i
#define REQUIRED(kind, key) {#key, ATTR_##kind, false, {0}},
#define OPTIONAL(kind, key, default) {#key, ATTR_##kind, true, {.FIELD_##kind = default}},
#define ATTRS(set, Type, ...)                                                                                \
    static const AttrSpec SPECS_##set[] = {__VA_ARGS__};                                                     \
    enum { N_##set = sizeof SPECS_##set / sizeof *SPECS_##set };                                             \
    _Static_assert((int)N_##set <= (int)OP_MAX_ATTRS, #set " has too many attributes");                      \
    _Static_assert(sizeof(Type) == N_##set * sizeof(Attr), #Type " does not consist of slots");
#include "ir/ops.def"
#define SPECS_none NULL
enum { N_none };

#define KERNEL_OF_NONE .kernel = KERNELS_NONE
#define KERNEL_OF_LOOPS .kernel = KERNELS_LOOPS
#define KERNEL_OF_VIEW .kernel = KERNELS_VIEW
#define KERNEL_OF_CHOICE .kernel = KERNELS_CHOICE
#define KERNEL_OF_BLOCKS .kernel = KERNELS_BLOCKS
#define KERNEL_OF_PRODUCT(n) .kernel = KERNELS_PRODUCT, .factors = n
#define KERNEL_OF_PACK .kernel = KERNELS_PACK
#define KERNEL_OF_FUNCTION .kernel = KERNELS_FUNCTION
#define KERNEL_OF_BODY .kernel = KERNELS_BODY
#define COMMUTES TRAIT_COMMUTES
#define ADDS TRAIT_ADDS
#define BOUNDED TRAIT_BOUNDED
#define COPIES TRAIT_COPIES
#define GRAD_OF_rule(name) GRAD_RULE
#define GRAD_OF_zero GRAD_ZERO
#define GRAD_OF_none GRAD_NONE
#define COST_OF_elements(flops) .cost_unit = COST_ELEMENTS, .cost = flops
#define COST_OF_operands(flops) .cost_unit = COST_OPERANDS, .cost = flops
#define COST_OF_terms(flops) .cost_unit = COST_TERMS, .cost = flops
#define COST_OF_taps(flops) .cost_unit = COST_TAPS, .cost = flops
#define COST_OF_scores(flops) .cost_unit = COST_SCORES, .cost = flops
static OpInfo TABLE[OP_COUNT] = {
#define OP(op_name, lo, hi, set, loop_class, kernel_class, features, shape, gradient, effect, flops,         \
           language_name, text)                                                                              \
    {.name = #op_name,                                                                                       \
     .min_operands = lo,                                                                                     \
     .max_operands = hi,                                                                                     \
     .attr_set = ATTRS_##set,                                                                                \
     .n_attrs = N_##set,                                                                                     \
     .attrs = SPECS_##set,                                                                                   \
     .loop = LOOP_##loop_class,                                                                              \
     KERNEL_OF_##kernel_class,                                                                               \
     .traits = features,                                                                                     \
     .grad = GRAD_OF_##gradient,                                                                             \
     .effects = EFFECTS_##effect,                                                                            \
     COST_OF_##flops,                                                                                        \
     .recipe = language_name,                                                                                \
     .doc = text},
#include "ir/ops.def"
};

const OpInfo *op_info(OpKind op) {
    return &TABLE[op];
}

int op_find(const char *name) {
    for (int op = 0; op < OP_COUNT; op++)
        if (strcmp(TABLE[op].name, name) == 0) return op;
    return -1;
}

bool attr_equal(AttrKind kind, const Attr *a, const Attr *b) {
    switch (kind) {
    case ATTR_REAL: return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case ATTR_BOOL: return a->b == b->b;
    case ATTR_INTS:
        return a->ints.n == b->ints.n &&
               memcmp(a->ints.v, b->ints.v, sizeof *a->ints.v * (size_t)a->ints.n) == 0;
    case ATTR_DTYPE: return a->dtype == b->dtype;
    case ATTR_PRECISION: return a->precision == b->precision;
    default: return a->i == b->i;
    }
}

void op_set_effects(OpKind op, Effects effects) {
    TABLE[op].effects = effects;
}

/* What all processes do alike, all leave out alike, or do once for two: they run the same program. */
static const struct {
    bool drop, merge, repeat, reorder;
} MAY[] = {
    [EFFECTS_PURE] = {true, true, true, true},
    [EFFECTS_AGAIN] = {false, false, true, false},
    [EFFECTS_ORDERED] = {false, false, false, false},
    [EFFECTS_COLLECTIVE] = {true, true, false, false},
};

bool op_is_pure(OpKind op) {
    return TABLE[op].effects == EFFECTS_PURE;
}
bool op_may_drop(OpKind op) {
    return MAY[TABLE[op].effects].drop;
}
bool op_may_merge(OpKind op) {
    return MAY[TABLE[op].effects].merge;
}
bool op_may_repeat(OpKind op) {
    return MAY[TABLE[op].effects].repeat;
}
bool op_may_reorder(OpKind op) {
    return MAY[TABLE[op].effects].reorder;
}

bool op_has(OpKind op, unsigned trait) {
    return TABLE[op].traits & trait;
}
bool op_is_source(OpKind op) {
    return TABLE[op].loop == LOOP_SOURCE && TABLE[op].kernel == KERNELS_NONE;
}
bool op_is_literal(OpKind op) {
    return TABLE[op].loop == LOOP_SOURCE && TABLE[op].kernel == KERNELS_LOOPS;
}
bool op_is_view(OpKind op) {
    return TABLE[op].kernel == KERNELS_VIEW;
}
bool op_is_choice(OpKind op) {
    return TABLE[op].kernel == KERNELS_CHOICE;
}
bool op_is_reduce(OpKind op) {
    return TABLE[op].loop == LOOP_REDUCE && TABLE[op].kernel == KERNELS_LOOPS;
}
bool op_is_block_reduction(OpKind op) {
    return TABLE[op].kernel == KERNELS_BLOCKS;
}
bool op_is_product(OpKind op) {
    return TABLE[op].kernel == KERNELS_PRODUCT;
}
bool op_is_fusable(OpKind op) {
    KernelClass kernel = TABLE[op].kernel; /* loops may compute an element more than once */
    return (kernel == KERNELS_LOOPS || kernel == KERNELS_VIEW || kernel == KERNELS_CHOICE) &&
           op_may_repeat(op);
}

int product_factors(const Node *product) {
    return TABLE[product->op].factors;
}
