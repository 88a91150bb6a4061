/* The graph of the page's data: values in all stages, what they are made of, and which groups are alike. */
#include "inspect/outline.h"
#include "inspect/page/page_parts.h"
#include "ir/text/text.h"

/* ---- sources ----------------------------------------------------------------------------------------------------- */

static void put_sources(PageWriter *w) {
    const Func *func = w->of->func;
    const Module *module = func->module;
    size_t n = func->n_inputs + module->n_states;
    JsonText *json = &w->json;
    put_key(json, "sources");
    put_open(json, '{');
#define STATE(i) (&module->states[(i) - func->n_inputs])
#define IS_INPUT(i) ((i) < func->n_inputs)
    PAGE_COLUMN(w, "kind", n, put_whole(json, !IS_INPUT(i)));
    PAGE_COLUMN(w, "name", n,
                put_whole(json, page_string(w, IS_INPUT(i) ? func->inputs[i].name : STATE(i)->name)));
    PAGE_COLUMN(w, "type", n,
                put_whole(json, page_type(w, IS_INPUT(i) ? &func->inputs[i].type : &STATE(i)->type)));
    PAGE_COLUMN(w, "bytes", n,
                put_whole(json, type_bytes(IS_INPUT(i) ? &func->inputs[i].type : &STATE(i)->type)));
    PAGE_COLUMN(w, "role", n,
                put_whole(json, page_string(w, IS_INPUT(i) ? "input" : ROLE_NAMES[STATE(i)->role])));
    PAGE_COLUMN(w, "file", n, put_whole(json, IS_INPUT(i) ? -1 : page_file(w, STATE(i)->loc)));
    PAGE_COLUMN(w, "line", n, put_whole(json, IS_INPUT(i) ? 0 : STATE(i)->loc.line));
#undef STATE
#undef IS_INPUT
    put_close(json, '}');
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static const Node *node_of(const Version *version) {
    return func_node(version->func, version->id);
}

static uint32_t attrs_of(PageWriter *w, const Version *version) {
    const Node *node = node_of(version);
    if (!op_info((OpKind)node->op)->n_attrs) return page_string(w, NULL);
    text_put_attrs(page_words(w), version->func->module, node);
    const char *words = page_words_end(w);
    return page_string(w, *words == ' ' ? words + 1 : words);
}

static void put_nodes(PageWriter *w) {
    const Version *of = w->versions->of;
    size_t n = w->versions->count;
    JsonText *json = &w->json;
    put_key(json, "nodes");
    put_open(json, '{');
    PAGE_COLUMN(w, "number", n, put_whole(json, of[i].number));
    PAGE_COLUMN(w, "first", n, put_whole(json, of[i].first));
    PAGE_COLUMN(w, "last", n, put_whole(json, of[i].last));
    PAGE_COLUMN(w, "op", n, put_whole(json, node_of(&of[i])->op));
    PAGE_COLUMN(w, "type", n, put_whole(json, page_type(w, &node_of(&of[i])->type)));
    PAGE_COLUMN(w, "attrs", n, put_whole(json, attrs_of(w, &of[i])));
    PAGE_COLUMN(w, "scope", n, put_whole(json, page_string(w, node_of(&of[i])->scope)));
    PAGE_COLUMN(w, "file", n, put_whole(json, page_file(w, node_of(&of[i])->loc)));
    PAGE_COLUMN(w, "line", n, put_whole(json, node_of(&of[i])->loc.line));
    PAGE_COLUMN(w, "col", n, put_whole(json, node_of(&of[i])->loc.col));
    PAGE_COLUMN(w, "site", n, put_whole(json, node_of(&of[i])->site));
    PAGE_COLUMN(w, "origin", n, put_whole(json, (int32_t)node_of(&of[i])->origin));
    PAGE_COLUMN(w, "phase", n, put_whole(json, of[i].phase));
    PAGE_COLUMN(w, "flops", n, put_number(json, node_flops(of[i].func, node_of(&of[i]))));
    PAGE_COLUMN(w, "bytes", n, put_whole(json, type_bytes(&node_of(&of[i])->type)));
    int64_t end = 0;
    PAGE_COLUMN(w, "operand_end", n, put_whole(json, end += node_of(&of[i])->n_operands));
    PAGE_COLUMN(w, "operands", n, {
        const Node *node = node_of(&of[i]);
        for (int o = 0; o < node->n_operands; o++)
            put_whole(json, value_reference(of[i].func, node->operands[o]));
    });
    put_close(json, '}');
}

/* Calls of modules and networks in the recipe: a node's site is the innermost, its callers are those around it. */
static void put_sites(PageWriter *w) {
    const Module *module = w->of->module;
    static const Site none = {{0, 0, 0}, 0, 0, 0}; /* IR text has no sites */
    const Site *of = module->n_sites ? module->sites : &none;
    size_t n = module->n_sites ? module->n_sites : 1;
    JsonText *json = &w->json;
    put_key(json, "sites");
    put_open(json, '{');
    PAGE_COLUMN(w, "file", n, put_whole(json, page_file(w, of[i].loc)));
    PAGE_COLUMN(w, "line", n, put_whole(json, of[i].loc.line));
    PAGE_COLUMN(w, "col", n, put_whole(json, of[i].loc.col));
    PAGE_COLUMN(w, "caller", n, put_whole(json, of[i].caller));
    put_close(json, '}');
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

static void put_result(PageWriter *w, const char *name, const char *role, int64_t value) {
    JsonText *json = &w->json;
    put_open(json, '{');
    put_key(json, "name");
    put_text(json, name);
    put_key(json, "role");
    put_text(json, role);
    put_key(json, "number");
    put_whole(json, value);
    put_close(json, '}');
}

static void put_results(PageWriter *w) {
    const Func *func = w->of->func;
    put_key(&w->json, "results");
    put_open(&w->json, '[');
    for (size_t i = 0; i < func->n_outputs; i++)
        put_result(w, func->outputs[i].name, OUTPUT_ROLE_NAMES[func->outputs[i].role],
                   value_reference(func, func->outputs[i].value));
    for (size_t i = 0; i < func->n_updates; i++)
        put_result(w, func->module->states[func->updates[i].state].name, "update",
                   value_reference(func, func->updates[i].value));
    put_close(&w->json, ']');
}

/* ---- which groups are alike -------------------------------------------------------------------------------------- */

static void put_runs(PageWriter *w, const Func *func) {
    JsonText *json = &w->json;
    put_open(json, '[');
    const Outline *outline = func ? outline_make(w->arena, func, NULL) : NULL;
    for (uint32_t g = 0; outline && g < outline->count; g++) {
        const OutlineGroup *group = &outline->groups[g], *last = group;
        if (group->run_size < 2) continue;
        for (uint32_t k = 1; k < group->run_size; k++) last = &outline->groups[last->next_sibling];
        put_open(json, '[');
        put_whole(json, page_string(w, group->scope));
        put_whole(json, page_string(w, last->scope));
        put_whole(json, group->run_size);
        put_close(json, ']');
    }
    put_close(json, ']');
}

static void put_alike(PageWriter *w) {
    put_key(&w->json, "alike");
    put_open(&w->json, '[');
    for (size_t i = 0; i < w->of->stages->count; i++)
        put_runs(w, i < 64 && w->stages >> i & 1 ? inspection_func(w->of, (int)i) : NULL);
    put_close(&w->json, ']');
}

void page_graph(PageWriter *w) {
    put_sources(w);
    put_nodes(w);
    put_sites(w);
    put_results(w);
    put_alike(w);
}
