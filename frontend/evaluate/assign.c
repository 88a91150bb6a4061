/* Assignment: `=` gives a name of the running body a value, `:=` a state its next one. */
#include "frontend/evaluate/evaluator.h"

#include <string.h>

bool bind_names(Evaluator *e, const Expr *target, Value value) {
    if (target->kind == EXPR_NAME) {
        define(e, assigned_frame(e), target->text, value);
        frame_variable(assigned_frame(e), target->text)->loc = target->loc;
        return true;
    }
    if (value.kind != V_POISON && is_list(&value) && value.count == target->n_args) {
        for (size_t i = 0; i < target->n_args; i++) bind_names(e, target->args[i], value.items[i]);
        return true;
    }
    const char *message = arena_printf(e->arena, "%zu names for %s", target->n_args, show_value(e, &value));
    if (is_list(&value) && value.count == 0)
        empty_error(e, target->loc, message);
    else if (value.kind != V_POISON)
        eval_error(e, target->loc, "%s", message);
    for (size_t i = 0; i < target->n_args; i++) bind_names(e, target->args[i], (Value){0});
    return false;
}

/* ---- names of states --------------------------------------------------------------------------------------------- */

/* The state of `state:` that the name means here; NULL: none. */
static const Entry *state_named(Evaluator *e, const char *name) {
    if (e->frame && (e->frame->module || frame_find(e->frame, name))) return NULL;
    const Value *own = frame_find(e->own, name);
    for (size_t i = 0; own && own->kind == V_STATE && i < e->recipe->state.count; i++)
        if (strcmp(e->recipe->state.items[i].name, name) == 0) return &e->recipe->state.items[i];
    return NULL;
}

static const char *operator_text(int op) {
    switch (op) {
    case '+': return " +";
    case '-': return " -";
    case '*': return " *";
    case '/': return " /";
    default: return "";
    }
}

/* What is written instead: "center := …", "center := center + …". */
static const char *update_text(Evaluator *e, const Expr *statement, const char *name) {
    return statement->op ? arena_printf(e->arena, "%s := %s%s …", name, name, operator_text(statement->op))
                         : arena_printf(e->arena, "%s := …", name);
}

bool may_assign(Evaluator *e, const Expr *statement, const Expr *target) {
    bool good = true;
    for (size_t i = 0; target->kind == EXPR_TUPLE && i < target->n_args; i++)
        good = may_assign(e, statement, target->args[i]) && good;
    const Entry *state = target->kind == EXPR_NAME ? state_named(e, target->text) : NULL;
    if (!state) return good;
    if (statement->kind == STMT_FOR || statement->kind == STMT_REPEAT)
        name_error(e, target->loc, "'%s' is a state: a loop's variable wants another name", state->name);
    else
        name_error(e, target->loc, "'%s' is a state, and `%s` sets no state: write `%s`", state->name,
                   statement->op ? arena_printf(e->arena, "%c=", statement->op) : "=",
                   update_text(e, statement, state->name));
    diag_note(e->diags, state->loc, "the state is defined here");
    return false;
}

/* x = buffer(…), then x = something else: the buffer would stay as it is. */
static bool leaves_state(Evaluator *e, const Expr *statement, const Value *value) {
    const Variable *known =
        statement->a->kind == EXPR_NAME ? frame_variable(e->frame, statement->a->text) : NULL;
    if (!known || !known->holds_state || value->kind == V_STATE) return false;
    name_error(e, statement->a->loc,
               "'%s' holds a state, and `=` sets no state: write `%s`, or give the value another name",
               known->name, update_text(e, statement, known->name));
    return true;
}

/* The names of a target that is wrong: poison, but for states, which keep their values. */
static void bind_poison(Evaluator *e, const Expr *target) {
    for (size_t i = 0; target->kind == EXPR_TUPLE && i < target->n_args; i++) bind_poison(e, target->args[i]);
    if (target->kind == EXPR_NAME && !state_named(e, target->text)) bind_names(e, target, (Value){0});
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

void assign_value(Evaluator *e, const Expr *s, Value value, bool may) {
    const Expr *target = s->a, *from = s->b, *at = e->at;
    if (!may) {
        bind_poison(e, target);
        return;
    }
    /* after an error the names are poison too, so that one error stays one */
    if (value.kind == V_POISON || leaves_state(e, s, &value)) value = (Value){0};
    e->at = from;
    bind_names(e, target, value);
    e->at = at;
    while (from->kind == EXPR_LABELLED) from = from->b;
    if (target->kind == EXPR_NAME)
        frame_variable(assigned_frame(e), target->text)->holds_state =
            value.kind == V_STATE && from->kind == EXPR_CALL;
}

/* The new value is brought to the state's type; one with as many elements is reshaped. */
static void update_state(Evaluator *e, Loc loc, uint32_t state, const Value *value) {
    const Type *type = &e->module->states[state].type;
    ValueId id = tensor_of(e, loc, value, (DType)type->dtype);
    if (id == IR_NONE) return;
    id = ir_cast(e->func, id, (DType)type->dtype);
    if (!type_equal(func_type(e->func, id), type)) {
        const Type *is = func_type(e->func, id);
        if (type_elements(is) == type_elements(type))
            id = ir_reshape(e->func, id, type->rank, type->dim);
        else {
            eval_error(e, loc, "state '%s' is %s, the new value %s", e->module->states[state].name,
                       type_text(e->arena, type), type_text(e->arena, is));
            return;
        }
    }
    id = ir_unary(e->func, OP_stop_grad, id);
    set_state(e, state, id);
}

static const char *nearest_state(Evaluator *e, const char *name) {
    const Frame *frames[] = {e->frame, e->frame && e->frame->module ? NULL : e->own};
    size_t n = 0, most = (frames[0] ? frames[0]->count : 0) + (frames[1] ? frames[1]->count : 0);
    const char **names = ARENA_ARRAY(e->arena, const char *, most + 1);
    for (int f = 0; f < 2; f++)
        for (size_t i = 0; frames[f] && i < frames[f]->count; i++)
            if (frames[f]->variables[i].value.kind == V_STATE) names[n++] = frames[f]->variables[i].name;
    return did_you_mean(e, name, names, n);
}

static void no_state(Evaluator *e, const Expr *target, const Value *known) {
    const char *name = target->text;
    if (!known && frame_find(e->own, name))
        name_error(e, target->loc, "'%s' is not seen inside a module: pass it as an argument", name);
    else if (known && frame_find(e->frame, name))
        name_error(e, target->loc, "`:=` sets a state, and '%s' is %s: `=` assigns a value", name,
                   show_value(e, known));
    else
        name_error(e, target->loc, "`:=` sets a state; '%s' is none%s", name, nearest_state(e, name));
    if (!known && e->frame) define(e, e->frame, name, (Value){0}); /* one error is enough */
}

static void update_name(Evaluator *e, const Expr *s, const Expr *target, const Value *value) {
    const Value *known = lookup(e, target->text);
    if (!known || known->kind != V_STATE) {
        if (!known || known->kind != V_POISON) no_state(e, target, known);
    } else if (value->kind != V_POISON)
        update_state(e, target == s->a ? s->loc : target->loc, known->state, value);
}

void update_value(Evaluator *e, const Expr *s, Value value) {
    const Expr *target = s->a;
    if (target->kind == EXPR_NAME) {
        update_name(e, s, target, &value);
        return;
    }
    bool fits = is_list(&value) && value.count == target->n_args;
    if (!fits && value.kind != V_POISON)
        eval_error(e, target->loc, "%zu states for %s", target->n_args, show_value(e, &value));
    for (size_t i = 0; i < target->n_args; i++)
        update_name(e, s, target->args[i], fits ? &value.items[i] : &(Value){0});
}
