/* The evaluator of the expression language: values at compile time, symbolic tensors among them. */
#ifndef VITC_FRONTEND_EVAL_H
#define VITC_FRONTEND_EVAL_H

#include "frontend/recipe/recipe.h"
#include "ir/base/names.h"

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
struct Value { /* small: a recipe may unroll to millions */
    ValueKind kind;
    union {
        ValueId id;     /* TENSOR */
        uint32_t state; /* STATE */
        InitKind init;  /* INIT: its kind, a and b; or a shape (items) as well */
    };
    union {
        double number; /* INT, REAL, BOOL */
        double a;
        const Func *func; /* TENSOR: the function that `id` belongs to */
    };
    union {
        double b;
        const char **names; /* RECORD */
    };
    union {
        const char *text;
        Value *items; /* LIST, TUPLE, RECORD; SLICE: start, stop, step */
        const Definition *definition;
        const struct Builtin *builtin;
    };
    size_t count;
    uint32_t weight,
        height; /* LIST, TUPLE, RECORD: values in it, with those of its parts; how deep they nest */
};

typedef struct {
    const char *name;
    Value value;
} Variable;

/* Names of one running body. */
typedef struct {
    Variable *variables;
    size_t count, capacity;
    Names names;  /* of the variables, once they are more than a few */
    bool module;  /* a module's body: knobs are not seen */
    bool skipped; /* statements were, after an error: names that they define are not missed */
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
    Names input_names;
    /* Budgets: whatever a recipe says, elaboration ends within seconds and some hundred megabytes. */
    size_t steps, elements; /* evaluated nodes, compared values …; values in lists */
    int depth;              /* of eval */
    bool exhausted;         /* one was overdrawn, and told: nothing is evaluated any more */
    const Expr *loop;       /* the innermost running, for messages */
    const char *place;      /* where values are wanted that make no state ("a schedule"); NULL: they may */
    Signature *signatures;  /* of builtins, parsed at their first use */
    Expr **calls;           /* running calls, for notes */
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
size_t builtin_number(const Builtin *builtin); /* its place in builtin_names */
const char *const *builtin_names(size_t *n);

/* eval.c */
Value eval(Elaborator *e, const Expr *expr);
Value eval_block(Elaborator *e, const Block *block); /* what it returns, or NONE */
void define(Elaborator *e, Frame *frame, const char *name, Value value);
Value *lookup(Elaborator *e, const char *name);
Value *frame_find(Frame *frame, const char *name); /* NULL: not in it */
Value eval_error(Elaborator *e, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *join_scope(Elaborator *e, const char *a, const char *b);
const char *show_value(Elaborator *e, const Value *value); /* "f32[8x3]", "a list of 3" */

/* calls.c */
Value eval_call(Elaborator *e, const Expr *expr);
Value eval_labelled(Elaborator *e, const Expr *expr);
Value call_definition(Elaborator *e, const Definition *definition, const Expr *at, Value *args,
                      const char **keywords, size_t n);

/* blame.c: the knobs behind what is evaluated, at most MAX_BLAMED; returns how many */
size_t blame_knobs(Elaborator *e, const Knob **out);

/* The limits of elaboration (eval.c tells them). */
enum { MAX_CALLS = 100, MAX_EVAL_DEPTH = 600, MAX_STEPS = 3000000, MAX_OPERATORS = 100000 };
enum { MAX_ELEMENTS = 5000000, MAX_LIST = 1000000, MAX_LIST_DEPTH = 100, MAX_NAME = 1000 };
/* Counts work that is not evaluation; false once a budget is overdrawn. */
bool spend(Elaborator *e, Loc loc, size_t steps);
/* Tells that a limit was passed, once, with the running loop; `what` has a %d for it. Nothing is evaluated after it. */
void overdraw(Elaborator *e, Loc loc, const char *what, int limit) __attribute__((format(printf, 3, 0)));

/* values.c: between numbers and tensors */
Value value_number(double x, bool is_int); /* whole numbers beyond 2^53 are reals */
Value value_bool(bool x);
Value value_none(void);
Value value_of(const Elaborator *e, ValueId id); /* a tensor of the current function */
Value value_tensor(Elaborator *e, Loc loc,
                   ValueId id); /* IR_NONE: the function's message, if it left one, becomes an error */
/* A list to be filled in, then closed; both are poison after an error, when lists grow beyond their limits. */
Value value_list(Elaborator *e, Loc loc, ValueKind kind, size_t n);
Value close_list(Elaborator *e, Loc loc, Value list);
bool is_number(const Value *v); /* INT, REAL or BOOL */
bool is_tensor(const Value *v); /* TENSOR or STATE */
bool is_list(const Value *v);   /* LIST or TUPLE */
/* The door to tensors: a value as one of the current function, IR_NONE after an error. A number becomes a constant of type
 * `wanted`, if that has it. */
ValueId tensor_of(Elaborator *e, Loc loc, const Value *v, DType wanted);
bool tensor_with_type(Elaborator *e, Loc loc, const Value *v, DType wanted, ValueId *id, Type *type);
bool check_number(Elaborator *e, Loc loc, double x,
                  DType dtype); /* an error if the type has no such number */
bool int_of(Elaborator *e, Loc loc, const Value *v, const char *what, int64_t *out);
bool axis_of(Elaborator *e, Loc loc, const Value *v, int rank, int *out); /* from the end if negative */
bool real_of(Elaborator *e, Loc loc, const Value *v, const char *what, double *out);
bool real_in(Elaborator *e, Loc loc, const Value *v, const char *what, double low, double high, double *out);
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
/* An error if a tensor of this type is too large to exist. */
bool check_type(Elaborator *e, Loc loc, const Type *type);
ValueId add_input(Elaborator *e, const char *name, Type type, VtSourceKind source, int index);
/* If the value is an input of the data set's numbers (labels, index): it is asked to be below `most`. */
void bound_input(Elaborator *e, ValueId id, int64_t most);

#endif
