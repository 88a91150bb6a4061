/* What a built program tells of itself. */
#ifndef VITC_STANDALONE_INFO_H
#define VITC_STANDALONE_INFO_H

#include "standalone/standalone.h"

enum { TENSOR_TEXT = 192 };
/* facts.c */
const char *tensor_type(const VtTensor *tensor, char out[TENSOR_TEXT]); /* "f32[128x3x32x32]" */
const char *role_name(int role);                                        /* of a state: "parameter" */

typedef struct {
    size_t states, arena, outputs; /* bytes */
    size_t thread;                 /* of each thread besides */
} ProgramMemory;
ProgramMemory program_memory(const VtProgram *program);

int info_json(const VtVariant *chosen, const char *damage); /* the exit code */

#endif
