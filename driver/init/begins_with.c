/* Recipes that begin with another: see begins_with.h. */
#include "driver/init/begins_with.h"
#include "ir/base/stream.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 100 }; /* columns of comments */

/* The names in a section, below each other where they are many. */
static void list_names(FILE *out, const Tree *tree, const char *section) {
    const Tree *map = tree_get(tree, section);
    if (!map || map->kind != TREE_MAP || !map->count) return;
    int column = fprintf(out, "#   %-11s", section);
    for (size_t i = 0; i < map->count; i++) {
        const char *name = map->items[i].key->text, *end = i + 1 < map->count ? "," : "";
        if (column + (int)strlen(name) + 2 > WIDTH && i) column = fprintf(out, "\n#   %-11s", "") - 1;
        column += fprintf(out, " %s%s", name, end);
    }
    fputc('\n', out);
}

char *begins_with(Arena *arena, const char *base, const Tree *tree) {
    static const char *const sections[] = {"knobs", "presets",   "views",      "draws",   "networks",
                                           "state", "schedules", "objectives", "metrics", "train"};
    TextStream stream;
    FILE *out = stream_begin(&stream);
    fputs("# A recipe that begins with another. docs/language.md has the language.\n#\n"
          "#   vitc check NAME.yaml                                    is it right, and how large\n"
          "#   vitc train NAME.yaml --data synthetic --out runs/NAME   on images that are made up\n"
          "#   vitc eval knn runs/NAME --data synthetic                what it has learned\n"
          "recipe: NAME\n",
          out);
    fprintf(out, "# What stands below is different from this one; all else is as there.\nbase: %s\n\n", base);
    fputs("# It has\n#\n", out);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) list_names(out, tree, sections[i]);
    fputs("#\n# An entry of one of these names changes it, another is new, and one that is `~` is taken "
          "away:\n#\n"
          "# knobs: {batch: 64}\n"
          "# objectives:\n"
          "#   more: {weight: 0.1, loss: \"…\"}\n"
          "knobs: {}\n",
          out);
    char *made = stream_end(&stream, NULL), *kept = arena_strdup(arena, made);
    free(made);
    return kept;
}
