/* The recipe tree: YAML with positions, as libyaml's parser events make it, checked against limits (depth,
 * size, aliases, UTF-8) before anything reads it. */
#ifndef VITC_FRONTEND_TREE_H
#define VITC_FRONTEND_TREE_H

#include "ir/arena.h"
#include "ir/diag.h"

typedef enum { TREE_SCALAR, TREE_LIST, TREE_MAP } TreeKind;

typedef struct Tree Tree;
typedef struct {
    Tree *key; /* a scalar; NULL in lists */
    Tree *value;
} TreeItem;

struct Tree {
    TreeKind kind;
    Loc loc;          /* of the first character; of the first line of text for a block scalar */
    const char *text; /* scalar's value */
    size_t size;
    bool quoted; /* a quoted or block scalar: never read as number, bool or null */
    bool block; /* a literal block scalar: line i of text is source line loc.line + i, indented by `indent` */
    uint32_t indent;
    TreeItem *items;
    size_t count;
};

/* Parses text (registered with diags as source `file`). NULL after errors. */
Tree *tree_parse(Arena *arena, Diags *diags, uint32_t file, const char *text, size_t size);
Tree *tree_get(const Tree *map, const char *key); /* NULL: none */
char *tree_print(Arena *arena, const Tree *tree); /* as YAML, loadable again */

#endif
