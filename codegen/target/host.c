/* The host: see host.h. */
#include "codegen/target/host.h"
#include "codegen/codegen.h"

#include <dlfcn.h>
#include <llvm-c/Core.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- features ---------------------------------------------------------------------------------------------------- */

static bool has_feature(const char *features, const char *name, size_t length) {
    for (const char *at = features; *at;) {
        const char *end = strchrnul(at, ',');
        if ((size_t)(end - at) == length && memcmp(at, name, length) == 0) return true;
        at = *end ? end + 1 : end;
    }
    return false;
}

static bool has_all(const char *features, const char *wanted) {
    for (const char *at = wanted; *at;) {
        const char *end = strchrnul(at, ',');
        if (!has_feature(features, at, (size_t)(end - at))) return false;
        at = *end ? end + 1 : end;
    }
    return true;
}

static bool is_permitted(const Target *target) {
    return !target->permitted || target->permitted();
}

bool host_has(const Target *target) {
    char *features = LLVMGetHostCPUFeatures();
    bool has = features && has_all(features, target->requires) && is_permitted(target);
    if (features) LLVMDisposeMessage(features);
    return has;
}

/* The first target that the features are enough for. */
static const Target *best_target(const char *features) {
    int n;
    const Target *const *targets = target_all(&n), *best = target_find("generic");
    for (int i = n; i-- > 0;)
        if (!targets[i]->by_name_only && has_all(features, targets[i]->requires) && is_permitted(targets[i]))
            best = targets[i];
    return best;
}

static char *without(const char *host, const char *taken) {
    char *out = calloc(1, strlen(host) + 2);
    for (const char *at = host; out && *at;) {
        const char *end = strchrnul(at, ',');
        char minus[64];
        snprintf(minus, sizeof minus, "-%.*s", (int)(end - at - 1), at + 1);
        if (!has_feature(taken, minus, strlen(minus))) {
            if (*out) strcat(out, ",");
            strncat(out, at, (size_t)(end - at));
        }
        at = *end ? end + 1 : end;
    }
    return out;
}

static void refuse(const char *unknown, char *error, size_t size) {
    int n;
    const Target *const *targets = target_all(&n);
    size_t at = (size_t)snprintf(error, size, "unknown target features '%s': a target (", unknown);
    for (int i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(error + at, size - at, "%s%s", i ? ", " : "", targets[i]->name);
    if (at < size) snprintf(error + at, size - at, ") or a list like -avx512f");
}

/* The target and, malloc'ed, the features that code may use. */
static char *choose(const char *host, const char *restrict_to, const Target **target, char *error,
                    size_t size) {
    snprintf(error, size, "out of memory"); /* unless another is written */
    if (!host) return NULL;
    *target = restrict_to ? target_find(restrict_to) : NULL;
    if (*target) {
        if (has_all(host, (*target)->requires)) return strdup((*target)->requires);
        snprintf(error, size, "this machine lacks the features of target '%s' (%s)", restrict_to,
                 (*target)->requires);
        return NULL;
    }
    if (restrict_to && restrict_to[0] != '+' && restrict_to[0] != '-') {
        refuse(restrict_to, error, size);
        return NULL;
    }
    char *features = without(host, restrict_to ? restrict_to : "");
    if (features) *target = best_target(features);
    return features;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

Machine host_machine(const Target *target) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN), cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
    Machine machine = {.cores = cores > 0 ? cores : 0, .own_cache = cache > 0 ? cache : 0};
    for (Precision p = 0; p < PRECISION_COUNT; p++) {
        machine.panel[p] = target_panel(target, p);
        machine.tile[p] = target_tile(target, p);
    }
    return machine;
}

/* ---- LLVM -------------------------------------------------------------------------------------------------------- */

static void end_without_memory(void) {
    fputs("vitc: out of memory while LLVM compiles\n", stderr);
    _Exit(1);
}

/* LLVM allocates by C++'s new, which would end the process by a signal. */
static void watch_memory(void) {
    typedef void (*Handler)(void);
    Handler (*set_new_handler)(Handler);
    void *found = dlsym(RTLD_DEFAULT, "_ZSt15set_new_handlerPFvvE"); /* std::set_new_handler */
    if (!found) return;
    memcpy(&set_new_handler, &found, sizeof found);
    set_new_handler(end_without_memory);
}

/* Our emitter's addresses are one base and one index already: loop strength reduction takes a third of the time of code
 * generation and makes nothing faster. LLVM has this switch for the whole process only. */
static void start_llvm(void) {
    const char *const options[] = {"vitc", "-disable-lsr"};
    watch_memory();
    LLVMParseCommandLineOptions(2, options, NULL);
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
}

/* "features,preferences", malloc'ed. */
static char *add_preferences(char *features, const char *preferences) {
    if (!features || !*preferences) return features;
    char *both = malloc(strlen(features) + strlen(preferences) + 2);
    if (both) sprintf(both, "%s%s%s", features, *features ? "," : "", preferences);
    free(features);
    return both;
}

bool target_machine_open(TargetMachine *machine, const char *restrict_to, char *error, size_t size) {
    memset(machine, 0, sizeof *machine);
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_llvm);
    char *host = LLVMGetHostCPUFeatures();
    machine->features = choose(host, restrict_to, &machine->target, error, size);
    if (host) LLVMDisposeMessage(host);
    if (!machine->features) return false;
    machine->triple = LLVMGetDefaultTargetTriple();
    const Architecture *architecture = target_architecture(machine->triple);
    machine->features = add_preferences(machine->features, machine->target->preferences);
    machine->features = add_preferences(machine->features, architecture->preferences);
    if (!machine->features) return false; /* the message is written */
    LLVMTargetRef llvm;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(machine->triple, &llvm, &message)) {
        snprintf(error, size, "LLVM: %s", message);
        LLVMDisposeMessage(message);
        return false;
    }
    machine->llvm = LLVMCreateTargetMachine(llvm, machine->triple, architecture->cpu, machine->features,
                                            LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault);
    if (!machine->llvm) snprintf(error, size, "LLVM has no code generator for %s", machine->triple);
    return machine->llvm != NULL;
}

void target_machine_close(TargetMachine *machine) {
    if (machine->llvm) LLVMDisposeTargetMachine(machine->llvm);
    if (machine->triple) LLVMDisposeMessage(machine->triple);
    free(machine->features);
    memset(machine, 0, sizeof *machine);
}

/* ---- the door ---------------------------------------------------------------------------------------------------- */

bool codegen_machine(const char *target_features, Machine *machine, char *error, size_t size) {
    TargetMachine target;
    bool good = target_machine_open(&target, target_features, error, size);
    if (good) {
        Machine host = host_machine(target.target);
        machine_fill(machine, &host);
    }
    target_machine_close(&target);
    return good;
}

const char *codegen_target_text(Arena *arena, const char *target_features, char *error, size_t size) {
    TargetMachine target;
    unsigned major = 0, minor = 0, patch = 0;
    const char *text = NULL;
    if (target_machine_open(&target, target_features, error, size)) {
        Machine host = host_machine(target.target);
        LLVMGetVersion(&major, &minor, &patch);
        text = arena_printf(arena, "%s %s %s cache %lld cores %lld LLVM %u.%u.%u", target.target->name,
                            target.triple, target.features, (long long)host.own_cache, (long long)host.cores,
                            major, minor, patch);
    }
    target_machine_close(&target);
    return text;
}
