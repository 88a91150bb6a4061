/* The flags of vitc inspect. */
#include "driver/inspect/request.h"

static const FlagRow FLAGS[N_INSPECT_FLAGS] = {
    [INSPECT_AFTER] = {"after", FLAG_VALUE, "PASS", COMPLETE_PASS,
                       "the module after this pass; after all unless given"},
    [INSPECT_BEFORE] = {"before", FLAG_VALUE, "PASS", COMPLETE_PASS, "the module before this pass"},
    [INSPECT_FUNCTION] = {"function", FLAG_VALUE, "NAME|all", COMPLETE_FUNCTION,
                          "the function; `step` unless given"},
    [INSPECT_ONLY] = {"only", FLAG_VALUE, "PATTERN", COMPLETE_NONE,
                      "the modules of these paths: 'student.blocks.0.*'"},
    [INSPECT_STATES] = {"states", FLAG_VALUE, "trained|all|none|param|ema|optimizer|buffer|counter|derived",
                        COMPLETE_WORDS, "list these states; a summary of all unless given"},
    [INSPECT_FULL] = {"full", FLAG_BARE, NULL, COMPLETE_NONE,
                      "everything, as `opt` reads it: --states=all --function=all"},
    [INSPECT_DIFF] = {"diff", FLAG_VALUE, "PASS", COMPLETE_PASS, "what this pass changed, value by value"},
    [INSPECT_PASSES] = {"passes", FLAG_BARE, NULL, COMPLETE_NONE, "a table of the passes and what each did"},
    [INSPECT_MEMORY] = {"memory", FLAG_MAYBE, "FILE.svg", COMPLETE_FILE,
                        "the plan of memory, as a picture too"},
    [INSPECT_COST] = {"cost", FLAG_BARE, NULL, COMPLETE_NONE,
                      "what its kernels should cost by the roofline model"},
    [INSPECT_EXPLAIN] = {"explain", FLAG_VALUE, "VALUE", COMPLETE_NONE,
                         "why it is so: %12, a name, a module's path, a line (recipe.yaml:78), 'kernel 3'"},
    [INSPECT_KERNEL] = {"kernel", FLAG_VALUE, "NAME", COMPLETE_NONE,
                        "one kernel: its number, its name, or a value that it computes"},
    [INSPECT_EMIT] = {"emit", FLAG_VALUE, "llvm|asm", COMPLETE_WORDS, "the code of --kernel"},
    [INSPECT_AGAINST] = {"against", FLAG_VALUE, "RECIPE|KEY=VALUE", COMPLETE_RECIPE,
                         "what differs from this recipe, or from the same with other settings; settings "
                         "behind it are the second's"},
    [INSPECT_ALL] = {"all", FLAG_BARE, NULL, COMPLETE_NONE, "with --against: every row of its tables"},
    [INSPECT_OUT] = {"o", FLAG_VALUE, "FILE", COMPLETE_FILE,
                     "where html, svg and dot go, instead of printing them"},
    [INSPECT_FORCE] = {"force", FLAG_BARE, NULL, COMPLETE_NONE,
                       "put FILE in the place of one that is not vitc's"},
    [INSPECT_DEPTH] = {"depth", FLAG_VALUE, "N", COMPLETE_NONE,
                       "with svg and dot: modules within modules that are drawn; as many as are readable"},
    [INSPECT_PROFILE] = {"profile", FLAG_VALUE, "FILE.json", COMPLETE_FILE,
                         "with html and --cost: the times that vitc bench --profile=FILE.json measured"},
    [INSPECT_PEAK] = PEAK_FLAG,
    [INSPECT_BANDWIDTH] = BANDWIDTH_FLAG,
    [INSPECT_FORMAT] = {"format", FLAG_VALUE, "text|json|html|svg|dot", COMPLETE_WORDS,
                        "what is made (text): html is a page to look around in, svg and dot a picture"},
    [INSPECT_TARGET] = TARGET_FLAG,
    [INSPECT_STRICT] = STRICT_FLAG,
    [INSPECT_TIMING] = TIMING_FLAG};

/* One behind the other they are all flags, in the order of InspectFlag. */
#define PART(from, to, title) {FLAGS + from, to - from, title}
const FlagTable INSPECT_GRAPH_FLAGS = PART(INSPECT_AFTER, INSPECT_DIFF, "which part of the graph"),
                INSPECT_SHOW_FLAGS = PART(INSPECT_DIFF, INSPECT_OUT, "what else is shown"),
                INSPECT_FORM_FLAGS = PART(INSPECT_OUT, INSPECT_TARGET, "how it is shown"),
                INSPECT_COMPILE_FLAGS = PART(INSPECT_TARGET, N_INSPECT_FLAGS, "compiling");
