/* What is certainly NaN or infinite, found before anything runs: the outputs and new states of each function by the
 * ranges of their values (ir/range/range.h). Time is known too, since nothing but the step and the steps of an epoch
 * decides a schedule: what follows from time alone is computed at the first step, the last and around the borders of
 * epochs, everything else that depends on time at those of these steps where such a value is smallest, largest, 0 or
 * not finite. All of it is linear in the operators. */
#include "frontend/elaborate/step.h"
#include "ir/range/range.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { MOST_MOMENTS = 2048, MOST_CHOSEN = 128, MOST_TOLD = 10, NOMINAL_STEPS = 100 };

typedef struct {
    Evaluator *e;
    Step *step;
    const Func *func;
    Range *ranges;
    bool *clock, *timed; /* of each node: it follows from time alone; it depends on time */
    ValueId *sources, *clocks,
        *others; /* step and steps_per_epoch; `clock` nodes; `timed` ones that are none */
    size_t n_sources, n_clocks, n_others;
    bool *leaves; /* of each clock: something that is none reads it */
    double per_epoch, *moments;
    size_t n_moments;
    ValueId *told; /* where errors began */
    size_t n_told;
} Finite;

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static const char *range_text(Arena *arena, const Range *r) {
    if (isnan(r->low)) return "NaN";
    if (range_is_number(r)) return arena_printf(arena, "%.6g", r->low + 0.0);
    if (r->never) return "what is not finite";
    if (isinf(r->low) && isinf(r->high)) return "any value";
    if (isinf(r->low)) return arena_printf(arena, "values up to %.6g", r->high + 0.0);
    if (isinf(r->high)) return arena_printf(arena, "values from %.6g", r->low + 0.0);
    return arena_printf(arena, "values from %.6g to %.6g", r->low, r->high);
}

/* "0.1 / 0", "log of -1" */
static const char *node_text(const Finite *f, const Node *node) {
    Arena *arena = f->e->arena;
    const char *sign = op_info((OpKind)node->op)->recipe, *text = op_info((OpKind)node->op)->name;
    const Range *x = f->ranges;
    if (node->n_operands == 2 && *sign && !strchr("abcdefghijklmnopqrstuvwxyz", *sign))
        return arena_printf(arena, "%s %s %s", range_text(arena, &x[node->operands[0]]), sign,
                            range_text(arena, &x[node->operands[1]]));
    for (int o = 0; o < node->n_operands && o < 3; o++)
        text =
            arena_printf(arena, "%s %s %s", text, o ? "and" : "of", range_text(arena, &x[node->operands[o]]));
    return text;
}

static const char *result_text(const Range *r) {
    if (isnan(r->low)) return "not a number";
    if (range_is_number(r) && r->low > 0) return "infinite";
    return range_is_number(r) ? "minus infinity" : "not finite";
}

static bool is_bad(const Range *r) {
    return r->never || r->some;
}

/* The node that makes of finite operands what is not. */
static ValueId origin_of(const Finite *f, ValueId id) {
    for (;;) {
        const Node *node = func_node(f->func, id);
        ValueId next = IR_NONE;
        for (int o = 0; o < node->n_operands && next == IR_NONE; o++)
            if (is_bad(&f->ranges[node->operands[o]])) next = node->operands[o];
        if (next == IR_NONE) return id;
        id = next;
    }
}

/* Through what neither computes nor chooses. */
static ValueId through_copies(const Finite *f, ValueId id) {
    const Node *node = func_node(f->func, id);
    while (node->n_operands == 1 && op_has((OpKind)node->op, TRAIT_COPIES) && node->op != OP_neg) {
        id = node->operands[0];
        node = func_node(f->func, id);
    }
    return id;
}

/* How the numbers came about that an operator was given. */
static void tell_numbers(const Finite *f, ValueId id) {
    enum { DEEPEST = 3 };
    Loc told = func_node(f->func, id)->loc;
    for (int depth = 0; depth < DEEPEST; depth++) {
        const Node *node = func_node(f->func, id);
        ValueId next = IR_NONE;
        for (int o = node->n_operands; o-- > 0;) { /* a number rather than bounds */
            ValueId x = through_copies(f, node->operands[o]);
            const Range *r = &f->ranges[x];
            bool number = range_is_number(r), bounds = !isinf(r->low) || !isinf(r->high);
            bool better = number || next == IR_NONE || !range_is_number(&f->ranges[next]);
            if ((number || bounds) && better && func_node(f->func, x)->n_operands) next = x;
        }
        if (next == IR_NONE) return;
        id = next;
        node = func_node(f->func, id);
        if (memcmp(&node->loc, &told, sizeof told) == 0) continue;
        told = node->loc;
        diag_note(f->e->diags, told, "%s gives %s", node_text(f, node),
                  range_text(f->e->arena, &f->ranges[id]));
    }
}

/* What an output or a new state is to the recipe. */
typedef struct {
    const char *what, *name;
    const Entry *entry; /* NULL: it has none */
    Frame *names;       /* that its expression sees beside the recipe's */
    Loc loc;
} Place;

static const Entry *entry_called(const Entries *entries, const char *name) {
    for (size_t i = 0; i < entries->count; i++)
        if (strcmp(entries->items[i].name, name) == 0) return &entries->items[i];
    return NULL;
}

static Place place_of_output(const Finite *f, const Output *output) {
    const ParsedRecipe *r = f->e->recipe;
    static const struct {
        const char *what;
        size_t entries;
    } KINDS[] = {{"schedule", offsetof(ParsedRecipe, schedules)},
                 {"metric", offsetof(ParsedRecipe, metrics)},
                 {"value", offsetof(ParsedRecipe, values)}};
    const char *name = output->name;
    if (strncmp(name, "loss.", strlen("loss.")) == 0) name += strlen("loss.");
    const Entry *objective = name == output->name ? NULL : entry_called(&r->objectives, name);
    if (objective) {
        size_t i = (size_t)(objective - r->objectives.items);
        return (Place){"the loss of objective", name, objective, &f->step->locals[i], objective->loc};
    }
    for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++) {
        const Entry *entry = entry_called((const Entries *)((const char *)r + KINDS[k].entries), name);
        if (entry) return (Place){KINDS[k].what, name, entry, NULL, entry->loc};
    }
    return (Place){strcmp(f->func->name, "init") == 0 ? "the initial value of" : "output", output->name, NULL,
                   NULL, func_node(f->func, output->value)->loc};
}

static const Expr *find_expr(const Expr *expr, Loc loc);

static const Expr *find_among(Expr *const *items, size_t n, Loc loc) {
    const Expr *found = NULL;
    for (size_t i = 0; i < n && !found; i++) found = find_expr(items[i], loc);
    return found;
}

/* The innermost expression at a place. */
static const Expr *find_expr(const Expr *expr, Loc loc) {
    if (!expr) return NULL;
    Expr *const parts[] = {expr->a, expr->b, expr->c};
    const Expr *found = find_among(parts, 3, loc);
    if (!found) found = find_among(expr->args, expr->n_args, loc);
    if (!found) found = find_among(expr->body, expr->n_body, loc);
    if (!found) found = find_among(expr->orelse, expr->n_orelse, loc);
    return found ? found : memcmp(&expr->loc, &loc, sizeof loc) == 0 ? expr : NULL;
}

enum { ANY_STEP = -1 };

static const char *time_text(const Finite *f, double step) {
    if (step == ANY_STEP) return "in any step";
    return arena_printf(f->e->arena, "at step %.0f (epoch %.4g of %.4g, of %.6g steps each)", step,
                        step / f->per_epoch, f->e->recipe->train.epochs, f->per_epoch);
}

static void tell(Finite *f, const Place *place, ValueId id, double step) {
    Evaluator *e = f->e;
    ValueId origin = origin_of(f, id);
    const Node *node = func_node(f->func, origin);
    for (size_t i = 0; i < f->n_told; i++)
        if (f->told[i] == origin) return;
    if (f->n_told >= MOST_TOLD) return;
    f->told[f->n_told++] = origin;
    const Block *block = place->entry ? place->entry->loss : NULL;
    const Expr *whole = place->entry ? place->entry->value : NULL;
    e->at = block ? find_among(block->statements, block->count, node->loc) : find_expr(whole, node->loc);
    e->block = block;
    e->frame = place->names;
    if (!e->at) e->at = whole;
    /* A line of a library is a note to the one of the recipe that led there. */
    bool own = !place->loc.file || node->loc.file == place->loc.file;
    eval_error(e, own ? node->loc : place->loc, "%s is %s: %s '%s' is not finite %s", node_text(f, node),
               result_text(&f->ranges[origin]), place->what, place->name, time_text(f, step));
    if (!own) diag_note(e->diags, node->loc, "here");
    tell_numbers(f, origin);
    e->at = NULL;
    e->frame = NULL;
}

/* Outputs and new states that are not finite. clocks: those that follow from time alone, else those that do not. */
static void check_results(Finite *f, bool timed, bool clocks, double step) {
    const Output *loss = NULL; /* told of where its objectives are finite: a weight is not */
    for (size_t i = 0; i < f->func->n_outputs; i++) {
        const Output *output = &f->func->outputs[i];
        ValueId id = output->value;
        if (!is_bad(&f->ranges[id]) || f->timed[id] != timed || f->clock[id] != clocks) continue;
        if (output->role == OUTPUT_LOSS) {
            loss = output;
            continue;
        }
        Place place = place_of_output(f, output);
        tell(f, &place, id, step);
    }
    if (loss) {
        Loc loc = func_node(f->func, origin_of(f, loss->value))->loc;
        tell(f, &(Place){"the sum", loss->name, NULL, NULL, loc}, loss->value, step);
    }
    for (size_t i = 0; i < f->func->n_updates; i++) {
        const Update *update = &f->func->updates[i];
        ValueId id = update->value;
        if (!is_bad(&f->ranges[id]) || f->timed[id] != timed || f->clock[id] != clocks) continue;
        const State *state = &f->e->module->states[update->state];
        tell(f, &(Place){"the new value of", state->name, NULL, NULL, {0, 0, 0}}, id, step);
    }
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

/* Inputs of settings are what they are for now. Returns which nodes they are. */
static bool *know_settings(Finite *f) {
    bool *known = ARENA_ARRAY(f->e->arena, bool, f->func->count + 1);
    for (ValueId id = 0; id < f->func->count; id++) {
        double value;
        known[id] = setting_value(f->e, f->func, func_node(f->func, id), &value);
        if (known[id]) f->ranges[id] = range_of_number(value, DT_F64);
    }
    return known;
}

/* Scalars that follow from settings and constants, as good as the latter. */
static bool *find_steady(const Finite *f, const bool *settings) {
    bool *steady = ARENA_ARRAY(f->e->arena, bool, f->func->count + 1);
    for (ValueId id = 0; id < f->func->count; id++) {
        const Node *node = func_node(f->func, id);
        bool all = node->type.rank == 0, any = false;
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            any = any || steady[x];
            all = all && (steady[x] || func_node(f->func, x)->op == OP_constant);
        }
        steady[id] = settings[id] || (all && any);
    }
    return steady;
}

static bool is_time(const Finite *f, const Node *node) {
    if (node->op == OP_state) return (uint32_t)source_attrs(node)->index == f->step->counter;
    return node->op == OP_input &&
           strcmp(f->func->inputs[source_attrs(node)->index].name, "steps_per_epoch") == 0;
}

static void sort_by_time(Finite *f, const bool *steady) {
    Arena *arena = f->e->arena;
    size_t n = f->func->count;
    f->clock = ARENA_ARRAY(arena, bool, n + 1);
    f->timed = ARENA_ARRAY(arena, bool, n + 1);
    f->leaves = ARENA_ARRAY(arena, bool, n + 1);
    f->sources = ARENA_ARRAY(arena, ValueId, n + 1);
    f->clocks = ARENA_ARRAY(arena, ValueId, n + 1);
    f->others = ARENA_ARRAY(arena, ValueId, n + 1);
    for (ValueId id = 0; id < n; id++) {
        const Node *node = func_node(f->func, id);
        bool all = node->type.rank == 0 && node->n_operands;
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            f->timed[id] = f->timed[id] || f->timed[x];
            all = all && (f->clock[x] || steady[x] || func_node(f->func, x)->op == OP_constant);
        }
        f->timed[id] = f->timed[id] || is_time(f, node);
        f->clock[id] = f->timed[id] && (all || !node->n_operands);
        for (int o = 0; o < node->n_operands; o++)
            f->leaves[node->operands[o]] = f->leaves[node->operands[o]] || !f->clock[id];
        if (is_time(f, node)) f->sources[f->n_sources++] = id;
        if (f->clock[id] && node->n_operands) f->clocks[f->n_clocks++] = id;
        if (f->timed[id] && !f->clock[id]) f->others[f->n_others++] = id;
    }
}

static void add_moment(Finite *f, double step, double first, double last) {
    if (step < first || step > last || f->n_moments >= MOST_MOMENTS) return;
    if (f->n_moments && f->moments[f->n_moments - 1] >= step) return;
    f->moments[f->n_moments++] = step;
}

/* The first step, the last, and those around the borders of epochs, in order. */
static void find_moments(Finite *f) {
    const ParsedRecipe *r = f->e->recipe;
    const RecipeOptions *options = r->options;
    f->per_epoch = options->steps_per_epoch > 0 ? options->steps_per_epoch : NOMINAL_STEPS;
    double first = (double)options->first_step, last = ceil(r->train.epochs * f->per_epoch - 1e-9) - 1;
    if (options->steps > 0) last = fmin(last, (double)options->steps - 1);
    double border = floor(first / f->per_epoch),
           every = ceil(3 * (last - first) / f->per_epoch / (MOST_MOMENTS - 8));
    f->moments = ARENA_ARRAY(f->e->arena, double, MOST_MOMENTS + 1);
    add_moment(f, first, first, last);
    for (; border * f->per_epoch <= last && f->n_moments + 4 < MOST_MOMENTS; border += every < 1 ? 1 : every)
        for (int around = -1; around <= 1; around++)
            add_moment(f, ceil(border * f->per_epoch) + around, first, last);
    add_moment(f, last, first, last);
}

static void set_time(Finite *f, double step) {
    for (size_t i = 0; i < f->n_sources; i++) {
        bool counter = func_node(f->func, f->sources[i])->op == OP_state;
        f->ranges[f->sources[i]] = range_of_number(counter ? step : f->per_epoch, DT_F64);
    }
}

static void compute(Finite *f, const ValueId *ids, size_t n) {
    Range few[16];
    for (size_t i = 0; i < n; i++) {
        const Node *node = func_node(f->func, ids[i]);
        Range *x = node->n_operands > 16 ? ARENA_ARRAY(f->e->arena, Range, node->n_operands) : few;
        for (int o = 0; o < node->n_operands; o++) x[o] = f->ranges[node->operands[o]];
        f->ranges[ids[i]] = range_of_node(f->func, node, x);
    }
}

/* The moments at which a clock that others read is smallest, largest, 0 or not finite. */
typedef struct {
    double low, high;
    size_t at_low, at_high;
    bool zero, bad;
} Extremes;

static void note_extremes(const Finite *f, Extremes *extremes, size_t moment, bool *chosen) {
    for (size_t i = 0; i < f->n_clocks; i++) {
        Extremes *x = &extremes[i];
        const Range *r = &f->ranges[f->clocks[i]];
        if (!f->leaves[f->clocks[i]]) continue;
        if (moment == 0 || r->low < x->low) x->low = r->low, x->at_low = moment;
        if (moment == 0 || r->high > x->high) x->high = r->high, x->at_high = moment;
        bool zero = r->low == 0 && r->high == 0;
        if ((zero && !x->zero) || (is_bad(r) && !x->bad)) chosen[moment] = true;
        x->zero = x->zero || zero;
        x->bad = x->bad || is_bad(r);
    }
}

static void check_moments(Finite *f) {
    Arena *arena = f->e->arena;
    Extremes *extremes = ARENA_ARRAY(arena, Extremes, f->n_clocks + 1);
    bool *chosen = ARENA_ARRAY(arena, bool, f->n_moments + 1);
    for (size_t m = 0; m < f->n_moments; m++) {
        set_time(f, f->moments[m]);
        compute(f, f->clocks, f->n_clocks);
        check_results(f, true, true, f->moments[m]);
        note_extremes(f, extremes, m, chosen);
    }
    for (size_t i = 0; i < f->n_clocks; i++)
        if (f->leaves[f->clocks[i]]) chosen[extremes[i].at_low] = chosen[extremes[i].at_high] = true;
    if (f->n_moments) chosen[0] = chosen[f->n_moments - 1] = true;
    for (size_t m = 0, n = 0; m < f->n_moments && n < MOST_CHOSEN; m++) {
        if (!chosen[m]) continue;
        n++;
        set_time(f, f->moments[m]);
        compute(f, f->clocks, f->n_clocks);
        compute(f, f->others, f->n_others);
        check_results(f, true, false, f->moments[m]);
    }
}

void check_finite(Step *step, const Func *func) {
    Evaluator *e = &step->e;
    Finite f = {.e = e, .step = step, .func = func};
    f.ranges = ARENA_ARRAY(e->arena, Range, func->count + 1);
    f.told = ARENA_ARRAY(e->arena, ValueId, MOST_TOLD + 1);
    const bool *known = know_settings(&f);
    sort_by_time(&f, find_steady(&f, known));
    range_of_func(func, known, f.ranges);
    check_results(&f, false, false, ANY_STEP);
    if (strcmp(func->name, "step") != 0) return;
    find_moments(&f);
    check_moments(&f);
}
