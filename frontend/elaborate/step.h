/* A recipe while its functions are built: the parts of a step, a file each. */
#ifndef VITC_FRONTEND_ELABORATE_STEP_H
#define VITC_FRONTEND_ELABORATE_STEP_H

#include "frontend/states/states.h"

typedef struct { /* of a network that moves before the step */
    const Definition *network;
    ValueId momentum;
    ValueId at; /* nodes from here on see it moved */
} Move;

typedef struct {
    Evaluator e;
    States states;
    bool training;     /* not: function `embed` is built */
    uint32_t counter;  /* the state that counts steps */
    Value *losses;     /* of each objective */
    Loc *loss_locs;    /* of what each returns */
    Frame *locals;     /* of each objective's loss block */
    ValueId loss;      /* weighted sum of the losses */
    uint32_t *trained; /* states that get a gradient */
    ValueId *gradients;
    size_t n_trained;
    Move *moves;
    size_t n_moves;
} Step;

/* ---- rebuild.c: a function built anew, node by node, each where it was */
typedef struct {
    Func *func;
    const Node *old;
    const Input *inputs;
    size_t n_old;
    ValueId *map; /* old id -> new id */
} Rebuild;
Rebuild rebuild_begin(Func *func);
void rebuild_node(Rebuild *rebuild, ValueId old);
void rebuild_end(Rebuild *rebuild); /* outputs and updates through the map */
void drop_unused_nodes(Func *func); /* and inputs: those that no output or update needs */

/* ---- environment.c: the names that expressions see */
/* Evaluates where no state and no random input can be made, outside networks. place: "a schedule". */
Value eval_in(Evaluator *e, const char *place, const Expr *expr);
void define_inputs(Evaluator *e); /* views, labels, index, draws */
void define_time(Step *step);     /* step, epoch, …, and what is the same in all steps */
void define_states(Evaluator *e); /* of `state:`; made, the first time */
void define_schedules(Evaluator *e);
/* All that `embed` sees, and nothing of the step. */
void define_embed(Step *step, const View *view);

/* ---- objectives.c */
void run_objectives(Step *step);
void sum_losses(Step *step); /* outputs `loss` and `loss.NAME` */
void run_updates(Step *step);
/* A schedule or metric. The rate of learning is what one watches besides the losses; recipes call it `lr`. */
void add_scalar_output(Evaluator *e, const char *name, ValueId id);
void add_values(Evaluator *e); /* evaluates `values:`; outputs of them if `with_values` */
/* Metrics of held-out images, or of the step: they see the sum of losses as `loss`. */
void add_metrics(Step *step, bool held_out, const Value *loss);

/* weight · loss of all; poison where one is none. */
Value total_loss(Step *step);

/* ---- watch.c: functions that are run beside the step */
void build_watch(Step *step);          /* validate, images and stop, if the recipe asks for them */
void check_watch_inputs(Evaluator *e); /* once unused nodes are dropped */

/* ---- optimizer.c: gradients, clipping, new parameters */
void optimize(Step *step);
/* After errors: clip and optimizer of a parameter that there is, for errors of theirs. */
void try_optimizer(Step *step);
/* Once all networks were applied, in `embed` too: parameters on which no loss depends, not even through stop_grad, are
 * a warning a network, since features computed with them are those of layers as they began. */
void warn_untrained(Step *step);

/* ---- unused.c: warnings of what the recipe defines and nobody needs */
void warn_unused(Step *step);

/* ---- ema.c: networks that are moving averages of others */
/* A network that moves before the step is elaborated as if it did not, because its parameters are not known before
 * all that applies it has run. begin_moves notes where in the function it is to move, update_moved gives its states
 * an update, and when the function is whole, move_before lets what follows that place read the new values. */
void begin_moves(Step *step);
void update_moved(Step *step);
void move_before(Step *step);
void move_after(Step *step); /* all other networks, by the new parameters; and buffers of all */

/* ---- similarities.c */
/* Function `similarities`, of features of `dim` columns: what is seen of neighbours. */
void build_similarities(Evaluator *e, int64_t dim);

/* ---- settings.c: numbers that may be others when the program runs */
void fold_settings(Evaluator *e, Func *func); /* inputs of settings that are fixed become constants */
/* Settings, scalars and conditions of the plan; `index` of an input of a setting becomes that of its scalar there. */
void plan_settings(Evaluator *e, VtInput *inputs, int n_inputs, VtProgram *plan);
void list_knobs(const Evaluator *e, Recipe *out);

/* ---- finite.c */
/* Errors where an output or a new state of a function is NaN or infinite whatever the inputs are, at a step of the run
 * (RecipeOptions says of which) or at all. */
void check_finite(Step *step, const Func *func);

#endif
