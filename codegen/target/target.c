/* The target table, and LLVM's target machine for the row chosen. */
#include "codegen/target/target.h"

#include <dlfcn.h>
#include <llvm-c/Core.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Widest first. Accumulators mr·nv, nv vectors of B and one broadcast must fit the register file. */
#define AVX512 "+avx512f,+avx512bw,+avx512dq,+avx512vl,+fma,+avx2"
static const TargetRow ROWS[] = {
    {"amx", "+amx-tile,+amx-bf16,+avx512bf16," AVX512, 16, 12, 2, MICRO_TILE, false},
    {"avx512bf16", "+avx512bf16," AVX512, 16, 12, 2, MICRO_DOT, false},
    {"avx512", AVX512, 16, 12, 2, MICRO_FMA, false},
    {"avx2", "+avx2,+fma", 8, 6, 2, MICRO_FMA, false},
    {"generic", "", 4, 4, 2, MICRO_FMA, false},
    {"amx-model", "", 4, 4, 2, MICRO_TILE, true},
};
enum { N_ROWS = sizeof ROWS / sizeof *ROWS };

const TargetRow *target_row(const char *name) {
    for (int i = 0; i < N_ROWS; i++)
        if (strcmp(ROWS[i].name, name) == 0) return &ROWS[i];
    return NULL;
}

const TargetRow *target_rows(int *n) {
    *n = N_ROWS;
    return ROWS;
}

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

bool target_has_bf16(const TargetRow *row) {
    return row->bf16 != MICRO_FMA && !row->model;
}

/* Tile registers must be asked for, once a process: the kernel grants their 8 KiB a thread (ARCH_REQ_XCOMP_PERM,
 * XFEATURE_XTILEDATA). */
static bool tiles_permitted(void) {
#ifdef __x86_64__
    return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
    return false;
#endif
}

bool target_host_has(const TargetRow *row) {
    char *features = LLVMGetHostCPUFeatures();
    bool has = features && has_all(features, row->requires) &&
               (row->bf16 != MICRO_TILE || row->model || tiles_permitted());
    if (features) LLVMDisposeMessage(features);
    return has;
}

/* The host's features after restriction; malloc'ed. */
static char *restrict_features(const char *host, const char *to, char *error, size_t size) {
    snprintf(error, size, "out of memory"); /* unless another is written */
    if (!host) return NULL;
    if (!to) return strdup(host);
    for (int i = 0; i < N_ROWS; i++) {
        if (strcmp(ROWS[i].name, to) != 0) continue;
        if (has_all(host, ROWS[i].requires)) return strdup(ROWS[i].requires);
        snprintf(error, size, "this machine lacks the features of target '%s' (%s)", to, ROWS[i].requires);
        return NULL;
    }
    if (to[0] != '+' && to[0] != '-') {
        snprintf(error, size,
                 "unknown target features '%s': a row (amx, avx512bf16, avx512, avx2, generic, amx-model) or "
                 "a list like "
                 "-avx512f",
                 to);
        return NULL;
    }
    char *out = calloc(1, strlen(host) + strlen(to) + 2);
    for (const char *at = host; out && *at;) { /* all of the host's that `to` does not take away */
        const char *end = strchrnul(at, ',');
        char minus[64];
        snprintf(minus, sizeof minus, "-%.*s", (int)(end - at - 1), at + 1);
        if (!has_feature(to, minus, strlen(minus))) {
            if (*out) strcat(out, ",");
            strncat(out, at, (size_t)(end - at));
        }
        at = *end ? end + 1 : end;
    }
    return out;
}

/* The row of that name, else the first whose features are there; one with a model only by its name. */
static const TargetRow *choose_row(const char *features, const char *name) {
    const TargetRow *named = name ? target_row(name) : NULL;
    if (named) return named;
    for (int i = 0; i < N_ROWS; i++)
        if (!ROWS[i].model && has_all(features, ROWS[i].requires) &&
            (ROWS[i].bf16 != MICRO_TILE || tiles_permitted()))
            return &ROWS[i];
    return &ROWS[N_ROWS - 1];
}

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

static Machine host_machine(void) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN), cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return (Machine){.cores = cores > 0 ? cores : 0, .own_cache = cache > 0 ? cache : 0};
}

/* What LLVM would otherwise choose for x86 in general: vectors as wide as the row's, and one instruction for a division of 64 bits
 * (a thread's share of the work: twice a kernel), not a test, two branches and two instructions. */
static bool add_preferences(Target *target) {
    const char *wide = target->row->lanes == 16 ? ",-prefer-256-bit" : "";
    char *features = malloc(strlen(target->features) + 64);
    if (!features) return false;
    sprintf(features, "%s%s%s-idivq-to-divl", target->features, wide, *target->features ? "," : "");
    free(target->features);
    target->features = features;
    return true;
}

bool target_open(Target *target, const char *restrict_to, char *error, size_t size) {
    memset(target, 0, sizeof *target);
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_llvm);
    char *host = LLVMGetHostCPUFeatures();
    target->features = restrict_features(host, restrict_to, error, size);
    if (host) LLVMDisposeMessage(host);
    if (!target->features) return false;
    target->row = choose_row(target->features, restrict_to);
    if (!add_preferences(target)) return false; /* the message is written */
    target->triple = LLVMGetDefaultTargetTriple();
    target->host = host_machine();
    LLVMTargetRef llvm;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(target->triple, &llvm, &message)) {
        snprintf(error, size, "LLVM: %s", message);
        LLVMDisposeMessage(message);
        return false;
    }
    target->machine = LLVMCreateTargetMachine(llvm, target->triple, "x86-64", target->features,
                                              LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault);
    if (!target->machine) snprintf(error, size, "LLVM has no code generator for %s", target->triple);
    return target->machine != NULL;
}

void target_close(Target *target) {
    if (target->machine) LLVMDisposeTargetMachine(target->machine);
    if (target->triple) LLVMDisposeMessage(target->triple);
    free(target->features);
    memset(target, 0, sizeof *target);
}
