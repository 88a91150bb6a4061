/* Assembly, LLVM IR and vitc's IR as text: see build.h. The first line says what made it, which also tells whether a
 * file may be overwritten. */
#include "driver/build/build.h"

#include <stdlib.h>
#include <string.h>

static bool write_text(Build *b, const char *name, const char *comment, const char *text, size_t size) {
    char *head = arena_printf(b->arena, "%s vitc build %s, %s\n", comment, about_name(b), name);
    size_t n = strlen(head);
    char *all = arena_must(malloc(n + size));
    memcpy(all, head, n);
    memcpy(all + n, text, size);
    bool good = output_write(b, output_path(b, name), 0644, all, n + size);
    free(all);
    return good;
}

static bool write_ir(Build *b) {
    bool good = true;
    for (int i = 0; good && i < b->n_targets; i++) {
        size_t size;
        char *text = module_print(b->sessions[i].recipe.module, &size);
        good = write_text(b, b->targets[i].name, "//", text, size);
        free(text);
    }
    return good;
}

bool emit_text(Build *b) {
    if (b->n_targets > 1 && strcmp(b->out, "-") == 0)
        return fail(2, "-o -: a text for each target is as many files; name one target") < 0;
    for (int i = 0; b->n_targets > 1 && i < b->n_targets; i++)
        if (!output_allowed(b, output_path(b, b->targets[i].name))) return false;
    if (b->emit == EMIT_IR) return write_ir(b);
    BuiltFiles files;
    if (!build_code(b, b->emit == EMIT_ASM ? BUILD_ASSEMBLY : BUILD_LLVM, &files)) return false;
    bool good = true;
    for (int i = 0; good && i < files.n_files; i++)
        good = write_text(b, files.files[i].name, b->emit == EMIT_ASM ? "#" : ";", files.files[i].bytes,
                          files.files[i].size);
    built_free(&files);
    return good;
}
