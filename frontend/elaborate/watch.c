/* Functions that are run beside the step, and change no state:
 *
 *   validate  the metrics of held-out images
 *   images    what `log_images` shows besides views, of the step's own batch
 *   stop      whether training ends; it sees what was logged
 *
 * They are elaborated anew, with what they see, and losses only where something of them is read. */
#include "frontend/elaborate/step.h"

#include <string.h>

/* ---- what a text mentions ---------------------------------------------------------------------------------------- */

typedef bool (*Visit)(Expr *expr, void *user); /* true: enough was seen */

static bool walk(Expr *expr, Visit visit, void *user);

static bool walk_list(Expr *const *list, size_t n, Visit visit, void *user) {
    for (size_t i = 0; i < n; i++)
        if (walk(list[i], visit, user)) return true;
    return false;
}

/* Each expression below, itself first. */
static bool walk(Expr *expr, Visit visit, void *user) {
    for (; expr; expr = expr->a) {
        if (visit(expr, user)) return true;
        for (size_t i = 0; i < expr->n_clauses; i++)
            if (walk(expr->clauses[i].over, visit, user) ||
                walk_list(expr->clauses[i].conditions, expr->clauses[i].n_conditions, visit, user))
                return true;
        if (walk_list(expr->args, expr->n_args, visit, user) ||
            walk_list(expr->body, expr->n_body, visit, user) ||
            walk_list(expr->orelse, expr->n_orelse, visit, user) || walk(expr->b, visit, user) ||
            walk(expr->c, visit, user))
            return true;
    }
    return false;
}

static bool is_name(Expr *expr, void *name) {
    return expr->kind == EXPR_NAME && strcmp(expr->text, name) == 0;
}

static bool mentions(Expr *expr, const char *name) {
    return walk(expr, is_name, (void *)name);
}

/* Whether one of the entries reads objectives, or the sum of their losses. */
static bool reads_losses(const ParsedRecipe *r, const Entries *entries, bool held_out) {
    for (size_t i = 0; i < entries->count; i++) {
        const Entry *entry = &entries->items[i];
        if (entry->held_out != held_out) continue;
        if (mentions(entry->value, "loss")) return true;
        for (size_t k = 0; k < r->objectives.count; k++)
            if (mentions(entry->value, r->objectives.items[k].name)) return true;
    }
    return false;
}

/* ---- beginning a function ---------------------------------------------------------------------------------------- */

/* With nothing of the step but its definitions. */
static void begin_watch(Step *step, const char *function, bool training) {
    Evaluator *e = &step->e;
    begin_function(e, function);
    step->training = training;
    step->states.stamp++; /* buffers of losses are found again */
    e->own = ARENA_NEW(e->arena, Frame);
    e->globals = ARENA_NEW(e->arena, Frame);
    e->n_knobs = 0;
    e->sees = NULL;
    define_knobs(e);
    define_definitions(e);
}

static void define_all(Step *step) {
    Evaluator *e = &step->e;
    define_inputs(e);
    define_time(step);
    define_schedules(e);
    define_states(e);
}

/* ---- validate, images -------------------------------------------------------------------------------------------- */

static void build_validate(Step *step) {
    const ParsedRecipe *r = step->e.recipe;
    Value loss = {0};
    if (!r->n_held_out) return;
    begin_watch(step, "validate", false);
    define_all(step);
    if (reads_losses(r, &r->metrics, true)) {
        run_objectives(step);
        loss = total_loss(step);
    }
    add_metrics(step, true, &loss);
}

/* f32[n, channels, height, width]; or a list of such, whose outputs are numbered. */
static void add_images(Evaluator *e, const Entry *entry, const Value *value, const char *name) {
    Loc loc = value_loc(e, entry->value);
    if (value->kind == V_POISON) return;
    for (size_t i = 0; is_list(value) && i < value->count; i++)
        add_images(e, entry, &value->items[i], arena_printf(e->arena, "%s.%zu", name, i));
    if (is_list(value)) return;
    ValueId id = is_tensor(value) ? tensor_of(e, loc, value, DT_F32) : IR_NONE;
    const Type *type = id == IR_NONE ? NULL : func_type(e->func, id);
    if (type && type->rank == 4 && type->dtype == DT_F32)
        func_add_output(e->func, name, id);
    else
        eval_error(e, loc,
                   "log_images shows f32[n, channels, height, width], which '%s' is not: %s (its options are "
                   "every, count and views)",
                   entry->name, show_value(e, value));
}

static void build_images(Step *step) {
    Evaluator *e = &step->e;
    const ParsedRecipe *r = e->recipe;
    if (!r->images.count) return;
    begin_watch(step, "images", true);
    define_all(step);
    if (reads_losses(r, &r->images, false)) run_objectives(step);
    for (size_t i = 0; i < r->images.count; i++) {
        Value value = eval_in(e, "an image", r->images.items[i].value);
        add_images(e, &r->images.items[i], &value, r->images.items[i].name);
    }
}

static bool has_input(const Func *func, const char *name) {
    return func && func_find_input(func, name) != IR_NONE;
}

void check_watch_inputs(Evaluator *e) {
    const ParsedRecipe *r = e->recipe;
    const Func *step = module_find_func(e->module, "step"), *images = module_find_func(e->module, "images");
    for (size_t i = 0; i < r->n_shown; i++) {
        const char *name = r->pipelines[r->shown[i].pipeline].name;
        if (!has_input(step, name))
            diag_error(e->diags, r->shown[i].loc,
                       "log_images shows views that the losses read, which '%s' is not", name);
    }
    for (size_t i = 0; images && i < images->n_inputs; i++) {
        const char *name = images->inputs[i].name;
        const VtInput *input = &e->inputs[names_find(&e->input_names, name)];
        bool fed = input->source == VT_SOURCE_STEPS_PER_EPOCH || input->source == VT_SOURCE_SETTING;
        if (!has_input(step, name) && !fed)
            diag_error(e->diags, r->images.items[0].loc,
                       "log_images shows what is made of the step's inputs, of which '%s' is none", name);
    }
}

/* ---- stop -------------------------------------------------------------------------------------------------------- */

static const char *const FIELDS[] = {"last", "best", "since"}; /* of a metric of held-out images */

static Value logged(Evaluator *e, const char *name) {
    return value_of(e, add_input(e, name, type_scalar(DT_F64), VT_SOURCE_LOGGED, 0));
}

/* A name of what is logged, unless the recipe calls something else so. */
static void define_logged(Evaluator *e, const char *name, Value value) {
    if (!frame_find(e->own, name) && !frame_find(e->globals, name)) define(e, e->own, name, value);
}

/* loss, OBJECTIVE.loss, and metrics by their names; NAME.last, NAME.best and NAME.since, as names, of those of held-out
 * images. */
static void define_log(Evaluator *e) {
    const ParsedRecipe *r = e->recipe;
    define_logged(e, "loss", logged(e, "loss"));
    for (size_t i = 0; i < r->objectives.count; i++) {
        const Entry *entry = &r->objectives.items[i];
        Value record = value_list(e, entry->loc, V_RECORD, 1);
        static const char *const names[] = {"loss"};
        record.names = (const char **)names;
        record.items[0] = logged(e, arena_printf(e->arena, "loss.%s", entry->name));
        define_logged(e, entry->name, record);
    }
    for (size_t i = 0; i < r->metrics.count; i++) {
        const Entry *entry = &r->metrics.items[i];
        const char *last = arena_printf(e->arena, "%s.last", entry->name);
        define_logged(e, entry->name, logged(e, entry->held_out ? last : entry->name));
        for (size_t k = 0; entry->held_out && k < sizeof FIELDS / sizeof *FIELDS; k++) {
            const char *name = arena_printf(e->arena, "%s.%s", entry->name, FIELDS[k]);
            define(e, e->own, name, logged(e, name));
        }
    }
}

/* `NAME.best` of a metric of held-out images becomes one name. */
static bool join_field(Expr *expr, void *user) {
    Evaluator *e = user;
    if (expr->kind != EXPR_ATTRIBUTE || expr->a->kind != EXPR_NAME) return false;
    for (size_t i = 0; i < e->recipe->metrics.count; i++) {
        const Entry *entry = &e->recipe->metrics.items[i];
        if (!entry->held_out || strcmp(entry->name, expr->a->text) != 0) continue;
        for (size_t k = 0; k < sizeof FIELDS / sizeof *FIELDS; k++)
            if (strcmp(expr->text, FIELDS[k]) == 0)
                *expr = (Expr){.kind = EXPR_NAME,
                               .loc = expr->a->loc,
                               .text = arena_printf(e->arena, "%s.%s", entry->name, FIELDS[k])};
        if (expr->kind == EXPR_ATTRIBUTE)
            eval_error(e, expr->loc,
                       "metric '%s' has last, best and since (evaluations since the best), not '%s'",
                       entry->name, expr->text);
        return expr->kind == EXPR_ATTRIBUTE;
    }
    return false;
}

static void build_stop(Step *step) {
    Evaluator *e = &step->e;
    Expr *stop = e->recipe->stop;
    if (!stop || walk(stop, join_field, e)) return;
    begin_watch(step, "stop", true);
    e->sees = "`stop` sees what is logged: loss, OBJECTIVE.loss, metrics (of held-out images NAME.last, "
              "NAME.best and "
              "NAME.since), schedules, states and the step";
    define_time(step);
    define_schedules(e);
    define_states(e);
    define_log(e);
    e->settable = true;
    Value value = eval_in(e, "`stop`", stop);
    e->settable = false;
    if (value.kind == V_POISON) return;
    Loc loc = value_loc(e, stop);
    if (value.kind == V_BOOL && !value.number) { /* never */
        e->module->n_funcs--;
        return;
    }
    ValueId id = is_tensor(&value) ? tensor_of(e, loc, &value, DT_BOOL) : IR_NONE;
    const Type *type = id == IR_NONE ? NULL : func_type(e->func, id);
    if (type && type->rank == 0 && type->dtype == DT_BOOL)
        func_add_output(e->func, "stop", id);
    else
        eval_error(e, loc, "`stop` must be one bool that depends on what is logged, not %s",
                   show_value(e, &value));
}

void build_watch(Step *step) {
    Evaluator *e = &step->e;
    void (*const build[])(Step *) = {build_validate, build_images, build_stop};
    for (size_t i = 0; i < sizeof build / sizeof *build && !e->exhausted; i++) build[i](step);
    e->sees = NULL;
}
