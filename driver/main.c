/* vitc: the compiler's command. */
#include "driver/driver.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS {"key=value", COMPLETE_SETTING, WORD_ANY}

static const Verb VERBS[] = {
    {.name = "train",
     .run = verb_train,
     .group = "train and use",
     .doc = "train a recipe on images",
     .words = {{"RECIPE", COMPLETE_RECIPE}, SETTINGS},
     .needs = {"data", "out"},
     .flags = {&TRAIN_FLAGS, &VITC_FLAGS},
     .examples = {{"train quickstart --data synthetic --out runs/first",
                   "a first run, on images that are made up"},
                  {"train my.yaml epochs=20 --data photos/ --data web=web.tar --out runs/mine",
                   "a recipe of yours with a knob set, on two sources of images"},
                  {"train my.yaml --data photos/ --out runs/mine --resume --minutes 60",
                   "begin, or go on with what is there, for an hour"}}},
    {.name = "resume",
     .run = verb_resume,
     .group = "train and use",
     .doc = "continue a run with its own recipe and settings",
     .words = {{"DIR", COMPLETE_RUN}, SETTINGS},
     .flags = {&RESUME_FLAGS, &VITC_FLAGS},
     .examples = {{"resume runs/first", "go on from the last checkpoint"},
                  {"resume runs/first epochs=40 --extend", "more epochs than it began with"}}},
    {.name = "eval",
     .run = verb_eval,
     .group = "train and use",
     .doc = "judge what a run has learned, or with --init the weights of a file",
     .words = {{"knn", COMPLETE_WORDS}, {"RUN|RECIPE", COMPLETE_RUN}, SETTINGS},
     .needs = {"data"},
     .flags = {&EVAL_FLAGS, &FROZEN_FLAGS, &VITC_FLAGS},
     .examples = {{"eval knn runs/first --data cifar10.tar",
                   "how well neighbours tell the classes of its test split"}}},
    {.name = "embed",
     .run = verb_embed,
     .group = "train and use",
     .doc = "write the features of images, a row each, of what a run has learned, or with --init of a file's "
            "weights",
     .words = {{"RUN|RECIPE", COMPLETE_RUN}, SETTINGS},
     .needs = {"data", "out"},
     .flags = {&EMBED_FLAGS, &FROZEN_FLAGS, &VITC_FLAGS},
     .examples = {{"embed runs/first --data photos/ --out photos.npy --names photos.txt",
                   "features for NumPy, and a file of which row is which"}}},
    {.name = "build",
     .run = verb_build,
     .group = "build",
     .doc = "make a program that trains the recipe, and needs nothing of vitc; or a C library, or its code "
            "in other "
            "forms",
     .words = {{"RECIPE", COMPLETE_RECIPE}, SETTINGS},
     .needs = {"o"},
     .flags = {&BUILD_FLAGS},
     .examples = {{"build quickstart -o quick", "a program for this machine: ./quick train --data …"},
                  {"build quickstart --static --target x86-64-v3,x86-64-v4 -o quick",
                   "one file for many machines, that chooses when it starts"},
                  {"build quickstart --emit=lib -o quicklib", "a C library with its header"}}},
    {.name = "info",
     .run = verb_info,
     .group = "build",
     .doc = "tell what a file made by build is, without running it, and whether it is whole",
     .words = {{"FILE", COMPLETE_FILE}},
     .examples = {{"info quick", "its recipe, targets and the vitc that built it"}}},
    {.name = "check",
     .run = verb_check,
     .group = "look",
     .doc = "validate a recipe and summarise it; tell which knobs are settings, and the labels that `.at` "
            "can read",
     .words = {{"RECIPE", COMPLETE_RECIPE}, SETTINGS},
     .flags = {&CHECK_FLAGS},
     .examples = {{"check my.yaml", "is it right, and how large is what it describes"},
                  {"check quickstart --knobs", "what can be set"}}},
    {.name = "inspect",
     .run = verb_inspect,
     .group = "look",
     .doc = "print the IR; its memory plan, as a picture too; what its kernels should cost by the roofline "
            "model",
     .words = {{"RECIPE", COMPLETE_RECIPE}, SETTINGS},
     .flags = {&INSPECT_FLAGS},
     .examples = {{"inspect quickstart --after autodiff", "the module after a pass"},
                  {"inspect quickstart --memory=memory.svg", "its arena, also as a picture"},
                  {"inspect quickstart --cost", "where the time should go"}}},
    {.name = "opt",
     .run = verb_opt,
     .group = "look",
     .doc = "run passes over IR text",
     .words = {{"FILE|-", COMPLETE_FILE}},
     .flags = {&OPT_FLAGS},
     .examples = {{"opt --passes simplify,fuse step.ir", "two passes over a file"}}},
    {.name = "bench",
     .run = verb_bench,
     .group = "look",
     .doc = "time the compiled step, with --profile each kernel, as shares of what limits it",
     .words = {{"RECIPE", COMPLETE_RECIPE}, SETTINGS},
     .flags = {&BENCH_FLAGS},
     .examples = {{"bench quickstart", "seconds of a step on random input"},
                  {"bench quickstart --profile", "and which kernels they go to"}}},
    {.name = "run",
     .run = verb_run,
     .group = "look",
     .doc = "run one compiled function on given tensors",
     .words = {{"RECIPE", COMPLETE_RECIPE}, SETTINGS},
     .needs = {"in", "out"},
     .flags = {&RUN_FLAGS},
     .examples = {{"run quickstart --in a.safetensors --out b.safetensors",
                   "a step, to compare with other programs"}}},
    {.name = "data",
     .run = verb_data,
     .group = "look",
     .doc = "read a data set as training would, decode all of it, and tell what is wrong or left out",
     .words = {{"check", COMPLETE_WORDS}, {"[NAME=]PATH", COMPLETE_DATA, WORD_SOME}},
     .flags = {&DATA_FLAGS},
     .examples = {{"data check photos/ web.tar", "broken images, doubles, and what is in both"}}},
    {.name = "doctor",
     .run = verb_doctor,
     .group = "look",
     .doc = "tell what there is of processor, targets and tools, what they reach, and whether micro-kernels "
            "compute "
            "what they should: what a report of a bug should hold",
     .flags = {&DOCTOR_FLAGS}},
    {.name = "help",
     .run = verb_help,
     .group = "help",
     .doc = "this text, that of a verb, or a list",
     .words = {{"VERB|TOPIC", COMPLETE_TOPIC, WORD_MAYBE}}},
};
static const char NOTES[] =
    "Compiled programs are kept in ~/.cache/vitc (VITC_CACHE: another folder, or off; "
    "VITC_CACHE_LIMIT: bytes, "
    "1 GiB\nunless set) and taken from there by train, eval and bench while recipe, settings, vitc "
    "and machine are "
    "the same.\n--strict makes warnings of a recipe errors. Of a flag or a setting that is given "
    "twice the last one holds; -- ends the flags; "
    "--help works "
    "after any verb.";

int verb_help(int argc, char **argv) {
    if (argc > 0 && strcmp(argv[0], "passes") == 0) {
        int n;
        const Pass *table = pass_table(&n);
        for (int i = 0; i < n; i++) printf("%-12s %s\n", table[i].name, table[i].doc);
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "ops") == 0) {
        char *text = ops_doc();
        fputs(text, stdout);
        free(text);
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "targets") == 0) return print_targets(stdout), 0;
    if (argc > 0 && strcmp(argv[0], "samplers") == 0) {
#define SAMPLER(name, dtype, params, doc) printf("%-20s %s, %s\n    %s\n", #name, #dtype, doc, params);
#include "runtime/catalog.def"
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "augmentations") == 0) {
#define AUGMENT(name, params, doc) printf("%-20s %s\n    %s\n", #name, doc, params);
#include "runtime/catalog.def"
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "formats") == 0) {
#define FORMAT(name, doc) printf("%-12s %s\n", #name, doc);
#include "runtime/catalog.def"
        return 0;
    }
    if (tell_usage(argc > 0 ? argv[0] : NULL, NOTES)) return 0;
    return fail(2, "no help on '%s'", argv[0]);
}

/* LLVM asks for much memory in small pieces and gives it all back: the heap grows in large steps and keeps what it
 * has. */
static void tune_heap(void) {
    mallopt(M_TOP_PAD, 16 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* setting the others ends its own adaptation */
}

int main(int argc, char **argv) {
    command = &VITC;
    tune_heap();
    return command_main(VERBS, sizeof VERBS / sizeof *VERBS, NOTES, argc, argv);
}
