/* The files that a recipe is made of. */
#ifndef VITC_FRONTEND_TEXT_SOURCES_H
#define VITC_FRONTEND_TEXT_SOURCES_H

#include "frontend/frontend.h"

/* A file's text in the arena; NULL, and errno says why, if it cannot be read. */
char *source_read(Arena *arena, const char *path, size_t *size);
/* Where `use: name` in file `from` looks, in order: beside that file, then in models_dir (NULL: nowhere else). */
void source_candidates(Arena *arena, const char *from, const char *name, const char *models_dir,
                       const char *out[2]);
/* The file of a recipe or a run that `recipe: word` in file `from` means: beside that file, then in models_dir; before
 * these in the current folder, if `here`, as words of the command line do. `.yaml` may be left out. *folder: that of a
 * run, or NULL. NULL: there is none. */
const char *source_recipe(Arena *arena, const char *from, const char *word, const char *models_dir, bool here,
                          const char **folder);

#endif
