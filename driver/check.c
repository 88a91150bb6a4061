/* vitc check: is a recipe good, and what is it? */
#include "driver/driver.h"

#include <string.h>

static double count_role(const Module *module, StateRole role, bool frozen_only) {
    double n = 0;
    for (size_t s = 0; s < module->n_states; s++)
        if (module->states[s].role == role && (!frozen_only || module->states[s].frozen))
            n += (double)type_elements(&module->states[s].type);
    return n;
}

static double func_flops(const Func *func, bool matmul_only) {
    double flops = 0;
    for (ValueId id = 0; id < func->count; id++)
        if (!matmul_only || op_is_product(func->nodes[id].op)) flops += node_flops(func, func_node(func, id));
    return flops;
}

/* What modules told of themselves, a line a name: "tokens  65 (student), 17 (student)". */
static void print_notes(const Recipe *recipe) {
    for (size_t i = 0; i < recipe->n_notes; i++) {
        const RecipeNote *first = &recipe->notes[i];
        bool done = false;
        for (size_t j = 0; j < i && !done; j++) done = strcmp(recipe->notes[j].name, first->name) == 0;
        if (done) continue;
        char shown[256];
        printf("  %-12s", vt_show_name(first->name, shown, sizeof shown));
        for (size_t j = i; j < recipe->n_notes; j++) {
            const RecipeNote *note = &recipe->notes[j];
            if (strcmp(note->name, first->name) != 0) continue;
            printf("%s %g", j > i ? "," : "", note->value);
            if (note->network) printf(" (%s)", note->network);
        }
        putchar('\n');
    }
}

int verb_check(int argc, char **argv) {
    Arguments args;
    if (!parse_arguments(argc, argv, NULL, 0, &args)) return 2;
    if (args.n_words != 1) return fail(2, "check wants one recipe");
    Session s;
    RecipeOptions options = {.models_dir = models_dir(),
                             .overrides = args.overrides,
                             .n_overrides = args.n_overrides,
                             .with_values = true};
    bool good = session_load(&s, args.words[0], &options) && session_passes(&s, PASSES_ALL, NULL);
    if (good) {
        const Module *module = s.recipe.module;
        const Func *step = module_find_func(module, "step");
        const VtTrain *train = &s.recipe.plan.train;
        char shown[4096];
        printf("%s: ok\n", vt_show_name(s.recipe.plan.name, shown, sizeof shown));
        if (s.recipe.about) printf("  %s\n", vt_show_text(s.recipe.about, shown, sizeof shown));
        printf("  parameters   %.0f trained, %.0f frozen, %.0f EMA, %.0f optimiser state\n",
               count_role(module, ROLE_PARAM, false) - count_role(module, ROLE_PARAM, true),
               count_role(module, ROLE_PARAM, true), count_role(module, ROLE_EMA, false),
               count_role(module, ROLE_OPTIMIZER, false));
        printf("  batch        %lld images, %g epochs\n", (long long)train->batch, train->epochs);
        print_notes(&s.recipe);
        for (int i = 0; i < s.recipe.plan.n_inputs; i++) {
            const VtTensor *t = &s.recipe.plan.inputs[i].tensor;
            Type type = type_make((DType)t->dtype, t->rank, t->dim);
            printf("  input        %s : %s\n", vt_show_name(t->name, shown, sizeof shown),
                   type_text(s.arena, &type));
        }
        if (step)
            printf("  FLOPs        %.3f G an image and step (%.3f G in matrix products)\n",
                   func_flops(step, false) / (double)train->batch / 1e9,
                   func_flops(step, true) / (double)train->batch / 1e9);
        double state = 0;
        for (size_t i = 0; i < module->n_states; i++) state += (double)type_bytes(&module->states[i].type);
        if (step)
            printf("  memory       %.1f MB: %.1f MB state, %.1f MB between kernels\n",
                   (state + (double)step->arena_bytes) / 1e6, state / 1e6, (double)step->arena_bytes / 1e6);
        if (step && module->memory_limit)
            printf("  limit        %.1f MB\n", (double)module->memory_limit / 1e6);
        AgainTotals again = step ? again_totals(s.arena, step) : (AgainTotals){0};
        if (again.kernels)
            printf("  again        %d kernels run again, %.1f MB not kept, %.2f%% more FLOPs\n",
                   again.kernels, (double)again.bytes / 1e6,
                   100 * again.flops / (again.all_flops - again.flops));
        if (step) printf("  operators    %zu in the step after all passes\n", step->count);
    }
    session_close(&s);
    return good ? 0 : 2;
}
