/* The recipe tree: YAML with positions, as libyaml's parser events make it, checked against limits (depth, size, keys,
 * aliases, UTF-8) before anything reads it. An alias is a copy: no part of a tree is shared. */
#ifndef VITC_FRONTEND_TEXT_TREE_H
#define VITC_FRONTEND_TEXT_TREE_H

#include "ir/base/arena.h"
#include "ir/base/diag.h"

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
    bool lines;  /* more than one, which YAML joined: a plain or quoted scalar, or `>` */
    Loc key;     /* of the key that it is the value of; {0}: there is none */
    bool block; /* a literal block scalar: line i of text is source line loc.line + i, indented by `indent` */
    uint32_t indent;
    TreeItem *items;
    size_t count;
    uint32_t height; /* 0: a scalar, or empty */
};

/* Parses text (registered with diags as source `file`). NULL after errors. */
Tree *tree_parse(Arena *arena, Diags *diags, uint32_t file, const char *text, size_t size);
void tree_set_file(Tree *tree, uint32_t file); /* in all its positions: it is a text of its own to messages */
Tree *tree_copy(Arena *arena, const Tree *tree);
Tree *tree_get(const Tree *map, const char *key); /* NULL: none, or no map */
bool tree_is_null(const Tree *tree);              /* nothing after the key, or ~ or null */
/* The text of a scalar; NULL after an error that says `what` must be a word. */
const char *tree_word(Diags *diags, const Tree *tree, const char *what);

/* mend.c: sections of a recipe, and their entries, that are lists of maps become maps, after an error. */
void tree_mend_lists(Arena *arena, Diags *diags, Tree *root);

/* A text without its UTF-8 byte order mark, if it has one. */
const char *tree_skip_mark(const char *text, size_t *size);

/* As YAML that tree_parse reads as the same tree, with the same block, quoted and plain scalars; the tags `!block` and
 * `!plain` are for those that libyaml writes in another style. That it is read so is checked; NULL after an error. */
char *tree_print(Arena *arena, Diags *diags, const Tree *tree);

#endif
