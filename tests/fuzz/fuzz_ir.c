/* libFuzzer target: any text as IR. What reads is valid, prints and reads back as the same text, and goes through all passes as a
 * valid module. */
#include "ir/ir.h"
#include "passes/passes.h"
#include "tests/fuzz/small.h"
#include "tests/fuzz/tokens.h"

static void must(bool condition) {
    if (!condition) abort();
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
        must(passes_run(back, "simplify", &(PassOptions){.verify = true}, diags));
        small_target(module);
        if (is_small(module, 4000, INT64_C(1) << 40))
            must(passes_run(module, PASSES_ALL, &(PassOptions){.verify = true}, diags) ||
                 diags_errors(diags) > 0);
        free(first);
        free(second);
    }
    diags_text(diags);
    arena_free(arena);
    return 0;
}
