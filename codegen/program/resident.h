/* Memory that LLVM leaves resident, given back once a program is linked. */
#ifndef VITC_CODEGEN_RESIDENT_H
#define VITC_CODEGEN_RESIDENT_H

/* Unmaps the pages of LLVM's code and constants, which come back from the page cache if they are used again, and returns what its
 * compilation has freed. */
void resident_trim(void);

#endif
