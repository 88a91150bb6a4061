/* LLVM for a target: see host.h. */
#include "codegen/target/host.h"
#include "codegen/codegen.h"
#include "codegen/target/select.h"

#include <dlfcn.h>
#include <llvm-c/Core.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static Machine facts_of(const TargetChoice *choice) {
    const Target *target = choice->target;
    Machine machine = {.cores = target->cores, .own_cache = target->own_cache};
    if (choice->native) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN), cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
        if (cores > 0) machine.cores = cores;
        if (cache > 0) machine.own_cache = cache;
    }
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
    LLVMInitializeAllTargetInfos(); /* those that this LLVM was built with */
    LLVMInitializeAllTargets();
    LLVMInitializeAllTargetMCs();
    LLVMInitializeAllAsmPrinters();
}

/* "+avx2,+fma" and the preferences, malloc'ed. */
static char *features_text(const Target *target) {
    const char *preferences[] = {target->preferences, target->architecture->preferences};
    size_t size = strlen(preferences[0]) + strlen(preferences[1]) + 3;
    for (const char *at = target->features; *at; at++) size += *at == ',' ? 2 : 1;
    char *text = malloc(size + 1), *to = text;
    if (!text) return NULL;
    for (const char *at = target->features; *at; *to++ = *at++)
        if (at == target->features || at[-1] == ',') *to++ = '+';
    *to = '\0';
    for (int i = 0; i < 2; i++)
        if (*preferences[i]) to += sprintf(to, "%s%s", to > text ? "," : "", preferences[i]);
    return text;
}

bool target_machine_open(TargetMachine *machine, const char *text, char *error, size_t size) {
    memset(machine, 0, sizeof *machine);
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_llvm);
    TargetChoice choice;
    if (!target_select(text, &choice, error, size)) return false;
    const Architecture *architecture = choice.target->architecture;
    machine->target = choice.target;
    machine->facts = facts_of(&choice);
    machine->triple = architecture->triple;
    machine->features = features_text(choice.target);
    if (!machine->features) {
        snprintf(error, size, "out of memory");
        return false;
    }
    LLVMTargetRef llvm;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(machine->triple, &llvm, &message)) {
        snprintf(error, size, "target '%s': LLVM: %s", machine->target->name, message);
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
    free(machine->features);
    memset(machine, 0, sizeof *machine);
}

/* ---- the door ---------------------------------------------------------------------------------------------------- */

bool codegen_runs_here(const char *text, char *error, size_t size) {
    TargetChoice choice;
    char why[TARGET_WHY];
    if (!target_select(text, &choice, error, size)) return false;
    if (target_runs_here(choice.target, why)) return true;
    snprintf(error, size, "target '%s' does not run here: %s", choice.target->name, why);
    return false;
}

bool codegen_machine(const char *text, Machine *machine, char *error, size_t size) {
    TargetMachine target;
    bool good = target_machine_open(&target, text, error, size);
    if (good) machine_fill(machine, &target.facts);
    target_machine_close(&target);
    return good;
}

const char *codegen_target_name(const char *text, char *error, size_t size) {
    TargetChoice choice;
    return target_select(text, &choice, error, size) ? choice.target->name : NULL;
}

const char *codegen_llvm_version(Arena *arena) {
    unsigned major = 0, minor = 0, patch = 0;
    LLVMGetVersion(&major, &minor, &patch);
    return arena_printf(arena, "%u.%u.%u", major, minor, patch);
}

const char *codegen_target_text(Arena *arena, const char *text, char *error, size_t size) {
    TargetMachine target;
    const char *all = NULL;
    if (target_machine_open(&target, text, error, size))
        all = arena_printf(arena, "%s %s %s cache %lld cores %lld LLVM %s", target.target->name,
                           target.triple, target.features, (long long)target.facts.own_cache,
                           (long long)target.facts.cores, codegen_llvm_version(arena));
    target_machine_close(&target);
    return all;
}
