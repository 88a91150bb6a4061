/* The kinds of processors that code can be for. */
#include "codegen/target/select.h"
#include "driver/driver.h"

#include <string.h>

void print_targets_indented(FILE *out, const char *indent) {
    int n;
    char why[TARGET_WHY], error[TARGET_WHY];
    const Target *const *targets = target_all(&n);
    TargetChoice native;
    bool any = target_select(NULL, &native, error, sizeof error);
    fprintf(out, "%s%-14s %s\n", indent, "native", any ? native.target->name : error);
    for (int i = 0; i < n; i++) {
        const Target *target = targets[i];
        fprintf(out, "%s%-14s %s\n", indent, target->name, target_tell(target, why));
    }
}

void print_targets(FILE *out) {
    print_targets_indented(out, "");
}
