/* Giving the memory back to the system that LLVM holds after a program is linked. */
#ifndef VITC_CODEGEN_LLVM_MEMORY_H
#define VITC_CODEGEN_LLVM_MEMORY_H

/* Unmaps the pages of LLVM's code and constants, which come back from the page cache if they are used again, and
 * returns what its compilation has freed. */
void llvm_memory_give_back(void);

#endif
