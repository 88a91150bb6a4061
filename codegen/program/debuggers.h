/* GDB's JIT interface (GDB's manual, "JIT Compilation Interface"): LLVM's JIT registers the objects that it links,
 * and here they are taken back before their memory goes: LLVM 19 leaves that out, and a debugger that comes later
 * would read what is gone. */
#ifndef VITC_CODEGEN_DEBUGGERS_H
#define VITC_CODEGEN_DEBUGGERS_H

#include <stddef.h>

/* Objects that one program's linking registered. */
typedef struct {
    struct DebuggerEntry **entries;
    size_t n;
} Registered;

/* Around the linking of a program whose objects are registered; on one thread at a time, others wait at begin. */
void debuggers_begin(void);
Registered debuggers_end(void);
void debuggers_forget(Registered *registered); /* before the program's memory is freed */

#endif
