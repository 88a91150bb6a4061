/* Telling Linux' perf, and what reads its files, where the code of a program lies. */
#ifndef VITC_CODEGEN_PERF_H
#define VITC_CODEGEN_PERF_H

#include "codegen/codegen.h"
#include "codegen/program/symbols.h"

/* `tell`: TELL_PERF_MAP, a line for each function in /tmp/perf-PID.map (tools/perf/Documentation/jit-interface.txt
 * of Linux), TELL_PERF_DUMP, the functions with their code in jit-PID.dump in the working folder
 * (jitdump-specification.txt there). Programs that this process links later are added. False with a message. */
bool perf_tell(const CodeSymbol *symbols, size_t n, int tell, char *error, size_t size);

#endif
