/* From an expression that failed back to the knobs behind it, so that an error inside a library names what the user
 * set; and to the argument of the user's call that it comes from.
 *
 * Names of the failing expression are followed through assignments, arguments and defaults of the running calls. A
 * tensor is followed for its sizes alone: where it fails itself, or where a number was read from its shape. Such a
 * number has no other way back than its value, to the nearest running call that was given this number. Where two knobs
 * are equal one too many may be named; only the message depends on it. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/recipe/knob.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_VISITS = 200, MAX_WALKED = 50000, MAX_WALK_DEPTH = 300 };

typedef struct {
    Evaluator *e;
    const Knob *knobs[MAX_BLAMED];
    size_t n_knobs;
    const Type *tensor; /* while a tensor's arguments are followed: its type */
    bool numbers;       /* a number is followed: tensors matter where their shape is read … */
    int in_shape;       /* … as in the expression at hand */
    int in_call; /* what a call inside the failing expression gives has another shape than its arguments */
    bool from_shape; /* the number at hand was read from a shape */
    int found;       /* how often a knob was met, also one that is listed already */
    struct {         /* names followed */
        int level;
        const char *name;
    } visits[MAX_VISITS];
    int n_visits;
    int walked, depth; /* expressions met so far, and how deep: both are limited */
} Blame;

/* Level i is the body of running call i; -1 the recipe's own text, outside all of them. */
static Frame *frame_at(const Evaluator *e, int level) {
    size_t next = (size_t)(level + 1);
    return next < e->n_calls ? e->callers[next] : e->frame;
}

static const Block *block_at(const Evaluator *e, int level) {
    return level < 0 ? e->block : e->running[level]->body;
}

static const Value *value_at(const Evaluator *e, int level, const char *name) {
    const Frame *frame = frame_at(e, level);
    for (size_t i = 0; frame && i < frame->count; i++)
        if (strcmp(frame->variables[i].name, name) == 0) return &frame->variables[i].value;
    return NULL;
}

static void add_knob(Blame *b, const Knob *knob) {
    b->n_knobs = knob_add(b->knobs, b->n_knobs, knob);
    b->found++;
}

/* ---- walking over expressions ------------------------------------------------------------------------------------ */

typedef void (*Visit)(Blame *b, int level, const Expr *expr, const void *with);

/* dim(x, axis), shape(x), rank(x), len(list): numbers that a value's shape gives. */
static bool reads_shape(const Expr *expr) {
    static const char *const readers[] = {"dim", "shape", "rank", "len"};
    if (expr->kind != EXPR_CALL || expr->a->kind != EXPR_NAME) return false;
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (strcmp(expr->a->text, readers[i]) == 0) return true;
    return false;
}

/* Each expression and statement below `expr`, itself first. */
static void walk(Blame *b, int level, const Expr *expr, Visit visit, const void *with) {
    if (!expr || b->depth > MAX_WALK_DEPTH || ++b->walked > MAX_WALKED) return;
    b->depth++;
    bool reads = reads_shape(expr), computes = expr->kind == EXPR_CALL && expr != b->e->at && !reads;
    if (reads) b->in_shape++, b->from_shape = true;
    b->in_call += computes;
    visit(b, level, expr, with);
    const Expr *parts[] = {expr->a, expr->b, expr->c};
    for (int i = 0; i < 3; i++) walk(b, level, parts[i], visit, with);
    for (size_t i = 0; i < expr->n_args; i++) walk(b, level, expr->args[i], visit, with);
    for (size_t i = 0; i < expr->n_clauses; i++) {
        walk(b, level, expr->clauses[i].over, visit, with);
        for (size_t k = 0; k < expr->clauses[i].n_conditions; k++)
            walk(b, level, expr->clauses[i].conditions[k], visit, with);
    }
    for (size_t i = 0; i < expr->n_body; i++) walk(b, level, expr->body[i], visit, with);
    for (size_t i = 0; i < expr->n_orelse; i++) walk(b, level, expr->orelse[i], visit, with);
    b->in_shape -= reads;
    b->in_call -= computes;
    b->depth--;
}

static bool binds(const Expr *target, const char *name) {
    if (!target) return false;
    if (target->kind == EXPR_NAME) return strcmp(target->text, name) == 0;
    for (size_t i = 0; i < target->n_args; i++)
        if (binds(target->args[i], name)) return true;
    return false;
}

/* ---- following --------------------------------------------------------------------------------------------------- */

static void follow_name(Blame *b, int level, const char *name);

static void follow(Blame *b, int level, const Expr *expr, const void *with) {
    (void)with;
    if (expr->kind == EXPR_NAME) follow_name(b, level, expr->text);
}

/* What gives `name` its value in a body: loops, comprehensions, assignments. */
static void follow_loop(Blame *b, int level, const Expr *expr, const void *name) {
    if (expr->kind == STMT_FOR && binds(expr->a, name)) walk(b, level, expr->b, follow, NULL);
    for (size_t i = 0; i < expr->n_clauses; i++)
        if (binds(expr->clauses[i].target, name)) walk(b, level, expr->clauses[i].over, follow, NULL);
}

/* Where a body is at: what fails, or the call that runs. */
static Loc place_at(const Evaluator *e, int level) {
    size_t next = (size_t)(level + 1);
    return next < e->n_calls ? e->calls[next]->loc : e->at ? e->at->loc : (Loc){0};
}

static void follow_binding(Blame *b, int level, const Expr *expr, const void *name) {
    bool before = expr->loc.line <= place_at(b->e, level).line;
    if (expr->kind == STMT_ASSIGN && before && binds(expr->a, name)) walk(b, level, expr->b, follow, NULL);
    follow_loop(b, level, expr, name);
}

/* The expression that a running call gives its parameter; *at: the level whose names it is written in. */
static const Expr *argument(const Evaluator *e, int level, const char *name, int *at) {
    const Signature *signature = &e->running[level]->signature;
    const Expr *call = e->calls[level], *fallback = NULL;
    size_t place = signature->count;
    for (size_t p = 0; p < signature->count; p++)
        if (strcmp(signature->parameters[p].name, name) == 0) {
            place = p;
            fallback = signature->parameters[p].fallback;
        }
    *at = level - 1;
    for (size_t i = 0, positional = 0; i < call->n_args; i++) {
        const char *keyword = call->args[i]->keyword;
        if (keyword ? strcmp(keyword, name) == 0 : positional++ == place) return call->args[i];
    }
    *at = level;
    return fallback;
}

/* The knobs that a value of the tree names; a number that names none is told like a knob, by its path. */
static size_t settings_in(Blame *b, const Tree *tree, const char *path, const Knob **knobs) {
    size_t n = tree ? knobs_in(b->e->recipe, tree, knobs, 0) : 0;
    if (n || !tree || tree->kind != TREE_SCALAR || !tree->size || tree->text[0] == '$') return n;
    Knob *knob = ARENA_NEW(b->e->arena, Knob);
    char *end;
    *knob = (Knob){.name = path, .type = KNOB_INT, .set = tree->loc, .number = strtod(tree->text, &end)};
    knobs[0] = knob;
    return *end == '\0';
}

static void follow_tree(Blame *b, const Tree *tree, const char *path) {
    const Knob *knobs[MAX_BLAMED];
    size_t n = settings_in(b, tree, path, knobs);
    for (size_t i = 0; i < n; i++) add_knob(b, knobs[i]);
}

static const Value *own_value(const Evaluator *e, const char *name) {
    for (size_t i = 0; i < e->own->count; i++)
        if (strcmp(e->own->variables[i].name, name) == 0) return &e->own->variables[i].value;
    return NULL;
}

/* The tensor of that name in the recipe, or the first of its copies; or NULL. */
static const Type *own_tensor(const Evaluator *e, const char *name) {
    const Value *value = own_value(e, name);
    if (value && is_list(value) && value->count) value = &value->items[0];
    return value && value->kind == V_TENSOR ? func_type(value->func, value->id) : NULL;
}

/* The sizes of a view or draw that the tensor at hand has too, at axis `first` or behind it: a network may be applied
 * to views of several sizes. */
static void follow_sizes(Blame *b, const char *name, const Tree *sizes, const char *path, int first) {
    const Knob *knobs[MAX_BLAMED];
    const Type *type = b->tensor ? b->tensor : own_tensor(b->e, name);
    size_t n = type ? settings_in(b, sizes, path, knobs) : 0;
    for (size_t i = 0; i < n; i++) {
        bool there = false;
        for (int k = first; k < type->rank; k++) there = there || (double)type->dim[k] == knobs[i]->number;
        if (there) add_knob(b, knobs[i]);
    }
}

/* How many copies a view has, where they are too few. */
static void follow_count(Blame *b, const char *name, const Tree *count) {
    const Value *value = own_value(b->e, name);
    if (!count || !value || !is_list(value) || value->count) return;
    follow_tree(b, count, arena_printf(b->e->arena, "views.%s.count", name));
}

/* A name of the recipe itself: a knob, a schedule, a view or a draw. */
static bool follow_own(Blame *b, const char *name) {
    const ParsedRecipe *r = b->e->recipe;
    const Knob *knob = knob_find(r, name);
    if (knob) return add_knob(b, knob), true;
    for (size_t i = 0; i < r->schedules.count; i++)
        if (strcmp(r->schedules.items[i].name, name) == 0)
            return walk(b, -1, r->schedules.items[i].value, follow, NULL), true;
    const Tree *view = tree_get(tree_get(r->tree, "views"), name),
               *draw = tree_get(tree_get(r->tree, "draws"), name);
    if (view) follow_count(b, name, tree_get(view, "count"));
    bool matters = (!b->numbers && !b->in_call) || b->in_shape;
    if (view && matters)
        follow_sizes(b, name, tree_get(view, "size"), arena_printf(r->arena, "views.%s.size", name), 2);
    if (draw && matters)
        follow_sizes(b, name, tree_get(draw, "shape"), arena_printf(r->arena, "draws.%s.shape", name), 0);
    return view || draw;
}

static bool visited(Blame *b, int level, const char *name) {
    for (int i = 0; i < b->n_visits; i++)
        if (b->visits[i].level == level && strcmp(b->visits[i].name, name) == 0) return true;
    if (b->n_visits == MAX_VISITS) return true;
    b->visits[b->n_visits].level = level;
    b->visits[b->n_visits++].name = name;
    return false;
}

static void follow_name(Blame *b, int level, const char *name) {
    const Evaluator *e = b->e;
    if (visited(b, level, name)) return;
    const Value *value = value_at(e, level, name);
    if (!value) {
        bool own = level < 0 || !frame_at(e, level) || !frame_at(e, level)->module;
        bool of_step = strcmp(name, "batch") == 0 || strcmp(name, "epochs") == 0;
        if (own && follow_own(b, name)) return;
        const Tree *train = of_step ? tree_get(e->recipe->tree, "train") : NULL;
        if (of_step) follow_tree(b, tree_get(train, name), arena_printf(e->arena, "train.%s", name));
        return;
    }
    int at;
    const Expr *given = level >= 0 ? argument(e, level, name, &at) : NULL;
    const Block *block = block_at(e, level);
    const Type *outer = b->tensor;
    bool numbers = b->numbers;
    int in_shape = b->in_shape;
    if (is_tensor(value) && (numbers || b->in_call) && !b->in_shape) return;
    if (value->kind == V_NONE || value->kind == V_POISON) return;
    if (value->kind == V_TENSOR && !outer && value->func == e->func)
        b->tensor = func_type(e->func, value->id);
    if (is_tensor(
            value)) { /* one that was passed by name is the caller's; one that was computed is followed no further */
        if (given && given->kind == EXPR_NAME && at < level) follow_name(b, at, given->text);
    } else {
        b->numbers = true;
        b->in_shape = 0;
        if (given) walk(b, at, given, follow, NULL);
    }
    for (size_t i = 0; block && i < block->count; i++)
        walk(b, level, block->statements[i], is_tensor(value) ? follow_loop : follow_binding, name);
    b->tensor = outer;
    b->numbers = numbers;
    b->in_shape = in_shape;
}

/* ---- by value ---------------------------------------------------------------------------------------------------- */

static void match_knob(Blame *b, int level, const Expr *expr, const void *number) {
    (void)level;
    const Knob *knob = expr->kind == EXPR_NAME ? knob_find(b->e->recipe, expr->text) : NULL;
    if (knob && knob->type == KNOB_INT && knob->number == *(const double *)number) add_knob(b, knob);
}

/* The nearest running call with an argument of this value; where the recipe's names are seen, also a knob of this
 * value. */
static void match_number(Blame *b, double number) {
    const Evaluator *e = b->e;
    int before = b->found;
    if (number < 2) return;
    for (int level = (int)e->n_calls - 1; level >= -1 && b->found == before; level--) {
        const Frame *frame = frame_at(e, level);
        const Block *block = block_at(e, level);
        const Signature *signature = level >= 0 ? &e->running[level]->signature : NULL;
        for (size_t p = 0; signature && p < signature->count; p++) {
            const Value *value = value_at(e, level, signature->parameters[p].name);
            if (value && value->kind == V_INT && value->number == number)
                b->n_visits = 0, follow_name(b, level, signature->parameters[p].name);
        }
        if (frame && frame->module) continue;
        for (size_t i = 0; block && i < block->count; i++)
            walk(b, level, block->statements[i], match_knob, &number);
    }
}

/* Numbers of the failing expression whose names led to no knob. */
static void match(Blame *b, int level, const Expr *expr, const void *with) {
    (void)with;
    const Value *value = expr->kind == EXPR_NAME ? value_at(b->e, level, expr->text) : NULL;
    int before = b->found;
    if (!value || value->kind != V_INT) return;
    b->n_visits = 0; /* followed once more, to see whether that finds a knob */
    b->from_shape = false;
    follow_name(b, level, expr->text);
    if (b->found == before && b->from_shape) match_number(b, value->number);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

size_t blame_knobs(Evaluator *e, const Knob **out) {
    Blame b = {.e = e};
    int level = (int)e->n_calls - 1;
    if (!e->at) return 0;
    const Expr *message =
        e->at->kind == STMT_ASSERT && e->at->b && e->at->b->kind == EXPR_STRING ? e->at->b : NULL;
    const char *text = message ? message->text : "", *before;
    walk(&b, level, e->at, follow, NULL);
    for (Expr *expr; (expr = expr_parse_braced(e->arena, e->diags, e->at->loc, &text, &before));)
        walk(&b, level, expr, follow, NULL);
    walk(&b, level, e->at, match, NULL);
    memcpy(out, b.knobs, sizeof *out * b.n_knobs);
    return b.n_knobs;
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

typedef struct {
    size_t level;      /* of the call that is asked about */
    const Expr *found; /* its argument */
    bool several;      /* or more than one */
} Origin;

typedef struct {
    const char *name;
    Loc end;
    bool found;
} Assigned;

/* Whether a name is assigned before a place of its body. */
static void find_assigned(Blame *b, int level, const Expr *expr, const void *with) {
    Assigned *assigned = (Assigned *)with;
    (void)b, (void)level;
    bool before = expr->loc.line < assigned->end.line;
    bool assigns = expr->kind == STMT_ASSIGN || expr->kind == STMT_FOR || expr->kind == STMT_REPEAT;
    if (assigns && before && binds(expr->a, assigned->name)) assigned->found = true;
}

static bool assigned_before(Blame *b, int level, const char *name) {
    const Evaluator *e = b->e;
    const Block *block = block_at(e, level);
    Assigned assigned = {.name = name, .end = place_at(e, level)};
    for (size_t i = 0; block && i < block->count; i++)
        walk(b, level, block->statements[i], find_assigned, &assigned);
    return assigned.found;
}

/* A parameter of the running call, to the argument that gives it, and so on outwards. */
static void follow_argument(Blame *b, int level, const Expr *expr, const void *with) {
    Origin *origin = (Origin *)with;
    int at;
    if (expr->kind != EXPR_NAME || level < (int)origin->level || !value_at(b->e, level, expr->text)) return;
    const Expr *given = argument(b->e, level, expr->text, &at);
    if (!given || at == level || assigned_before(b, level, expr->text)) return;
    if (level > (int)origin->level) {
        walk(b, at, given, follow_argument, with);
        return;
    }
    origin->several = origin->several || (origin->found && origin->found != given);
    origin->found = given;
}

const Expr *blame_argument(Evaluator *e, size_t level) {
    Blame b = {.e = e};
    Origin origin = {.level = level};
    if (!e->at) return NULL;
    const Expr *at = e->at->kind == STMT_ASSERT ? e->at->a : e->at;
    walk(&b, (int)e->n_calls - 1, at, follow_argument, &origin);
    return origin.several ? NULL : origin.found;
}
