/* Running the passes over what is to be shown (inspect.h). */
#include "inspect/inspect.h"
#include "codegen/codegen.h"

#include <string.h>

/* Tells the stages and the caller of each pass. */
typedef struct {
    Stages *stages;
    const PassOptions *hooks;
} Told;

static void tell(void *user, const Pass *pass, const Module *module, double seconds) {
    const Told *told = user;
    stages_add(told->stages, pass, module, seconds);
    if (told->hooks && told->hooks->after) told->hooks->after(told->hooks->user, pass, module, seconds);
}

const char *function_refusal(Arena *arena, const Module *module, const char *name) {
    const char **names = ARENA_ARRAY(arena, const char *, module->n_funcs + 1), *all = "";
    size_t n = 0;
    for (size_t f = 0; f < module->n_funcs; f++) {
        if (module->funcs[f]->body) continue;
        all = arena_printf(arena, "%s%s%s", all, n ? ", " : "", module->funcs[f]->name);
        names[n++] = module->funcs[f]->name;
    }
    const char *near = diag_nearest(name, names, n);
    if (near)
        return arena_printf(arena, "recipe '%s' has no function '%s'; did you mean '%s'?", module->name, name,
                            near);
    return arena_printf(arena, "recipe '%s' has no function '%s'; it has %s", module->name, name,
                        *all ? all : "none");
}

/* The function asked for; NULL after telling which there are. */
static const Func *choose_func(const Module *module, const char *name) {
    const Func *func = module_find_func(module, name ? name : "step");
    for (size_t f = 0; !name && !func && f < module->n_funcs; f++)
        if (!module->funcs[f]->body) func = module->funcs[f];
    if (func) return func;
    diag_error(module->diags, (Loc){0, 0, 0}, "%s",
               function_refusal(module->arena, module, name ? name : "step"));
    return NULL;
}

/* The passes of a list up to a stage; NULL after telling which stages there are. */
static const char *passes_until(const Module *module, const char *list, const char *until) {
    if (!until) return list;
    int stage = stage_number(list, until);
    if (stage < 0) {
        diag_error(module->diags, (Loc){0, 0, 0}, "%s", stage_refusal(module->arena, list, until));
        return NULL;
    }
    const char *end = list;
    for (int i = 0; i < stage; i++) {
        end += strspn(end, ", ");
        end += strcspn(end, ", ");
    }
    return arena_strndup(module->arena, list, (size_t)(end - list));
}

bool inspection_run(Inspection *inspection, Arena *arena, Module *module, const InspectionRun *run) {
    char error[512];
    const char *list = run->passes ? run->passes : PASSES_ALL;
    const char *target = codegen_target_name(run->target, error, sizeof error);
    if (!target || !codegen_machine(run->target, &module->machine, error, sizeof error)) {
        diag_error(module->diags, (Loc){0, 0, 0}, "%s", error);
        return false;
    }
    const char *passes = passes_until(module, list, run->until);
    if (!passes) return false;
    const Module *fresh = run->written ? module_clone(module, arena) : NULL;
    Stages *stages = stages_begin(arena, module, list, run->keep);
    Told told = {stages, run->hooks};
    PassOptions options = {.verify = run->verify, .after = tell, .user = &told};
    if (!passes_run(module, passes, &options, module->diags)) return false;
    const Func *func = choose_func(module, run->function);
    if (!func) return false;
    *inspection = (Inspection){.arena = arena,
                               .diags = module->diags,
                               .recipe = module->name,
                               .stages = stages,
                               .module = module,
                               .written = fresh ? flops_as_written(fresh, func->name) : (FlopCount){0, 0},
                               .func = func,
                               .target = target};
    return true;
}

const Module *inspection_module(const Inspection *inspection, int stage) {
    if ((size_t)stage + 1 == inspection->stages->count) return inspection->module;
    return inspection->stages->stages[stage].module;
}

const Func *inspection_func(const Inspection *inspection, int stage) {
    const Module *module = inspection_module(inspection, stage);
    return module ? module_find_func(module, inspection->func->name) : NULL;
}
