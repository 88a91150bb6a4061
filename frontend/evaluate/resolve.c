/* Names that nothing has, found by reading: in branches that are not taken and modules that are not called, too.
 *
 * Each body is looked through with the names it could have: its parameters, all that it assigns anywhere, and those of
 * the recipe that are seen there. Whether a name has a value when it is read is found when the body runs. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/recipe/modules.h"
#include "frontend/recipe/own_names.h"

#include <string.h>

enum { MAX_TOLD_NAMES = 100 }; /* no more errors are shown, and suggestions of each look at all names */

/* ---- what a body assigns ----------------------------------------------------------------------------------------- */

static const Value UNKNOWN = {.kind = V_POISON};

/* A name without a value; how often the body assigns it is its count. */
static void add_target(Evaluator *e, Frame *frame, const char *name) {
    Value *known = frame_find(frame, name), value = UNKNOWN;
    value.count = known ? known->count + 1 : 1;
    define(e, frame, name, value);
}

static void add_targets(Evaluator *e, Frame *frame, const Expr *target) {
    if (!target) return;
    if (target->kind == EXPR_NAME) add_target(e, frame, target->text);
    for (size_t i = 0; i < target->n_args; i++) add_targets(e, frame, target->args[i]);
}

static bool is_elif(const Expr *expr) {
    return expr->kind == STMT_IF && expr->n_orelse == 1 && expr->orelse[0]->kind == STMT_IF;
}

/* The part that chains as long as a text nest in: operators in a, choices in c, elif in orelse. */
static const Expr *chained(const Expr *expr) {
    if (expr->kind == EXPR_IF) return expr->c;
    return is_elif(expr) ? expr->orelse[0] : expr->a;
}

static void add_assigned(Evaluator *e, Frame *frame, const Expr *expr) {
    for (; expr; expr = chained(expr)) {
        if (expr->kind == STMT_UPDATE && expr->a->kind != EXPR_NAME)
            add_targets(e, frame, expr->a); /* no states: told */
        bool binds = expr->kind == STMT_ASSIGN || expr->kind == STMT_FOR || expr->kind == STMT_REPEAT;
        if (binds) add_targets(e, frame, expr->a);
        for (size_t i = 0; i < expr->n_clauses; i++) {
            add_targets(e, frame, expr->clauses[i].target);
            add_assigned(e, frame, expr->clauses[i].over);
            for (size_t k = 0; k < expr->clauses[i].n_conditions; k++)
                add_assigned(e, frame, expr->clauses[i].conditions[k]);
        }
        for (size_t i = 0; i < expr->n_args; i++) add_assigned(e, frame, expr->args[i]);
        for (size_t i = 0; i < expr->n_body; i++) add_assigned(e, frame, expr->body[i]);
        for (size_t i = 0; i < expr->n_orelse && !is_elif(expr); i++) add_assigned(e, frame, expr->orelse[i]);
        add_assigned(e, frame, expr->b);
        if (expr->kind == EXPR_IF || is_elif(expr)) add_assigned(e, frame, expr->a);
        if (expr->kind != EXPR_IF) add_assigned(e, frame, expr->c);
    }
}

/* ---- what it reads ----------------------------------------------------------------------------------------------- */

static void resolve(Evaluator *e, const Expr *expr);

/* What is called here may be a module of a library, which something of the recipe hides: that wants another name. */
static void check_hidden(Evaluator *e, const Expr *callee) {
    const char *name = callee->text;
    const Definition *other;
    OwnName own;
    if (e->frame->module || frame_find(e->frame, name) || names_find(&e->clashes, name) != NAMES_NONE) return;
    if (!frame_find(e->own, name) && !frame_find(e->globals, name)) return;
    const Definition *module = module_seen(e->recipe, 0, name, &other);
    if (!module || module->text == 0 || !own_name_find(e->recipe, name, &own)) return;
    name_error(e, own.loc, "'%s' is %s, and hides a module that the recipe calls: choose another name", name,
               own.kind);
    diag_note(e->diags, module->loc, "the module is here");
    diag_note(e->diags, callee->loc, "it is called here");
    names_set(e->arena, &e->clashes, name, 0);
}

/* The names that := sets. */
static void note_set(Evaluator *e, const Expr *target) {
    if (target->kind == EXPR_NAME) names_set(e->arena, &e->mentions->set, target->text, 0);
    for (size_t i = 0; target->kind == EXPR_TUPLE && i < target->n_args; i++) note_set(e, target->args[i]);
}

/* The expressions in the braces of an assertion's message. */
static void resolve_message(Evaluator *e, const Expr *message) {
    if (!message || message->kind != EXPR_STRING) {
        resolve(e, message);
        return;
    }
    const char *text = message->text, *before;
    for (Expr *part; (part = expr_parse_braced(e->arena, e->diags, message->loc, &text, &before));)
        resolve(e, part);
}

/* blocks[i]: the names in the brackets are read, the others are the label. */
static void resolve_label(Evaluator *e, const Expr *label) {
    for (; label && label->kind != EXPR_NAME; label = label->kind == EXPR_LIST ? NULL : label->a)
        for (size_t i = 0; i < label->n_args; i++) resolve(e, label->args[i]);
}

static void resolve_list(Evaluator *e, Expr *const *list, size_t n) {
    for (size_t i = 0; i < n; i++) resolve(e, list[i]);
}

static void resolve(Evaluator *e, const Expr *expr) {
    while (expr && !e->exhausted) {
        if (e->n_told >= MAX_TOLD_NAMES || !spend(e, expr->loc, 1)) return;
        for (size_t i = 0; i < expr->n_clauses; i++) {
            resolve(e, expr->clauses[i].over);
            resolve_list(e, expr->clauses[i].conditions, expr->clauses[i].n_conditions);
        }
        resolve_list(e, expr->args, expr->n_args);
        resolve_list(e, expr->body, expr->n_body);
        if (!is_elif(expr)) resolve_list(e, expr->orelse, expr->n_orelse);
        switch (expr->kind) {
        case EXPR_NAME:
            if (frame_find(e->frame, expr->text)) names_set(e->arena, &e->mentions->locals, expr->text, 0);
            value_of_name(e, expr);
            return;
        case EXPR_CALL:
            e->callee = expr = expr->a;
            if (expr->kind == EXPR_NAME) check_hidden(e, expr);
            resolve(e, expr);
            e->callee = NULL;
            return;
        case EXPR_ATTRIBUTE:
            if (name_of_package(e, expr)) return;
            names_set(e->arena, &e->mentions->fields, expr->text, 0);
            expr = expr->a;
            break;
        case EXPR_LABELLED:
            resolve_label(e, expr->a);
            expr = expr->b;
            break;
        case STMT_UPDATE: note_set(e, expr->a); /* fallthrough */
        case STMT_FOR:
        case STMT_REPEAT: expr = expr->b; break;
        case STMT_ASSIGN: {
            const Expr *before = e->assigning;
            e->assigning = expr->a;
            resolve(e, expr->b);
            e->assigning = before;
            return;
        }
        case STMT_ASSERT:
            resolve_message(e, expr->b);
            expr = expr->a;
            break;
        default:
            if (expr->kind == EXPR_IF || is_elif(expr)) resolve(e, expr->a);
            resolve(e, expr->b);
            if (expr->kind != EXPR_IF) resolve(e, expr->c);
            expr = chained(expr);
        }
    }
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* Looks an expression or statements through, with the names of `frame` and those that they assign. */
static void resolve_text(Evaluator *e, Frame *frame, const Expr *expr, const Block *block) {
    add_assigned(e, frame, expr);
    for (size_t i = 0; block && i < block->count; i++) add_assigned(e, frame, block->statements[i]);
    Frame *before = e->frame;
    e->frame = frame;
    resolve(e, expr);
    for (size_t i = 0; block && i < block->count; i++) resolve(e, block->statements[i]);
    e->frame = before;
}

static void resolve_expr(Evaluator *e, const Expr *expr, const char *const *names, size_t n) {
    Frame frame = {0};
    for (size_t i = 0; i < n; i++) define(e, &frame, names[i], UNKNOWN);
    if (expr) resolve_text(e, &frame, expr, NULL);
}

static void resolve_definition(Evaluator *e, const Definition *definition, bool module) {
    Frame frame = {.module = module, .text = definition->text};
    const Signature *signature = &definition->signature;
    for (size_t p = 0; p < signature->count; p++) {
        if (signature->parameters[p].fallback)
            resolve_text(e, &frame, signature->parameters[p].fallback, NULL);
        define(e, &frame, signature->parameters[p].name, UNKNOWN);
    }
    if (definition->body) resolve_text(e, &frame, NULL, definition->body);
    if (definition->momentum) resolve_expr(e, definition->momentum, NULL, 0);
}

static void resolve_entries(Evaluator *e, const Entries *entries) {
    for (size_t i = 0; i < entries->count; i++) resolve_expr(e, entries->items[i].value, NULL, 0);
}

/* Metrics see the loss; `stop` the metrics too. */
static void resolve_watch(Evaluator *e) {
    const ParsedRecipe *r = e->recipe;
    const char **logged = ARENA_ARRAY(e->arena, const char *, r->metrics.count + 1);
    logged[0] = "loss";
    for (size_t i = 0; i < r->metrics.count; i++) {
        resolve_expr(e, r->metrics.items[i].value, logged, 1);
        logged[i + 1] = r->metrics.items[i].name;
    }
    resolve_entries(e, &r->images);
    resolve_expr(e, r->stop, logged, r->metrics.count + 1);
}

/* Names that statements assign, and no text was found yet that reads them. */
static void note_unread_names(Evaluator *e, Expr *const *statements, size_t n) {
    Mentions *m = e->mentions;
    for (size_t i = 0; i < n; i++) {
        const Expr *s = statements[i], *target = s->a;
        for (; is_elif(s); s = s->orelse[0]) note_unread_names(e, s->body, s->n_body);
        note_unread_names(e, s->body, s->n_body);
        note_unread_names(e, s->orelse, s->n_orelse);
        if (s->kind != STMT_ASSIGN || target->kind != EXPR_NAME) continue;
        AssignedName assigned = {target->text, target->loc};
        if (names_find(&m->locals, target->text) == NAMES_NONE)
            ARENA_PUSH(e->arena, m->unread, m->n_unread, m->unread_capacity, assigned);
    }
}

static void resolve_update(Evaluator *e, Frame *frame, const Block *update) {
    e->mentions->locals = (Names){0};
    resolve_text(e, frame, NULL, update);
    note_unread_names(e, update->statements, update->count);
}

static void resolve_objectives(Evaluator *e) {
    for (size_t i = 0; i < e->recipe->objectives.count; i++) {
        const Entry *objective = &e->recipe->objectives.items[i];
        Frame frame = {0};
        resolve_text(e, &frame, NULL, objective->loss);
        if (objective->update) resolve_update(e, &frame, objective->update);
        resolve_expr(e, objective->weight, NULL, 0);
    }
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void define_entries(Evaluator *e, Frame *frame, const Entries *entries) {
    for (size_t i = 0; i < entries->count; i++) define(e, frame, entries->items[i].name, UNKNOWN);
}

/* A frame with what `from` has, to which names are added that have no value yet. */
static Frame *copy_frame(Evaluator *e, const Frame *from) {
    Frame *frame = ARENA_NEW(e->arena, Frame);
    for (size_t i = 0; i < from->count; i++)
        define(e, frame, from->variables[i].name, from->variables[i].value);
    return frame;
}

static void resolve_recipe(Evaluator *e) {
    static const char *const time[] = {"step", "steps_per_epoch", "epoch", "epochs", "batch", "training"};
    static const char *const facts[] = {"labels", "index"};
    static const char *const parameter[] = {"param", "grad", "decay", "name"};
    static const char *const all[] = {"grads", "params", "names"};
    const ParsedRecipe *r = e->recipe;
    Frame *globals = e->globals, *own = e->own;
    e->mentions = r->mentions;
    e->globals = copy_frame(e, globals);
    e->own = copy_frame(e, own);
    for (size_t i = 0; i < sizeof time / sizeof *time; i++) define(e, e->globals, time[i], UNKNOWN);
    for (size_t i = 0; r->default_stream >= 0 && !r->taken_by && i < sizeof facts / sizeof *facts; i++)
        define(e, e->own, facts[i], UNKNOWN);
    for (int s = 0; s < r->n_streams; s++)
        if (r->streams[s].name[0]) define(e, e->own, r->streams[s].name, UNKNOWN);
    for (size_t i = 0; i < r->n_views; i++) define(e, e->own, r->views[i].name, UNKNOWN);
    for (size_t i = 0; i < r->n_draws; i++) define(e, e->own, r->draws[i].name, UNKNOWN);
    define_entries(e, e->own, &r->state);
    define_entries(e, e->own, &r->objectives);
    define_entries(e, e->globals, &r->schedules);

    for (size_t i = 0; i < r->n_modules; i++) resolve_definition(e, &r->modules[i], true);
    for (size_t i = 0; i < r->n_networks; i++) resolve_definition(e, &r->networks[i], false);
    resolve_entries(e, &r->state);
    resolve_entries(e, &r->schedules);
    resolve_objectives(e);
    resolve_watch(e);
    resolve_entries(e, &r->values);
    resolve_entries(e, &r->freeze);
    resolve_expr(e, r->embed_features, &r->embed_view, r->embed_view && !frame_find(e->own, r->embed_view));
    const char *const read[] = {"features", "applied", r->embed_view};
    resolve_expr(e, r->embed_readout, read, r->embed_view ? 3 : 2);
    resolve_expr(e, r->optimizer, parameter, sizeof parameter / sizeof *parameter);
    resolve_expr(e, r->clip, all, sizeof all / sizeof *all);
    e->globals = globals;
    e->own = own;
    e->mentions = NULL;
}

/* Of other recipes' encoders too, each with the names of its own recipe. */
void resolve_names(Evaluator *e) {
    resolve_recipe(e);
    for (size_t i = 0; i < e->recipe->n_encoders; i++) {
        if (!e->recipe->encoders[i].recipe) continue; /* an error was told */
        Evaluator left = enter_recipe(e, e->recipe->encoders[i].recipe);
        resolve_names(e);
        leave_recipe(e, &left);
    }
}
