/* Calls of the expression language: arguments bound to parameters, modules, builtins and networks run, in the scope of a label. */
#include "frontend/evaluate/eval.h"

#include <string.h>

/* A label's text: blocks[i] -> "blocks.0". */
static const char *label_text(Elaborator *e, const Expr *label) {
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

static bool has_parameter(const Signature *signature, const char *name) {
    for (size_t p = 0; p < signature->count; p++)
        if (strcmp(signature->parameters[p].name, name) == 0) return true;
    return false;
}

static bool bind_arguments(Elaborator *e, const Signature *signature, const Expr *at, Frame *frame,
                           Value *args, const char **keywords, size_t n) {
    size_t positional = 0;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        const char *name = keywords[i];
        if (!name) {
            if (positional >= signature->count) {
                eval_error(e, at->loc, "%s takes %zu argument%s, %zu are given", signature->name,
                           signature->count, signature->count == 1 ? "" : "s", n);
                return false;
            }
            name = signature->parameters[positional++].name;
        } else if (!has_parameter(signature, name)) {
            const char **names = ARENA_ARRAY(e->arena, const char *, signature->count + 1);
            for (size_t p = 0; p < signature->count; p++) names[p] = signature->parameters[p].name;
            const char *near = diag_nearest(name, names, signature->count);
            eval_error(e, at->loc, "%s has no argument '%s'%s%s%s", signature->name, name,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
            good = false;
            continue;
        }
        if (frame_find(frame, name)) {
            eval_error(e, at->loc, "argument '%s' of %s is given twice", name, signature->name);
            good = false;
        }
        define(e, frame, name, args[i]);
    }
    return good;
}

static bool bind_defaults(Elaborator *e, const Signature *signature, const Expr *at, Frame *frame) {
    for (size_t p = 0; p < signature->count; p++) {
        const Parameter *parameter = &signature->parameters[p];
        if (frame_find(frame, parameter->name)) continue;
        if (!parameter->fallback) {
            eval_error(e, at->loc, "%s wants argument '%s'", signature->name, parameter->name);
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

Value call_definition(Elaborator *e, const Definition *definition, const Expr *at, Value *args,
                      const char **keywords, size_t n) {
    Frame frame = {.module = !e->entering_network};
    e->entering_network = false;
    for (size_t i = 0; i < e->n_running; i++)
        if (e->running[i] == definition)
            return eval_error(e, at->loc, "module %s calls itself", definition->signature.name);
    if (e->n_calls >= MAX_CALLS) return eval_error(e, at->loc, "calls nest deeper than %d", MAX_CALLS);
    if (!bind_arguments(e, &definition->signature, at, &frame, args, keywords, n)) return (Value){0};
    Frame *before = e->frame;
    Loc loc = e->func->loc;
    const char *label = e->pending_label;
    const Expr *loop = e->loop;
    e->pending_label = NULL;
    ARENA_PUSH(e->arena, e->running, e->n_running, e->running_capacity, definition); /* of its defaults too */
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
    e->pending_label = label;
    e->loop = loop;
    return result;
}

/* The signature "x axis=none *rest" of a builtin, parsed once; what takes the rest is called "*". */
static const Signature *signature_of(Elaborator *e, const Builtin *builtin, Loc loc) {
    size_t n;
    builtin_names(&n);
    if (!e->signatures) e->signatures = ARENA_ARRAY(e->arena, Signature, n);
    Signature *out = &e->signatures[builtin_number(builtin)];
    if (out->name) return out;
    out->name = builtin->name;
    out->parameters = ARENA_ARRAY(e->arena, Parameter, strlen(builtin->signature) + 1);
    for (const char *s = builtin->signature; *s;) {
        size_t length = strcspn(s, " "), equals = strcspn(s, "= ");
        Parameter *parameter = &out->parameters[out->count++];
        parameter->name = *s == '*' ? "*" : arena_strndup(e->arena, s, equals);
        if (*s != '*' && equals < length)
            parameter->fallback = expr_parse(e->arena, e->diags, loc, s + equals + 1, length - equals - 1);
        s += length + (s[length] == ' ');
    }
    return out;
}

/* What is left of positional arguments, in order. */
static Value take_rest(Elaborator *e, Loc loc, Value *args, const char **keywords, size_t n, bool *taken) {
    Value rest = value_list(e, loc, V_LIST, n);
    if (rest.kind == V_POISON) return rest;
    rest.count = 0;
    for (size_t i = 0; i < n; i++)
        if (!keywords[i] && !taken[i]) rest.items[rest.count++] = args[i], taken[i] = true;
    return rest;
}

static bool bind_builtin(Elaborator *e, const Builtin *builtin, const Expr *at, Value *args,
                         const char **keywords, size_t n, Value *out, size_t *count) {
    const Signature *signature = signature_of(e, builtin, at->loc);
    size_t next = 0;
    bool *taken = ARENA_ARRAY(e->arena, bool, n + 1);
    for (size_t p = 0; p < signature->count; p++) {
        const Parameter *parameter = &signature->parameters[p];
        if (parameter->name[0] == '*') {
            out[p] = take_rest(e, at->loc, args, keywords, n, taken);
            if (out[p].kind == V_POISON) return false;
            continue;
        }
        size_t found = n;
        for (size_t i = 0; i < n; i++)
            if (keywords[i] && strcmp(keywords[i], parameter->name) == 0) found = i;
        while (found == n && next < n && (keywords[next] || taken[next])) next++;
        if (found == n && next < n) found = next;
        if (found < n) {
            out[p] = args[found];
            taken[found] = true;
        } else if (parameter->fallback) {
            out[p] = eval(e, parameter->fallback);
        } else {
            eval_error(e, at->loc, "%s wants argument '%s': %s(%s)", builtin->name, parameter->name,
                       builtin->name, builtin->signature);
            return false;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!taken[i] && strcmp(builtin->name, "draw") != 0 && strcmp(builtin->name, "record") != 0) {
            eval_error(e, at->loc, "%s takes no such argument%s%s: %s(%s)", builtin->name,
                       keywords[i] ? " " : "", keywords[i] ? keywords[i] : "", builtin->name,
                       builtin->signature);
            return false;
        }
    *count = signature->count;
    return true;
}

static Value call_builtin(Elaborator *e, const Builtin *builtin, const Expr *at, Value *args,
                          const char **keywords, size_t n) {
    Value out[16];
    size_t count;
    for (size_t i = 0; i < n; i++)
        if (args[i].kind == V_POISON) return args[i];
    if (!bind_builtin(e, builtin, at, args, keywords, n, out, &count)) return (Value){0};
    e->func->error[0] = '\0';
    return builtin->fn(e, at, out, count);
}

static Value make_record(Elaborator *e, const Expr *at, Value *fields, const char **names) {
    for (size_t i = 0; i < at->n_args; i++)
        if (!names[i])
            return eval_error(e, at->args[i]->loc, "a record's fields have names: record(name=value)");
    Names known = {0};
    for (size_t i = 0; i < at->n_args; i++)
        if (!names_set(e->arena, &known, names[i], 0))
            return eval_error(e, at->args[i]->loc, "field '%s' is given twice", names[i]);
    Value record = {.kind = V_RECORD, .items = fields, .names = names, .count = at->n_args};
    return close_list(e, at->loc, record);
}

Value eval_call(Elaborator *e, const Expr *expr) {
    const char *scope = e->scope, *call_label = e->call_label;
    e->call_label = NULL;
    Value callee = eval(e, expr->a);
    if (callee.kind == V_POISON) return callee;
    Value *args = ARENA_ARRAY(e->arena, Value, expr->n_args + 1);
    const char **keywords = ARENA_ARRAY(e->arena, const char *, expr->n_args + 1);
    const char *label = e->pending_label;
    e->pending_label = NULL;
    for (size_t i = 0; i < expr->n_args; i++) {
        args[i] = eval(e, expr->args[i]);
        keywords[i] = expr->args[i]->keyword;
    }
    e->pending_label = label;
    for (size_t i = 0; i < expr->n_args; i++)
        if (args[i].kind == V_POISON) return args[i];
    Loc before = e->func->loc;
    e->func->loc = expr->loc;
    if (call_label) e->func->scope = e->scope = join_scope(e, e->scope, call_label);
    Value result;
    if (callee.kind == V_BUILTIN && strcmp(callee.builtin->name, "record") == 0)
        result = make_record(e, expr, args, keywords);
    else if (callee.kind == V_BUILTIN)
        result = call_builtin(e, callee.builtin, expr, args, keywords, expr->n_args);
    else if (callee.kind == V_MODULE)
        result = call_definition(e, callee.definition, expr, args, keywords, expr->n_args);
    else if (callee.kind == V_NETWORK)
        result = apply_network(e, callee.definition, expr, args, keywords, expr->n_args);
    else
        result = eval_error(e, expr->loc, "%s cannot be called", show_value(e, &callee));
    e->func->loc = before;
    e->func->scope = e->scope = scope;
    return result;
}

Value eval_labelled(Elaborator *e, const Expr *expr) {
    const char *label = label_text(e, expr->a), *pending = e->pending_label;
    if (!label) return (Value){0};
    if (expr->b->kind != EXPR_CALL)
        return eval_error(e, expr->b->loc, "a label names a call: `%s: module(…)`", label);
    e->call_label = label;
    e->pending_label = NULL;
    Value value = eval(e, expr->b);
    e->call_label = NULL;
    e->pending_label = pending;
    return value;
}
