/* libFuzzer target: any text as IR. What reads is valid, prints and reads back as the same text, and goes through all
 * passes as a valid module, those that group kernels anew if it has kernels. */
#include "ir/ir.h"
#include "passes/passes.h"
#include "tests/fuzz/small.h"
#include "tests/fuzz/tokens.h"

static void must(bool condition) {
    if (!condition) abort();
}

/* Passes leave a valid module, or refuse it: one that they want otherwise, or that does not fit into a limit. */
static void run_passes(Module *module, const char *list, Diags *diags) {
    if (passes_run(module, list, &(PassOptions){.verify = true}, diags)) return;
    must(diags_errors(diags) > 0 && !strstr(diags_text(diags), "this is a bug"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = module_parse(arena, diags, "fuzz", (const char *)data, size);
    must(module != NULL || diags_errors(diags) > 0);
    if (module) {
        size_t first_size, second_size;
        char *first = module_print(module, &first_size);
        Module *back = module_parse(arena, diags, "printed", first, first_size);
        must(back != NULL);
        char *second = module_print(back, &second_size);
        must(first_size == second_size && memcmp(first, second, first_size) == 0);
        run_passes(back, "simplify", diags);
        small_target(module);
        if (is_small(module, 4000, INT64_C(1) << 40)) {
            run_passes(module_clone(module, arena), "precision,schedule,remat,prologue,chain,memory,barriers",
                       diags);
            run_passes(module, PASSES_ALL, diags);
        }
        free(first);
        free(second);
    }
    diags_text(diags);
    arena_free(arena);
    return 0;
}
