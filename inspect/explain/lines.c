/* Costs by line: see lines.h. */
#include "inspect/explain/lines.h"
#include "ir/loop.h"

#include <stdlib.h>
#include <string.h>

/* ---- positions --------------------------------------------------------------------------------------------------- */

void value_positions(const Module *module, const Node *node, void (*visit)(void *user, Loc loc), void *user) {
    if (node->loc.file) visit(user, node->loc);
    for (uint32_t site = node->site; site && site < module->n_sites; site = module->sites[site].caller)
        if (module->sites[site].loc.file) visit(user, module->sites[site].loc);
}

typedef struct {
    Loc wanted;
    bool found;
} Search;

static void look(void *user, Loc loc) {
    Search *s = user;
    bool column = !s->wanted.col || s->wanted.col == loc.col;
    s->found = s->found || (loc.file == s->wanted.file && loc.line == s->wanted.line && column);
}

bool value_is_of_line(const Module *module, const Node *node, Loc loc) {
    Search search = {loc, false};
    value_positions(module, node, look, &search);
    return search.found;
}

/* Whether a line begins with the key. */
static bool has_key(const char *text, size_t size, const char *key) {
    size_t n = strlen(key);
    for (const char *line = text, *end = text + size; line && line < end;) {
        if ((size_t)(end - line) >= n && memcmp(line, key, n) == 0) return true;
        line = memchr(line, '\n', (size_t)(end - line));
        if (line) line++;
    }
    return false;
}

/* Libraries and recipes say which they are; of what says nothing, or has no text here, the folder decides. */
bool is_library_file(const Positions *positions, uint32_t file) {
    size_t size = 0;
    const char *text = positions->diags && file ? diags_source_text(positions->diags, file, &size) : NULL;
    if (text && has_key(text, size, "library:")) return true;
    if (text && has_key(text, size, "recipe:")) return false;
    return strchr(positions_file(positions, file), '/') != NULL;
}

const char *line_text(Arena *arena, const Positions *positions, Loc loc) {
    size_t n;
    const char *line = positions_line(positions, loc, &n);
    if (!line) return "";
    while (n && (*line == ' ' || *line == '\t')) line++, n--;
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r')) n--;
    return arena_strndup(arena, line, n);
}

/* ---- charging ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const Inspection *inspection;
    const Positions *positions;
    Arena *arena;
    LineCosts *out;
    size_t capacity;
    uint32_t **index;      /* by file and line: the number + 1 of its LineCost */
    uint32_t *lines;       /* by file: how many */
    uint32_t charged[128]; /* lines that the value at hand was charged to: each once */
    size_t n_charged;
    double seconds, flops;
    Phase phase;
    bool own; /* the next position is the value's own */
} Charging;

static uint32_t count_lines(const Positions *positions, uint32_t file) {
    size_t size;
    const char *text = positions->diags ? diags_source_text(positions->diags, file, &size) : NULL;
    uint32_t n = 2;
    for (size_t i = 0; text && i < size; i++) n += text[i] == '\n';
    return n;
}

/* NULL: there is no such line. */
static LineCost *line_at(Charging *c, Loc loc) {
    if (loc.file > c->positions->count) return NULL;
    if (!c->index[loc.file]) {
        c->lines[loc.file] = count_lines(c->positions, loc.file);
        c->index[loc.file] = ARENA_ARRAY(c->arena, uint32_t, c->lines[loc.file]);
    }
    if (loc.line >= c->lines[loc.file]) return NULL;
    uint32_t *slot = &c->index[loc.file][loc.line];
    if (!*slot) {
        LineCost line = {.loc = {loc.file, loc.line, 0}};
        line.at = positions_text(c->arena, c->positions, loc);
        line.text = line_text(c->arena, c->positions, loc);
        line.library = is_library_file(c->positions, loc.file);
        ARENA_PUSH(c->arena, c->out->lines, c->out->count, c->capacity, line);
        *slot = (uint32_t)c->out->count;
    }
    return &c->out->lines[*slot - 1];
}

static void charge(void *user, Loc loc) {
    Charging *c = user;
    LineCost *line = line_at(c, loc);
    bool own = c->own;
    c->own = false;
    if (!line) return;
    uint32_t number = (uint32_t)(line - c->out->lines);
    for (size_t i = 0; i < c->n_charged; i++)
        if (c->charged[i] == number) return;
    if (c->n_charged < sizeof c->charged / sizeof *c->charged) c->charged[c->n_charged++] = number;
    line->seconds += c->seconds;
    line->flops += c->flops;
    line->phase[c->phase] += c->seconds;
    line->values++;
    if (own) line->own_seconds += c->seconds;
}

static void charge_value(Charging *c, const Node *node, double seconds, double flops, Phase phase) {
    c->n_charged = 0;
    c->seconds = seconds;
    c->flops = flops;
    c->phase = phase;
    c->own = true;
    value_positions(c->inspection->module, node, charge, c);
    if (c->n_charged) c->out->placed += seconds;
}

/* A loop's time is that of the values of its body, in proportion to their FLOPs. */
static void charge_body(Charging *c, const Func *func, const Node *loop, double seconds, Phase phase) {
    const Func *body = loop_body(func, loop);
    double all = func_flops(body, false), runs = (double)loop_attrs(loop)->count;
    for (ValueId id = 0; all > 0 && id < body->count; id++) {
        const Node *node = func_node(body, id);
        double flops = node_flops(body, node);
        if (flops == 0) continue;
        if (node->op == OP_loop)
            charge_body(c, body, node, seconds * flops / all, phase);
        else
            charge_value(c, node, seconds * flops / all, flops * runs, phase);
    }
}

static void charge_all(Charging *c, const ValueCosts *costs) {
    const Func *func = c->inspection->func;
    const uint8_t *phases = phases_of(c->inspection, func);
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (op_is_source((OpKind)node->op)) continue;
        double seconds = costs->value_seconds[id];
        if (node->op == OP_loop && func_flops(loop_body(func, node), false) > 0)
            charge_body(c, func, node, seconds, (Phase)phases[id]);
        else
            charge_value(c, node, seconds, node_flops(func, node), (Phase)phases[id]);
    }
}

static int by_cost(const void *a, const void *b) {
    const LineCost *x = a, *y = b;
    if (x->library != y->library) return x->library ? 1 : -1;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    if (x->loc.file != y->loc.file) return x->loc.file < y->loc.file ? -1 : 1;
    return x->loc.line < y->loc.line ? -1 : x->loc.line > y->loc.line;
}

const LineCosts *line_costs(const Inspection *inspection, const Positions *positions,
                            const ValueCosts *costs) {
    Arena *arena = inspection->arena;
    LineCosts *out = ARENA_NEW(arena, LineCosts);
    Charging c = {.inspection = inspection, .positions = positions, .arena = arena, .out = out};
    c.index = ARENA_ARRAY(arena, uint32_t *, positions->count + 1);
    c.lines = ARENA_ARRAY(arena, uint32_t, positions->count + 1);
    out->seconds = costs->seconds;
    out->flops = costs->flops;
    out->measured = inspection->profile != NULL;
    charge_all(&c, costs);
    if (out->count) qsort(out->lines, out->count, sizeof *out->lines, by_cost);
    while (out->n_own < out->count && !out->lines[out->n_own].library) out->n_own++;
    return out;
}
