/* Texts of the recipe that are in the expression language. */
#include "frontend/read/read.h"

#include <string.h>

static Loc key_of(const Tree *tree) {
    return tree->key.line ? tree->key : tree->loc;
}

/* Every way through a body has to return a value. */
static bool check_returns(ParsedRecipe *r, const Tree *tree, const Block *block, const char *what) {
    const Expr *end = block_open_end(block);
    if (!end && block->count) return true;
    diag_error(r->diags, key_of(tree),
               block->count ? "%s ends without `return`" : "%s is empty: write `return …`", what);
    if (!end) return false;
    if (end->kind == STMT_EXPR)
        diag_note(r->diags, end->loc, "the last line: write `return …`");
    else if (end->kind == STMT_IF)
        diag_note(r->diags, end->loc,
                  "where this does not hold nothing is returned: write `return …` behind it");
    else
        diag_note(r->diags, end->loc, "nothing is returned behind this: write `return …`");
    return false;
}

static Block *read_lines(ParsedRecipe *r, const Tree *tree, const char *what, bool returns) {
    Block *block = expr_parse_block(r->arena, r->diags, tree->loc, tree->indent, tree->text, tree->size);
    if (!block || (returns && !check_returns(r, tree, block, what))) return NULL;
    block_warn_unused(r->diags, block);
    return block;
}

/* A text that is no block: one expression. Of several lines, which YAML has joined, it was perhaps meant as one. */
static Expr *read_line(ParsedRecipe *r, const Tree *tree) {
    Loc loc = tree->loc;
    size_t skip = 0, size = tree->size;
    if (tree->text[0] == '$') {
        bool parenthesis = tree->text[1] == '(' && tree->text[size - 1] == ')';
        skip = parenthesis ? 2 : 1;
        size -= parenthesis;
    }
    loc.col += (uint32_t)skip;
    while (size > skip && tree->text[size - 1] == '\n') size--;
    if (tree->lines && !expr_parse(r->arena, diags_new(r->arena), loc, tree->text + skip, size - skip)) {
        diag_error(
            r->diags, key_of(tree),
            "write `|` after the key: without it YAML joins these lines to one, which is no expression");
        return NULL;
    }
    return expr_parse(r->arena, r->diags, loc, tree->text + skip, size - skip);
}

static bool is_text(ParsedRecipe *r, const Tree *tree, const char *what) {
    if (tree->kind == TREE_SCALAR && !(tree->size == 0 && !tree->quoted)) return true;
    const char *is = tree->kind == TREE_LIST ? "a list" : tree->kind == TREE_MAP ? "a map" : "nothing";
    diag_error(r->diags, tree->kind == TREE_SCALAR ? key_of(tree) : tree->loc,
               "%s must be an expression, or `|` and indented lines that return one, not %s", what, is);
    return false;
}

Block *read_block(ParsedRecipe *r, const Tree *tree, const char *what, bool returns) {
    if (!is_text(r, tree, what)) return NULL;
    if (tree->block) return read_lines(r, tree, what, returns);
    Expr *value = read_line(r, tree);
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
    if (!is_text(r, tree, what)) return NULL;
    if (!tree->block) return read_line(r, tree);
    Block *block = read_lines(r, tree, what, true);
    if (!block) return NULL;
    Expr *expr = ARENA_NEW(r->arena, Expr);
    *expr = (Expr){.kind = EXPR_BLOCK, .loc = tree->loc, .body = block->statements, .n_body = block->count};
    return expr;
}

void read_entries(ParsedRecipe *r, const Tree *map, const char *what, Entries *out) {
    if (map->kind != TREE_MAP)
        diag_error(r->diags, map->loc, "%s must be a map of names to expressions", what);
    for (size_t i = 0; map->kind == TREE_MAP && i < map->count; i++) {
        Entry entry = {.name = map->items[i].key->text, .loc = map->items[i].key->loc};
        entry.value =
            read_expr(r, map->items[i].value, arena_printf(r->arena, "'%s' of %s", entry.name, what));
        if (entry.value) ARENA_PUSH(r->arena, out->items, out->count, out->capacity, entry);
    }
}
