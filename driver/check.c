/* vitc check, vitc inspect, vitc opt: reading recipes and IR. */
#include "driver/driver.h"

#include <errno.h>
#include <stdlib.h>
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
        if (!matmul_only || func->nodes[id].op == OP_matmul) flops += node_flops(func, func_node(func, id));
    return flops;
}

/* What modules told of themselves, a line a name: "tokens  65 (student), 17 (student)". */
static void print_notes(const Recipe *recipe) {
    for (size_t i = 0; i < recipe->n_notes; i++) {
        const RecipeNote *first = &recipe->notes[i];
        bool done = false;
        for (size_t j = 0; j < i && !done; j++) done = strcmp(recipe->notes[j].name, first->name) == 0;
        if (done) continue;
        printf("  %-12s", first->name);
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
    bool good = session_load(&s, args.words[0], &options) && session_passes(&s, PASSES_ALL);
    if (good) {
        const Module *module = s.recipe.module;
        const Func *step = module_find_func(module, "step");
        const VtTrain *train = &s.recipe.plan.train;
        printf("%s: ok\n", s.recipe.plan.name);
        if (s.recipe.about) printf("  %s\n", s.recipe.about);
        printf("  parameters   %.0f trained, %.0f frozen, %.0f EMA, %.0f optimiser state\n",
               count_role(module, ROLE_PARAM, false) - count_role(module, ROLE_PARAM, true),
               count_role(module, ROLE_PARAM, true), count_role(module, ROLE_EMA, false),
               count_role(module, ROLE_OPTIMIZER, false));
        printf("  batch        %lld images, %g epochs\n", (long long)train->batch, train->epochs);
        print_notes(&s.recipe);
        for (int i = 0; i < s.recipe.plan.n_inputs; i++) {
            const VtTensor *t = &s.recipe.plan.inputs[i].tensor;
            Type type = type_make((DType)t->dtype, t->rank, t->dim);
            printf("  input        %s : %s\n", t->name, type_text(s.arena, &type));
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
        if (step) printf("  operators    %zu in the step after all passes\n", step->count);
    }
    session_close(&s);
    return good ? 0 : 2;
}

static void print_time(void *user, const Pass *pass, const Module *module, double seconds) {
    (void)user;
    size_t nodes = 0;
    for (size_t f = 0; f < module->n_funcs; f++) nodes += module->funcs[f]->count;
    fprintf(stderr, "%-12s %8.2f ms  %zu operators\n", pass->name, seconds * 1e3, nodes);
}

static void print_module(const Module *module) {
    size_t size;
    char *text = module_print(module, &size);
    fwrite(text, 1, size, stdout);
    free(text);
}

/* The passes up to and with the last one called `after`; all when NULL, none for "frontend". */
static char *passes_until(Arena *arena, const char *after) {
    if (!after) return arena_strdup(arena, PASSES_ALL);
    if (strcmp(after, "frontend") == 0) return arena_strdup(arena, "");
    char *list = arena_strdup(arena, PASSES_ALL), *found = NULL;
    size_t n = strlen(after);
    for (char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, after, n) == 0 && (at[n] == ',' || !at[n])) found = at + n;
    if (found) *found = '\0';
    return found ? list : NULL;
}

int verb_inspect(int argc, char **argv) {
    Flag flags[] = {{"after", true, false, NULL}, {"timing", false, false, NULL}};
    Arguments args;
    if (!parse_arguments(argc, argv, flags, 2, &args)) return 2;
    if (args.n_words != 1) return fail(2, "inspect wants one recipe");
    Session s;
    RecipeOptions options = {
        .models_dir = models_dir(), .overrides = args.overrides, .n_overrides = args.n_overrides};
    bool good = session_load(&s, args.words[0], &options);
    if (good) {
        char *list = passes_until(s.arena, flags[0].value);
        PassOptions pass_options = {.verify = true, .after = flags[1].given ? print_time : NULL};
        if (!list) {
            fail(2, "--after %s: one of frontend,%s", flags[0].value, PASSES_ALL);
            good = false;
        } else if (!(good = passes_run(s.recipe.module, list, &pass_options, s.diags)))
            diags_print(s.diags, stderr, false);
        else
            print_module(s.recipe.module);
    }
    session_close(&s);
    return good ? 0 : 2;
}

static char *read_stream(FILE *file, size_t *size) {
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    char buffer[65536];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;) fwrite(buffer, 1, n, out);
    fclose(out);
    return text;
}

int verb_opt(int argc, char **argv) {
    Flag flags[] = {{"passes", true, false, NULL}, {"timing", false, false, NULL}};
    Arguments args;
    if (!parse_arguments(argc, argv, flags, 2, &args)) return 2;
    if (args.n_words != 1) return fail(2, "opt wants one file of IR text, or - for standard input");
    FILE *file = strcmp(args.words[0], "-") == 0 ? stdin : fopen(args.words[0], "rb");
    if (!file) return fail(2, "cannot read '%s': %s", args.words[0], strerror(errno));
    size_t size;
    char *text = read_stream(file, &size);
    if (file != stdin) fclose(file);
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    PassOptions options = {.verify = true, .after = flags[1].given ? print_time : NULL};
    Module *module = module_parse(arena, diags, args.words[0], text, size);
    bool good = module && module_verify(module, diags) &&
                (!flags[0].given || passes_run(module, flags[0].value, &options, diags));
    if (good) print_module(module);
    diags_print(diags, stderr, false);
    arena_free(arena);
    free(text);
    return good ? 0 : 2;
}
