/* vitc: the compiler's command. */
#include "command/complete.h"
#include "driver/driver.h"
#include "driver/help/topics.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS {"key=value", COMPLETE_SETTING, WORD_ANY}

static const Verb VERBS[] = {
    {.name = "init",
     .run = verb_init,
     .group = "train and use",
     .doc = "write a first recipe, with comments that explain it",
     .more = "It trains at once, on images that are made up. Nothing that is there is written over.",
     .words = {{"NAME", COMPLETE_NONE, WORD_ONE}},
     .flags = {&INIT_FLAGS},
     .examples = {{"init my", "my.yaml: two views of an image are told from those of others"},
                  {"init my --objective mask", "hidden patches are told from the rest"},
                  {"init my --from quickstart", "a copy to change, each section with a comment"},
                  {"init my --base quickstart", "what is different from that one, to be filled in"},
                  {"init --list", "what to begin with"}}},
    {.name = "train",
     .run = verb_train,
     .group = "train and use",
     .doc = "train a recipe on images",
     .more = "A run is a folder: its recipe as it was, checkpoints, metrics. A signal ends it, saved; "
             "resume, or --resume, goes on with it bit for bit.\n"
             "It ends after the epochs that the recipe says, by its train.stop, or by --steps or --minutes.",
     .words = {{"RECIPE", COMPLETE_RECIPE, WORD_ONE}, SETTINGS},
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
     .more = "What is not given is as it was saved. What a run has computed depends on its recipe: changes "
             "of it are refused, but for those that no weight depends on; --extend and --force take more.",
     .words = {{"DIR", COMPLETE_FOLDER, WORD_ONE}, SETTINGS},
     .flags = {&RESUME_FLAGS, &VITC_FLAGS},
     .examples = {{"resume runs/first", "go on from the last checkpoint"},
                  {"resume runs/first epochs=40 --extend", "more epochs than it began with"}}},
    {.name = "eval",
     .run = verb_eval,
     .group = "train and use",
     .doc = "judge what a run has learned, or the weights of a file",
     .more = "knn: features of the training split vote on the classes of the test split. retrieval: "
             "each test image ranks the training images. linear: linear "
             "classifiers are trained on those of the training split, for several rates at once. fewshot: "
             "classifiers learn from a few images of each class, drawn several times. finetune: the encoder "
             "itself is trained with labels and a linear head, in a run of its own, which goes on when it is "
             "asked for again; key=value sets knobs of its recipe, eval/finetune. The recipe's section "
             "embed says what features are, unless --layer, --last or --readout do. With --init a recipe "
             "is judged by the weights of a file. Results are kept in eval.json of the run.",
     .words = {{"knn|retrieval|linear|fewshot|finetune", COMPLETE_WORDS, WORD_ONE},
               {"RUN|RECIPE", COMPLETE_RUN, WORD_ONE},
               SETTINGS},
     .needs = {"data"},
     .flags = {&EVAL_FLAGS, &FROZEN_FLAGS, &VITC_FLAGS},
     .examples = {{"eval knn runs/first --data cifar10.tar",
                   "how well neighbours tell the classes of its test split"},
                  {"eval linear runs/first --data cifar10.tar --layer 3,6,11 --baselines",
                   "linear classifiers on three layers, beside the untrained encoder and raw pixels"},
                  {"eval finetune runs/first --data cifar10.tar preset=cifar --labels 10%",
                   "the encoder itself, trained with a tenth of the labels"}}},
    {.name = "embed",
     .run = verb_embed,
     .group = "train and use",
     .doc = "write features of images, of a run or the weights of a file",
     .more = "A row an image, in the order of the data set, of what the recipe's section embed says, or "
             "of other layers. With --init a recipe takes the weights of a file.",
     .words = {{"RUN|RECIPE", COMPLETE_RUN, WORD_ONE}, SETTINGS},
     .needs = {"data", "out"},
     .flags = {&EMBED_FLAGS, &FROZEN_FLAGS, &VITC_FLAGS},
     .examples = {{"embed runs/first --data photos/ --out photos.npy --names photos.txt",
                   "features for NumPy, and a file of which row is which"}}},
    {.name = "build",
     .run = verb_build,
     .group = "build",
     .doc = "make a program, a library or code of a recipe",
     .more = "A program trains, judges and embeds as vitc does, and needs nothing of vitc where it runs: no "
             "LLVM, no recipe. A library has a C header.",
     .words = {{"RECIPE", COMPLETE_RECIPE, WORD_ONE}, SETTINGS},
     .needs = {"o"},
     .flags = {&BUILD_FLAGS},
     .examples = {{"build quickstart -o quick", "a program for this machine, which trains: ./quick help"},
                  {"build quickstart --static --target x86-64-v3,x86-64-v4 -o quick",
                   "one file for many machines, that chooses when it starts"},
                  {"build quickstart --emit=lib -o quicklib", "a C library with its header"}}},
    {.name = "info",
     .run = verb_info,
     .group = "build",
     .doc = "tell what a file made by build is, without running it",
     .words = {{"FILE", COMPLETE_FILE, WORD_ONE}},
     .examples = {{"info quick", "its recipe, targets and the vitc that built it"}}},
    {.name = "check",
     .run = verb_check,
     .group = "look inside",
     .doc = "validate a recipe and summarise it",
     .words = {{"RECIPE", COMPLETE_RECIPE, WORD_ONE}, SETTINGS},
     .flags = {&CHECK_FLAGS},
     .examples = {{"check my.yaml", "is it right, and how large is what it describes"},
                  {"check quickstart --knobs", "what can be set"}}},
    {.name = "inspect",
     .run = verb_inspect,
     .group = "look inside",
     .doc = "show what the compiler makes of a recipe",
     .more =
         "Its step after all passes, module by module, what is alike shown once; a stage before that, and "
         "what each pass changed. Or its plan of memory, what its kernels should cost by the roofline "
         "model, why a value became what it is, a page to click through.",
     .words = {{"RECIPE", COMPLETE_RECIPE, WORD_ONE}, SETTINGS},
     .flags = {&INSPECT_GRAPH_FLAGS, &INSPECT_SHOW_FLAGS, &INSPECT_FORM_FLAGS, &INSPECT_COMPILE_FLAGS},
     .examples = {{"inspect quickstart --after autodiff", "the step after a pass"},
                  {"inspect quickstart --passes", "what each pass did, and how long it took"},
                  {"inspect quickstart --diff simplify.1", "what one of them changed"},
                  {"inspect quickstart --memory=memory.svg", "its arena, also as a picture"},
                  {"inspect quickstart --cost",
                   "where the time should go, and for which lines of the recipe"},
                  {"inspect quickstart --explain encoder.blocks.0",
                   "what became of a value, a module or a line, and why"},
                  {"inspect quickstart --against temperature=0.1", "what a change does"},
                  {"inspect quickstart --format=html -o step.html",
                   "all of it, to look around in with a browser"}}},
    {.name = "opt",
     .run = verb_opt,
     .group = "look inside",
     .doc = "run passes over IR text",
     .more = "The text form is what inspect prints; docs/ir.md has it.",
     .words = {{"FILE|-", COMPLETE_FILE, WORD_ONE}},
     .flags = {&OPT_FLAGS},
     .examples = {{"opt --passes simplify,fuse step.ir", "two passes over a file"}}},
    {.name = "bench",
     .run = verb_bench,
     .group = "look inside",
     .doc = "time the compiled step, or each of its kernels",
     .more = "On random input, without data. With --profile each kernel, as a share of what limits it.",
     .words = {{"RECIPE", COMPLETE_RECIPE, WORD_ONE}, SETTINGS},
     .flags = {&BENCH_FLAGS},
     .examples = {{"bench quickstart", "seconds of a step on random input"},
                  {"bench quickstart --profile", "and which kernels they go to"}}},
    {.name = "run",
     .run = verb_run,
     .group = "look inside",
     .doc = "run one compiled function on given tensors",
     .more =
         "How vitc is compared with another implementation: what goes in and comes out are files of tensors.",
     .words = {{"RECIPE", COMPLETE_RECIPE, WORD_ONE}, SETTINGS},
     .needs = {"in", "out"},
     .flags = {&RUN_FLAGS},
     .examples = {{"run quickstart --in a.safetensors --out b.safetensors",
                   "a step, to compare with other programs"}}},
    {.name = "data",
     .run = verb_data,
     .group = "look inside",
     .doc = "read a data set as training would, and tell what is wrong",
     .more = "Decodes every image of every split, and tells what is broken, left out, there twice, or held "
             "out in one set and trained on in another.",
     .words = {{"check", COMPLETE_WORDS, WORD_ONE}, {"[NAME=]PATH", COMPLETE_DATA, WORD_SOME}},
     .flags = {&DATA_FLAGS},
     .examples = {{"data check photos/ web.tar", "broken images, doubles, and what is in both"}}},
    {.name = "doctor",
     .run = verb_doctor,
     .group = "look inside",
     .doc = "tell what this machine has and reaches, and check its kernels",
     .more = "Processor, targets, tools, peaks, and whether micro-kernels compute what they should: what a "
             "report of a bug should hold.",
     .flags = {&DOCTOR_FLAGS}},
    {.name = "help",
     .run = verb_help,
     .group = "help",
     .doc = "tell of all verbs, of one, or of what can be listed",
     .more = "The lists are of recipes, passes, rules, ops, functions, samplers, augmentations, formats, "
             "targets and environment; a row of any of them is found by its name too.",
     .words = {{"VERB|LIST|NAME", COMPLETE_TOPIC, WORD_MAYBE}},
     .flags = {&HELP_FLAGS},
     .examples = {{"help train", "flags and examples of a verb"},
                  {"help passes", "the passes of the compiler, in their order"},
                  {"help softmax", "what is called so, here an operator and a function"}}},
    {.name = "completion",
     .run = verb_completion,
     .group = "help",
     .doc = "print what a shell needs to complete verbs, flags and knobs",
     .more = "Installed for all three shells by `cmake --install` and the package; else source it where the "
             "shell starts.",
     .words = {{"bash|zsh|fish", COMPLETE_WORDS, WORD_ONE}},
     .examples = {{"completion bash > ~/.local/share/bash-completion/completions/vitc", "for bash"},
                  {"completion zsh > ~/.zfunc/_vitc", "for zsh, ~/.zfunc being in $fpath"},
                  {"completion fish > ~/.config/fish/completions/vitc.fish", "for fish"}}},
    {.name = "complete-words", .run = verb_complete},
};
/* LLVM asks for much memory in small pieces and gives it all back: the heap grows in large steps and keeps what it
 * has. */
static void tune_heap(void) {
    mallopt(M_TOP_PAD, 16 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* setting the others ends its own adaptation */
}

int main(int argc, char **argv) {
    static Command own;
    own = VITC;
    own.complete = complete_vitc; /* of a folder above that of the rest */
    command = &own;
    tune_heap();
    return command_main(VERBS, sizeof VERBS / sizeof *VERBS, argc, argv);
}
