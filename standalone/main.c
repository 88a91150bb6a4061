/* main() of a built program. */
#include "runtime/machine/choose.h"
#include "standalone/standalone.h"

#include <string.h>

static const char NOTES[] =
    "Settings are written key=value, or --key value; `info` lists them, and what is fixed.\n"
    "What is given twice holds as it was given last; -- ends the flags; --help works after any verb.";

static int verb_help(int argc, char **argv) {
    if (tell_usage(argc > 0 ? argv[0] : NULL, NOTES)) return 0;
    return fail(2, "no help on '%s'", argv[0]);
}

#define SETTINGS {"key=value", COMPLETE_SETTING, WORD_ANY}

static const Verb VERBS[] = {
    {.name = "train",
     .run = verb_train,
     .doc = "train on images",
     .words = {SETTINGS},
     .needs = {"data", "out"},
     .flags = {&TRAIN_FLAGS},
     .examples = {{"train --data photos/ --out run", "begin a run"}}},
    {.name = "resume",
     .run = verb_resume,
     .doc = "continue a run, of this program or of vitc, with its own settings",
     .words = {{"DIR", COMPLETE_RUN}, SETTINGS},
     .flags = {&RESUME_FLAGS},
     .examples = {{"resume run", "go on from the last checkpoint"}}},
    {.name = "eval",
     .run = verb_eval,
     .doc = "judge what a run has learned, or with --init the weights of a file",
     .words = {{"knn", COMPLETE_WORDS}, {"RUN", COMPLETE_RUN, WORD_MAYBE}},
     .needs = {"data"},
     .flags = {&EVAL_FLAGS, &FROZEN_FLAGS, &FORCE_FLAG},
     .examples = {{"eval knn run --data cifar10.tar",
                   "how well neighbours tell the classes of its test split"}}},
    {.name = "embed",
     .run = verb_embed,
     .doc = "write the features of images, a row each",
     .words = {{"RUN", COMPLETE_RUN, WORD_MAYBE}},
     .needs = {"data", "out"},
     .flags = {&EMBED_FLAGS, &FROZEN_FLAGS, &FORCE_FLAG},
     .examples = {{"embed run --data photos/ --out photos.npy", "features for NumPy"}}},
    {.name = "info",
     .run = verb_own_info,
     .doc = "what this program is: recipe, settings, shapes, memory, targets; --check: whether its kernels "
            "compute "
            "right here",
     .flags = {&OWN_INFO_FLAGS}},
    {.name = "help",
     .run = verb_help,
     .doc = "this text, or that of a verb",
     .words = {{"VERB", COMPLETE_TOPIC, WORD_MAYBE}}},
};

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
