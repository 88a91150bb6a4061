/* Running the expression language at compile time: expressions and statements; calls are in calls.c. */
#include "frontend/evaluate/eval.h"

#include <stdarg.h>
#include <string.h>

enum { MAX_ERRORS = 100, MAX_BLAMES = 20, MAX_PARTS = 32, FEW_NAMES = 12, FEW_OPERATORS = 16 };

/* ---- errors, names ----------------------------------------------------------------------------------------------- */

Value eval_error(Elaborator *e, Loc loc, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *message = arena_vprintf(e->arena, format, args);
    va_end(args);
    const Knob *knobs[MAX_BLAMED];
    size_t n = diags_errors(e->diags) < MAX_BLAMES ? blame_knobs(e, knobs) : 0;
    diag_error(e->diags, loc, "%s%s", message, knobs_text(e->recipe, knobs, n));
    knobs_notes(e->recipe, knobs, n);
    for (size_t i = e->n_calls, told = 0; i-- > 0 && told < 4; told++) {
        const Expr *call = e->calls[i];
        diag_note(e->diags, call->loc, "in %s, called here",
                  call->a && call->a->kind == EXPR_NAME ? call->a->text : "a module");
    }
    return (Value){0};
}

const char *show_value(Elaborator *e, const Value *v) {
    switch (v->kind) {
    case V_NONE: return "none";
    case V_INT:
    case V_REAL: return arena_printf(e->arena, "%g", v->number);
    case V_BOOL: return v->number ? "true" : "false";
    case V_STRING: return arena_printf(e->arena, "'%s'", v->text);
    case V_LIST:
    case V_TUPLE: return arena_printf(e->arena, "a list of %zu", v->count);
    case V_RECORD: return "a record";
    case V_TENSOR: return type_text(e->arena, func_type(v->func, v->id));
    case V_STATE: return type_text(e->arena, &e->module->states[v->state].type);
    case V_POISON: return "an error";
    case V_ELLIPSIS: return "'...'";
    case V_INIT: return "an initialiser";
    case V_MODULE: return arena_printf(e->arena, "module %s", v->definition->signature.name);
    case V_NETWORK: return arena_printf(e->arena, "network %s", v->definition->signature.name);
    case V_BUILTIN: return arena_printf(e->arena, "function %s", v->builtin->name);
    default: return "a slice";
    }
}

void overdraw(Elaborator *e, Loc loc, const char *what, int limit) {
    const Expr *at = e->at;
    if (e->exhausted) return;
    e->at = NULL; /* no knob of the place where it ends is to blame */
    eval_error(e, loc, what, limit);
    e->at = at;
    if (e->loop) diag_note(e->diags, e->loop->loc, "in this loop");
    e->exhausted = true;
}

bool spend(Elaborator *e, Loc loc, size_t steps) {
    e->steps += steps;
    if (e->func->count > MAX_OPERATORS)
        overdraw(e, loc, "this recipe unrolls to over %d operators", MAX_OPERATORS);
    else if (e->steps > MAX_STEPS)
        overdraw(e, loc, "this recipe unrolls to over %d steps of evaluation", MAX_STEPS);
    return !e->exhausted;
}

Value *frame_find(Frame *frame, const char *name) {
    if (!frame) return NULL;
    if (frame->count > FEW_NAMES) {
        uint32_t found = names_find(&frame->names, name);
        return found == NAMES_NONE ? NULL : &frame->variables[found].value;
    }
    for (size_t i = 0; i < frame->count; i++) {
        const char *known = frame->variables[i].name; /* most differ at once: a call would cost more */
        if (known[0] == name[0] && strcmp(known, name) == 0) return &frame->variables[i].value;
    }
    return NULL;
}

void define(Elaborator *e, Frame *frame, const char *name, Value value) {
    Value *known = frame_find(frame, name);
    if (known) {
        *known = value;
        return;
    }
    Variable variable = {name, value};
    ARENA_PUSH(e->arena, frame->variables, frame->count, frame->capacity, variable);
    if (frame->count <= FEW_NAMES) return;
    for (size_t i = frame->names.count; i < frame->count; i++)
        names_set(e->arena, &frame->names, frame->variables[i].name, (uint32_t)i);
}

Value *lookup(Elaborator *e, const char *name) {
    Value *found = frame_find(e->frame, name);
    if (!found && !(e->frame && e->frame->module)) found = frame_find(e->own, name);
    return found ? found : frame_find(e->globals, name);
}

const char *join_scope(Elaborator *e, const char *a, const char *b) {
    if (!a || !*a) return b;
    if (!b || !*b) return a;
    if (strlen(a) + strlen(b) < MAX_NAME) return arena_printf(e->arena, "%s.%s", a, b);
    eval_error(e, e->func->loc, "a name of over %d letters: %.40s…", MAX_NAME, a);
    return a;
}

static Value eval_name(Elaborator *e, const Expr *expr) {
    const char *name = expr->text;
    if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0) return value_bool(name[0] == 't');
    if (strcmp(name, "none") == 0) return value_none();
    Value *found = lookup(e, name);
    if (found) return *found;
    const Builtin *builtin = builtin_find(name);
    if (builtin) return (Value){.kind = V_BUILTIN, .builtin = builtin};
    if (e->frame && e->frame->skipped) return (Value){0};
    if (frame_find(e->own, name))
        return eval_error(e, expr->loc, "'%s' is not seen inside a module: pass it as an argument", name);
    size_t n = 0, n_builtins;
    const char *const *builtins = builtin_names(&n_builtins);
    size_t most = n_builtins + (e->frame ? e->frame->count : 0) + e->globals->count;
    const char **names = ARENA_ARRAY(e->arena, const char *, most);
    for (size_t i = 0; e->frame && i < e->frame->count; i++) names[n++] = e->frame->variables[i].name;
    for (size_t i = 0; i < e->globals->count; i++) names[n++] = e->globals->variables[i].name;
    for (size_t i = 0; i < n_builtins; i++) names[n++] = builtins[i];
    const char *near = diag_nearest(name, names, n);
    return eval_error(e, expr->loc, "unknown name '%s'%s%s%s", name, near ? "; did you mean '" : "",
                      near ? near : "", near ? "'?" : "");
}

/* ---- comprehension ------------------------------------------------------------------------------------------------- */

static bool bind_target(Elaborator *e, const Expr *target, Value value) {
    if (target->kind == EXPR_NAME) {
        define(e, e->frame ? e->frame : e->globals, target->text, value);
        return true;
    }
    if (!is_list(&value) || value.count != target->n_args) {
        if (value.kind != V_POISON)
            eval_error(e, target->loc, "%zu names for %s", target->n_args, show_value(e, &value));
        for (size_t i = 0; i < target->n_args; i++) bind_target(e, target->args[i], (Value){0});
        return false;
    }
    for (size_t i = 0; i < target->n_args; i++) bind_target(e, target->args[i], value.items[i]);
    return true;
}

static bool run_clauses(Elaborator *e, const Expr *expr, size_t clause, Value *list, size_t *capacity) {
    if (clause == expr->n_clauses) {
        Value value = eval(e, expr->a);
        if (list->count == MAX_LIST || ++e->elements > MAX_ELEMENTS)
            value = value_list(e, expr->loc, V_LIST, MAX_LIST + 1); /* refuses it */
        ARENA_PUSH(e->arena, list->items, list->count, *capacity, value);
        return value.kind != V_POISON;
    }
    const ExprClause *c = &expr->clauses[clause];
    Value over = eval(e, c->over);
    if (over.kind == V_POISON) return false;
    if (!is_list(&over)) {
        eval_error(e, c->over->loc, "`for` runs over a list, not %s", show_value(e, &over));
        return false;
    }
    for (size_t i = 0; i < over.count; i++) {
        bool keep = true;
        if (!spend(e, expr->loc, 1)) return false;
        if (!bind_target(e, c->target, over.items[i])) return false;
        for (size_t k = 0; k < c->n_conditions && keep; k++) {
            Value condition = eval(e, c->conditions[k]);
            if (!bool_of(e, c->conditions[k]->loc, &condition, "a condition", &keep)) return false;
        }
        if (keep && !run_clauses(e, expr, clause + 1, list, capacity)) return false;
    }
    return true;
}

/* ---- expressions ---------------------------------------------------------------------------------------------------- */

static OpKind binary_op(int token) {
    static const struct {
        int token;
        OpKind op;
    } map[] = {{'+', OP_add}, {'-', OP_sub}, {'*', OP_mul}, {'/', OP_div}, {'%', OP_rem}, {T_POW, OP_pow},
               {'<', OP_lt},  {'>', OP_gt},  {T_LE, OP_le}, {T_GE, OP_ge}, {T_EQ, OP_eq}, {T_NE, OP_ne}};
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (map[i].token == token) return map[i].op;
    return OP_add;
}

static Value logical(Elaborator *e, const Expr *expr, const Value *a) {
    bool truth;
    if (!is_tensor(a)) { /* known now: the other side may not even be looked at */
        if (!bool_of(e, expr->a->loc, a, "a condition", &truth)) return (Value){0};
        if (truth == (expr->op == T_OR)) return value_bool(truth);
        return eval(e, expr->b);
    }
    Value b = eval(e, expr->b);
    ValueId x = tensor_of(e, expr->loc, a, DT_BOOL), y = tensor_of(e, expr->loc, &b, DT_BOOL);
    e->func->error[0] = '\0';
    return value_tensor(e, expr->loc, ir_binary(e->func, expr->op == T_OR ? OP_or : OP_and, x, y));
}

/* The operator, once its left operand is known. */
static Value apply_binary(Elaborator *e, const Expr *expr, const Value *a) {
    if (expr->op == T_AND || expr->op == T_OR) return logical(e, expr, a);
    Value b = eval(e, expr->b);
    if (b.kind == V_POISON) return b;
    if (expr->op == '@') return value_matmul(e, expr->loc, a, &b);
    if (expr->op == T_FLOORDIV) {
        Value quotient = value_binary(e, expr->loc, OP_div, a, &b);
        Value floor = value_unary(e, expr->loc, OP_floor, &quotient);
        return is_number(&floor) ? value_number(floor.number, a->kind != V_REAL && b.kind != V_REAL) : floor;
    }
    return value_binary(e, expr->loc, binary_op(expr->op), a, &b);
}

/* a + b + c … nests to the left as deep as it is long: without recursion. */
static Value eval_binary(Elaborator *e, const Expr *expr) {
    const Expr *few[FEW_OPERATORS], **chain = few, *first = expr;
    size_t n = 0;
    for (; first->kind == EXPR_BINARY; first = first->a) n++;
    if (n > FEW_OPERATORS) chain = ARENA_ARRAY(e->arena, const Expr *, n);
    for (size_t i = n; i-- > 0; expr = expr->a) chain[i] = expr;
    Value value = eval(e, first);
    for (size_t i = 0; i < n && value.kind != V_POISON; i++) {
        e->func->loc = chain[i]->loc;
        value = spend(e, chain[i]->loc, 1) ? apply_binary(e, chain[i], &value) : (Value){0};
    }
    return value;
}

static Value eval_index(Elaborator *e, const Expr *expr) {
    Value base = eval(e, expr->a), *index = ARENA_ARRAY(e->arena, Value, expr->n_args + 1);
    if (base.kind == V_POISON) return base;
    for (size_t i = 0; i < expr->n_args; i++) {
        index[i] = eval(e, expr->args[i]);
        if (index[i].kind == V_POISON) return index[i];
    }
    if (expr->n_args == 1 && index[0].kind == V_TUPLE && is_tensor(&base))
        return value_index(e, expr, &base, index[0].items, index[0].count);
    return value_index(e, expr, &base, index, expr->n_args);
}

static Value eval_attribute(Elaborator *e, const Expr *expr) {
    Value base = eval(e, expr->a);
    if (base.kind == V_POISON) return base;
    if (base.kind != V_RECORD) return eval_error(e, expr->loc, "%s has no fields", show_value(e, &base));
    if (!spend(e, expr->loc, base.count / 16)) return (Value){0};
    for (size_t i = 0; i < base.count; i++)
        if (strcmp(base.names[i], expr->text) == 0) return base.items[i];
    const char *near = diag_nearest(expr->text, base.names, base.count);
    return eval_error(e, expr->loc, "the record has no field '%s'%s%s%s", expr->text,
                      near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static Value eval_slice(Elaborator *e, const Expr *expr) {
    Value slice = value_list(e, expr->loc, V_SLICE, 3);
    const Expr *parts[] = {expr->a, expr->b, expr->c};
    for (int i = 0; slice.kind != V_POISON && i < 3; i++) {
        slice.items[i] = parts[i] ? eval(e, parts[i]) : value_none();
        if (slice.items[i].kind == V_POISON) return slice.items[i];
    }
    return slice;
}

static Value eval_list(Elaborator *e, const Expr *expr) {
    Value list = value_list(e, expr->loc, expr->kind == EXPR_LIST ? V_LIST : V_TUPLE, expr->n_args);
    for (size_t i = 0; list.kind != V_POISON && i < expr->n_args; i++) {
        list.items[i] = eval(e, expr->args[i]);
        if (list.items[i].kind == V_POISON) return list.items[i];
    }
    return close_list(e, expr->loc, list);
}

/* a if b else c; chains of them nest in c, and end without recursion. */
static Value eval_choice(Elaborator *e, const Expr *expr) {
    while (expr->kind == EXPR_IF) {
        Value condition = eval(e, expr->b);
        bool truth;
        if (!bool_of(e, expr->b->loc, &condition, "a condition", &truth)) return (Value){0};
        expr = truth ? expr->a : expr->c;
    }
    return eval(e, expr);
}

static Value eval_comprehension(Elaborator *e, const Expr *expr) {
    Value list = {.kind = V_LIST};
    size_t capacity = 0;
    const Expr *loop = e->loop;
    e->loop = expr;
    bool good = run_clauses(e, expr, 0, &list, &capacity);
    e->loop = loop;
    return good ? close_list(e, expr->loc, list) : (Value){0};
}

static Value eval_inner(Elaborator *e, const Expr *expr) {
    switch (expr->kind) {
    case EXPR_NUMBER: return value_number(expr->number, expr->is_int);
    case EXPR_STRING: return (Value){.kind = V_STRING, .text = expr->text};
    case EXPR_NAME: return eval_name(e, expr);
    case EXPR_TUPLE:
    case EXPR_LIST: return eval_list(e, expr);
    case EXPR_UNARY: {
        Value x = eval(e, expr->a);
        if (expr->op == '+') return x;
        if (expr->op == T_NOT && !is_tensor(&x)) {
            bool truth;
            return bool_of(e, expr->loc, &x, "a condition", &truth) ? value_bool(!truth) : (Value){0};
        }
        return value_unary(e, expr->loc, expr->op == T_NOT ? OP_not : OP_neg, &x);
    }
    case EXPR_BINARY: return eval_binary(e, expr);
    case EXPR_IF: return eval_choice(e, expr);
    case EXPR_CALL: return eval_call(e, expr);
    case EXPR_INDEX: return eval_index(e, expr);
    case EXPR_SLICE: return eval_slice(e, expr);
    case EXPR_ATTRIBUTE: return eval_attribute(e, expr);
    case EXPR_COMPREHENSION: return eval_comprehension(e, expr);
    case EXPR_LABELLED: return eval_labelled(e, expr);
    case EXPR_ELLIPSIS: return (Value){.kind = V_ELLIPSIS};
    default: return eval_error(e, expr->loc, "not an expression");
    }
}

Value eval(Elaborator *e, const Expr *expr) {
    if (!spend(e, expr->loc, 1) || diags_errors(e->diags) >= MAX_ERRORS) return (Value){0};
    if (e->depth >= MAX_EVAL_DEPTH) {
        eval_error(e, expr->loc, "expressions and calls nest deeper than %d here", MAX_EVAL_DEPTH);
        return (Value){0};
    }
    Loc before = e->func->loc;
    const Expr *at = e->at;
    e->func->loc = expr->loc;
    e->at = expr;
    e->depth++;
    Value value = eval_inner(e, expr);
    e->depth--;
    e->func->loc = before;
    e->at = at;
    if (value.kind == V_POISON && diags_errors(e->diags) == 0) /* whatever was refused is told */
        eval_error(e, expr->loc, "this cannot be computed");
    return value;
}

/* ---- statements ------------------------------------------------------------------------------------------------------- */

static void run_body(Elaborator *e, Expr *const *statements, size_t n);

/* A body did not run, for an error that was told: names it would have defined are missed by nobody. */
static void skip_body(Elaborator *e) {
    if (e->frame) e->frame->skipped = true;
}

static void run_for(Elaborator *e, const Expr *s) {
    Value over = eval(e, s->b);
    const Expr *loop = e->loop;
    if (!is_list(&over)) {
        if (over.kind != V_POISON)
            eval_error(e, s->b->loc, "`for` runs over a list, not %s", show_value(e, &over));
        skip_body(e);
        return;
    }
    e->loop = s;
    for (size_t i = 0; i < over.count && !e->has_returned && spend(e, s->loc, 1); i++) {
        if (!bind_target(e, s->a, over.items[i])) {
            skip_body(e);
            break;
        }
        run_body(e, s->body, s->n_body);
    }
    e->loop = loop;
}

/* if, elif … else: a chain of elif nests in `orelse`, and is run without recursion. */
static void run_if(Elaborator *e, const Expr *s) {
    for (;;) {
        bool truth;
        Value value = eval(e, s->a);
        if (!bool_of(e, s->a->loc, &value, "a condition", &truth)) {
            skip_body(e);
            return;
        }
        if (truth || s->n_orelse != 1 || s->orelse[0]->kind != STMT_IF) {
            run_body(e, truth ? s->body : s->orelse, truth ? s->n_body : s->n_orelse);
            return;
        }
        s = s->orelse[0];
    }
}

static void run_assign(Elaborator *e, const Expr *s) {
    const char *before = e->pending_label, *scope = e->scope;
    e->pending_label = s->a->kind == EXPR_NAME ? s->a->text : NULL;
    Value value = eval(e, s->b);
    e->pending_label = before;
    e->scope = scope;
    Frame *frame = e->frame ? e->frame : e->globals;
    if (value.kind == V_POISON) { /* every target is poisoned: no cascade */
        if (s->a->kind == EXPR_NAME) define(e, frame, s->a->text, value);
        for (size_t i = 0; s->a->kind == EXPR_TUPLE && i < s->a->n_args; i++)
            define(e, frame, s->a->args[i]->text, value);
        return;
    }
    bind_target(e, s->a, value);
}

static void run_update(Elaborator *e, const Expr *s) {
    Value value = eval(e, s->b);
    Value *target = s->a->kind == EXPR_NAME ? lookup(e, s->a->text) : NULL;
    if (!target || target->kind != V_STATE) {
        eval_error(e, s->a->loc, ":= sets a state; '%s' is none",
                   s->a->kind == EXPR_NAME ? s->a->text : "this");
        return;
    }
    if (value.kind != V_POISON) update_state(e, s->loc, target->state, &value);
}

static const char *fill_message(Elaborator *e, Loc loc, const char *text) {
    const char *out = "", *before;
    Expr *expr;
    for (int n = 0; n < MAX_PARTS && (expr = expr_parse_braced(e->arena, e->diags, loc, &text, &before));
         n++) {
        Value value = eval(e, expr);
        const char *shown = value.kind == V_STRING ? value.text : show_value(e, &value);
        out = arena_printf(e->arena, "%s%s%s", out, before, shown);
    }
    return arena_printf(e->arena, "%s%s", out, before);
}

static void run_assert(Elaborator *e, const Expr *s) {
    bool truth;
    Value value = eval(e, s->a);
    if (!bool_of(e, s->a->loc, &value, "an assertion", &truth) || truth) return;
    value = s->b ? eval(e, s->b) : value_none();
    const char *text =
        value.kind == V_STRING ? fill_message(e, s->loc, value.text) : "this assertion does not hold";
    const Expr *at = e->at;
    e->at = s;
    eval_error(e, s->loc, "%s", text);
    e->at = at;
}

static void run_statement(Elaborator *e, const Expr *s) {
    switch (s->kind) {
    case STMT_ASSIGN: run_assign(e, s); return;
    case STMT_UPDATE: run_update(e, s); return;
    case STMT_RETURN:
        e->returned = eval(e, s->a);
        e->has_returned = true;
        return;
    case STMT_FOR: run_for(e, s); return;
    case STMT_IF: run_if(e, s); return;
    case STMT_ASSERT: run_assert(e, s); return;
    default: eval(e, s->a);
    }
}

static void run_body(Elaborator *e, Expr *const *statements, size_t n) {
    for (size_t i = 0; i < n && !e->has_returned && !e->exhausted; i++) run_statement(e, statements[i]);
}

Value eval_block(Elaborator *e, const Block *block) {
    Value before = e->returned;
    bool had = e->has_returned;
    e->has_returned = false;
    if (e->n_calls == 0) e->block = block;
    run_body(e, block->statements, block->count);
    Value result = e->has_returned ? e->returned : e->exhausted ? (Value){0} : value_none();
    e->returned = before;
    e->has_returned = had;
    return result;
}
