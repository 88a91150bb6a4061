/* What a name means where it stands. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/recipe/modules.h"
#include "frontend/recipe/own_names.h"
#include "frontend/text/foreign.h"

#include <string.h>

const char *join_scope(Evaluator *e, const char *a, const char *b) {
    if (!a || !*a) return b;
    if (!b || !*b) return a;
    if (strlen(a) + strlen(b) < MAX_NAME) return arena_printf(e->arena, "%s.%s", a, b);
    eval_error(e, e->func->loc, "a name of over %d letters: %.40s…", MAX_NAME, a);
    return a;
}

/* The module of that name that the running text sees; false: there is none, or several. */
static bool find_module(Evaluator *e, const Expr *expr, Value *out) {
    const Definition *other,
        *module = module_seen(e->recipe, e->frame ? e->frame->text : 0, expr->text, &other);
    *out = (Value){.kind = V_MODULE, .definition = module};
    if (!other) return module != NULL;
    *out = name_error(e, expr->loc,
                      "two libraries have a module '%s': define the one that is meant under `modules:`",
                      expr->text);
    diag_note(e->diags, module->loc, "one is here");
    diag_note(e->diags, other->loc, "another here");
    return true;
}

/* Whether the recipe's own text has two meanings of the name, which was told where it is given. */
static bool clashes(const Evaluator *e, const char *name) {
    return (!e->frame || e->frame->text == 0) && (names_find(&e->recipe->clashes, name) != NAMES_NONE ||
                                                  names_find(&e->clashes, name) != NAMES_NONE);
}

/* A name of the recipe, or of its module, that stands in the recipe's own text. */
static void mention(Evaluator *e, const char *name) {
    if (e->mentions && (!e->frame || e->frame->text == 0)) names_set(e->arena, &e->mentions->read, name, 0);
}

/* Inside a module the modules of its text come first: no schedule changes what a library means. */
Value value_of_name(Evaluator *e, const Expr *expr) {
    const char *name = expr->text;
    bool inside = e->frame && e->frame->module;
    Value value, *found;
    if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0) return value_bool(name[0] == 't');
    if (strcmp(name, "none") == 0) return value_none();
    if ((found = frame_find(e->frame, name))) return *found;
    if (clashes(e, name)) return (Value){0};
    mention(e, name);
    if (inside && find_module(e, expr, &value)) return value;
    if ((found = lookup(e, name))) return *found;
    if (!inside && find_module(e, expr, &value)) return value;
    const Builtin *builtin = builtin_find(e, name);
    if (builtin) return (Value){.kind = V_BUILTIN, .builtin = builtin};
    return e->recipe->names_missing || (e->frame && e->frame->skipped) ? (Value){0} : unknown_name(e, expr);
}

bool name_of_package(Evaluator *e, const Expr *attribute) {
    const Expr *base = attribute->a;
    bool package = base->kind == EXPR_NAME && foreign_package(base->text) && !lookup(e, base->text) &&
                   !builtin_find(e, base->text) && !(e->frame && e->frame->skipped);
    if (package)
        name_error(
            e, base->loc, "unknown name '%s': %s", base->text,
            foreign_member(e->arena, base->text, attribute->text, builtin_find(e, attribute->text) != NULL));
    return package;
}
