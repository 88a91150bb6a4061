/* What a text names: see query.h. */
#include "inspect/explain/query.h"
#include "codegen/codegen.h"
#include "inspect/amounts.h"
#include "inspect/explain/parts.h"
#include "ir/base/names.h"
#include "ir/base/pattern.h"
#include "ir/loop.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const Explainer *x;
    const Func *func;
    const char *text;   /* as it was asked, without blanks around it */
    const char *within; /* of a pattern, that of modules within those it matches; else NULL */
    Meanings *out;
    const char *why; /* NULL: of this form, and nothing is wrong */
} Query;

typedef enum { NOT_SO, FOUND, WRONG } Answer; /* NOT_SO: the text has another form */

/* ---- what is found ----------------------------------------------------------------------------------------------- */

static const char *line_words(Arena *arena, const ValueLine *line) {
    return arena_printf(arena, "%s %s%s%s", line->op, line->type, *line->scope ? " " : "", line->scope);
}

static void add(Query *q, Meaning meaning) {
    for (size_t i = 0; i < q->out->count; i++) {
        const Meaning *other = &q->out->items[i];
        if (other->kind == meaning.kind && strcmp(other->ask, meaning.ask) == 0) return;
    }
    ARENA_PUSH(q->x->arena, q->out->items, q->out->count, q->out->capacity, meaning);
}

static void add_value(Query *q, uint32_t number) {
    ValueLine line = part_value(q->x, number);
    add(q, (Meaning){.kind = EXPLAINS_VALUE,
                     .number = number,
                     .ask = arena_printf(q->x->arena, "%%%u", number),
                     .what = line_words(q->x->arena, &line),
                     .seconds = line.seconds,
                     .kernel = line.kernel});
}

static void add_source(Query *q, bool input, uint32_t number) {
    const Module *module = q->func->module;
    const Type *type = input ? &q->func->inputs[number].type : &module->states[number].type;
    add(q, (Meaning){.kind = EXPLAINS_SOURCE,
                     .number = number,
                     .input = input,
                     .ask = input ? q->func->inputs[number].name : module->states[number].name,
                     .what = arena_printf(q->x->arena, "%s %s, %s", input ? "input" : "state",
                                          type_text(q->x->arena, type),
                                          amount_bytes(q->x->arena, (double)type_bytes(type)))});
}

static void add_kernel(Query *q, uint32_t k) {
    const ValueCosts *costs = q->x->costs;
    add(q, (Meaning){.kind = EXPLAINS_KERNEL,
                     .number = k,
                     .ask = arena_printf(q->x->arena, "kernel %u", k + 1),
                     .what = kernel_name(q->x->arena, q->func, costs->kernels[k].named),
                     .seconds = costs->kernel_seconds[k],
                     .kernel = k + 1});
}

/* A value, or what it is if it is a source. */
static void add_id(Query *q, ValueId id) {
    const Node *node = func_node(q->func, id);
    if (op_is_source((OpKind)node->op))
        add_source(q, node->op == OP_input, (uint32_t)source_attrs(node)->index);
    else
        add_value(q, node->number);
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

typedef bool (*Belongs)(const Query *q, const Node *node, Loc line);

typedef struct {
    Query *q;
    Loc line;
    Belongs belongs;
    uint8_t *chosen;
    double *part;
    char *bodies;
    size_t now;
} Choice;

/* Of a loop's FLOPs, those of values of its body that belong; such a body's name is added. */
static double part_of_body(Choice *c, const Func *func, const Node *loop) {
    const Func *body = loop_body(func, loop);
    double found = 0, all = func_flops(body, false);
    bool any = false;
    for (ValueId id = 0; id < body->count; id++) {
        const Node *node = func_node(body, id);
        if (op_is_source((OpKind)node->op)) continue;
        bool own = c->belongs(c->q, node, c->line);
        any = any || own;
        if (own)
            found += node_flops(body, node);
        else if (node->op == OP_loop)
            found += part_of_body(c, body, node) * node_flops(body, node);
    }
    if (any && !strstr(c->bodies, body->name))
        c->bodies = arena_printf(c->q->x->arena, "%s%s@%s", c->bodies, *c->bodies ? ", " : "", body->name);
    return all > 0 ? found / all : 0;
}

static void choose(Choice *c) {
    const Func *func = c->q->func;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (op_is_source((OpKind)node->op)) continue;
        if (c->belongs(c->q, node, c->line))
            c->part[id] = 1;
        else if (node->op == OP_loop)
            c->part[id] = part_of_body(c, func, node);
        c->chosen[id] = c->part[id] > 0;
        if (c->chosen[id] && ++c->now == 1) add_value(c->q, node->number);
    }
}

/* All values that belong: those of now as a group, or the one there is; if none is there now, those that are gone. */
static Answer add_group(Query *q, const char *what, const char *title, Loc line, Belongs belongs) {
    const Func *first = inspection_func(q->x->inspection, 0);
    Choice c = {.q = q, .line = line, .belongs = belongs, .bodies = arena_strdup(q->x->arena, "")};
    c.chosen = ARENA_ARRAY(q->x->arena, uint8_t, q->func->count + 1);
    c.part = ARENA_ARRAY(q->x->arena, double, q->func->count + 1);
    choose(&c);
    GroupRequest group = {what, title, line, c.chosen, c.part, *c.bodies ? c.bodies : NULL, 0};
    for (ValueId id = 0; first && id < first->count; id++) {
        const Node *node = func_node(first, id);
        if (op_is_source((OpKind)node->op) || !belongs(q, node, line)) continue;
        group.n_made++;
        if (c.now == 0 && group.n_made <= 50) add_value(q, node->number);
    }
    if (c.now <= 1 && !group.bodies) {
        q->out->gone = c.now == 0 && q->out->count > 0;
        return q->out->count ? FOUND : NOT_SO;
    }
    q->out->count = 0;
    add(q, (Meaning){.kind = EXPLAINS_GROUP, .group = group, .ask = title, .what = what});
    return FOUND;
}

static bool in_line(const Query *q, const Node *node, Loc line) {
    return value_is_of_line(q->func->module, node, line);
}

/* In the module of that path, in one within it, or in one that the pattern matches. */
static bool in_module(const Query *q, const Node *node, Loc line) {
    (void)line;
    size_t n = strlen(q->text);
    if (!node->scope) return false;
    if (q->within) return pattern_matches(q->text, node->scope) || pattern_matches(q->within, node->scope);
    return strncmp(node->scope, q->text, n) == 0 && (node->scope[n] == '.' || !node->scope[n]);
}

static bool of_operator(const Query *q, const Node *node, Loc line) {
    (void)line;
    return strcmp(op_info((OpKind)node->op)->name, q->text) == 0;
}

/* ---- forms ------------------------------------------------------------------------------------------------------- */

static Answer wrong(Query *q, const char *why) {
    q->why = why;
    return WRONG;
}

/* "%123": a value, of now or gone. */
static Answer by_number(Query *q) {
    char *end;
    if (q->text[0] != '%' || !isdigit((unsigned char)q->text[1])) return NOT_SO;
    unsigned long number = strtoul(q->text + 1, &end, 10);
    if (*end) return NOT_SO;
    uint32_t count = q->x->history->count;
    if (number >= count || !history_value(q->x->history, (uint32_t)number))
        return wrong(q,
                     arena_printf(q->x->arena, "@%s never has a value %s; its values are among %%0 to %%%u",
                                  q->func->name, q->text, count ? count - 1 : 0));
    add_value(q, (uint32_t)number);
    return FOUND;
}

/* "kernel 12". */
static Answer by_kernel(Query *q) {
    static const char WORD[] = "kernel";
    const char *at = q->text + sizeof WORD - 1;
    char *end;
    if (strncmp(q->text, WORD, sizeof WORD - 1) != 0) return NOT_SO;
    while (*at == ' ' || *at == ':' || *at == '#') at++;
    if (!isdigit((unsigned char)*at)) return NOT_SO;
    unsigned long number = strtoul(at, &end, 10);
    if (*end) return NOT_SO;
    size_t count = q->func->plan->n_kernels;
    if (number < 1 || number > count)
        return wrong(q, arena_printf(q->x->arena, "there is no kernel %s: @%s has kernels 1 to %zu", at,
                                     q->func->name, count));
    add_kernel(q, (uint32_t)number - 1);
    return FOUND;
}

/* Lines of that file that made something, nearest to `line`: "recipe.yaml:80 and recipe.yaml:83". */
static const char *nearby_lines(Query *q, Loc line) {
    const LineCosts *costs = line_costs(q->x->inspection, &q->x->positions, q->x->costs);
    const LineCost *before = NULL, *after = NULL;
    for (size_t i = 0; i < costs->count; i++) {
        const LineCost *it = &costs->lines[i];
        if (it->loc.file != line.file) continue;
        if (it->loc.line < line.line && (!before || it->loc.line > before->loc.line)) before = it;
        if (it->loc.line > line.line && (!after || it->loc.line < after->loc.line)) after = it;
    }
    if (before && after) return arena_printf(q->x->arena, "%s and %s do", before->at, after->at);
    if (before || after) return arena_printf(q->x->arena, "%s does", (before ? before : after)->at);
    return "no line of that file does";
}

typedef struct {
    Loc line;
    bool taken[256]; /* columns */
} Columns;

static void take_column(void *user, Loc loc) {
    Columns *c = user;
    if (loc.file == c->line.file && loc.line == c->line.line && loc.col < 256) c->taken[loc.col] = true;
}

/* Of a position with a column: "its line does in columns 8, 14"; "": the line does nowhere. */
static const char *columns_of(Query *q, Loc line) {
    Columns c = {.line = line};
    char *all = arena_strdup(q->x->arena, "");
    for (ValueId id = 0; id < q->func->count; id++)
        value_positions(q->func->module, func_node(q->func, id), take_column, &c);
    for (int column = 1; column < 256; column++)
        if (c.taken[column]) all = arena_printf(q->x->arena, "%s%s%d", all, *all ? ", " : "", column);
    return *all ? arena_printf(q->x->arena, "its line does in columns %s", all) : "";
}

/* A position whose file is unknown: the nearest name. */
static const char *unknown_file(Query *q, size_t length) {
    const Positions *p = &q->x->positions;
    const char *word = arena_strndup(q->x->arena, q->text, length);
    const char *near = p->count ? diag_nearest(word, p->names + 1, p->count) : NULL;
    if (near && strcmp(near, word) == 0)
        return arena_printf(q->x->arena, "'%s' has no line '%s'", word, q->text + length + 1);
    if (near) return arena_printf(q->x->arena, "no source is called '%s'; did you mean '%s'?", word, near);
    char *all = arena_strdup(q->x->arena, "");
    for (uint32_t f = 1; f <= p->count && f <= 12; f++)
        all = arena_printf(q->x->arena, "%s%s%s", all, f > 1 ? ", " : "", p->names[f]);
    return arena_printf(q->x->arena, "no source is called '%s'; there are %s", word, *all ? all : "none");
}

/* "recipe.yaml:78", "lib/nn.yaml:7:12". */
static Answer by_position(Query *q) {
    const char *colon = strchr(q->text, ':');
    size_t unused;
    if (!colon || !isdigit((unsigned char)colon[1])) return NOT_SO;
    Loc loc = positions_find(&q->x->positions, q->text);
    if (!loc.file && colon[1 + strspn(colon + 1, "0123456789:")] == '\0')
        return wrong(q, unknown_file(q, (size_t)(colon - q->text)));
    if (!loc.file) return NOT_SO;
    bool known =
        positions_line(&q->x->positions, (Loc){loc.file, 1, 0}, &unused) != NULL; /* not of IR text */
    if (known && !positions_line(&q->x->positions, loc, &unused)) {
        uint32_t last = loc.line;
        while (last > 1 && !positions_line(&q->x->positions, (Loc){loc.file, last, 0}, &unused)) last /= 2;
        while (positions_line(&q->x->positions, (Loc){loc.file, last + 1, 0}, &unused)) last++;
        return wrong(q, arena_printf(q->x->arena, "%s has %u lines",
                                     positions_file(&q->x->positions, loc.file), last));
    }
    const char *title = positions_text(q->x->arena, &q->x->positions, loc);
    if (loc.col) title = arena_printf(q->x->arena, "%s:%u", title, loc.col);
    if (add_group(q, "line", title, loc, in_line) == FOUND) return FOUND;
    const char *columns = loc.col ? columns_of(q, loc) : "";
    return wrong(q, arena_printf(q->x->arena, "%s makes no value of @%s; %s", title, q->func->name,
                                 *columns ? columns : nearby_lines(q, loc)));
}

/* A state, an input, an output. */
static Answer by_name(Query *q) {
    const char *name = q->text + (q->text[0] == '%');
    int64_t state = module_find_state(q->func->module, name);
    if (state >= 0) add_source(q, false, (uint32_t)state);
    for (uint32_t i = 0; i < q->func->n_inputs; i++)
        if (strcmp(q->func->inputs[i].name, name) == 0) add_source(q, true, i);
    for (size_t i = 0; i < q->func->n_outputs; i++)
        if (strcmp(q->func->outputs[i].name, name) == 0) add_id(q, q->func->outputs[i].value);
    return q->out->count ? FOUND : NOT_SO;
}

/* States that a pattern matches. */
static Answer by_pattern(Query *q) {
    const Module *module = q->func->module;
    if (!q->within) return NOT_SO;
    for (uint32_t s = 0; s < module->n_states; s++)
        if (pattern_matches(q->text, module->states[s].name)) add_source(q, false, s);
    return q->out->count ? FOUND : NOT_SO;
}

static Answer by_module(Query *q) {
    return add_group(q, "module", q->text, (Loc){0, 0, 0}, in_module);
}

static bool is_within(const char *name, const char *path) {
    size_t n = strlen(path);
    return n && strncmp(name, path, n) == 0 && name[n] == '.';
}

/* Inputs of one stream, states of one path: "view", "optimizer". */
static Answer by_beginning(Query *q) {
    const Module *module = q->func->module;
    for (uint32_t i = 0; i < q->func->n_inputs; i++)
        if (is_within(q->func->inputs[i].name, q->text)) add_source(q, true, i);
    for (uint32_t s = 0; s < module->n_states; s++)
        if (is_within(module->states[s].name, q->text)) add_source(q, false, s);
    return q->out->count ? FOUND : NOT_SO;
}

/* The end of a path or of a state's name: "attn", "qkv.weight". */
static Answer by_ending(Query *q) {
    Query ending = *q;
    if (q->within || !*q->text || strpbrk(q->text, " %:") || op_find(q->text) >= 0) return NOT_SO;
    ending.text = arena_printf(q->x->arena, "*.%s", q->text);
    ending.within = arena_printf(q->x->arena, "*.%s.*", q->text);
    Answer answer = by_pattern(&ending);
    return answer == NOT_SO ? by_module(&ending) : answer;
}

static Answer by_operator(Query *q) {
    if (op_find(q->text) < 0) return NOT_SO;
    if (add_group(q, "operator", q->text, (Loc){0, 0, 0}, of_operator) == FOUND) return FOUND;
    return wrong(q, arena_printf(q->x->arena, "@%s has no value of operator '%s'", q->func->name, q->text));
}

static Answer (*const FORMS[])(Query *) = {by_number, by_kernel,    by_position, by_name,    by_pattern,
                                           by_module, by_beginning, by_ending,   by_operator};

/* ---- nothing ----------------------------------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    const char **names;
    size_t count, capacity;
    Names seen;
} Candidates;

static void candidate(Candidates *c, const char *name) {
    if (!names_set(c->arena, &c->seen, name, 0)) return;
    ARENA_PUSH(c->arena, c->names, c->count, c->capacity, name);
}

static const char *nearest_name(Query *q, const char *text) {
    Candidates c = {.arena = q->x->arena};
    const Module *module = q->func->module;
    for (size_t s = 0; s < module->n_states; s++) candidate(&c, module->states[s].name);
    for (size_t i = 0; i < q->func->n_inputs; i++) candidate(&c, q->func->inputs[i].name);
    for (size_t i = 0; i < q->func->n_outputs; i++) candidate(&c, q->func->outputs[i].name);
    const char *last = NULL;
    for (ValueId id = 0; id < q->func->count; id++) {
        const char *scope = func_node(q->func, id)->scope;
        for (const char *dot = scope; scope && scope != last && *dot; dot++)
            if (dot[1] == '.' || !dot[1])
                candidate(&c, arena_strndup(c.arena, scope, (size_t)(dot + 1 - scope)));
        if (scope) last = scope;
    }
    for (int op = 0; op < OP_COUNT; op++) candidate(&c, op_info((OpKind)op)->name);
    return diag_nearest(text, c.names, c.count);
}

static const char *nothing(Query *q) {
    const char *near = nearest_name(q, q->text);
    if (near)
        return arena_printf(q->x->arena, "@%s has nothing called '%s'; did you mean '%s'?", q->func->name,
                            q->text, near);
    return arena_printf(
        q->x->arena,
        "@%s has nothing called '%s': a value is %%12, kernel 3, a line recipe.yaml:40, a state, "
        "input or output by its name, or a module's path",
        q->func->name, q->text);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static const char *trimmed(Arena *arena, const char *text) {
    while (*text == ' ' || *text == '#') text++;
    size_t n = strlen(text);
    while (n && text[n - 1] == ' ') n--;
    return arena_strndup(arena, text, n);
}

bool query(const Explainer *x, const char *text, Meanings *out, const char **why) {
    *out = (Meanings){0};
    Query q = {.x = x, .func = x->inspection->func, .text = trimmed(x->arena, text), .out = out};
    if (strpbrk(q.text, "*?")) q.within = arena_printf(x->arena, "%s.*", q.text);
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        Answer answer = FORMS[i](&q);
        if (answer == FOUND) return true;
        if (answer == WRONG) {
            *why = q.why;
            return false;
        }
    }
    *why = nothing(&q);
    return false;
}

Explanation explain(const Explainer *x, const Meaning *meaning) {
    Explanation e = {
        .kind = meaning->kind, .recipe = x->inspection->recipe, .function = x->inspection->func->name};
    switch (meaning->kind) {
    case EXPLAINS_VALUE: e.u.value = explain_value(x, meaning->number); break;
    case EXPLAINS_SOURCE:
        e.u.source = meaning->input ? explain_input(x, meaning->number) : explain_state(x, meaning->number);
        break;
    case EXPLAINS_KERNEL: e.u.kernel = explain_kernel(x, meaning->number); break;
    case EXPLAINS_GROUP: e.u.group = explain_group(x, &meaning->group); break;
    }
    return e;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

/* Kernels that may be meant, each once. */
typedef struct {
    Query *q;
    uint32_t *kernels;
    size_t count, capacity;
} MeantKernels;

static void mean_kernel(MeantKernels *m, uint32_t k) {
    for (size_t i = 0; i < m->count; i++)
        if (m->kernels[i] == k) return;
    ARENA_PUSH(m->q->x->arena, m->kernels, m->count, m->capacity, k);
}

static void mean_kernels_of(MeantKernels *m, const Meaning *meaning) {
    const Func *func = m->q->func;
    const PastValue *past;
    ValueId update;
    switch (meaning->kind) {
    case EXPLAINS_KERNEL: mean_kernel(m, meaning->number); return;
    case EXPLAINS_SOURCE:
        update = meaning->input ? IR_NONE : func_find_update(func, meaning->number);
        if (update != IR_NONE && func->plan->kernel_of[update] != IR_NONE)
            mean_kernel(m, func->plan->kernel_of[update]);
        return;
    case EXPLAINS_VALUE:
        past = history_value(m->q->x->history, meaning->number);
        if (past->stands != IR_NONE) past = history_value(m->q->x->history, past->stands);
        if (past->now != IR_NONE) mean_kernel(m, func->plan->kernel_of[past->now]);
        return;
    case EXPLAINS_GROUP:
        for (ValueId id = 0; id < func->count; id++)
            if (meaning->group.chosen[id]) mean_kernel(m, func->plan->kernel_of[id]);
    }
}

/* Those of that name, or of a part of it. */
static void mean_kernels_named(MeantKernels *m, const char *text) {
    const Func *func = m->q->func;
    for (int part = 0; part < 2 && !m->count; part++)
        for (uint32_t k = 0; k < func->plan->n_kernels; k++) {
            const char *name = kernel_name(m->q->x->arena, func, m->q->x->costs->kernels[k].named);
            if (part ? strstr(name, text) != NULL && strchr(text, ' ') : strcmp(name, text) == 0)
                mean_kernel(m, k);
        }
}

/* "kernel_3.matmul.net.fc", the name of its function in listings, debuggers and profiles: the first of the kernels that
 * have this code. */
static void mean_kernel_of_code(MeantKernels *m, const char *text) {
    static const char BEGINS[] = "kernel_";
    char error[512];
    KernelTexts texts;
    const Inspection *inspection = m->q->x->inspection;
    if (strncmp(text, BEGINS, sizeof BEGINS - 1) != 0) return;
    KernelTextsRequest request = {.target_features = inspection->target};
    if (!codegen_kernel_texts(inspection->module, &request, &texts, error, sizeof error)) return;
    for (uint32_t k = 0; k < m->q->func->plan->n_kernels && !m->count; k++) {
        int32_t code = texts.text_of[m->q->x->history->func][k];
        const char *name = code >= 0 ? texts.texts[code].name : "";
        size_t number = strcspn(name, ".");
        bool short_name = strlen(text) == number && strncmp(name, text, number) == 0;
        if (short_name || strcmp(name, text) == 0) mean_kernel(m, k);
    }
    kernel_texts_free(&texts);
}

static const char *several(const MeantKernels *m) {
    Arena *arena = m->q->x->arena;
    enum { MOST = 8 };
    char *all = arena_printf(arena, "'%s' means %zu kernels:", m->q->text, m->count);
    for (size_t i = 0; i < m->count && i < MOST; i++)
        all = arena_printf(arena, "%s\n  --kernel %-6u %s", all, m->kernels[i] + 1,
                           kernel_name(arena, m->q->func, m->q->x->costs->kernels[m->kernels[i]].named));
    return m->count > MOST ? arena_printf(arena, "%s\n  and %zu more", all, m->count - MOST) : all;
}

bool query_kernel(const Explainer *x, const char *text, uint32_t *kernel, const char **why) {
    Meanings meanings = {0};
    Query q = {.x = x, .func = x->inspection->func, .text = trimmed(x->arena, text), .out = &meanings};
    MeantKernels meant = {.q = &q};
    if (q.text[0] && q.text[strspn(q.text, "0123456789")] == '\0') /* a number alone is a kernel's */
        q.text = arena_printf(x->arena, "kernel %s", q.text);
    mean_kernel_of_code(&meant, q.text);
    if (!meant.count) mean_kernels_named(&meant, q.text);
    if (!meant.count && !query(x, q.text, &meanings, why)) return false;
    for (size_t i = 0; i < meanings.count; i++) mean_kernels_of(&meant, &meanings.items[i]);
    *why = meant.count ? several(&meant)
                       : arena_printf(x->arena, "no kernel computes '%s' in @%s", q.text, q.func->name);
    if (meant.count == 1) *kernel = meant.kernels[0];
    return meant.count == 1;
}
