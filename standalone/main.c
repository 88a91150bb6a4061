/* main() of a built program. */
#include "runtime/machine/choose.h"
#include "standalone/standalone.h"

#include <string.h>

#define DATA "--data [NAME=]PATH"
#define WEIGHTS "[--init FILE [--rename NAMES] [--only PATTERNS]]"
#define RUNNING                                                                                              \
    "[--steps N] [--minutes M] [--threads N] [--workers N] [--max-broken N] [--plain] [--target NAME]"

static int verb_help(int argc, char **argv) {
    if (tell_usage(argc > 0 ? argv[0] : NULL)) return 0;
    return fail(2, "no help on '%s'", argv[0]);
}

static const Verb VERBS[] = {
    {"train", verb_train,
     "[key=value …] " DATA " … --out DIR " WEIGHTS " [--resume [--previous] [--extend] [--force]] " RUNNING,
     "train on images"},
    {"resume", verb_resume, "DIR [key=value …] [" DATA " …] [--previous] [--extend] [--force] " RUNNING,
     "continue a run, of this program or of vitc, with its own settings"},
    {"eval", verb_eval,
     "knn [RUN] " DATA " " WEIGHTS " [--k N] [--temperature T] [--limit N] [--max-broken N] [--previous]",
     "judge what a run has learned, or with --init the weights of a file"},
    {"embed", verb_embed,
     "[RUN] " DATA " --out FILE.npy|FILE.safetensors " WEIGHTS
     " [--names FILE] [--split train|test] [--normalize] "
     "[--skip-broken] [--max-broken N] [--threads N] [--previous]",
     "write the features of images, a row each"},
    {"info", verb_own_info, "[--recipe | --check] [--json] [--target NAME]",
     "what this program is: recipe, settings, shapes, memory, targets; --check: whether its kernels compute "
     "right "
     "here"},
    {"help", verb_help, "[VERB]", "this text"},
};

static const char NOTES[] =
    "Settings are written key=value, or --key value; `info` lists them, and what is fixed.\n"
    "What is given twice holds as it was given last; -- ends the flags; --help works after any verb.";

/* Whether a verb that runs compiled code may: the program is whole, since another may compute anything, and has code
 * for this machine. False after telling. */
static bool is_fit(const char *verb) {
    char damage[256];
    if (strcmp(verb, "info") == 0 || strcmp(verb, "help") == 0) return true;
    find_damage(damage, sizeof damage);
    if (damage[0]) return fail(1, "this program is damaged: %s", damage) < 0;
    VtChoice best = vt_choose_variant(&vt_built, NULL);
    return best.variant || fail(best.code, "%s", best.message) < 0;
}

int main(int argc, char **argv) {
    static char about[256];
    static Command built;
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    snprintf(about, sizeof about, "%s, built by vitc %s (LLVM %s, ABI %d)", vt_built.name, vt_built.version,
             vt_built.llvm, vt_built.abi);
    built = BUILT;
    built.name = argc == 0 || !argv[0][0] ? vt_built.name : slash && slash[1] ? slash + 1 : argv[0];
    built.about = about;
    built.fit = is_fit;
    command = &built;
    if (vt_built.abi != VT_ABI)
        return fail(1, "its code has ABI %d, its runtime ABI %d: it is to be built anew", vt_built.abi,
                    VT_ABI);
    return command_main(VERBS, sizeof VERBS / sizeof *VERBS, NOTES, argc, argv);
}
