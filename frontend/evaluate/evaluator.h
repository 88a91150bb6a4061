/* The evaluator of the expression language. It runs a recipe's expressions while the recipe is elaborated: numbers
 * and lists are computed, operations on tensors become nodes of the function at hand.
 *
 * It knows nothing of what a step is. It is given a table of builtins and a function that applies networks; of
 * states it knows no more than the number and the type. */
#ifndef VITC_FRONTEND_EVALUATE_EVALUATOR_H
#define VITC_FRONTEND_EVALUATE_EVALUATOR_H

#include "frontend/evaluate/value.h"

typedef struct Evaluator Evaluator;

/* A function of the language that is written in C, or is an operator. */
typedef struct Builtin {
    const char *name;
    /* Parameters and their defaults, "x axis=none keep=false". One that begins with * is the list of all positional
     * arguments left, with ** the record of all named ones. */
    const char *signature;
    /* `at`: the call; args: a value for each of the n parameters. NULL: it is the operator `op` of its arguments. */
    Value (*run)(Evaluator *e, const Expr *at, Value *args, size_t n);
    OpKind op;
    bool initial; /* its name alone says how a state begins: init=zeros */
    bool passes;  /* numbers that it is given may be others when the program runs: it fixes none */
} Builtin;

/* Applies a network to arguments, of which those with a keyword are named. */
typedef Value (*ApplyNetwork)(Evaluator *e, const Definition *network, const Expr *at, Value *args,
                              const char **keywords, size_t n);

/* A call whose arguments are known; those with a keyword are named. */
typedef struct {
    Value callee;
    Value *args;
    const char **keywords;
    size_t n;
} MadeCall;
/* Notes what a labelled call gave; the label ends the present scope. */
typedef void (*KeepLabelled)(Evaluator *e, const Expr *at, const MadeCall *call, const Value *value);
/* `base.METHOD(…)`, of METHODS (evaluate/eval.c): what labelled calls gave within the application that returned
 * `base`. */
typedef Value (*ReadLabelled)(Evaluator *e, const Expr *at, const Value *base, const Value *args,
                              const char **keywords, size_t n);

typedef struct {
    const char *name;
    Value value;
    Loc loc;          /* where it was given its value; {0}: by a call */
    bool holds_state; /* made by a call, as of buffer(): `=` would leave it unset */
} Variable;

/* The names of one running body. */
typedef struct {
    Variable *variables;
    size_t count, capacity;
    Names names;    /* of the variables, once they are more than a few */
    size_t n_named; /* variables that are in it */
    bool module;    /* a module's body: the recipe's own names are not seen */
    uint32_t text;  /* it stands in this one, which says what modules are called */
    bool skipped;   /* statements were, after an error: names that they define are not missed */
} Frame;

typedef struct {     /* of a state, in the function at hand */
    ValueId current; /* its value; IR_NONE: not read yet */
    bool updated;    /* by this function */
} StateValue;

typedef struct Arguments { /* of a running builtin */
    const Expr *call;
    const Value *values; /* of its n parameters … */
    const Expr **exprs;  /* … and what gave each; NULL: the default, or several */
    size_t n;
} Arguments;

typedef struct { /* a function that is left for another, to be gone on with later */
    Func *func;
    StateValue *current;
    size_t n_current, capacity;
    Frame *own, *globals;
    size_t n_knobs;
    const char *sees;
} FunctionState;

/* A value of a loop: what stands for it in the body, its value before the loop and after an iteration (which is that
 * after the loop once that is made). */
typedef struct {
    ValueId inside, before, after;
} LoopValue;

typedef struct { /* that a body reads or sets */
    uint32_t state;
    StateValue outside; /* before the loop */
    LoopValue value;
} LoopState;

/* A loop whose body is being evaluated: once, whatever the count. */
typedef struct Loop {
    struct Loop *outer;
    Loc loc;
    const char *word; /* "repeat", "when", "scan" */
    int64_t count;
    ValueId condition;                   /* a bool that says whether the body runs; IR_NONE: it does */
    ValueId begin;                       /* nodes from here on are the body's */
    ValueId number;                      /* stands for the number of the iteration */
    LoopValue *carried, *rows, *stacked; /* stacked: `inside` is the row of an iteration */
    size_t n_carried, carried_capacity, n_rows, rows_capacity, n_stacked, stacked_capacity;
    LoopState *states;
    size_t n_states, states_capacity;
} Loop;

struct Evaluator {
    const ParsedRecipe *recipe;
    Arena *arena;
    Diags *diags;
    const Builtin *builtins;
    size_t n_builtins;
    Signature *signatures;                               /* of builtins, parsed at their first use */
    ApplyNetwork apply;                                  /* NULL: no network is known by name */
    void (*repeat)(Evaluator *e, const Expr *statement); /* run_repeat and … */
    void (*when)(Evaluator *e, const Expr *statement);   /* … run_when, which run bodies in turn */
    KeepLabelled keep;                                   /* both NULL where no network is applied */
    ReadLabelled read;

    /* What is built. */
    Module *module;
    Func *func;          /* operators are emitted here */
    StateValue *current; /* of the module's states, the first n_current of which are known here */
    size_t n_current, current_capacity;
    VtInput *inputs; /* of all functions */
    size_t n_inputs, inputs_capacity;
    Names input_names;
    struct States *states; /* what the builtins param, buffer and draw keep (states/states.h) */

    /* Names. */
    Frame *globals;            /* time, schedules: seen everywhere */
    size_t n_knobs;            /* those in `own` */
    Frame *own;                /* knobs, views, draws, networks, states, objectives: not seen in modules */
    Frame *frame;              /* of the body that runs; NULL: none does */
    struct Mentions *mentions; /* where they are noted (recipe/own_names.h), or NULL */
    Names clashes;             /* names that hide modules which are called: found by resolve_names */
    const char *scope;         /* of labels: "student.blocks.0", or NULL */
    const char *place;         /* "a schedule": what is evaluated outside of losses and updates, or NULL */
    const char *sees;          /* what `embed` sees, for messages; NULL: the step is elaborated */
    const Expr *assigning;     /* the target of the assignment that is looked through for names (resolve.c) */
    const char *assigned;      /* the name being assigned, which param() and draw() take; NULL: none is */

    /* What runs, for messages and against recursion. */
    Expr **calls; /* running calls … */
    size_t n_calls, calls_capacity;
    Frame **callers; /* … the frame that each was made in … */
    size_t n_callers, callers_capacity;
    const Definition **running; /* … and the module or network whose body it runs */
    size_t n_running, running_capacity;
    const Expr *at;     /* what is evaluated */
    const Expr *callee; /* what is called, while its name is looked up */
    const Expr *loop;   /* the innermost running */
    Loop *body;         /* the loop whose body is evaluated, or NULL */
    const Block *block; /* the last one begun outside all calls */
    Value returned;
    Loc returned_at; /* where the last that returned says what */
    bool has_returned;

    /* Errors. */
    const struct Arguments *arguments; /* of the builtin that runs, or NULL */
    Loc *told;                         /* where errors were told: one place has one */
    size_t n_told, told_capacity;
    size_t failures; /* errors, told or not */
    bool empty_told; /* of lists without values: what makes one empty is one cause */
    bool checks;     /* statements of `check:` run, of which each assertion is told */

    bool settable; /* a number of the step is evaluated, which settings may change when the program runs */

    /* Budgets: whatever a recipe says, elaboration ends within seconds and some hundred megabytes. */
    size_t steps, elements; /* evaluated nodes, compared values …; values in lists */
    int depth;              /* of eval */
    bool exhausted;         /* one was overdrawn, and told: nothing is evaluated any more */
};

enum { MAX_CALLS = 100, MAX_EVAL_DEPTH = 600, MAX_STEPS = 3000000, MAX_OPERATORS = 100000 };
enum { MAX_ELEMENTS = 5000000, MAX_LIST = 1000000, MAX_LIST_DEPTH = 100, MAX_NAME = 1000 };

/* ---- blame.c */
/* The knobs behind what is evaluated, at most MAX_BLAMED; returns how many. */
size_t blame_knobs(Evaluator *e, const Knob **out);
/* The argument of running call `level` that the failing expression comes from, if it is one alone; else NULL. */
const Expr *blame_argument(Evaluator *e, size_t level);

/* ---- errors.c */
/* Tells an error with the knobs and the calls behind it, once a place. Inside a library its place is the recipe's own
 * call, or the argument of it that is wrong, and the library's place a note. Returns poison. */
Value eval_error(Evaluator *e, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same of a value: if the running builtin was given it as an argument, the place is the argument. */
Value value_error(Evaluator *e, Loc loc, const Value *value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same of a list that should have values and has none: the first time alone. */
Value empty_error(Evaluator *e, Loc loc, const char *message);
/* The same of names and calls, which no knob is behind. */
Value name_error(Evaluator *e, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *show_value(Evaluator *e, const Value *value); /* "f32[8x3]", "a list of 3" */
/* "; did you mean 'x'?", or "" */
const char *did_you_mean(Evaluator *e, const char *word, const char *const *names, size_t n);
/* Counts work that is not evaluation; false once a budget is overdrawn. */
bool spend(Evaluator *e, Loc loc, size_t steps);
/* Ends evaluation: an error that a limit was passed, and in which loop. `what` has a %d for the limit. */
void overdraw(Evaluator *e, Loc loc, const char *what, int limit) __attribute__((format(printf, 3, 0)));

/* ---- frames.c */
Variable *frame_variable(Frame *frame, const char *name); /* NULL: not in it */
Value *frame_find(Frame *frame, const char *name);
/* Variables of a comprehension hide those of the same name while it runs, and are gone behind it. */
typedef struct {
    Variable *variables;
    size_t n, count; /* count: of the frame before */
} HiddenNames;
HiddenNames hide_names(Evaluator *e, Frame *frame, const Expr *comprehension);
void show_names(Frame *frame, const HiddenNames *hidden);
Frame *assigned_frame(Evaluator *e); /* that the names of a body are in */
void define(Evaluator *e, Frame *frame, const char *name, Value value);
Value *lookup(Evaluator *e, const char *name); /* NULL: it is not seen here */

/* ---- names.c */
Value value_of_name(Evaluator *e, const Expr *name);
bool name_of_package(Evaluator *e,
                     const Expr *attribute); /* torch.exp: an error, if the name is of no value */

/* ---- unknown.c: the error of a name that means nothing here */
Value unknown_name(Evaluator *e, const Expr *name);
/* The error of a call of a value that is none. */
Value not_callable(Evaluator *e, const Expr *call, const Value *callee);

const Builtin *builtin_find(const Evaluator *e, const char *name);  /* NULL: there is none */
const char *join_scope(Evaluator *e, const char *a, const char *b); /* "a.b" */

/* ---- resolve.c: errors of names that nothing has, in all texts of the recipe, whether they will be run or not */
void resolve_names(Evaluator *e);

/* ---- lists.c: both are poison after an error, when lists grow beyond their limits */
Value value_list(Evaluator *e, Loc loc, ValueKind kind, size_t n); /* to be filled in, then closed */
Value close_list(Evaluator *e, Loc loc, Value list);
/* `x in of`: a value of a list, a part of a string, a field of a record. */
Value value_in(Evaluator *e, Loc loc, const Value *x, const Value *of);

/* ---- convert.c: values as what is asked for; false, or IR_NONE, after an error */
bool int_of(Evaluator *e, Loc loc, const Value *v, const char *what, int64_t *out);
bool axis_of(Evaluator *e, Loc loc, const Value *v, int rank, int *out); /* from the end if negative */
bool real_of(Evaluator *e, Loc loc, const Value *v, const char *what, double *out);
bool real_in(Evaluator *e, Loc loc, const Value *v, const char *what, double low, double high, double *out);
bool bool_of(Evaluator *e, Loc loc, const Value *v, const char *what, bool *out);
bool check_number(Evaluator *e, Loc loc, double x, DType dtype); /* an error if the type has no such number */
bool check_type(Evaluator *e, Loc loc, const Type *type);        /* an error if a tensor of it is too large */
Value value_of(const Evaluator *e, ValueId id);                  /* a tensor of the current function */
Value value_tensor(Evaluator *e, Loc loc,
                   ValueId id); /* IR_NONE: the function's message, if it left one, becomes an error */
/* A tensor of the current function: of a state its value in it, of a number a constant of type `wanted`. */
ValueId tensor_of(Evaluator *e, Loc loc, const Value *v, DType wanted);
bool tensor_with_type(Evaluator *e, Loc loc, const Value *v, DType wanted, ValueId *id, Type *type);
/* The one element of a value as a scalar: of type `dtype`, or of the real type that it has. */
ValueId scalar_of(Evaluator *e, Loc loc, const Value *v, DType dtype, const char *what);

/* ---- settings.c: numbers that may be others when the program runs */
/* What a name means: where settings have no part their values are fixed. */
Value settable_name(Evaluator *e, const Expr *name, Value value);
/* Fixes all settings that the value is made of, with the values in it. */
void pin(Evaluator *e, Loc loc, const Value *value);
/* A number that `op`, of scalars.def, makes of the n arguments. */
Value made_of(Evaluator *e, Loc loc, const char *op, const Value *args, size_t n, Value number);
/* The number as an input of the function at hand. */
ValueId setting_input(Evaluator *e, const Value *number);
/* From what is known now a way was chosen: it has to be so when settings change. */
void demand_same(Evaluator *e, Loc loc, const Value *condition);
/* What is said where an assertion does not hold; {} in the text: what settings change. */
enum { MAX_PARTS = 32 };
typedef struct {
    const char *text; /* "" at first */
    uint32_t values[MAX_PARTS];
    size_t n;
} Demanded;
void demanded_add(Evaluator *e, Demanded *text, const char *before, const Value *value); /* NULL: no value */
/* The assertion, which holds now, has to hold when settings change. */
void demand(Evaluator *e, Loc loc, const Value *condition, const Demanded *text);
/* What an input of settings is for now. False: the node is none. */
bool setting_value(const Evaluator *e, const Func *func, const Node *node, double *value);

/* ---- function.c: the states and inputs of the function at hand */
void begin_function(Evaluator *e,
                    const char *name); /* a new one of the module, in which no state was read yet */
FunctionState leave_function(Evaluator *e);
void resume_function(Evaluator *e, const FunctionState *function);
StateValue *state_value(Evaluator *e, uint32_t state);
ValueId read_state(Evaluator *e,
                   uint32_t state); /* its value here: the old one, or the one it was updated to */
void set_state(Evaluator *e, uint32_t state, ValueId value);
ValueId add_input(Evaluator *e, const char *name, Type type, VtSourceKind source, int index);
/* One that is made of the images of a stream. */
ValueId add_image_input(Evaluator *e, const char *name, Type type, VtSourceKind source, int index,
                        int stream);
/* Where the value is an input of whole numbers that data give (labels, index): notes that the step has room for
 * those below `most`, which the runtime compares with the data. */
void bound_input(Evaluator *e, ValueId id, int64_t most);

/* ---- arithmetic.c, product.c, indexing.c: of numbers, lists and tensors */
Value value_binary(Evaluator *e, Loc loc, OpKind op, const Value *a, const Value *b);
Value value_unary(Evaluator *e, Loc loc, OpKind op, const Value *x);
Value value_operator(Evaluator *e, Loc loc, OpKind op, const Value *args,
                     size_t n); /* of one or two operands */
Value value_matmul(Evaluator *e, Loc loc, const Value *a, const Value *b);
Value value_index(Evaluator *e, const Expr *at, const Value *base, const Value *index, size_t n);

/* ---- arguments.c: arguments to parameters; false after an error */
/* Those of a module or network become variables of `frame`; parameters that no argument is for are left out. */
bool bind_arguments(Evaluator *e, const Signature *signature, const Expr *at, Frame *frame, Value *args,
                    const char **keywords, size_t n);
/* Those get the values of their defaults (eval.c). */
bool bind_defaults(Evaluator *e, const Signature *signature, const Expr *at, Frame *frame);
const char *show_signature(Evaluator *e, const Signature *signature); /* "f(x, out=…)" */
const char *builtin_text(Arena *arena, const Builtin *builtin);       /* "mean(x, axis=none)" */
const Signature *signature_of(Evaluator *e, const Builtin *builtin, Loc loc);
/* Those of a builtin: out[p] is what parameter p of the signature is given, if given[p], by exprs[p], unless that is
 * NULL. */
bool bind_builtin(Evaluator *e, const Builtin *builtin, const Signature *signature, const Expr *at,
                  Value *args, const char **keywords, size_t n, Value *out, const Expr **exprs, bool *given);

/* ---- assign.c: names and states get values */
bool bind_names(Evaluator *e, const Expr *target, Value value); /* a name or several; false after an error */
/* Whether the names of a statement's target can be assigned: not if one is a state's. False after an error. */
bool may_assign(Evaluator *e, const Expr *statement, const Expr *target);
/* The statements `target = value`, `may` being what may_assign said, and `target := value`. */
void assign_value(Evaluator *e, const Expr *statement, Value value, bool may);
void update_value(Evaluator *e, const Expr *statement, Value value);

/* ---- loops.c: what is emitted from loop_begin to loop_end becomes the body of a loop */
/* IR_NONE for the condition: none. NULL after an error. */
Loop *loop_begin(Evaluator *e, Loc loc, const char *word, int64_t count, ValueId condition);
/* A value that is carried, and one of which each iteration gets a row: what stands for them in the body. */
ValueId loop_carry(Evaluator *e, Loop *loop, ValueId before);
ValueId loop_row(Evaluator *e, Loop *loop, ValueId rows);
/* Whether anything in the body reads what stands for a value. */
bool loop_reads(const Evaluator *e, const Loop *loop, ValueId inside);
/* Makes the loop of the carried values, whose `after` are known, and the stacked ones; their `after` are then what it
 * leaves. `good` false: the body had errors, and there is none. Whether the loop changes anything. */
bool loop_end(Evaluator *e, Loop *loop, bool good);

/* ---- carried.c: numbers, tensors, and lists and records of these, as carried values of a loop */
/* What stands for the value in the body; poison if it cannot be carried. */
Value carry_value(Evaluator *e, Loop *loop, Loc loc, const char *name, const Value *before);
/* Notes what it is after an iteration; *next: the number of its first part, and then of what follows. False after an
 * error. */
bool carry_next(Evaluator *e, Loop *loop, Loc loc, const char *name, const Value *before, const Value *after,
                size_t *next);
/* What it is after the loop. */
Value carry_result(Evaluator *e, const Loop *loop, const Value *before, size_t *next);

/* ---- repeat.c: statements that become loops */
void run_repeat(Evaluator *e, const Expr *statement);
void run_when(Evaluator *e, const Expr *statement);

/* ---- eval.c */
enum { MAX_BUILTIN_PARAMETERS = 16 };
Value eval(Evaluator *e, const Expr *expr);         /* NULL, of what could not be read, is poison */
Value eval_block(Evaluator *e, const Block *block); /* what it returns, or NONE */
void run_statements(Evaluator *e, Expr *const *statements, size_t n);
void skip_body(
    Evaluator *e); /* it does not run because of an error: names that it would define are no errors */
/* Where an expression that was evaluated last says what its value is: of a block, the `return` that was met. */
Loc value_loc(const Evaluator *e, const Expr *expr);
/* Runs a body. `sees_own`: the recipe's own names are seen in it. */
Value call_definition(Evaluator *e, const Definition *definition, bool sees_own, const Expr *at, Value *args,
                      const char **keywords, size_t n);
Value call_builtin(Evaluator *e, const Builtin *builtin, const Expr *at, Value *args, const char **keywords,
                   size_t n);

/* ---- evaluator.c */
/* An evaluator of a recipe's expressions that knows its knobs. */
void evaluator_start(Evaluator *e, const ParsedRecipe *recipe, Module *module, const Builtin *builtins,
                     size_t n_builtins);
void define_knobs(Evaluator *e);       /* those that were read since the last time */
void define_definitions(Evaluator *e); /* networks */

/* ---- facts.c */
Value knob_value(Evaluator *e, const Knob *knob);
/* Of a network that is the encoder of another recipe: NETWORK.view, a record of size and channels, and NETWORK.knobs.
 */
Value encoder_fact(Evaluator *e, const Expr *at, const Definition *network);

/* ---- encoder.c: another recipe whose encoder is a network of this one */
/* From here on names are those of that recipe, which sees nothing of this one but the time; until leave_recipe is given
 * what this returns. */
Evaluator enter_recipe(Evaluator *e, const ParsedRecipe *recipe);
void leave_recipe(Evaluator *e, const Evaluator *left);

#endif
