/* The door of ir/: types, values, functions, modules, and what is done with them.
 *
 * A Module holds state and functions. A Func is a straight-line SSA list: node i defines value i, operands
 * come before their users, shapes are static. States and inputs are nodes too (op `state`, `input`). A
 * function ends in outputs (named values) and updates (state <- value): every read of a state sees the value
 * at the start of the function, and all updates take effect at its end. Everything lives in the module's
 * arena; ids are dense; a pass rewrites by building a new node list. */
#ifndef VITC_IR_IR_H
#define VITC_IR_IR_H

#include "ir/base/arena.h"
#include "ir/base/diag.h"
#include "ir/machine.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* ---- types
 * --------------------------------------------------------------------------------------------------- */

typedef enum {
    DT_F32,
    DT_F64,
    DT_BF16,
    DT_I32,
    DT_I64,
    DT_BOOL,
    DT_COUNT
} DType; /* = VtDType of program.h */

#define IR_MAX_RANK 8

typedef struct {
    uint8_t dtype, rank;
    int64_t dim[IR_MAX_RANK]; /* zero beyond rank; sizes ≥ 1 */
} Type;

/* The most elements of a value, and the most bytes that all values of a function take together: what is beyond is
 * refused (type_fits, module_sizes), so that no size, offset or sum of them behind that overflows. */
#define IR_MAX_ELEMENTS_LOG2 38
#define IR_MAX_ELEMENTS ((int64_t)1 << IR_MAX_ELEMENTS_LOG2)
#define IR_MAX_BYTES ((int64_t)1 << 56)

/* Products and sums of sizes, which are 0 or more: INT64_MAX where they do not fit. */
static inline int64_t size_mul(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}
static inline int64_t size_add(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

Type type_make(DType dtype, int rank, const int64_t *dims);
Type type_scalar(DType dtype);
bool type_equal(const Type *a, const Type *b);
bool type_fits(const Type *type);        /* sizes of 1 or more, no more than IR_MAX_ELEMENTS */
int64_t type_elements(const Type *type); /* as size_mul */
int64_t type_bytes(const Type *type);
size_t dtype_size(DType dtype);
const char *dtype_name(DType dtype); /* "f32" … */
bool dtype_is_float(DType dtype);
bool dtype_is_int(DType dtype);
const char *type_text(Arena *arena, const Type *type); /* "f32[64x197x384]", "f32" for a scalar */

/* ---- operators: a reading of ops.def, which tells what the words mean ------------------------------------------- */

typedef enum {
#define OP(name, ...) OP_##name,
#include "ir/ops.def"
    OP_COUNT
} OpKind;

typedef enum {
    LOOP_SOURCE,
    LOOP_ELEMENTWISE,
    LOOP_REDUCE,
    LOOP_ROW,
    LOOP_MATMUL,
    LOOP_MOVE,
    LOOP_OTHER
} LoopClass;

typedef enum {
    KERNELS_NONE,
    KERNELS_LOOPS,
    KERNELS_VIEW,
    KERNELS_CHOICE,
    KERNELS_BLOCKS,
    KERNELS_PRODUCT,
    KERNELS_PACK,
    KERNELS_FUNCTION,
    KERNELS_BODY
} KernelClass;

typedef enum { GRAD_RULE, GRAD_ZERO, GRAD_NONE } GradClass;

enum { TRAIT_COMMUTES = 1, TRAIT_ADDS = 2, TRAIT_BOUNDED = 4, TRAIT_COPIES = 8 };

typedef enum { EFFECTS_PURE, EFFECTS_AGAIN, EFFECTS_ORDERED, EFFECTS_COLLECTIVE } Effects;

typedef enum { COST_ELEMENTS, COST_OPERANDS, COST_TERMS, COST_TAPS, COST_SCORES } CostUnit;

typedef enum { ATTR_INT, ATTR_REAL, ATTR_BOOL, ATTR_INTS, ATTR_DTYPE, ATTR_PRECISION, ATTR_FUNC } AttrKind;
extern const char *const ATTR_KIND_NAMES[];

typedef struct {
    int32_t n;
    int64_t v[IR_MAX_RANK];
} Ints;

typedef union {
    int64_t i; /* ATTR_INT, ATTR_FUNC */
    double f;  /* ATTR_REAL */
    bool b;    /* ATTR_BOOL */
    Ints ints; /* ATTR_INTS */
    DType dtype;
    Precision precision;
} Attr;

/* The attributes of a set by their names: struct MatmulAttrs { bool ta, tb; … }, each in a slot as wide as any, so that
 * what is generic over operators can go through the slots with op_info(op)->attrs. */
#define ATTR_TYPE_INT int64_t
#define ATTR_TYPE_REAL double
#define ATTR_TYPE_BOOL bool
#define ATTR_TYPE_INTS Ints
#define ATTR_TYPE_DTYPE DType
#define ATTR_TYPE_PRECISION Precision
#define ATTR_TYPE_FUNC int64_t
#define OPTIONAL(kind, key, value) REQUIRED(kind, key)
#define REQUIRED(kind, key)                                                                                  \
    union {                                                                                                  \
        ATTR_TYPE_##kind key;                                                                                \
        Attr key##_slot;                                                                                     \
    };
#define ATTRS(set, Type, ...)                                                                                \
    typedef struct {                                                                                         \
        __VA_ARGS__                                                                                          \
    } Type;
#include "ir/ops.def"
#undef REQUIRED
#undef OPTIONAL

typedef union { /* of any one set */
#define ATTRS(set, Type, ...) Type set;
#include "ir/ops.def"
} AnyAttrs;

typedef enum {
    ATTRS_none,
#define ATTRS(set, ...) ATTRS_##set,
#include "ir/ops.def"
} AttrSet;

enum { OP_MAX_ATTRS = 8, ELEMENTWISE_MAX = 6 }; /* attributes; operands of an ELEMENTWISE operator */
typedef struct {
    const char *key;
    AttrKind kind;
    bool has_default;
    Attr value; /* default */
} AttrSpec;

typedef struct {
    const char *name;
    int min_operands, max_operands; /* -1: any */
    AttrSet attr_set;
    int n_attrs;
    const AttrSpec *attrs;
    LoopClass loop;
    KernelClass kernel;
    int factors; /* of a product: operands that are multiplied */
    unsigned traits;
    GradClass grad;
    Effects effects;
    CostUnit cost_unit;
    double cost;
    const char *recipe; /* its name in the language of recipes; "": none */
    const char *doc;
} OpInfo;

const OpInfo *op_info(OpKind op);
int op_find(const char *name); /* -1: none */
/* Of an axis that counts from the back if negative. */
static inline int axis_from_front(int64_t axis, int rank) {
    return (int)(axis < 0 ? axis + rank : axis);
}
bool attr_equal(AttrKind kind, const Attr *a, const Attr *b);

/* For tests of passes, as long as no operator has effects but PURE. */
void op_set_effects(OpKind op, Effects effects);

/* Questions to the table. */
bool op_has(OpKind op, unsigned trait);
bool op_is_source(OpKind op);  /* input, state: values from outside */
bool op_is_literal(OpKind op); /* constant, iota: known without operands; each kernel has its own */
bool op_is_view(OpKind op);    /* its value lies where its operand does */
bool op_is_choice(OpKind op);  /* pad, concat: each element from one of several places */
bool op_is_reduce(OpKind op);  /* sum, amax: inside loops */
bool op_is_block_reduction(
    OpKind
        op); /* block reductions: sums over blocks of rows or columns, made by the kernel that computes these */
bool op_is_product(OpKind op); /* matmul and the attentions: the core of a product kernel */
bool op_is_fusable(OpKind op); /* can be computed inside loops: elementwise, reductions, moves, literals */

/* What a pass may do with a node, by the operator's effects. */
bool op_is_pure(OpKind op);     /* everything: also compute it beforehand, or in other pieces */
bool op_may_drop(OpKind op);    /* leave it out where nobody uses its result */
bool op_may_merge(OpKind op);   /* take one of two that are equal for both */
bool op_may_repeat(OpKind op);  /* do it again instead of keeping its result, or in parts */
bool op_may_reorder(OpKind op); /* do it before or after any other that does not depend on it */

/* ---- graph
 * ------------------------------------------------------------------------------------------------------- */

typedef uint32_t ValueId;
#define IR_NONE UINT32_MAX

/* A value's number is what the text form calls it. It stays with the value through all passes: where a pass computes a
 * value in another way, the node that stands for it from then on has its number (rewrite_end). Inputs and states have
 * names instead. */
typedef struct {
    uint16_t op;
    uint16_t n_operands;
    uint32_t number;         /* unique in the function; IR_NONE: an input or a state */
    const ValueId *operands; /* in the arena, never written after emission */
    const Attr *attrs;       /* op_info(op)->n_attrs of them */
    Type type;
    const char *scope; /* "student.blocks.0.norm1", or NULL */
    Loc loc;
    uint32_t site; /* the call of a module or network that it was made in: Module.sites; 0: in none */
    uint32_t
        origin; /* number of the value for whose sake a pass made this one; IR_NONE: it is the recipe's */
} Node;

/* A call of a module or network that ran while the recipe was elaborated. Equal calls within equal ones are one. The
 * text form has no sites. */
typedef struct {
    Loc loc;              /* of the call */
    uint32_t caller;      /* the site in whose body it stands; 0: in none */
    uint32_t first, next; /* of those whose caller this is, and of those with the same caller; 0: none */
} Site;

/* What an output says of a training step; the text form names all but the first. = VtOutputRole. */
typedef enum {
    OUTPUT_VALUE,     /* some value: logged where it is a scalar */
    OUTPUT_LOSS,      /* what training minimises */
    OUTPUT_OBJECTIVE, /* the loss of one objective, of which that is the weighted sum */
    OUTPUT_SHOWN,     /* shown while training goes on, as the losses are */
    OUTPUT_ROLE_COUNT
} OutputRole;

int product_factors(const Node *product); /* operands that it multiplies; what follows them is added */

/* matmul_attrs(node) etc.: the attributes of a node whose operator has that set. */
#define ATTRS(set, Type, ...)                                                                                \
    static inline const Type *set##_attrs(const Node *node) {                                                \
        assert(op_info((OpKind)node->op)->attr_set == ATTRS_##set);                                          \
        return (const Type *)node->attrs;                                                                    \
    }
#include "ir/ops.def"

typedef struct {
    const char *name;
    ValueId value;
    OutputRole role;
} Output;

typedef struct {
    uint32_t state; /* Module.states */
    ValueId value;
} Update;

typedef enum {
    ROLE_PARAM,
    ROLE_EMA,
    ROLE_OPTIMIZER,
    ROLE_BUFFER,
    ROLE_COUNTER,
    ROLE_DERIVED,
    ROLE_COUNT
} StateRole; /* = VtRole */
typedef enum {
    INIT_CONSTANT,
    INIT_NORMAL,
    INIT_TRUNC_NORMAL,
    INIT_UNIFORM,
    INIT_COPY,
    INIT_FUNCTION
} InitKind;

typedef struct {
    const char *name;
    Type type;
    StateRole role;
    InitKind init; /* INIT_FUNCTION: output of function @init named like the state */
    double a, b;
    uint32_t copy_of; /* INIT_COPY */
    bool decay;       /* weight decay applies */
    bool frozen;      /* made with trainable=false, or by `freeze` */
    /* A table [.., rows, width] whose rows, but for `before` at its head and `after` at its end, are the places of a
     * square grid: values for a grid of another size are interpolated. */
    bool grid;
    uint32_t before, after;
    Loc loc;
} State;

typedef struct {
    const char *name;
    Type type;
} Input;

typedef struct Module Module;

typedef struct Plan Plan;

typedef struct Func {
    Module *module;
    const char *name;    /* "step", "embed", "init" */
    bool body;           /* of loops (ir/loop.h): it is run by them alone */
    Precision precision; /* of its own; PRECISION_COUNT: the module's (func_precision) */
    Node *nodes;
    size_t count, capacity;
    Input *inputs;
    size_t n_inputs, inputs_capacity;
    Output *outputs;
    size_t n_outputs, outputs_capacity;
    Update *updates;
    size_t n_updates, updates_capacity;
    Plan *plan; /* its kernels (ir/plan/plan.h); NULL: none yet (pass `fuse`) */
    /* Where emitted nodes say they come from (func_made_for). */
    const char *scope;
    Loc loc;
    uint32_t site;
    uint32_t origin;
    uint32_t next_number; /* of the next node: beyond those of all nodes */
    /* Message of the last refused emission. */
    char error[512];
} Func;

typedef struct Remarks Remarks; /* ir/remarks.h */

struct Module {
    Arena *arena;
    Diags *diags;
    Remarks *remarks; /* what passes tell of their decisions; NULL: nobody asked */
    const char *name;
    int64_t batch; /* of the target line; 0: none */
    Precision precision;
    int64_t memory_limit; /* bytes that @step may take; 0: any (pass `remat`) */
    Loc memory_loc;       /* where that is asked for */
    Machine machine;      /* that the program is for */
    State *states;
    size_t n_states, states_capacity;
    Site *sites; /* by number, from 1; the first is that of no call */
    size_t n_sites, sites_capacity;
    Func **funcs;
    size_t n_funcs, funcs_capacity;
};

/* ---- build.c
 * ------------------------------------------------------------------------------------------------------ */

Module *module_new(Arena *arena, Diags *diags, const char *name);
uint32_t module_add_state(Module *module, State state);            /* index; the name must be new */
int64_t module_find_state(const Module *module, const char *name); /* -1: none; hashed */
Func *module_add_func(Module *module, const char *name);
Func *module_add_body(Module *module, const char *name); /* of a loop; a number is added to the name */
Func *module_find_func(const Module *module, const char *name);
uint32_t func_index(const Func *func);      /* in Module.funcs */
Precision func_precision(const Func *func); /* how it computes: its own precision, or the module's */
/* A clone that shares nothing mutable: for running passes on a copy. */
Module *module_clone(const Module *module, Arena *arena);

/* The number of a call at `loc` in the body of `caller` (0: of none). */
uint32_t module_call_site(Module *module, Loc loc, uint32_t caller);

/* Appends a node after checking operands and attributes by the table; returns its id, or IR_NONE with func->error
 * ("matmul: inner sizes differ: f32[8x3] @ f32[4x5]"). attrs: the struct of the operator's set, &(CastAttrs){.dtype =
 * DT_F32} (what it does not name is zero, not the default), or another node's; NULL: the defaults. */
ValueId func_emit(Func *func, OpKind op, const ValueId *operands, int n_operands, const void *attrs);
/* Those attributes, or the defaults, as a node has them; NULL where the operator has none. */
const Attr *attrs_copy(Arena *arena, OpKind op, const void *attrs);
/* What is emitted from here on is for the sake of that node, of the function or of its former nodes: it has its scope,
 * position and site, and its number as origin. NULL: for none's. */
void func_made_for(Func *func, const Node *node);
/* Numbers the values of all functions from 0 in their order. */
void module_renumber(Module *module);
/* The same node of another function, operands mapped by the caller; keeps scope, loc, number and origin. A number that
 * is IR_NONE becomes a new one. */
ValueId func_copy(Func *func, const Node *node, const ValueId *operands);
ValueId func_add_input(Func *func, const char *name, Type type);
ValueId func_find_input(const Func *func, const char *name);       /* value id, or IR_NONE */
ValueId func_read_state(Func *func, uint32_t state);               /* one node a state, made at first use */
void func_add_output(Func *func, const char *name, ValueId value); /* role: OUTPUT_VALUE */
void func_add_output_as(Func *func, const char *name, ValueId value, OutputRole role);
void func_add_update(Func *func, uint32_t state, ValueId value); /* replaces an earlier one of that state */
ValueId func_find_update(const Func *func, uint32_t state);      /* the new value, or IR_NONE */
static inline const Node *func_node(const Func *func, ValueId id) {
    return &func->nodes[id];
}
static inline const Type *func_type(const Func *func, ValueId id) {
    return &func->nodes[id].type;
}

/* Short forms over func_emit; any IR_NONE operand gives IR_NONE. */
ValueId ir_unary(Func *func, OpKind op, ValueId x);
ValueId ir_binary(Func *func, OpKind op, ValueId a, ValueId b);
ValueId ir_select(Func *func, ValueId condition, ValueId a, ValueId b);
ValueId ir_constant(Func *func, double value, DType dtype);
ValueId ir_iota(Func *func, int rank, const int64_t *shape, int axis, DType dtype);
ValueId ir_cast(Func *func, ValueId x, DType dtype); /* x itself if it has that type */
ValueId ir_gelu(Func *func, ValueId x, bool approximate);
ValueId ir_reduce(Func *func, OpKind op, ValueId x, int n_axes, const int64_t *axes, bool keep);
ValueId ir_matmul(Func *func, ValueId a, ValueId b, bool ta, bool tb);
/* `precision`: of the product that reads it. */
ValueId ir_pack(Func *func, ValueId x, bool tb, PanelShape panel, Precision precision);
ValueId ir_layernorm(Func *func, ValueId x, ValueId w, ValueId b, double eps);
ValueId ir_reshape(Func *func, ValueId x, int rank, const int64_t *shape); /* x itself if it has that shape */
ValueId ir_transpose(Func *func, ValueId x, const int64_t *perm);
ValueId ir_broadcast(Func *func, ValueId x, int rank, const int64_t *shape);
ValueId ir_slice(Func *func, ValueId x, const int64_t *start, const int64_t *limit, const int64_t *step);
ValueId ir_pad(Func *func, ValueId x, const int64_t *low, const int64_t *high, double value);
ValueId ir_concat(Func *func, int n, const ValueId *values, int axis);
ValueId ir_gather(Func *func, ValueId x, ValueId index, int batch);

/* Rewriting: start from a function, get an empty node list of the same signature, map old values to new ones,
 * and finish by carrying outputs and updates over. The node that an old value is mapped to gets its number, unless it
 * stands for another old value already; of several copies of a node that one keeps the number, the others get new
 * ones. */
typedef struct {
    Func *func;      /* being rebuilt */
    const Node *old; /* its former nodes */
    size_t n_old;
    ValueId *map;          /* old id -> new id, IR_NONE: not made */
    uint32_t first_number; /* numbers from here on are of nodes made since */
    size_t first_remark;
} Rewrite;
Rewrite rewrite_begin(Func *func);
ValueId rewrite_copy(Rewrite *rewrite,
                     ValueId old);  /* emits old's node with mapped operands, unless mapped already */
void rewrite_end(Rewrite *rewrite); /* outputs and updates through the map; asserts they are made */

/* ---- what is done with them: graph/, text/, interpret/
 * ------------------------------------------- */

/* The result type of an operator, or false with a message naming the shapes. */
bool op_infer(OpKind op, const Type *const *operands, int n, const Attr *attrs, Type *out, char *error,
              size_t size);

/* Checks every invariant of this header; problems become errors in the diags. */
bool module_verify(const Module *module, Diags *diags);
/* Checks of it only that types are valid and all values of a function take no more than IR_MAX_BYTES: quick. */
bool module_sizes(const Module *module, Diags *diags);

/* Text form (docs/ir.md); module_parse(print(m)) prints the same bytes. Errors go to diags; NULL on any. */
char *module_print(const Module *module, size_t *size); /* malloc'ed; size may be NULL */
Module *module_parse(Arena *arena, Diags *diags, const char *name, const char *text, size_t size);

/* The reference interpreter: every value a double array, integers and bools as doubles. */
typedef struct {
    Type type;
    double *data; /* type_elements of them; owned by the caller */
} Tensor;
/* Runs `func`: inputs and states by index in; outputs (n_outputs) and new_states (n_states; those without an
 * update are copies) out, allocated in the arena. False with a message (a `grad` op still present, an index
 * out of range). */
bool func_interpret(const Func *func, const Tensor *inputs, const Tensor *states, Tensor *outputs,
                    Tensor *new_states, Arena *arena, char *error, size_t size);
/* An ELEMENTWISE operator without attributes, of up to three scalars in float64. */
double op_of_numbers(OpKind op, const double *operands);
/* Also keeps every node's value: values[id].data, for tests. */
bool func_interpret_all(const Func *func, const Tensor *inputs, const Tensor *states, Tensor *values,
                        Arena *arena, char *error, size_t size);

/* The ROW operators (softmax, log_softmax, layernorm) as ELEMENTWISE and REDUCE nodes; IR_NONE for other ops.
 * Operands are values of `func`. */
ValueId op_expand(Func *func, const Node *node, const ValueId *operands);

/* docs/ops.md, written from the operator table. malloc'ed. */
char *ops_doc(void);
const char *loop_class_title(LoopClass loop); /* the heading of its section there */
/* "axis = -1"; the key alone of an attribute that must be given. */
const char *attr_default_text(Arena *arena, const AttrSpec *spec);

/* FLOPs of one node, of a loop those of all its iterations; of a function's nodes together, of all or of products. */
double node_flops(const Func *func, const Node *node);
double func_flops(const Func *func, bool products_only);

#endif
