/* Running the expression language: expressions, statements and calls, which contain each other. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/text/foreign.h"

#include <string.h>

enum { MAX_ERRORS = 1000, FEW_OPERATORS = 16, MAX_SHOWN_FIELDS = 8 };

/* ---- comprehension ----------------------------------------------------------------------------------------------- */

static bool run_clauses(Evaluator *e, const Expr *expr, size_t clause, Value *list, size_t *capacity) {
    if (clause == expr->n_clauses) {
        Value value = eval(e, expr->a);
        if (list->count == MAX_LIST || ++e->elements > MAX_ELEMENTS)
            value = value_list(e, expr->loc, V_LIST, MAX_LIST + 1); /* an error: too long */
        ARENA_PUSH(e->arena, list->items, list->count, *capacity, value);
        return value.kind != V_POISON;
    }
    const ExprClause *c = &expr->clauses[clause];
    Value over = eval(e, c->over);
    if (over.kind == V_POISON) return false;
    if (!is_list(&over)) {
        eval_error(e, c->over->loc, "`for` runs over a list, not %s%s", show_value(e, &over),
                   is_number(&over) ? " (range(n) counts)" : "");
        return false;
    }
    for (size_t i = 0; i < over.count; i++) {
        bool keep = true;
        if (!spend(e, expr->loc, 1)) return false;
        if (!bind_names(e, c->target, over.items[i])) return false;
        for (size_t k = 0; k < c->n_conditions && keep; k++) {
            Value condition = eval(e, c->conditions[k]);
            if (!bool_of(e, c->conditions[k]->loc, &condition, "a condition", &keep)) return false;
        }
        if (keep && !run_clauses(e, expr, clause + 1, list, capacity)) return false;
    }
    return true;
}

/* ---- expressions ------------------------------------------------------------------------------------------------- */

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

/* Of a truth that settings may change. Where it decides alone it has to go on doing so. */
static Value settable_logical(Evaluator *e, const Expr *expr, const Value *a) {
    bool truth = a->number != 0;
    if (truth == (expr->op == T_OR)) return *a;
    Value b = eval(e, expr->b);
    if (b.kind == V_BOOL)
        return made_of(e, expr->loc, expr->op == T_OR ? "or" : "and", (Value[]){*a, b}, 2,
                       value_bool(b.number != 0));
    demand_same(e, expr->loc, a);
    return b;
}

static Value logical(Evaluator *e, const Expr *expr, const Value *a) {
    bool truth;
    if (a->kind == V_BOOL && a->scalar) return settable_logical(e, expr, a);
    if (!is_tensor(a)) { /* known now: the other side is evaluated only if it matters */
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
static Value apply_binary(Evaluator *e, const Expr *expr, const Value *a) {
    if (expr->op == T_AND || expr->op == T_OR) return logical(e, expr, a);
    if (expr->op == T_IS) return value_bool(a->kind == V_NONE); /* `is none` */
    Value b = eval(e, expr->b);
    if (b.kind == V_POISON) return b;
    if (expr->op == T_IN) {
        pin(e, expr->loc, a);
        pin(e, expr->loc, &b);
        return value_in(e, expr->loc, a, &b);
    }
    if (expr->op == '@') return value_matmul(e, expr->loc, a, &b);
    if (expr->op == T_FLOORDIV) {
        Value quotient = value_binary(e, expr->loc, OP_div, a, &b);
        Value floor = value_unary(e, expr->loc, OP_floor, &quotient);
        if (is_number(&floor))
            floor.kind = value_number(floor.number, a->kind != V_REAL && b.kind != V_REAL).kind;
        return floor;
    }
    return value_binary(e, expr->loc, binary_op(expr->op), a, &b);
}

/* a + b + c … nests to the left as deep as it is long, so it is evaluated in a loop. */
static Value eval_binary(Evaluator *e, const Expr *expr) {
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

static Value eval_index(Evaluator *e, const Expr *expr) {
    Value base = eval(e, expr->a), *index = ARENA_ARRAY(e->arena, Value, expr->n_args + 1);
    if (base.kind == V_POISON) return base;
    for (size_t i = 0; i < expr->n_args; i++) {
        index[i] = eval(e, expr->args[i]);
        if (index[i].kind == V_POISON) return index[i];
    }
    if (expr->n_args == 1 && index[0].kind == V_STRING && base.application)
        return name_error(e, expr->args[0]->loc, "what a labelled call gave is read by `.at('%s')`",
                          index[0].text);
    if (expr->n_args == 1 && index[0].kind == V_TUPLE && is_tensor(&base))
        return value_index(e, expr, &base, index[0].items, index[0].count);
    return value_index(e, expr, &base, index, expr->n_args);
}

/* value.name of what has no fields: what other languages write so. */
static Value no_field(Evaluator *e, const Expr *expr, const Value *base) {
    const char *value = expr->a->kind == EXPR_NAME ? expr->a->text : "x";
    const char *written = foreign_attribute(e->arena, value, expr->text, builtin_find(e, expr->text) != NULL);
    if (!written && base->application) written = "what a labelled call gave is read by `.at('LABEL')`";
    return name_error(e, expr->loc, "%s has no field '%s'%s%s", show_value(e, base), expr->text,
                      written ? ": " : "", written ? written : "");
}

static Value missing_field(Evaluator *e, const Expr *expr, const Value *record) {
    const char *near = did_you_mean(e, expr->text, record->names, record->count), *all = "";
    for (size_t i = 0; i < record->count && i < MAX_SHOWN_FIELDS; i++)
        all = arena_printf(e->arena, "%s%s%s", all, i ? ", " : "; it has ", record->names[i]);
    if (record->count > MAX_SHOWN_FIELDS) all = arena_printf(e->arena, "%s, …", all);
    return name_error(e, expr->loc, "the record has no field '%s'%s", expr->text, *near ? near : all);
}

static Value eval_attribute(Evaluator *e, const Expr *expr) {
    if (name_of_package(e, expr)) return (Value){0};
    Value base = eval(e, expr->a);
    if (base.kind == V_POISON) return base;
    if (base.kind == V_NETWORK && base.definition->recipe) return encoder_fact(e, expr, base.definition);
    if (base.kind != V_RECORD) return no_field(e, expr, &base);
    if (!spend(e, expr->loc, base.count / 16)) return (Value){0};
    for (size_t i = 0; i < base.count; i++)
        if (strcmp(base.names[i], expr->text) == 0) return base.items[i];
    return missing_field(e, expr, &base);
}

static Value eval_slice(Evaluator *e, const Expr *expr) {
    Value slice = value_list(e, expr->loc, V_SLICE, 3);
    const Expr *parts[] = {expr->a, expr->b, expr->c};
    for (int i = 0; slice.kind != V_POISON && i < 3; i++) {
        slice.items[i] = parts[i] ? eval(e, parts[i]) : value_none();
        if (slice.items[i].kind == V_POISON) return slice.items[i];
    }
    return slice;
}

static Value eval_list(Evaluator *e, const Expr *expr) {
    Value list = value_list(e, expr->loc, expr->kind == EXPR_LIST ? V_LIST : V_TUPLE, expr->n_args);
    for (size_t i = 0; list.kind != V_POISON && i < expr->n_args; i++) {
        list.items[i] = eval(e, expr->args[i]);
        if (list.items[i].kind == V_POISON) return list.items[i];
    }
    return close_list(e, expr->loc, list);
}

/* a if b else c if d else …: chains nest in c, and are evaluated in a loop. */
static Value eval_choice(Evaluator *e, const Expr *expr) {
    while (expr->kind == EXPR_IF) {
        Value condition = eval(e, expr->b);
        bool truth;
        if (!bool_of(e, expr->b->loc, &condition, "a condition", &truth)) return (Value){0};
        expr = truth ? expr->a : expr->c;
    }
    return eval(e, expr);
}

static Value eval_comprehension(Evaluator *e, const Expr *expr) {
    Value list = {.kind = V_LIST};
    size_t capacity = 0;
    const Expr *loop = e->loop;
    e->loop = expr;
    Frame *frame = assigned_frame(e);
    HiddenNames hidden = hide_names(e, frame, expr);
    bool good = run_clauses(e, expr, 0, &list, &capacity);
    show_names(frame, &hidden);
    e->loop = loop;
    return good ? close_list(e, expr->loc, list) : (Value){0};
}

static Value eval_call(Evaluator *e, const Expr *expr, const char *call_label);
static Value eval_labelled(Evaluator *e, const Expr *expr);

/* Statements where an expression stands: among the names of what they are part of, or with names of their own. */
static Value eval_lines(Evaluator *e, const Expr *expr) {
    Frame own = {0}, *before = e->frame;
    Block *block = ARENA_NEW(e->arena, Block);
    *block = (Block){expr->body, expr->n_body};
    if (!before) e->frame = &own;
    Value value = eval_block(e, block);
    e->frame = before;
    return value;
}

static Value eval_kind(Evaluator *e, const Expr *expr, const char *label) {
    switch (expr->kind) {
    case EXPR_NUMBER: return value_number(expr->number, expr->is_int);
    case EXPR_STRING: return (Value){.kind = V_STRING, .text = expr->text};
    case EXPR_NAME: return settable_name(e, expr, value_of_name(e, expr));
    case EXPR_TUPLE:
    case EXPR_LIST: return eval_list(e, expr);
    case EXPR_UNARY: {
        Value x = eval(e, expr->a);
        if (expr->op == '+') return x;
        if (expr->op == T_NOT && is_number(&x))
            return made_of(e, expr->loc, "not", &x, 1, value_bool(x.number == 0));
        if (expr->op == T_NOT && !is_tensor(&x)) {
            bool truth;
            return bool_of(e, expr->loc, &x, "a condition", &truth) ? value_bool(!truth) : (Value){0};
        }
        return value_unary(e, expr->loc, expr->op == T_NOT ? OP_not : OP_neg, &x);
    }
    case EXPR_BINARY: return eval_binary(e, expr);
    case EXPR_IF: return eval_choice(e, expr);
    case EXPR_CALL: return eval_call(e, expr, label);
    case EXPR_INDEX: return eval_index(e, expr);
    case EXPR_SLICE: return eval_slice(e, expr);
    case EXPR_ATTRIBUTE: return eval_attribute(e, expr);
    case EXPR_COMPREHENSION: return eval_comprehension(e, expr);
    case EXPR_LABELLED: return eval_labelled(e, expr);
    case EXPR_ELLIPSIS: return (Value){.kind = V_ELLIPSIS};
    case EXPR_BLOCK: return eval_lines(e, expr);
    default: return eval_error(e, expr->loc, "not an expression");
    }
}

/* `label`: of a call, see eval_labelled; else NULL. */
static Value eval_named(Evaluator *e, const Expr *expr, const char *label) {
    if (!expr) return (Value){0}; /* it could not be read: that was told */
    if (!spend(e, expr->loc, 1) || e->failures >= MAX_ERRORS) return (Value){0};
    if (e->depth >= MAX_EVAL_DEPTH) {
        eval_error(e, expr->loc, "expressions and calls nest deeper than %d here", MAX_EVAL_DEPTH);
        return (Value){0};
    }
    Loc before = e->func->loc;
    const Expr *at = e->at;
    e->func->loc = expr->loc;
    e->at = expr;
    e->depth++;
    Value value = eval_kind(e, expr, label);
    e->depth--;
    e->func->loc = before;
    e->at = at;
    if (value.kind == V_POISON && diags_errors(e->diags) == 0) /* no failure without a message */
        eval_error(e, expr->loc, "this cannot be computed");
    return value;
}

Value eval(Evaluator *e, const Expr *expr) {
    return eval_named(e, expr, NULL);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

/* A label's text: blocks[i] -> "blocks.0". */
static const char *label_text(Evaluator *e, const Expr *label) {
    if (label->kind == EXPR_NAME) return label->text;
    const char *base = label->kind == EXPR_LIST ? "" : label_text(e, label->a);
    if (!base) return NULL;
    if (label->kind == EXPR_ATTRIBUTE) return join_scope(e, base, label->text);
    if (label->kind == EXPR_LIST) base = NULL;
    Value index = eval(e, label->args[0]);
    int64_t i;
    if (index.kind == V_STRING) return join_scope(e, base, index.text);
    if (!int_of(e, label->loc, &index, "a label's index", &i)) return NULL;
    return join_scope(e, base, arena_printf(e->arena, "%lld", (long long)i));
}

bool bind_defaults(Evaluator *e, const Signature *signature, const Expr *at, Frame *frame) {
    for (size_t p = 0; p < signature->count; p++) {
        const Parameter *parameter = &signature->parameters[p];
        if (frame_find(frame, parameter->name)) continue;
        if (!parameter->fallback) {
            name_error(e, at->loc, "%s wants argument '%s': %s", signature->name, parameter->name,
                       show_signature(e, signature));
            return false;
        }
        Frame *before = e->frame;
        e->frame = frame;
        Value value = eval(e, parameter->fallback);
        e->frame = before;
        define(e, frame, parameter->name, value);
    }
    return true;
}

Value call_definition(Evaluator *e, const Definition *definition, bool sees_own, const Expr *at, Value *args,
                      const char **keywords, size_t n) {
    Frame frame = {.module = !sees_own, .text = definition->text};
    for (size_t i = 0; i < e->n_running; i++)
        if (e->running[i] == definition)
            return name_error(e, at->loc, "module %s calls itself", definition->signature.name);
    if (e->n_calls >= MAX_CALLS) return name_error(e, at->loc, "calls nest deeper than %d", MAX_CALLS);
    if (!bind_arguments(e, &definition->signature, at, &frame, args, keywords, n)) return (Value){0};
    Frame *before = e->frame;
    Loc loc = e->func->loc;
    const char *label = e->assigned;
    const Expr *loop = e->loop;
    uint32_t site = e->func->site;
    e->assigned = NULL;
    e->func->site = module_call_site(e->module, at->loc, site);
    ARENA_PUSH(e->arena, e->running, e->n_running, e->running_capacity,
               definition); /* defaults run in it too */
    ARENA_PUSH(e->arena, e->calls, e->n_calls, e->calls_capacity, (Expr *)at);
    ARENA_PUSH(e->arena, e->callers, e->n_callers, e->callers_capacity, before);
    Value result = {0};
    if (bind_defaults(e, &definition->signature, at, &frame)) {
        e->frame = &frame;
        result = eval_block(e, definition->body);
    }
    e->n_running--;
    e->n_calls--;
    e->n_callers--;
    e->frame = before;
    e->func->loc = loc;
    e->func->site = site;
    e->assigned = label;
    e->loop = loop;
    return result;
}

Value call_builtin(Evaluator *e, const Builtin *builtin, const Expr *at, Value *args, const char **keywords,
                   size_t n) {
    Value values[MAX_BUILTIN_PARAMETERS];
    const Expr *exprs[MAX_BUILTIN_PARAMETERS];
    bool given[MAX_BUILTIN_PARAMETERS];
    for (size_t i = 0; i < n; i++)
        if (args[i].kind == V_POISON) return args[i];
    const Signature *signature = signature_of(e, builtin, at->loc);
    if (!bind_builtin(e, builtin, signature, at, args, keywords, n, values, exprs, given)) return (Value){0};
    for (size_t p = 0; p < signature->count; p++)
        if (!given[p]) values[p] = eval(e, signature->parameters[p].fallback);
    for (size_t p = 0; p < signature->count && builtin->run && !builtin->passes; p++)
        pin(e, at->loc, &values[p]);
    e->func->error[0] = '\0';
    const Arguments *before = e->arguments, here = {at, values, exprs, signature->count};
    e->arguments = &here;
    Value result = builtin->run ? builtin->run(e, at, values, signature->count)
                                : value_operator(e, at->loc, builtin->op, values, signature->count);
    e->arguments = before;
    return result;
}

/* Methods of what networks return. */
static const char *const METHODS[] = {"at", "labels", "again"};

static bool is_method(const char *name) {
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++)
        if (strcmp(METHODS[i], name) == 0) return true;
    return false;
}

/* What is called. For `r.at` and other METHODS r is *receiver, unless r has a field of that name. */
static Value eval_callee(Evaluator *e, const Expr *callee, Value *receiver) {
    receiver->kind = V_POISON;
    if (callee->kind != EXPR_ATTRIBUTE || !is_method(callee->text) || !e->read || name_of_package(e, callee))
        return eval(e, callee);
    const char *assigned = e->assigned;
    e->assigned = NULL;
    *receiver = eval(e, callee->a);
    e->assigned = assigned;
    if (receiver->kind == V_POISON) return *receiver;
    for (size_t i = 0; receiver->kind == V_RECORD && i < receiver->count; i++)
        if (strcmp(receiver->names[i], callee->text) == 0) {
            Value field = receiver->items[i];
            receiver->kind = V_POISON;
            return field;
        }
    return value_none();
}

static Value eval_call(Evaluator *e, const Expr *expr, const char *call_label) {
    const char *scope = e->scope;
    e->callee = expr->a;
    Value receiver, callee = eval_callee(e, expr->a, &receiver);
    e->callee = NULL;
    if (callee.kind == V_POISON) return callee;
    Value *args = ARENA_ARRAY(e->arena, Value, expr->n_args + 1);
    const char **keywords = ARENA_ARRAY(e->arena, const char *, expr->n_args + 1);
    const char *assigned = e->assigned;
    e->assigned = NULL;
    for (size_t i = 0; i < expr->n_args; i++) {
        args[i] = eval(e, expr->args[i]);
        keywords[i] = expr->args[i]->keyword;
    }
    e->assigned = assigned;
    for (size_t i = 0; i < expr->n_args; i++)
        if (args[i].kind == V_POISON) return args[i];
    for (size_t i = 0; i < expr->n_args && (receiver.kind != V_POISON || callee.kind == V_NETWORK); i++)
        pin(e, expr->args[i]->loc, &args[i]);
    Loc before = e->func->loc;
    e->func->loc = expr->loc;
    if (call_label) e->func->scope = e->scope = join_scope(e, e->scope, call_label);
    Value result;
    if (receiver.kind != V_POISON)
        result = e->read(e, expr, &receiver, args, keywords, expr->n_args);
    else if (callee.kind == V_BUILTIN)
        result = call_builtin(e, callee.builtin, expr, args, keywords, expr->n_args);
    else if (callee.kind == V_MODULE)
        result = call_definition(e, callee.definition, false, expr, args, keywords, expr->n_args);
    else if (callee.kind == V_NETWORK && !e->apply)
        result = name_error(e, expr->loc, "a network is applied in a step, not where numbers are read");
    else if (callee.kind == V_NETWORK)
        result = e->apply(e, callee.definition, expr, args, keywords, expr->n_args);
    else
        result = not_callable(e, expr, &callee);
    MadeCall call = {callee, args, keywords, expr->n_args};
    if (call_label && e->keep) e->keep(e, expr, &call, &result);
    e->func->loc = before;
    e->func->scope = e->scope = scope;
    return result;
}

/* label: module(…). The arguments are evaluated outside of what the label names. */
static Value eval_labelled(Evaluator *e, const Expr *expr) {
    const char *label = label_text(e, expr->a), *assigned = e->assigned;
    if (!label) return (Value){0};
    if (expr->b->kind != EXPR_CALL)
        return name_error(e, expr->b->loc, "a label names a call: `%s: module(…)`", label);
    e->assigned = NULL;
    Value value = eval_named(e, expr->b, label);
    e->assigned = assigned;
    return value;
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

void skip_body(Evaluator *e) {
    if (e->frame) e->frame->skipped = true;
}

static void run_for(Evaluator *e, const Expr *s) {
    Value over = eval(e, s->b);
    const Expr *loop = e->loop;
    if (!is_list(&over)) {
        if (over.kind != V_POISON)
            eval_error(e, s->b->loc, "`for` runs over a list, not %s%s", show_value(e, &over),
                       is_number(&over) ? " (range(n) counts)" : "");
        skip_body(e);
        return;
    }
    if (!may_assign(e, s, s->a)) {
        skip_body(e);
        return;
    }
    e->loop = s;
    for (size_t i = 0; i < over.count && !e->has_returned && spend(e, s->loc, 1); i++) {
        if (!bind_names(e, s->a, over.items[i])) {
            skip_body(e);
            break;
        }
        size_t before = e->failures;
        run_statements(e, s->body, s->n_body);
        if (e->failures == before) continue;
        skip_body(e); /* the next would fail as well */
        break;
    }
    e->loop = loop;
}

/* if, elif … else: a chain of elif nests in `orelse`, and is run in a loop. */
static void run_if(Evaluator *e, const Expr *s) {
    for (;;) {
        bool truth;
        Value value = eval(e, s->a);
        if (!bool_of(e, s->a->loc, &value, "a condition", &truth)) {
            skip_body(e);
            return;
        }
        if (truth || s->n_orelse != 1 || s->orelse[0]->kind != STMT_IF) {
            run_statements(e, truth ? s->body : s->orelse, truth ? s->n_body : s->n_orelse);
            return;
        }
        s = s->orelse[0];
    }
}

/* A message with the values of what its braces hold. False: one was told to be wrong already. settings: what these
 * change stays open. */
static bool fill_message(Evaluator *e, Loc loc, const char *text, bool settings, Demanded *out) {
    const char *before;
    Expr *expr;
    *out = (Demanded){.text = ""};
    for (int n = 0; n < MAX_PARTS && (expr = expr_parse_braced(e->arena, e->diags, loc, &text, &before));
         n++) {
        Value value = eval(e, expr);
        if (value.kind == V_POISON) return false;
        if (!settings && is_number(&value)) value.scalar = 0;
        demanded_add(e, out, before, &value);
    }
    demanded_add(e, out, before, NULL);
    return true;
}

/* One that holds: what fails in its message is no error. */
static void demand_assertion(Evaluator *e, const Expr *s, const Value *condition) {
    Diags *told = e->diags;
    size_t failures = e->failures;
    Demanded text;
    e->diags = diags_new(e->arena);
    Value message = s->b ? eval(e, s->b) : value_none();
    if (message.kind != V_STRING || !fill_message(e, s->b->loc, message.text, true, &text))
        text = (Demanded){.text = "an assertion of the recipe does not hold"};
    e->diags = told;
    e->failures = failures;
    demand(e, s->loc, condition, &text);
}

static void run_assert(Evaluator *e, const Expr *s) {
    bool truth;
    Value value = eval(e, s->a), condition = value;
    if (is_number(&value)) value.scalar = 0;
    if (!bool_of(e, s->a->loc, &value, "an assertion", &truth)) return;
    if (truth && is_number(&condition) && condition.scalar) demand_assertion(e, s, &condition);
    if (truth) return;
    value = s->b ? eval(e, s->b) : value_none();
    Demanded text = {.text = "this assertion does not hold"};
    bool good = value.kind != V_STRING || fill_message(e, s->b->loc, value.text, false, &text);
    const Expr *at = e->at;
    e->at = s;
    if (good) eval_error(e, s->loc, "%s", text.text);
    e->at = at;
    if (e->checks) return;
    e->returned = (Value){0}; /* what relied on it is not run */
    e->has_returned = true;
}

static void run_assign(Evaluator *e, const Expr *s) {
    const char *before = e->assigned, *scope = e->scope;
    bool may = may_assign(e, s, s->a);
    e->assigned = s->a->kind == EXPR_NAME ? s->a->text : NULL;
    Value value = eval(e, s->b);
    e->assigned = before;
    e->scope = scope;
    assign_value(e, s, value, may);
}

static void run_statement(Evaluator *e, const Expr *s) {
    switch (s->kind) {
    case STMT_ASSIGN: run_assign(e, s); return;
    case STMT_UPDATE: update_value(e, s, eval(e, s->b)); return;
    case STMT_RETURN:
        e->returned = eval(e, s->a);
        e->returned_at = s->a->loc;
        e->has_returned = true;
        return;
    case STMT_FOR: run_for(e, s); return;
    case STMT_IF: run_if(e, s); return;
    case STMT_REPEAT: e->repeat(e, s); return;
    case STMT_WHEN: e->when(e, s); return;
    case STMT_ASSERT: run_assert(e, s); return;
    default: eval(e, s->a);
    }
}

/* What fails inside a library has one cause, outside of it: its body ends there. */
void run_statements(Evaluator *e, Expr *const *statements, size_t n) {
    for (size_t i = 0; i < n && !e->has_returned && !e->exhausted; i++) {
        size_t before = e->failures;
        run_statement(e, statements[i]);
        bool own = recipe_text_of(e->recipe, statements[i]->loc.file) != NULL;
        if (e->failures == before || e->has_returned || own) continue;
        e->returned = (Value){0};
        e->has_returned = true;
    }
}

Value eval_block(Evaluator *e, const Block *block) {
    Value before = e->returned;
    bool had = e->has_returned;
    e->has_returned = false;
    if (e->n_calls == 0) e->block = block;
    run_statements(e, block->statements, block->count);
    Value result = e->has_returned ? e->returned : e->exhausted ? (Value){0} : value_none();
    e->returned = before;
    e->has_returned = had;
    return result;
}

Loc value_loc(const Evaluator *e, const Expr *expr) {
    if (!expr) return (Loc){0};
    return expr->kind == EXPR_BLOCK && e->returned_at.line ? e->returned_at : expr->loc;
}
