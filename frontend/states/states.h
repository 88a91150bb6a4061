/* What a recipe keeps from step to step, and what it draws at random. */
#ifndef VITC_FRONTEND_STATES_STATES_H
#define VITC_FRONTEND_STATES_STATES_H

#include "frontend/evaluate/evaluator.h"
#include "frontend/recipe/own_names.h"

typedef struct { /* arguments that the encoder of a recipe passes on to its networks */
    Frame frame;
    size_t *taken; /* of each variable: how many networks took it */
} Passed;

typedef struct { /* a network being applied */
    const Definition *definition;
    const ParsedRecipe *recipe; /* that it is a network of */
    const char
        *scope;       /* its name; of an encoder's networks, which are a part of this one, "NETWORK.THEIRS" */
    int number;       /* of this application, in the function; 0: the first */
    bool ema;         /* its parameters are moving averages of another network's */
    bool thaw;        /* parameters are trained that a recipe keeps fixed */
    const Loop *body; /* the loop that it is made in; NULL: none */
    const Passed
        *passed; /* `embed` of a recipe runs, whose networks are applied in this one; NULL: none does */
} Application;

typedef struct {               /* of a state, by its number in the module */
    uint32_t source;           /* EMA: the parameter it follows; IR_NONE: none */
    const Definition *network; /* whose it is; NULL: no network's */
    uint32_t stamp;            /* of the application that made or found it last */
    Loc loc;
} StateInfo;

typedef struct { /* a network applied to arguments: made once */
    const Definition *network;
    Value *arguments;
    const char **parameters; /* that each is for */
    size_t n_arguments;
    Value result;
    const Func *func;
    const Definition *within; /* of an encoder's networks: the network that they are part of; else NULL */
    const char *scope;        /* names of its parameters begin so: that of the network, most often */
    const Loop *body;         /* the loop that it was applied in, or NULL */
    size_t first_tap, n_taps; /* what labelled calls gave in it */
} Applied;

typedef struct {       /* what a labelled call gave */
    const char *scope; /* with the network's name: "encoder.blocks.0.attn" */
    MadeCall call;
    Application application;    /* that it was made in */
    const ParsedRecipe *recipe; /* whose text made it */
    Value value;
    Loc loc;          /* of the call */
    const Loop *body; /* the loop that it was made in; NULL: none */
} Tap;

typedef struct { /* a parameter asked for, made or found, in an application */
    uint32_t stamp, state;
} Asked;

typedef struct { /* a pattern that names of parameters were compared with, for a warning if it fits none */
    const char *text;
    Loc loc;
} NamePattern;

/* Runs `embed` of the recipe whose encoder a network is, within its application (encoder.c). */
typedef Value (*RunEncoder)(Evaluator *e, const Definition *network, const Expr *at, Value *args,
                            const char **keywords, size_t n);

typedef struct States {
    RunEncoder run_encoder;
    Func *init;                     /* function of the initial values that are computed */
    const Application *application; /* the one running, or NULL */
    uint32_t stamp;                 /* counts applications, in each of which a name is made once */
    const char *parameter;          /* that the optimiser is being called for, or NULL */
    const char *place; /* "a schedule": outside networks nothing can be made there; NULL: it can */
    StateInfo *info;
    size_t n_info, info_capacity;
    Applied *applied;
    size_t n_applied, applied_capacity;
    Tap *taps;
    size_t n_taps, taps_capacity;
    RecipeLabel *labels; /* of all applications, each once */
    size_t n_labels, labels_capacity;
    Names label_names;
    Asked *asked; /* in order; of an EMA network the parameters that it follows */
    size_t n_asked, asked_capacity;
    struct Layers *layers; /* of networks, as far as they were asked for (layers.c) */
    size_t n_layers, layers_capacity;
    bool
        names_parameters; /* the optimiser or clip is evaluated: patterns are meant for names of parameters */
    NamePattern *patterns;
    size_t n_patterns, patterns_capacity;
    VtDraw *draws; /* those of `draws:`, then those of draw() calls */
    size_t n_draws, draws_capacity;
    RecipeNote *notes;
    size_t n_notes, notes_capacity;
} States;

StateInfo *state_info(Evaluator *e, uint32_t state);
/* The parameter that a chain of moving averages follows in the end; itself, if it follows none. */
uint32_t trained_state(Evaluator *e, uint32_t state);

/* ---- states.c: poison after an error. name: NULL: that of the variable being assigned */
/* like: name, type, frozen and grid of the parameter. decay: weight decay applies; -1: to matrices alone. */
Value make_param(Evaluator *e, Loc loc, const State *like, const Value *init, int decay);
Value make_buffer(Evaluator *e, Loc loc, const Value *init, const char *name);
/* parameters: a record of numbers by keyword. */
Value make_draw(Evaluator *e, const Expr *at, const char *sampler, const Ints *sizes, const Value *parameters,
                const char *name);

/* ---- layers.c: how deep a parameter of a network lies */
/* The layers of a network are its units: the scopes that have an index, as blocks.0, blocks.1, …, or those that
 * `units` matches (one part of a name a wildcard), numbered 1 to n in the order made. Without `units` the outermost
 * indices count, and of several such stacks the one with most parameters. A parameter outside of them is of layer n + 1
 * if it is first asked for when all units have begun, else of the last unit that has: of 0 before the first. A network
 * without units has layer 0 alone. *last: the highest layer, n + 1 or 0. False after an error. */
bool layer_of(Evaluator *e, Loc loc, const char *name, const char *units, int64_t *layer, int64_t *last);
/* Of the parameters' names the one that has most letters at its start in common with a pattern that fits none; NULL:
 * there is no parameter. */
const char *nearest_parameter(Evaluator *e, const char *pattern);

/* ---- random.c: draws that the device makes by operator `random` */
bool random_on_device(int sampler, const Type *type);
/* key: i32[5], filled by sampler `key`; params: of the row `sampler` of the catalogue. The numbers are those that the
 * sampler of runtime/program/sampler.c makes (uniform in [0, 1), bernoulli: bit by bit; normal: but for rounding), or,
 * for randint, permutation and shuffle_mask, others of the same distribution. loop: the innermost around it, or NULL:
 * each iteration has numbers of its own. */
ValueId random_value(Func *func, ValueId key, const Loop *loop, int sampler, const double *params,
                     const Type *type);

/* ---- initial.c: fills init, a and b of a state, or adds an output to function `init`; false after an error */
bool set_initial(Evaluator *e, Loc loc, const Value *value, State *state);

/* ---- networks.c */
/* An ApplyNetwork. */
Value apply_network(Evaluator *e, const Definition *network, const Expr *at, Value *args,
                    const char **keywords, size_t n);

/* ---- encoder.c: `embed` of another recipe, as a network that is being applied: a RunEncoder */
Value run_encoder(Evaluator *e, const Definition *network, const Expr *at, Value *args, const char **keywords,
                  size_t n);

/* Makes a labelled call of a module once more, with other arguments: with the parameters that it had. */
Value call_in_network(Evaluator *e, const Applied *applied, const Tap *tap, const Expr *at,
                      const MadeCall *call);
/* What the recipe's `embed: readout:` makes of its features, if it has one: it sees these, and as `applied` the results
 * of the networks that were applied for them, of number `first` and above. */
Value read_out(Evaluator *e, const Value *features, size_t first);

/* ---- applied.c */
/* A network's result, and all values in it, with the number of its application. */
Value mark_application(Evaluator *e, Value result, size_t application);
/* Whether what was made in the body of `outer` (NULL: in none) is known in that of `inner`. */
bool known_in_loop(const Loop *inner, const Loop *outer);

/* ---- taps.c: what labelled calls gave in an application, which `.at` reads */
/* A KeepLabelled, and a ReadLabelled. */
void keep_tap(Evaluator *e, const Expr *at, const MadeCall *call, const Value *value);
Value read_taps(Evaluator *e, const Expr *at, const Value *base, const Value *args, const char **keywords,
                size_t n);

#endif
