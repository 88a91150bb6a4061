/* vitc --version: what a report of a bug should say first. */
#include "codegen/target/select.h"
#include "driver/driver.h"

#include <commit.h> /* made by cmake/commit.cmake */

const char *version_name(void) {
    return VITC_COMMIT[0] ? "vitc " VITC_VERSION " (" VITC_COMMIT ")" : "vitc " VITC_VERSION;
}

void print_version(FILE *out) {
    int n;
    char error[TARGET_WHY];
    TargetChoice native;
    Arena *arena = arena_new();
    const Target *const *targets = target_all(&n);
    fprintf(out, "%s\nLLVM %s\ntargets", version_name(), codegen_llvm_version(arena));
    for (int i = 0; i < n; i++) fprintf(out, " %s", targets[i]->name);
    bool any = target_select(NULL, &native, error, sizeof error);
    fprintf(out, "\nnative %s\n", any ? native.target->name : error);
    arena_free(arena);
}
