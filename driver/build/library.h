/* Libraries: what is written of one, from library/model.h and the recipe. Used inside driver/build/ only. */
#ifndef VITC_DRIVER_BUILD_LIBRARY_H
#define VITC_DRIVER_BUILD_LIBRARY_H

#include "driver/build/build.h"

/* ---- header.c ---------------------------------------------------------------------------------------------------- */
/* NAME.h: library/model.h with the recipe's symbol as the prefix, and what there is to know of the recipe. */
char *library_header(Build *b);
/* The functions of library/model.h: "vt_model_create" … */
Words library_functions(Arena *arena);
/* The number of the interface, VT_MODEL_ABI, and the one that grows with what is added, VT_MODEL_ABI_MINOR. */
int library_abi(void);
int library_abi_minor(void);

/* ---- facts.c ----------------------------------------------------------------------------------------------------- */
/* What the header tells of the recipe: constants for shapes, and lists of settings, metrics and states. */
void library_facts(Build *b, FILE *out);

#endif
