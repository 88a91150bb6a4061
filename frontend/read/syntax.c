/* Texts of the recipe that are in the expression language. */
#include "frontend/read/read.h"

#include <string.h>

Block *read_block(ParsedRecipe *r, const Tree *tree, const char *what) {
    if (tree->kind != TREE_SCALAR) {
        diag_error(r->diags, tree->loc,
                   "%s must be text in the expression language (`key: |` and indented lines)", what);
        return NULL;
    }
    if (tree->block)
        return expr_parse_block(r->arena, r->diags, tree->loc, tree->indent, tree->text, tree->size);
    Expr *value = expr_parse(r->arena, r->diags, tree->loc, tree->text, tree->size);
    if (!value) return NULL;
    Block *block = ARENA_NEW(r->arena, Block); /* a lone expression is returned */
    Expr *statement = ARENA_NEW(r->arena, Expr);
    *statement = (Expr){.kind = STMT_RETURN, .loc = value->loc, .a = value};
    block->statements = ARENA_ARRAY(r->arena, Expr *, 1);
    block->statements[0] = statement;
    block->count = 1;
    return block;
}

Expr *read_expr(ParsedRecipe *r, const Tree *tree, const char *what) {
    if (tree->kind != TREE_SCALAR) {
        diag_error(r->diags, tree->loc, "%s must be an expression", what);
        return NULL;
    }
    Loc loc = tree->loc;
    size_t skip = 0, drop = 0;
    if (tree->text[0] == '$') {
        bool parenthesis = tree->text[1] == '(' && tree->text[tree->size - 1] == ')';
        skip = parenthesis ? 2 : 1;
        drop = parenthesis;
    }
    loc.col += (uint32_t)skip;
    size_t size = tree->size - skip - drop;
    while (size && tree->text[skip + size - 1] == '\n') size--;
    return expr_parse(r->arena, r->diags, loc, tree->text + skip, size);
}

void read_entries(ParsedRecipe *r, const Tree *map, const char *what, Entries *out) {
    if (map->kind != TREE_MAP)
        diag_error(r->diags, map->loc, "%s must be a map of names to expressions", what);
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        Entry entry = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        entry.value = read_expr(r, map->items[i].value, what);
        if (entry.value) ARENA_PUSH(r->arena, out->items, out->count, out->capacity, entry);
    }
}
