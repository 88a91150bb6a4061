/* --target LIST of `vitc build`: see build.h. */
#include "codegen/target/select.h"
#include "driver/build/build.h"

#include <stdlib.h>
#include <string.h>

/* Its place in the table, which has the best first; a program tries them in that order. */
static int rank(const char *name) {
    int n, i = 0;
    const Target *const *all = target_all(&n);
    while (i < n && strcmp(all[i]->name, name) != 0) i++;
    return i;
}

static int by_rank(const void *a, const void *b) {
    return rank(((const BuildTarget *)a)->name) - rank(((const BuildTarget *)b)->name);
}

static bool add(Build *b, const char *name) {
    char error[512];
    TargetChoice choice;
    if (!target_select(name, &choice, error, sizeof error)) return fail(2, "%s", error) < 0;
    const char *row = choice.target->name, *arch = choice.target->architecture->name;
    for (int i = 0; i < b->n_targets; i++)
        if (strcmp(b->targets[i].name, row) == 0)
            return strcmp(name, row) == 0 ? fail(2, "--target names %s twice", row) < 0
                                          : fail(2, "--target names %s twice, which %s is", row, name) < 0;
    if (b->n_targets && strcmp(b->arch, arch) != 0)
        return fail(2, "--target: %s is of %s, %s is of %s; a program is for one architecture",
                    b->targets[0].name, b->arch, row, arch) < 0;
    if (b->n_targets == MAX_BUILD_TARGETS)
        return fail(2, "--target: %d targets at most", MAX_BUILD_TARGETS) < 0;
    b->arch = arch;
    b->targets[b->n_targets++] =
        (BuildTarget){.asked = name, .name = row, .features = choice.target->features};
    return true;
}

bool choose_targets(Build *b, const char *text) {
    char *list = arena_strdup(b->arena, text ? text : "native"), *save = NULL;
    for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save))
        if (!add(b, name)) return false;
    qsort(b->targets, (size_t)b->n_targets, sizeof *b->targets, by_rank);
    return b->n_targets || fail(2, "--target '%s' names no target", text) < 0;
}
