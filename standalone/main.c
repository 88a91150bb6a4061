/* main() of a built program. */
#include "command/complete.h"
#include "command/help.h"
#include "runtime/machine/choose.h"
#include "standalone/standalone.h"

#include <string.h>

static const char *const NOTES[] = {"Settings are written key=value, or --key value; `info` lists them, and "
                                    "what is fixed. What is given twice holds as it "
                                    "was given last; -- ends the flags; --help works after any verb.",
                                    NULL};

static int verb_help(int argc, char **argv) {
    Arguments args;
    const char *names[8];
    size_t n = 0;
    char list[256];
    if (!parse_arguments(argc, argv, NULL, 0, &args)) return 2;
    VtTerminal terminal = vt_terminal(stdout);
    Help help = help_begin(stdout, &terminal);
    const Verb *verb = args.n_words ? find_verb(args.words[0]) : NULL;
    if (verb) return tell_verb(&help, verb), 0;
    if (!args.n_words) return tell_verbs(&help), tell_notes(&help, NOTES), 0;
    for (int i = 0; i < command_n_verbs && n < 8; i++)
        if (command_verbs[i].group) names[n++] = command_verbs[i].name;
    snprintf(list, sizeof list, "%s help", command->name);
    return unknown_word("no help on", args.words[0], names, n, list);
}

#define SETTINGS {"key=value", COMPLETE_SETTING, WORD_ANY}

static const Verb VERBS[] = {
    {.name = "train",
     .run = verb_train,
     .group = "train and use",
     .doc = "train on images",
     .words = {SETTINGS},
     .needs = {"data", "out"},
     .flags = {&TRAIN_FLAGS},
     .examples = {{"train --data photos/ --out run", "begin a run"}}},
    {.name = "resume",
     .run = verb_resume,
     .group = "train and use",
     .doc = "continue a run, of this program or of vitc",
     .words = {{"DIR", COMPLETE_FOLDER, WORD_ONE}, SETTINGS},
     .flags = {&RESUME_FLAGS},
     .examples = {{"resume run", "go on from the last checkpoint"}}},
    {.name = "eval",
     .run = verb_eval,
     .group = "train and use",
     .doc = "judge what a run has learned, or the weights of a file",
     .words = {{"knn|retrieval", COMPLETE_WORDS, WORD_ONE}, {"RUN", COMPLETE_RUN, WORD_MAYBE}},
     .needs = {"data"},
     .flags = {&EVAL_FLAGS, &FROZEN_FLAGS, &FORCE_FLAG},
     .examples = {{"eval knn run --data cifar10.tar",
                   "how well neighbours tell the classes of its test split"}}},
    {.name = "embed",
     .run = verb_embed,
     .group = "train and use",
     .doc = "write the features of images, a row each",
     .words = {{"RUN", COMPLETE_RUN, WORD_MAYBE}},
     .needs = {"data", "out"},
     .flags = {&EMBED_FLAGS, &FROZEN_FLAGS, &FORCE_FLAG},
     .examples = {{"embed run --data photos/ --out photos.npy", "features for NumPy"}}},
    {.name = "info",
     .run = verb_own_info,
     .group = "look",
     .doc = "tell what this program is: recipe, settings, shapes, targets",
     .more = "Recipe, settings and what is fixed, functions, memory, targets; with --check whether its "
             "kernels compute what they should here.",
     .flags = {&OWN_INFO_FLAGS}},
    {.name = "help",
     .run = verb_help,
     .group = "help",
     .doc = "tell of all verbs, or of one",
     .words = {{"VERB", COMPLETE_TOPIC, WORD_MAYBE}}},
    {.name = "completion",
     .run = verb_completion,
     .group = "help",
     .doc = "print what a shell needs to complete verbs, flags and settings",
     .words = {{"bash|zsh|fish", COMPLETE_WORDS, WORD_ONE}}},
    {.name = "complete-words", .run = verb_complete},
};

/* Whether a verb that runs compiled code may: the program is whole, since another may compute anything, and has code
 * for this machine. False after telling. */
static bool is_fit(const char *verb) {
    char damage[256];
    static const char *const telling[] = {"info", "help", "completion", "complete-words"};
    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
        if (strcmp(verb, telling[i]) == 0) return true;
    find_damage(damage, sizeof damage);
    if (damage[0]) return fail(1, "this program is damaged: %s", damage) < 0;
    VtChoice best = vt_choose_variant(&vt_built, NULL);
    return best.variant || fail(best.code, "%s", best.message) < 0;
}

int main(int argc, char **argv) {
    static char summary[256];
    static Command built;
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    built = BUILT;
    built.name = argc == 0 || !argv[0][0] ? vt_built.name : slash && slash[1] ? slash + 1 : argv[0];
    snprintf(summary, sizeof summary, "%s: trains the recipe %s, which it was built of by vitc %s",
             built.name, vt_built.name, vt_built.version);
    built.summary = summary;
    built.fit = is_fit;
    command = &built;
    if (vt_built.abi != VT_ABI)
        return fail(1, "its code has ABI %d, its runtime ABI %d: it is to be built anew", vt_built.abi,
                    VT_ABI);
    return command_main(VERBS, sizeof VERBS / sizeof *VERBS, argc, argv);
}
