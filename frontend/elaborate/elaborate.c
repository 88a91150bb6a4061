/* From a parsed recipe to a module: the functions step, embed and init. */
#include "frontend/elaborate/elaborate.h"
#include "frontend/builtins/builtins.h"
#include "frontend/elaborate/step.h"

#include <string.h>

static void add_updates(Evaluator *e) {
    for (uint32_t s = 0; s < e->n_current; s++)
        if (e->current[s].updated && e->current[s].current != IR_NONE)
            func_add_update(e->func, s, e->current[s].current);
}

/* After errors the parts go on that do not depend on what failed, so that their errors are told too. */
static void build_step(Step *step) {
    Evaluator *e = &step->e;
    begin_function(e, "step");
    define_inputs(e);
    define_time(step);
    define_schedules(e);
    define_states(e);
    begin_moves(step);
    run_objectives(step);
    sum_losses(step);
    for (size_t i = 0; i < e->recipe->schedules.count; i++) {
        const char *name = e->recipe->schedules.items[i].name;
        const Value *schedule = lookup(e, name);
        if (schedule && schedule->kind == V_TENSOR) add_scalar_output(e, name, schedule->id);
    }
    run_updates(step);
    Value loss = step->loss == IR_NONE ? (Value){0} : value_of(e, step->loss);
    add_metrics(step, false, &loss);
    if (step->loss != IR_NONE && diags_errors(e->diags) == 0)
        optimize(step);
    else if (!e->exhausted)
        try_optimizer(step);
    if (e->recipe->options->with_values || e->recipe->options->check_values) add_values(e);
}

/* Once all networks were applied, in `embed` too: one that is applied there alone moves with each step. */
static void finish_step(Step *step) {
    Evaluator *e = &step->e;
    move_after(step);
    if (diags_errors(e->diags)) return;
    update_moved(step);
    ValueId count = func_read_state(e->func, step->counter);
    add_updates(e);
    func_add_update(e->func, step->counter,
                    ir_binary(e->func, OP_add, count, ir_constant(e->func, 1, DT_F64)));
    move_before(step);
}

static void no_such_view(Evaluator *e, const View *view) {
    const ParsedRecipe *r = e->recipe;
    size_t n = 0;
    const Value *known = frame_find(e->own, r->embed_view);
    const char **names = ARENA_ARRAY(e->arena, const char *, r->n_views + 1);
    for (size_t i = 0; i < r->n_views; i++)
        if (r->views[i].count == 0) names[n++] = r->views[i].name;
    if (view)
        diag_error(e->diags, r->embed_loc,
                   "embed sees one image of each: view '%s' is a list, of `count` copies", view->name);
    else if (!(known && known->kind == V_POISON) && !r->names_missing)
        diag_error(e->diags, r->embed_loc, "embed: there is no view '%s'%s", r->embed_view,
                   did_you_mean(e, r->embed_view, names, n));
}

/* The view of `embed`; *good: there is such a view, or none is named. */
static const View *embed_view(Evaluator *e, bool *good) {
    const ParsedRecipe *r = e->recipe;
    const View *view = NULL;
    *good = true;
    if (!r->embed_view) return NULL;
    for (size_t i = 0; i < r->n_views; i++)
        if (strcmp(r->views[i].name, r->embed_view) == 0) view = &r->views[i];
    *good = view && view->count == 0;
    if (!*good) no_such_view(e, view);
    return view;
}

static void build_embed(Step *step) {
    Evaluator *e = &step->e;
    bool good;
    const View *view = embed_view(e, &good);
    if (!good || !e->recipe->embed_features) return; /* an error was told, or there is none */
    step->training = false;
    begin_function(e, "embed");
    define_embed(step, view);
    size_t applied = step->states.n_applied;
    const Expr *expr = e->recipe->embed_features;
    Value value = eval_in(e, "features", expr);
    value = read_out(e, &value, applied);
    if (e->recipe->embed_readout) expr = e->recipe->embed_readout;
    ValueId id = value.kind == V_POISON ? IR_NONE : tensor_of(e, value_loc(e, expr), &value, DT_F32);
    if (id == IR_NONE) return;
    const Type *type = func_type(e->func, id);
    if (type->rank != 2 || (view && type->dim[0] != view->batch)) {
        eval_error(e, value_loc(e, expr), "features must be [batch, dim], not %s", type_text(e->arena, type));
        return;
    }
    int64_t dim = type->dim[1];
    func_add_output(e->func, "features", id);
    if (view) build_similarities(e, dim);
}

/* Evaluation feeds the view alone: a run whose features depend on a draw would fail at its first evaluation. */
static void check_embed_inputs(Evaluator *e) {
    const Func *embed = module_find_func(e->module, "embed");
    if (embed && e->recipe->embed_view && func_find_input(embed, e->recipe->embed_view) == IR_NONE)
        eval_error(e, e->recipe->embed_features->loc, "the features do not depend on view '%s'",
                   e->recipe->embed_view);
    for (size_t i = 0; embed && e->recipe->objectives.count && i < e->n_inputs; i++) {
        const char *name = e->inputs[i].tensor.name;
        if (e->inputs[i].source != VT_SOURCE_DRAW || func_find_input(embed, name) == IR_NONE) continue;
        eval_error(e, e->recipe->embed_features->loc,
                   "features depend on the random input '%s': draw it `if training` alone", name);
    }
}

/* Sources of images whose path has to be given, and from which nothing is made. */
static void warn_unread(const Evaluator *e, const VtInput *inputs, int n_inputs) {
    const ParsedRecipe *r = e->recipe;
    for (int s = 0; s < r->n_streams; s++) {
        bool read = !r->sources[r->streams[s].first_source].name[0];
        for (int i = 0; i < n_inputs && !read; i++) {
            bool images = inputs[i].source <= VT_SOURCE_INDEX && inputs[i].source != VT_SOURCE_DRAW;
            read = images && (inputs[i].stream == s || r->streams[inputs[i].stream].pair == s);
        }
        if (!read)
            diag_warning(e->diags, r->stream_locs[s], "nothing is made of the images of source '%s'",
                         r->sources[r->streams[s].first_source].name);
    }
}

static const int32_t *shown_pipelines(const ParsedRecipe *r) {
    int32_t *pipelines = ARENA_ARRAY(r->arena, int32_t, r->n_shown + 1);
    for (size_t i = 0; i < r->n_shown; i++) pipelines[i] = r->shown[i].pipeline;
    return pipelines;
}

static void finish_plan(Evaluator *e, Recipe *out) {
    const ParsedRecipe *r = e->recipe;
    VtInput *inputs = ARENA_ARRAY(e->arena, VtInput, e->n_inputs + 1);
    int n = 0;
    for (size_t i = 0; i < e->n_inputs; i++) {
        bool used = false;
        for (size_t f = 0; f < e->module->n_funcs && !used; f++)
            used = func_find_input(e->module->funcs[f], e->inputs[i].tensor.name) != IR_NONE;
        if (used) inputs[n++] = e->inputs[i];
    }
    warn_unread(e, inputs, n);
    out->module = e->module;
    out->about = r->about;
    out->notes = e->states->notes;
    out->n_notes = e->states->n_notes;
    out->labels = e->states->labels;
    out->n_labels = e->states->n_labels;
    out->plan = (VtProgram){.abi = VT_ABI,
                            .name = r->name,
                            .version = VITC_VERSION,
                            .n_inputs = n,
                            .inputs = inputs,
                            .n_pipelines = (int32_t)r->n_pipelines,
                            .pipelines = r->pipelines,
                            .n_draws = (int32_t)e->states->n_draws,
                            .draws = e->states->draws,
                            .n_sources = r->n_sources,
                            .sources = r->sources,
                            .n_streams = r->n_streams,
                            .streams = r->streams,
                            .n_warnings = (int32_t)r->n_warnings,
                            .warnings = r->warnings,
                            .n_held_out = (int32_t)r->n_held_out,
                            .held_out = r->held_out,
                            .log_images = {.every = r->images_every,
                                           .count = r->images_count,
                                           .n_views = (int32_t)r->n_shown,
                                           .views = shown_pipelines(r)},
                            .stop = module_find_func(e->module, "stop") ? r->stop_text : NULL,
                            .n_weights = (int32_t)r->n_weights,
                            .weights = r->weights,
                            .train = r->train};
    plan_settings(e, inputs, n, &out->plan);
    list_knobs(e, out);
}

/* The module, with the counter of steps as its first state. */
static Module *start_module(Step *step, ParsedRecipe *recipe) {
    Module *module = module_new(recipe->arena, recipe->diags, recipe->name);
    module->batch = recipe->train.batch;
    module->precision = recipe->precision;
    module->memory_limit = recipe->memory_limit;
    module->memory_loc = recipe->memory_loc;
    State counter = {.name = "step", .type = type_scalar(DT_F64), .role = ROLE_COUNTER};
    step->counter = module_add_state(module, counter);
    return module;
}

static void start_step(Step *step, ParsedRecipe *recipe) {
    size_t n;
    const Builtin *table = builtin_table(&n);
    *step = (Step){.training = true, .loss = IR_NONE, .states = {.stamp = 1, .run_encoder = run_encoder}};
    evaluator_start(&step->e, recipe, start_module(step, recipe), table, n);
    step->e.apply = apply_network;
    step->e.keep = keep_tap;
    step->e.read = read_taps;
    step->e.states = &step->states;
    Module *aside = module_new(recipe->arena, recipe->diags, "init");
    step->e.func = step->states.init = module_add_func(aside, "init");
    for (size_t i = 0; i < recipe->n_samplers; i++)
        ARENA_PUSH(recipe->arena, step->states.draws, step->states.n_draws, step->states.draws_capacity,
                   recipe->samplers[i]);
    define_definitions(&step->e);
}

bool elaborate(ParsedRecipe *recipe, Recipe *out) {
    Step step;
    start_step(&step, recipe);
    Module *module = step.e.module;
    Func *init = step.states.init;
    resolve_names(&step.e);
    if (recipe->no_values) return false;
    bool trains = recipe->objectives.count || tree_get(recipe->tree, "objectives");
    if (trains) build_step(&step);
    FunctionState left = leave_function(&step.e);
    if (!step.e.exhausted) build_embed(&step);
    if (trains && !step.e.exhausted) build_watch(&step);
    if (trains) {
        resume_function(&step.e, &left);
        warn_untrained(&step);
        finish_step(&step);
    }
    if (diags_errors(recipe->diags) == 0) warn_unused(&step);
    if (diags_errors(recipe->diags)) return false;
    if (recipe->objectives.count == 0 && !recipe->embed_features)
        diag_error(recipe->diags, (Loc){0, 0, 0}, "%s has neither objectives nor embed: nothing to do",
                   recipe->name);
    if (diags_errors(recipe->diags)) return false;
    if (init->n_outputs) {
        init->module = module;
        ARENA_PUSH(recipe->arena, module->funcs, module->n_funcs, module->funcs_capacity, init);
    }
    for (size_t f = 0; f < module->n_funcs; f++) {
        if (module->funcs[f]->body) continue;
        fold_settings(&step.e, module->funcs[f]);
        drop_unused_nodes(module->funcs[f]);
        check_finite(&step, module->funcs[f]);
    }
    module_renumber(module);
    check_embed_inputs(&step.e);
    check_watch_inputs(&step.e);
    finish_plan(&step.e, out);
    return diags_errors(recipe->diags) == 0;
}
