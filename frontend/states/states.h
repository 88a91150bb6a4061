/* What a recipe keeps from step to step, and what it draws at random. */
#ifndef VITC_FRONTEND_STATES_STATES_H
#define VITC_FRONTEND_STATES_STATES_H

#include "frontend/evaluate/evaluator.h"

typedef struct { /* a network being applied */
    const Definition *definition;
    int number; /* of this application, in the function; 0: the first */
    bool ema;   /* its parameters are moving averages of another network's */
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
} Applied;

typedef struct States {
    Func *init;                     /* function of the initial values that are computed */
    const Application *application; /* the one running, or NULL */
    uint32_t stamp;                 /* counts applications, in each of which a name is made once */
    const char *parameter;          /* that the optimiser is being called for, or NULL */
    const char *place; /* "a schedule": outside networks nothing can be made there; NULL: it can */
    StateInfo *info;
    size_t n_info, info_capacity;
    Applied *applied;
    size_t n_applied, applied_capacity;
    VtDraw *draws; /* those of `draws:`, then those of draw() calls */
    size_t n_draws, draws_capacity;
    RecipeNote *notes;
    size_t n_notes, notes_capacity;
} States;

StateInfo *state_info(Evaluator *e, uint32_t state);

/* ---- states.c: poison after an error. name: NULL: that of the variable being assigned */
/* decay: weight decay applies; -1: to matrices alone. */
Value make_param(Evaluator *e, Loc loc, Type type, const Value *init, int decay, bool trainable,
                 const char *name);
Value make_buffer(Evaluator *e, Loc loc, const Value *init, const char *name);
/* parameters: a record of numbers by keyword. */
Value make_draw(Evaluator *e, const Expr *at, const char *sampler, const Ints *sizes, const Value *parameters,
                const char *name);

/* ---- initial.c: fills init, a and b of a state, or adds an output to function `init`; false after an error */
bool set_initial(Evaluator *e, Loc loc, const Value *value, State *state);

/* ---- networks.c: an ApplyNetwork */
Value apply_network(Evaluator *e, const Definition *network, const Expr *at, Value *args,
                    const char **keywords, size_t n);

#endif
