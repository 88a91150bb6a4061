/* The host: what it has, and LLVM's code generator for a target on it. */
#ifndef VITC_CODEGEN_TARGET_HOST_H
#define VITC_CODEGEN_TARGET_HOST_H

#include "codegen/target.h"
#include <llvm-c/TargetMachine.h>
#include <stddef.h>

bool host_has(const Target *target); /* its features, and the system's permission to use it */
/* What is known of this machine, and the panels and tiles of the target. */
Machine host_machine(const Target *target);

/* LLVM's code generator for a target. */
typedef struct {
    const Target *target;
    char *features; /* for LLVM, with preferences; owned */
    char *triple;
    LLVMTargetMachineRef llvm;
} TargetMachine;

/* `restrict_to`: NULL for all the host has; the name of a target ("avx2", "generic") to pretend that it has no more; or
 * features to take away ("-avx512f,…"). False with a message. */
bool target_machine_open(TargetMachine *machine, const char *restrict_to, char *error, size_t size);
void target_machine_close(TargetMachine *machine);

#endif
