/* The choice of a variant: see choose.h. */
#include "runtime/machine/choose.h"
#include "runtime/machine/features.h"

#include <stdarg.h>
#include <string.h>

bool vt_variant_runs(const VtVariant *variant, char *why, size_t size) {
    char missing[VT_FEATURE_NAME];
    if (!vt_features_here(variant->features, missing)) {
        snprintf(why, size, "this machine lacks %s", missing);
        return false;
    }
    int refused = vt_features_permit(variant->features);
    if (refused) snprintf(why, size, "the system refuses tile registers: %s", strerror(refused));
    return refused == 0;
}

/* Adds to the message as far as it has room. */
static void add(VtChoice *choice, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(VtChoice *choice, const char *format, ...) {
    size_t at = strlen(choice->message);
    va_list args;
    va_start(args, format);
    vsnprintf(choice->message + at, sizeof choice->message - at, format, args);
    va_end(args);
}

static VtChoice choose_best(const VtBuilt *built) {
    VtChoice choice = {.code = 1};
    const VtVariant *slower = NULL; /* runs here, but lacks a trait */
    char why[128];
    for (int i = 0; i < built->n_variants; i++) {
        const VtVariant *variant = &built->variants[i];
        if (vt_variant_runs(variant, why, sizeof why)) {
            if (vt_features_here(variant->traits, why)) return (VtChoice){.variant = variant};
            if (!slower) slower = variant;
            continue;
        }
        add(&choice, "%s%s: %s",
            i ? "; " : "this machine runs none of this program's targets: ", variant->target, why);
    }
    if (slower) return (VtChoice){.variant = slower};
    if (built->n_variants == 0) add(&choice, "this program holds no code");
    return choice;
}

VtChoice vt_choose_variant(const VtBuilt *built, const char *target) {
    char why[128];
    if (!target || strcmp(target, "native") == 0) return choose_best(built);
    VtChoice choice = {.code = 2};
    for (int i = 0; i < built->n_variants; i++) {
        const VtVariant *variant = &built->variants[i];
        if (strcmp(variant->target, target) != 0) continue;
        if (vt_variant_runs(variant, why, sizeof why))
            choice = (VtChoice){.variant = variant};
        else
            add(&choice, "target %s: %s", target, why);
        return choice;
    }
    add(&choice, "this program was not built for target '%s'; it holds", target);
    for (int i = 0; i < built->n_variants; i++)
        add(&choice, "%s %s", i ? "," : "", built->variants[i].target);
    return choice;
}

void vt_print_variants(const VtBuilt *built, const VtVariant *chosen, FILE *out) {
    char why[128];
    for (int i = 0; i < built->n_variants; i++) {
        const VtVariant *variant = &built->variants[i];
        bool runs = vt_variant_runs(variant, why, sizeof why);
        fprintf(out, "%-14s %s\n", variant->target,
                variant == chosen ? "chosen"
                : runs            ? "runs here too"
                                  : why);
    }
}
