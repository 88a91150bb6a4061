/* The verb `build`: see build.h. */
#include "driver/build/build.h"
#include "driver/recipe_weights.h"

#include <string.h>

enum { OUT, EMIT, STATIC, TARGET, CC, VERBOSE, FORCE, DEBUG, NAME, PRECISION, TIMING, STRICT, N_FLAGS };
static const FlagRow FLAGS[N_FLAGS] = {
    [OUT] = {"o", FLAG_VALUE, "FILE", COMPLETE_FILE,
             "what is made; the folder of a library; - for a text to standard output"},
    [EMIT] =
        {"emit", FLAG_VALUE, "exe|obj|asm|llvm|ir|lib", COMPLETE_WORDS,
         "a program (unless given), an object, assembly, LLVM IR, the graph after all passes, or a C library "
         "with its header"},
    [STATIC] = {"static", FLAG_BARE, NULL, COMPLETE_NONE, "a program without any shared library"},
    [TARGET] = {"target", FLAG_VALUE, "NAME[,NAME …]", COMPLETE_TARGETS,
                "processors it is for; one for several chooses when it starts; `list` tells which there are"},
    [CC] = {"cc", FLAG_VALUE, "COMMAND", COMPLETE_NONE, "the compiler that links; $CC or cc unless given"},
    [VERBOSE] = {"verbose", FLAG_BARE, NULL, COMPLETE_NONE, "show the commands that are run"},
    [FORCE] = {"force", FLAG_BARE, NULL, COMPLETE_NONE, "overwrite a file that vitc build did not make"},
    [DEBUG] = {"g", FLAG_BARE, NULL, COMPLETE_NONE,
               "keep symbols, and lines of the recipe as debug information"},
    [NAME] = {"name", FLAG_VALUE, "NAME", COMPLETE_NONE, "another name than the recipe's"},
    [PRECISION] = PRECISION_FLAG,
    [TIMING] = TIMING_FLAG,
    [STRICT] = STRICT_FLAG};
const FlagTable BUILD_FLAGS = {FLAGS, N_FLAGS, NULL};

static const struct {
    const char *name;
    bool text; /* it may go to standard output */
    bool (*write)(Build *b);
} KINDS[] = {
    [EMIT_EXE] = {"exe", false, emit_program}, [EMIT_OBJ] = {"obj", false, emit_object},
    [EMIT_ASM] = {"asm", true, emit_text},     [EMIT_LLVM] = {"llvm", true, emit_text},
    [EMIT_IR] = {"ir", true, emit_text},       [EMIT_LIB] = {"lib", false, emit_library},
};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

/* ---- what is asked for ------------------------------------------------------------------------------------------- */

static bool read_request(Build *b, int argc, char **argv, Flag *flags, Arguments *args) {
    if (!parse_arguments(argc, argv, flags, N_FLAGS, args)) return false;
    *b = (Build){.arena = arena_new(),
                 .out = flags[OUT].value,
                 .cc = flags[CC].value,
                 .fixed = flags[STATIC].given,
                 .verbose = flags[VERBOSE].given,
                 .force = flags[FORCE].given,
                 .debug = flags[DEBUG].given,
                 .code = 2};
    if (args->n_words != 1) return fail(2, "build wants one recipe: vitc build RECIPE -o FILE") < 0;
    if (!flags[OUT].given) return fail(2, "build wants -o FILE") < 0;
    b->emit = (Emit)flag_choice(&flags[EMIT]);
    if (!choose_targets(b, flags[TARGET].value)) return false;
    if (strcmp(b->out, "-") == 0 && !KINDS[b->emit].text)
        return fail(2, "-o -: --emit=%s makes a file, not a text", KINDS[b->emit].name) < 0;
    if (b->fixed && b->emit != EMIT_EXE) return fail(2, "--static goes with --emit=exe") < 0;
    return true;
}

/* ---- the modules ------------------------------------------------------------------------------------------------- */

/* The recipe for one target after another; what there is to warn of is told once. */
static bool plan_modules(Build *b, const char *recipe, const RecipeOptions *asked) {
    RecipeOptions options = *asked;
    for (int i = 0; i < b->n_targets; i++) {
        Session *s = &b->sessions[i];
        b->n_open++;
        if (!session_load(s, recipe, &options) || !pin_weights(s, recipe, &options) ||
            !session_passes(s, PASSES_ALL, b->targets[i].asked))
            return false;
        options.warnings = WARNINGS_IGNORED;
    }
    return true;
}

int verb_build(int argc, char **argv) {
    Build b = {0};
    Flag flags[N_FLAGS];
    Arguments args;
    bool good =
        read_request(&b, argc, argv, flags, &args) && (b.emit == EMIT_LIB || output_allowed(&b, b.out));
    if (good) {
        RecipeOptions options = recipe_options(&args, &flags[STRICT]);
        good = plan_modules(&b, args.words[0], &options) && about_recipe(&b, flags[NAME].value) &&
               KINDS[b.emit].write(&b);
        if (good && flags[TIMING].given) timing_print(&b.sessions[0].timing);
    }
    for (int i = 0; i < b.n_open; i++) session_close(&b.sessions[i]);
    if (b.arena) arena_free(b.arena);
    return good ? 0 : b.arena ? b.code : 2;
}
