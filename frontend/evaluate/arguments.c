/* Arguments to parameters. Defaults are left to the caller: they are expressions. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/text/foreign.h"

#include <string.h>

/* ---- of modules and networks ------------------------------------------------------------------------------------- */

static bool has_parameter(const Signature *signature, const char *name) {
    for (size_t p = 0; p < signature->count; p++)
        if (strcmp(signature->parameters[p].name, name) == 0) return true;
    return false;
}

/* Where argument i stands. */
static Loc argument_loc(const Expr *at, size_t i) {
    if (i >= at->n_args) return at->loc;
    return at->args[i]->keyword ? at->args[i]->keyword_loc : at->args[i]->loc;
}

const char *show_signature(Evaluator *e, const Signature *signature) {
    const char *text = "";
    for (size_t p = 0; p < signature->count; p++)
        text = arena_printf(e->arena, "%s%s%s%s", text, p ? ", " : "", signature->parameters[p].name,
                            signature->parameters[p].fallback ? "=…" : "");
    return arena_printf(e->arena, "%s(%s)", signature->name, text);
}

/* An argument that a function has not: what it may be called there, or all that there are. */
static void unknown_argument(Evaluator *e, Loc loc, const Signature *signature, const char *name,
                             const char *all) {
    const char **names = ARENA_ARRAY(e->arena, const char *, signature->count + 1);
    for (size_t p = 0; p < signature->count; p++) names[p] = signature->parameters[p].name;
    const char *native = foreign_argument(name), *near = did_you_mean(e, name, names, signature->count);
    if (!*near && native && has_parameter(signature, native))
        near = arena_printf(e->arena, ": vitc writes `%s=`", native);
    name_error(e, loc, "%s has no argument '%s'%s%s", signature->name, name, *near ? near : ": ",
               *near ? "" : all);
}

bool bind_arguments(Evaluator *e, const Signature *signature, const Expr *at, Frame *frame, Value *args,
                    const char **keywords, size_t n) {
    size_t positional = 0;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        const char *name = keywords[i];
        if (!name) {
            if (positional >= signature->count) {
                size_t given = 0;
                for (size_t k = 0; k < n; k++) given += !keywords[k];
                name_error(e, argument_loc(at, i), "%s takes %zu argument%s, %zu are given: %s",
                           signature->name, signature->count, signature->count == 1 ? "" : "s", given,
                           show_signature(e, signature));
                return false;
            }
            name = signature->parameters[positional++].name;
        } else if (!has_parameter(signature, name)) {
            unknown_argument(e, argument_loc(at, i), signature, name, show_signature(e, signature));
            good = false;
            continue;
        }
        if (frame_find(frame, name)) {
            name_error(e, argument_loc(at, i), "argument '%s' of %s is given twice", name, signature->name);
            good = false;
        }
        define(e, frame, name, args[i]);
    }
    return good;
}

/* ---- of builtins ------------------------------------------------------------------------------------------------- */

/* Parses "x axis=none *rest", once. */
const Signature *signature_of(Evaluator *e, const Builtin *builtin, Loc loc) {
    if (!e->signatures) e->signatures = ARENA_ARRAY(e->arena, Signature, e->n_builtins);
    Signature *out = &e->signatures[builtin - e->builtins];
    if (out->name) return out;
    out->name = builtin->name;
    out->parameters = ARENA_ARRAY(e->arena, Parameter, strlen(builtin->signature) + 1);
    for (const char *s = builtin->signature; *s;) {
        size_t length = strcspn(s, " "), equals = strcspn(s, "= ");
        Parameter *parameter = &out->parameters[out->count++];
        parameter->name = arena_strndup(e->arena, s, equals);
        if (*s != '*' && equals < length)
            parameter->fallback = expr_parse(e->arena, e->diags, loc, s + equals + 1, length - equals - 1);
        s += length + (s[length] == ' ');
    }
    return out;
}

const char *builtin_text(Arena *arena, const Builtin *builtin) {
    const char *text = "";
    for (const char *s = builtin->signature; *s; s += *s == ' ') {
        size_t length = strcspn(s, " ");
        text = arena_printf(arena, "%s%s%.*s", text, *text ? ", " : "", (int)length, s);
        s += length;
    }
    return arena_printf(arena, "%s(%s)", builtin->name, text);
}

/* What is left of positional arguments, in order. */
static Value take_rest(Evaluator *e, Loc loc, Value *args, const char **keywords, size_t n, bool *taken) {
    Value rest = value_list(e, loc, V_LIST, n);
    if (rest.kind == V_POISON) return rest;
    rest.count = 0;
    for (size_t i = 0; i < n; i++)
        if (!keywords[i] && !taken[i]) rest.items[rest.count++] = args[i], taken[i] = true;
    return rest;
}

/* What is left of named arguments. */
static Value take_named(Evaluator *e, Value *args, const char **keywords, size_t n, bool *taken) {
    Value record = {.kind = V_RECORD, .items = ARENA_ARRAY(e->arena, Value, n + 1)};
    record.names = ARENA_ARRAY(e->arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (!keywords[i] || taken[i]) continue;
        record.names[record.count] = keywords[i];
        record.items[record.count++] = args[i];
        taken[i] = true;
    }
    return record;
}

/* The argument of parameter p: the one of its name, else the next positional one, from *next on; n: there is none. */
static size_t find_argument(const Parameter *parameter, const char **keywords, size_t n, const bool *taken,
                            size_t *next) {
    size_t found = n;
    for (size_t i = 0; i < n; i++)
        if (keywords[i] && strcmp(keywords[i], parameter->name) == 0) found = i;
    while (found == n && *next < n && (keywords[*next] || taken[*next])) ++*next;
    return found == n ? *next : found;
}

bool bind_builtin(Evaluator *e, const Builtin *builtin, const Signature *signature, const Expr *at,
                  Value *args, const char **keywords, size_t n, Value *out, const Expr **exprs, bool *given) {
    size_t next = 0;
    bool *taken = ARENA_ARRAY(e->arena, bool, n + 1);
    for (size_t p = 0; p < signature->count; p++) {
        const Parameter *parameter = &signature->parameters[p];
        bool rest = parameter->name[0] == '*', named = rest && parameter->name[1] == '*';
        size_t found = rest ? n : find_argument(parameter, keywords, n, taken, &next);
        given[p] = rest || found < n;
        exprs[p] = !rest && found < n ? at->args[found] : NULL;
        if (rest) {
            out[p] = named ? take_named(e, args, keywords, n, taken)
                           : take_rest(e, at->loc, args, keywords, n, taken);
            if (out[p].kind == V_POISON) return false;
        } else if (found < n) {
            out[p] = args[found];
            taken[found] = true;
        } else if (!parameter->fallback) {
            name_error(e, at->loc, "%s wants argument '%s': %s", builtin->name, parameter->name,
                       builtin_text(e->arena, builtin));
            return false;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!taken[i]) {
            Loc loc = argument_loc(at, i);
            if (!keywords[i])
                name_error(e, loc, "%s takes no argument more: %s", builtin->name,
                           builtin_text(e->arena, builtin));
            else if (has_parameter(signature, keywords[i]))
                name_error(e, loc, "argument '%s' of %s is given twice", keywords[i], builtin->name);
            else
                unknown_argument(e, loc, signature, keywords[i], builtin_text(e->arena, builtin));
            return false;
        }
    return true;
}
