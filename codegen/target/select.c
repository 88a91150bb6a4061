/* Targets by name: see select.h. */
#include "codegen/target/select.h"
#include "ir/base/diag.h"
#include "runtime/machine/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool runs_without(const Target *target, const char *without, char why[TARGET_WHY]) {
    char missing[VT_FEATURE_NAME];
    int refused;
    if (strcmp(target->architecture->name, vt_architecture) != 0)
        snprintf(why, TARGET_WHY, "it is for processors of %s", target->architecture->name);
    else if (!vt_features_here_without(target->features, without, missing))
        snprintf(why, TARGET_WHY, "this machine lacks %s", missing);
    else if ((refused = vt_features_permit(target->features)))
        snprintf(why, TARGET_WHY, "the system refuses tile registers: %s", strerror(refused));
    else
        return true;
    return false;
}

bool target_runs_here(const Target *target, char *why) {
    char unread[TARGET_WHY];
    return runs_without(target, "", why ? why : unread);
}

static bool has_traits(const Target *target, const char *without) {
    char missing[VT_FEATURE_NAME];
    return !target->traits || vt_features_here_without(target->traits, without, missing);
}

const char *target_tell(const Target *target, char out[TARGET_WHY]) {
    char why[TARGET_WHY];
    const char *more = target->by_name_only      ? "; never native"
                       : !has_traits(target, "") ? "; code of another is faster"
                                                 : "";
    if (runs_without(target, "", why))
        snprintf(out, TARGET_WHY, "runs here%s", more);
    else
        snprintf(out, TARGET_WHY, "%.*s%s", TARGET_WHY - 32, why, target->by_name_only ? more : "");
    return out;
}

static bool select_best(const char *without, TargetChoice *out, char *error, size_t size) {
    int n;
    char why[TARGET_WHY];
    const Target *const *targets = target_all(&n);
    for (int i = 0; i < n; i++) {
        *out = (TargetChoice){targets[i], true};
        if (!targets[i]->by_name_only && has_traits(targets[i], without) &&
            runs_without(targets[i], without, why))
            return true;
    }
    snprintf(error, size, "no target runs on this machine: vitc help targets says why");
    return false;
}

static void refuse(const char *unknown, char *error, size_t size) {
    enum { MOST = 32 };
    int n;
    const Target *const *targets = target_all(&n);
    const char *names[MOST + 1] = {"native"};
    for (int i = 0; i < n && i < MOST; i++) names[i + 1] = targets[i]->name;
    n = n < MOST ? n + 1 : MOST + 1;
    const char *near = diag_nearest(unknown, names, (size_t)n);
    size_t at =
        (size_t)snprintf(error, size, "unknown target '%s'%s%s%s ", unknown, near ? "; did you mean '" : "",
                         near ? near : "", near ? "'? There are" : "; there are");
    for (int i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(error + at, size - at, "%s%s", i ? ", " : "", names[i]);
}

/* The names of "-avx512f,-fma" without their signs: "avx512f,fma", malloc'ed. */
static char *names_taken(const char *text) {
    char *out = malloc(strlen(text) + 1), *to = out;
    for (const char *at = text; out && *at; at++)
        if (*at != '-' || (at > text && at[-1] != ',')) *to++ = *at;
    if (out) *to = '\0';
    return out;
}

bool target_select(const char *text, TargetChoice *out, char *error, size_t size) {
    if (!text || strcmp(text, "native") == 0) return select_best("", out, error, size);
    *out = (TargetChoice){target_find(text), false};
    if (out->target) return true;
    if (text[0] != '-' && text[0] != '+') {
        refuse(text, error, size);
        return false;
    }
    char *taken = names_taken(text);
    if (!taken) snprintf(error, size, "out of memory");
    bool good = taken && select_best(taken, out, error, size);
    free(taken);
    return good;
}
