/* Comments in assembly and LLVM IR: see listing.h. */
#include "codegen/program/listing.h"
#include "ir/plan/cost.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Arena *arena;
    const Calls *calls;
    const char *mark; /* that a comment begins with */
    char *text;
    size_t size, capacity;
} Listing;

static void put(Listing *l, const char *text, size_t n) {
    if (l->size + n > l->capacity) l->text = arena_grow(l->arena, l->text, &l->capacity, l->size + n, 1);
    memcpy(l->text + l->size, text, n);
    l->size += n;
}

static void put_comment(Listing *l, const char *text) {
    put(l, l->mark, strlen(l->mark));
    put(l, " ", 1);
    put(l, text, strlen(text));
    put(l, "\n", 1);
}

/* "lib/nn.yaml:40:12", or "-". */
static const char *position(const Listing *l, const Func *func, Loc loc) {
    const char *path = diags_source_name(func->module->diags, loc.file);
    if (!path) return "-";
    const char *slash = strrchr(path, '/');
    return arena_printf(l->arena, "%s:%u:%u", slash ? slash + 1 : path, loc.line, loc.col);
}

static void put_operators(Listing *l, const KernelCode *code) {
    const Func *func = code->func;
    for (ValueId id = code->kernel->first; id <= code->kernel->last; id++) {
        const Node *node = func_node(func, id);
        if (!kernel_has(code->kernel, id) || op_is_literal((OpKind)node->op)) continue;
        put_comment(l, arena_printf(l->arena, "  %-24s %%%u = %s %s%s%s", position(l, func, node->loc),
                                    node->number, op_info((OpKind)node->op)->name,
                                    type_text(l->arena, &node->type), node->scope ? "  " : "",
                                    node->scope ? node->scope : ""));
    }
}

static int count_calls(const Listing *l, int number, int n_calls) {
    int n = 0;
    for (int i = 0; i < n_calls; i++) n += l->calls->kernels[i] == number;
    return n;
}

static void put_kernel(Listing *l, int number) {
    const KernelCode *code = l->calls->codes[number];
    const VtProgram *p = &l->calls->program;
    int all = 0;
    for (int f = 0; f < p->n_functions; f++) all += p->functions[f].n_calls;
    const char *name = kernel_name(l->arena, code->func, kernel_cost(code->func, code->kernel).named);
    int n = count_calls(l, number, all);
    put(l, "\n", 1);
    put_comment(l, arena_printf(l->arena, "kernel_%d: %s; %d call%s, first in @%s", number, name, n,
                                n == 1 ? "" : "s", code->func->name));
    put_operators(l, code);
}

/* The number of the kernel whose code begins with this line, "kernel_3.matmul:"; -1: none does. */
static int kernel_of(const Listing *l, bool assembly, const char *line) {
    const char *begins = assembly ? "kernel_" : "define internal void @kernel_";
    size_t n = strlen(begins);
    if (strncmp(line, begins, n) != 0) return -1;
    char *end;
    long number = strtol(line + n, &end, 10);
    bool good = end > line + n && *end == '.' && number < l->calls->n_codes;
    return good ? (int)number : -1;
}

static bool begins_with(const char *line, const char *end, const char *with) {
    size_t n = strlen(with);
    return (size_t)(end - line) >= n && memcmp(line, with, n) == 0;
}

/* Sections of debug information, and what becomes one. *inside: whether the line before was in such a section. */
static bool is_debug(const char *line, const char *end, bool *inside) {
    bool section = begins_with(line, end, "\t.section\t"),
         named = begins_with(line, end, "\t.section\t.debug_");
    if (section || begins_with(line, end, "\t.text")) *inside = named;
    return *inside || begins_with(line, end, "\t.cfi_");
}

/* Instructions of no expression have line 0, and the column of those before them: the comment would name a place. */
static const char *end_of_code(const char *line, const char *end) {
    const char *space = begins_with(line, end, "\t.loc\t") ? memchr(line, ' ', (size_t)(end - line)) : NULL;
    if (!space || !begins_with(space, end, " 0 ")) return end;
    const char *comment = memchr(space, '#', (size_t)(end - space));
    for (end = comment ? comment : end; end[-1] == ' ' || end[-1] == '\n';) end--;
    return end;
}

const char *listing_of(Arena *arena, const ListingOptions *options, const char *text, size_t *size) {
    Listing l = {.arena = arena, .calls = options->calls, .mark = options->assembly ? "#" : ";"};
    bool inside = false;
    for (const char *line = text, *end = text + *size; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next + 1 : end;
        int number = kernel_of(&l, options->assembly, line);
        if (number >= 0) put_kernel(&l, number);
        bool left_out = options->assembly && !options->debug && is_debug(line, next, &inside);
        const char *until = options->assembly && !options->debug ? end_of_code(line, next) : next;
        if (!left_out) put(&l, line, (size_t)(until - line));
        if (!left_out && until < next) put(&l, "\n", 1);
        line = next;
    }
    *size = l.size;
    return l.text;
}
