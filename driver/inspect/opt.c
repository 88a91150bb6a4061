/* vitc opt: reads IR text, runs passes, prints it. */
#include "driver/driver.h"
#include "inspect/text/listing.h"
#include "ir/base/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IR_TEXT ((size_t)1 << 30)

enum { OPT_PASSES, OPT_TIMING, OPT_N };
static const FlagRow OPT_ROWS[OPT_N] = {
    [OPT_PASSES] = {"passes", FLAG_VALUE, "PASS[,PASS …]", COMPLETE_PASSES, "run these, in this order"},
    [OPT_TIMING] = TIMING_FLAG};
const FlagTable OPT_FLAGS = {OPT_ROWS, OPT_N, NULL};

static void print_module(const Module *module) {
    size_t size;
    char *text = module_print(module, &size);
    fwrite(text, 1, size, stdout);
    free(text);
}

int verb_opt(int argc, char **argv) {
    Flag flags[OPT_N];
    Arguments args;
    if (!parse_arguments(argc, argv, flags, OPT_N, &args)) return 2;
    if (args.n_words != 1) return fail(2, "opt wants one file of IR text, or - for standard input");
    Arena *arena = arena_new();
    const char *path = args.words[0];
    size_t size;
    char *text = strcmp(path, "-") == 0 ? stream_read(arena, stdin, MAX_IR_TEXT, &size)
                                        : stream_read_file(arena, path, MAX_IR_TEXT, &size);
    if (!text) {
        fail(2, "cannot read '%s': %s", path, strerror(errno));
        arena_free(arena);
        return 2;
    }
    Diags *diags = diags_new(arena);
    Timing timing = {0};
    PassOptions options = {.verify = true, .after = timing_pass, .user = &timing};
    Module *module = module_parse(arena, diags, path, text, size);
    bool good = module && module_verify(module, diags) &&
                (!flags[OPT_PASSES].given || passes_run(module, flags[OPT_PASSES].value, &options, diags));
    if (!module && strstr(text, "\n" LISTING_MARK)) {
        arena_free(arena);
        return fail(2, "'%s' is a view, which leaves things out: inspect --full prints what opt reads", path);
    }
    if (good) print_module(module);
    if (good && flags[OPT_TIMING].given) timing_print(&timing);
    diags_print(diags, stderr, false);
    arena_free(arena);
    return good ? 0 : 2;
}
