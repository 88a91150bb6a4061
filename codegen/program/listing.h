/* Assembly and LLVM IR for people to read: what a kernel computes, before its code. */
#ifndef VITC_CODEGEN_LISTING_H
#define VITC_CODEGEN_LISTING_H

#include "codegen/program/calls.h"

typedef struct {
    const Calls *calls;
    bool assembly; /* else LLVM IR */
    bool debug;    /* leave debug information in the assembly; else only the lines of positions stay */
} ListingOptions;

/* The text with a comment before each kernel: its name, how often the program calls it, and its operators with shapes,
 * scopes and positions. In the arena; *size: of the text, then of the result. */
const char *listing_of(Arena *arena, const ListingOptions *options, const char *text, size_t *size);

#endif
