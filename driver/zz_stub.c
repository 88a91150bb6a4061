#include "ir/ir.h"
__attribute__((weak)) Module *module_parse(Arena *arena, Diags *diags, const char *name, const char *text, size_t size) {
    (void)arena,(void)diags,(void)name,(void)text,(void)size; return NULL; }
