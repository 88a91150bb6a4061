/* LLVM's code generator for a target, on this machine or for another. */
#ifndef VITC_CODEGEN_TARGET_HOST_H
#define VITC_CODEGEN_TARGET_HOST_H

#include "codegen/target.h"
#include <llvm-c/TargetMachine.h>
#include <stddef.h>

typedef struct {
    const Target *target;
    Machine facts;      /* cores and cache: this machine's where the target is `native`; panels and tiles */
    char *features;     /* for LLVM, with preferences; owned */
    const char *triple; /* the architecture's */
    LLVMTargetMachineRef llvm;
} TargetMachine;

/* `text`: as target_select has it (select.h). The target need not run here. False with a message. */
bool target_machine_open(TargetMachine *machine, const char *text, char *error, size_t size);
void target_machine_close(TargetMachine *machine);

#endif
