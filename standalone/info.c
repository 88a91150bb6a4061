/* info: all there is to know of a built program. */
#include "runtime/base/dtype.h"
#include "runtime/machine/check_micro.h"
#include "runtime/machine/choose.h"
#include "runtime/program/settings.h"
#include "standalone/info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void print_knobs(const VtProgram *p) {
    char range[160];
    puts("settings, which may be given to train and resume");
    for (int i = 0; i < p->n_settings; i++) {
        const VtSetting *s = &p->settings[i];
        printf("  %-26s %-10.15g %s%s%s%s%s\n", s->key, s->value, vt_setting_range(s, range, sizeof range),
               s->help[0] ? " (" : "", s->help, s->help[0] ? ")" : "", s->made ? "; follows others" : "");
    }
    puts("fixed");
    for (int i = 0; i < vt_built.n_knobs; i++) {
        const VtKnob *k = &vt_built.knobs[i];
        if (k->fixed) printf("  %-26s %s%s%s\n", k->name, k->value, k->help[0] ? "  " : "", k->help);
    }
}

static void print_functions(const VtProgram *p) {
    char type[TENSOR_TEXT];
    for (int f = 0; f < p->n_functions; f++) {
        const VtFunction *function = &p->functions[f];
        printf("function %s: %d kernels, %.1f MB between them\n", function->name, function->n_calls,
               (double)function->arena_bytes / 1e6);
        for (int i = 0; i < function->n_inputs; i++) {
            const VtInput *input = &p->inputs[function->inputs[i]];
            if (input->source != VT_SOURCE_SETTING)
                printf("  in  %-28s %s\n", input->tensor.name, tensor_type(&input->tensor, type));
        }
        for (int o = 0; o < function->n_outputs; o++)
            printf("  out %-28s %s\n", function->outputs[o].tensor.name,
                   tensor_type(&function->outputs[o].tensor, type));
    }
}

static void print_states(const VtProgram *p) {
    char type[TENSOR_TEXT];
    printf("states: %d\n", p->n_states);
    for (int s = 0; s < p->n_states; s++) {
        const VtTensor *t = &p->states[s].tensor;
        printf("  %-44s %-22s %10zu bytes  %s\n", t->name, tensor_type(t, type), vt_bytes(t),
               role_name(p->states[s].role));
    }
}

static void print_memory(const VtProgram *p) {
    ProgramMemory m = program_memory(p);
    printf("memory      %.1f MB: %.1f MB states, %.1f MB between kernels, %.1f MB results; %.2f MB more a "
           "thread\n",
           (double)(m.states + m.arena + m.outputs) / 1e6, (double)m.states / 1e6, (double)m.arena / 1e6,
           (double)m.outputs / 1e6, (double)m.thread / 1e6);
}

void print_about(FILE *out) {
    fprintf(out, "%s, built by vitc %s (LLVM %s, ABI %d)\n", vt_built.name, vt_built.version, vt_built.llvm,
            vt_built.abi);
}

static void print_info(const VtVariant *chosen, const char *damage) {
    const VtProgram *p = (chosen ? chosen : &vt_built.variants[0])->program;
    print_about(stdout);
    if (damage[0]) printf("DAMAGED     %s\n", damage);
    printf("recipe      %s, SHA-256 %s (--recipe prints it)\n", vt_built.name, vt_built.recipe_hash);
    printf("data        %lld images a step", (long long)p->train.batch);
    for (int i = 0; i < p->n_sources; i++)
        if (p->sources[i].name[0]) printf("%s %s", i ? "," : "; sources", p->sources[i].name);
    putchar('\n');
    for (int i = 0; i < p->n_weights; i++) printf("weights     %s\n", p->weights[i].path);
    print_memory(p);
    puts("targets, the best first");
    vt_print_variants(&vt_built, chosen, stdout);
    print_knobs(p);
    print_functions(p);
    print_states(p);
}

/* Every micro-kernel of the target against plain C. */
static int check_kernels(const VtVariant *variant) {
    int n = variant->n_micros, wrong = vt_check_micros(variant->micros, n, stdout);
    if (wrong)
        return fflush(stdout),
               fail(1, "target %s: %d of %d micro-kernels compute something else than they should",
                    variant->target, wrong, n);
    printf("target %s: %d micro-kernels are right\n", variant->target, n);
    return 0;
}

/* ---- the verb ---------------------------------------------------------------------------------------------------- */

enum { RECIPE, CHECK, JSON, FORMAT, TARGET, N };
static const FlagRow FLAGS[N] = {
    [RECIPE] = {"recipe", FLAG_BARE, NULL, COMPLETE_NONE, "print the recipe that this was built of"},
    [CHECK] = {"check", FLAG_BARE, NULL, COMPLETE_NONE,
               "whether its micro-kernels compute what they should here"},
    [JSON] = {"json", FLAG_BARE, NULL, COMPLETE_NONE, "short for --format json"},
    [FORMAT] = {"format", FLAG_VALUE, "text|json", COMPLETE_WORDS, "what is printed (text)"},
    [TARGET] = {"target", FLAG_VALUE, "NAME", COMPLETE_TARGET,
                "tell of this target; `list` tells which there are"}};
const FlagTable OWN_INFO_FLAGS = {FLAGS, N, NULL};

int verb_own_info(int argc, char **argv) {
    Flag flags[N];
    Arguments args;
    char damage[160];
    bool json;
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (args.n_words || args.n_overrides)
        return fail(2, "info wants no '%s'", args.n_words ? args.words[0] : args.overrides[0]);
    json = flag_choice(&flags[FORMAT]) == 1;
    if (flags[RECIPE].given) return fputs(vt_built.recipe, stdout) < 0 ? 1 : 0;
    find_damage(damage, sizeof damage);
    VtChoice choice = vt_choose_variant(&vt_built, flags[TARGET].value);
    if (flags[TARGET].given && !choice.variant) return fail(choice.code, "%s", choice.message);
    if (flags[CHECK].given)
        return choice.variant ? check_kernels(choice.variant) : fail(choice.code, "%s", choice.message);
    int code = json || flags[JSON].given ? info_json(choice.variant, damage) : 0;
    if (!json && !flags[JSON].given) print_info(choice.variant, damage);
    if (damage[0]) return fflush(stdout), fail(1, "this program is damaged: %s", damage);
    if (!choice.variant) fail(0, "%s", choice.message);
    return code;
}
