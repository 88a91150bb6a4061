/* What the expressions of a step see: definitions, inputs, time, states and schedules. */
#include "frontend/elaborate/step.h"

#include <math.h>

Value eval_in(Evaluator *e, const char *place, const Expr *expr) {
    Frame frame = {0}, *before = e->frame;
    if (!before) e->frame = &frame; /* what it assigns is its own */
    e->states->place = e->place = place;
    Value value = eval(e, expr);
    e->states->place = e->place = NULL;
    e->frame = before;
    return value;
}

static Type view_type(const View *view) {
    return type_make(DT_F32, 4, (int64_t[]){view->batch, view->channels, view->size, view->size});
}

/* A view or draw: one input (count 0), or a list of `count` copies (-1: an empty list), which are numbered from
 * `first` in the program's table. stream: of a view. */
static void define_copies(Evaluator *e, const char *name, int count, Type type, VtSourceKind source,
                          int first, int stream) {
    const ParsedRecipe *r = e->recipe;
    int copies = count < 0 ? 0 : count ? count : 1;
    Value list = value_list(e, (Loc){0, 0, 0}, V_LIST, (size_t)copies);
    for (int i = 0; i < copies && list.kind != V_POISON; i++) {
        const char *input =
            source == VT_SOURCE_VIEW ? r->pipelines[first + i].name : e->states->draws[first + i].name;
        list.items[i] = value_of(e, add_image_input(e, input, type, source, first + i, stream));
    }
    bool one = count == 0 && copies && list.kind != V_POISON;
    define(e, e->own, name, one ? list.items[0] : close_list(e, (Loc){0, 0, 0}, list));
}

static void define_view(Evaluator *e, const View *view) {
    define_copies(e, view->name, view->count, view_type(view), VT_SOURCE_VIEW, view->first_pipeline,
                  view->stream);
}

/* labels and index: of the stream of views that name no source; of each other as fields of its source's name. */
static void define_image_facts(Evaluator *e, int stream) {
    static const struct {
        const char *name;
        VtSourceKind source;
    } facts[] = {{"labels", VT_SOURCE_LABEL}, {"index", VT_SOURCE_INDEX}};
    const ParsedRecipe *r = e->recipe;
    const VtStream *s = &r->streams[stream];
    Type per_image = type_make(DT_I32, 1, &s->batch);
    Value record = value_list(e, r->stream_locs[stream], V_RECORD, 2);
    record.names = ARENA_ARRAY(e->arena, const char *, 2);
    for (int i = 0; i < 2; i++) {
        const char *input = facts[i].name;
        if (stream != r->default_stream) input = arena_printf(e->arena, "%s.%s", s->name, input);
        record.names[i] = facts[i].name;
        record.items[i] = value_of(e, add_image_input(e, input, per_image, facts[i].source, 0, stream));
        if (stream == r->default_stream) define(e, e->own, facts[i].name, record.items[i]);
    }
    if (s->name[0]) define(e, e->own, s->name, record);
}

/* `inputs:`, which whoever runs the function gives. */
static void define_given(Evaluator *e) {
    const ParsedRecipe *r = e->recipe;
    for (size_t i = 0; i < r->n_draws; i++)
        if (r->draws[i].given) {
            const Draw *input = &r->draws[i];
            define(e, e->own, input->name,
                   value_of(e, add_input(e, input->name, input->type, VT_SOURCE_FEED, 0)));
        }
}

/* labels, index, draws: inputs of the step; unused ones are dropped at the end. */
void define_inputs(Evaluator *e) {
    const ParsedRecipe *r = e->recipe;
    for (size_t i = 0; i < r->n_views; i++) define_view(e, &r->views[i]);
    for (int s = 0; s < r->n_streams; s++) define_image_facts(e, s);
    for (size_t i = 0; i < r->n_draws; i++) {
        const Draw *draw = &r->draws[i];
        if (!draw->given)
            define_copies(e, draw->name, draw->count, draw->type, VT_SOURCE_DRAW, draw->index, 0);
    }
    define_given(e);
}

void define_time(Step *step) {
    Evaluator *e = &step->e;
    double epochs = e->recipe->train.epochs;
    ValueId now = func_read_state(e->func, step->counter);
    ValueId per_epoch = add_input(e, "steps_per_epoch", type_scalar(DT_F64), VT_SOURCE_STEPS_PER_EPOCH, 0);
    define(e, e->globals, "step", value_of(e, now));
    define(e, e->globals, "steps_per_epoch", value_of(e, per_epoch));
    define(e, e->globals, "epoch", value_of(e, ir_binary(e->func, OP_div, now, per_epoch)));
    Value all = value_number(epochs, epochs == floor(epochs));
    all.scalar = e->recipe->epochs_scalar;
    define(e, e->globals, "epochs", all);
    define(e, e->globals, "batch", value_number((double)e->recipe->train.batch, true));
    define(e, e->globals, "training", value_bool(step->training));
}

void define_embed(Step *step, const View *view) {
    Evaluator *e = &step->e;
    e->own = ARENA_NEW(e->arena, Frame);
    e->globals = ARENA_NEW(e->arena, Frame);
    e->n_knobs = 0;
    const char *its_view = view ? arena_printf(e->arena, "its view '%s', ", view->name) : "";
    e->sees = arena_printf(e->arena, "`embed` sees %sinputs, networks, states, knobs and modules", its_view);
    define_knobs(e);
    define_definitions(e);
    if (view) define_view(e, view);
    define_given(e);
    define_time(step);
    define_schedules(e);
    define_states(e);
}

void define_states(Evaluator *e) {
    for (size_t i = 0; i < e->recipe->state.count; i++) {
        const Entry *entry = &e->recipe->state.items[i];
        int64_t known = module_find_state(e->module, entry->name);
        Value value = {.kind = V_STATE, .state = (uint32_t)known};
        if (known < 0) {
            Value init = eval_in(e, "an initial value", entry->value);
            if (init.kind != V_POISON)
                value = make_buffer(e, value_loc(e, entry->value), &init, entry->name);
            else
                value = init;
        }
        define(e, e->own, entry->name, value);
    }
}

void define_schedules(Evaluator *e) {
    for (size_t i = 0; i < e->recipe->schedules.count; i++) {
        const Entry *entry = &e->recipe->schedules.items[i];
        e->settable = true;
        Value value = eval_in(e, "a schedule", entry->value);
        e->settable = false;
        ValueId id = scalar_of(e, value_loc(e, entry->value), &value, DT_F64, "a schedule");
        if (id == IR_NONE) {
            define(e, e->globals, entry->name, (Value){0});
            continue;
        }
        id = ir_cast(e->func, id, DT_F64);
        define(e, e->globals, entry->name, value_of(e, id));
    }
}
