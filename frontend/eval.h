/* The evaluator of the expression language: values at compile time, symbolic tensors among them. */
#ifndef VITC_FRONTEND_EVAL_H
#define VITC_FRONTEND_EVAL_H

#include "frontend/recipe.h"

typedef enum {
    V_POISON, /* an error was told already */
    V_NONE,
    V_INT,
    V_REAL,
    V_BOOL,
    V_STRING,
    V_LIST,
    V_TUPLE,
    V_RECORD,
    V_TENSOR,
    V_STATE,
    V_INIT,
    V_MODULE,
    V_NETWORK,
    V_BUILTIN,
    V_SLICE,
    V_ELLIPSIS
} ValueKind;

typedef struct Value Value;
struct Value {
    ValueKind kind;
    double number; /* INT, REAL, BOOL */
    const char *text;
    Value *items;       /* LIST, TUPLE, RECORD; SLICE: start, stop, step */
    const char **names; /* RECORD */
    size_t count;
    ValueId id;     /* TENSOR */
    uint32_t state; /* STATE */
    const Definition *definition;
    const struct Builtin *builtin;
    /* INIT: kind and numbers; or a tensor expression (items[0]) */
    InitKind init;
    double a, b;
};

typedef struct {
    const char *name;
    Value value;
} Variable;

/* Names of one running body. */
typedef struct {
    Variable *variables;
    size_t count, capacity;
    bool module; /* a module's body: knobs are not seen */
} Frame;

/* A network being applied. */
typedef struct {
    const Definition *definition, *source; /* source: whose body runs (its own, or the EMA's origin) */
    int application;                       /* 0: the first */
    bool ema;
} Application;

typedef struct {     /* what elaboration knows of a state, by its index */
    ValueId current; /* in the current function; IR_NONE: not read yet */
    bool updated, trained;
    uint32_t source; /* EMA: of which parameter; IR_NONE */
    const Definition *network;
    uint32_t stamp; /* application that made it last */
    Loc loc;
} StateInfo;

typedef struct { /* a network applied to arguments: made once */
    const Definition *network;
    ValueId key;
    Value *arguments;
    size_t n_arguments;
    Value result;
    const Func *func;
} Applied;

typedef struct Elaborator {
    ParsedRecipe *recipe;
    Arena *arena;
    Diags *diags;
    Module *module;
    Func *func, *init;
    Frame *globals, *own,
        *frame;        /* own: knobs, views, draws, networks, states, objectives; not seen in modules */
    const char *scope; /* "student.blocks.0" or NULL */
    Application *application;
    uint32_t stamp; /* counts applications */
    bool training;
    bool in_optimizer;
    bool entering_network; /* the next body is a network's: it sees the knobs */
    const char *parameter; /* of the optimiser's call */
    StateInfo *states;
    size_t n_states, states_capacity;
    Applied *applied;
    size_t n_applied, applied_capacity;
    const char *call_label; /* the label of the call about to run: its arguments are evaluated outside it */
    const char *pending_label; /* name being assigned: what param() and draw() are called */
    RecipeNote *notes;
    size_t n_notes, notes_capacity;
    VtInput *inputs;
    size_t n_inputs, inputs_capacity;
    int depth;
    size_t steps; /* evaluated nodes, limited */
    Expr **calls; /* running calls, for notes */
    size_t n_calls, calls_capacity;
    Frame **callers; /* of each, the frame it was made in */
    size_t n_callers, callers_capacity;
    const Expr *at;     /* what is evaluated */
    const Block *block; /* of the recipe's own, outside all modules: the last one begun */
    Value returned;
    bool has_returned;
    const Definition **running; /* modules, against recursion */
    size_t n_running, running_capacity;
} Elaborator;

typedef Value (*BuiltinFn)(Elaborator *e, const Expr *at, Value *args, size_t n);
typedef struct Builtin {
    const char *name;
    const char *signature; /* "x axis=none keep=false"; a leading '*' takes the rest */
    BuiltinFn fn;
} Builtin;

const Builtin *builtin_find(const char *name);
const char *const *builtin_names(size_t *n);

/* eval.c */
Value eval(Elaborator *e, const Expr *expr);
Value eval_block(Elaborator *e, const Block *block); /* what it returns, or NONE */
Value call_definition(Elaborator *e, const Definition *definition, const Expr *at, Value *args,
                      const char **keywords, size_t n);
void define(Elaborator *e, Frame *frame, const char *name, Value value);
Value *lookup(Elaborator *e, const char *name);
Value eval_error(Elaborator *e, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *join_scope(Elaborator *e, const char *a, const char *b);
const char *show_value(Elaborator *e, const Value *value); /* "f32[8x3]", "a list of 3" */

/* The next `{expression}` of an assertion's message, each of which stands for its value; NULL: none is left. *before: the text
 * up to it; *text moves behind it. */
Expr *message_part(Elaborator *e, Loc loc, const char **text, const char **before);

/* blame.c: the knobs behind what is evaluated, at most MAX_BLAMED; returns how many */
size_t blame_knobs(Elaborator *e, const Knob **out);

/* values.c: between numbers and tensors */
Value value_number(double x, bool is_int);
Value value_bool(bool x);
Value value_none(void);
Value value_tensor(Elaborator *e, Loc loc, ValueId id); /* IR_NONE: the function's message becomes an error */
Value value_list(Elaborator *e, ValueKind kind, size_t n);
bool is_number(const Value *v); /* INT, REAL or BOOL */
bool is_tensor(const Value *v); /* TENSOR or STATE */
ValueId tensor_of(Elaborator *e, Loc loc, const Value *v,
                  DType wanted); /* a number becomes a constant of type `wanted` */
bool int_of(Elaborator *e, Loc loc, const Value *v, const char *what, int64_t *out);
bool real_of(Elaborator *e, Loc loc, const Value *v, const char *what, double *out);
bool bool_of(Elaborator *e, Loc loc, const Value *v, const char *what, bool *out);
Value value_binary(Elaborator *e, Loc loc, OpKind op, const Value *a, const Value *b);
Value value_unary(Elaborator *e, Loc loc, OpKind op, const Value *x);
Value value_matmul(Elaborator *e, Loc loc, const Value *a, const Value *b);
Value value_index(Elaborator *e, const Expr *at, const Value *base, const Value *index, size_t n);
ValueId state_value(Elaborator *e, uint32_t state);

/* states.c */
Value make_param(Elaborator *e, Loc loc, Type type, const Value *init, int decay, bool trainable,
                 const char *name);
Value make_buffer(Elaborator *e, Loc loc, const Value *init, const Type *shape, const char *name);
Value make_draw(Elaborator *e, const Expr *at, const char *sampler, Type type, const Expr *call, Value *args,
                const char *name);
void update_state(Elaborator *e, Loc loc, uint32_t state, const Value *value);
Value apply_network(Elaborator *e, const Definition *network, const Expr *at, Value *args,
                    const char **keywords, size_t n);
bool set_init(Elaborator *e, Loc loc, const Value *init, State *state);
ValueId add_input(Elaborator *e, const char *name, Type type, VtSourceKind source, int index);

#endif
