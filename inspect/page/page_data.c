/* The data of the page: see page_data.h. */
#include "inspect/page/page_data.h"
#include "inspect/page/page_parts.h"

#include <stdlib.h>
#include <string.h>

/* More versions of values than these make a page that is slow to open: stages are left out. */
enum { MOST_VERSIONS = 120000 };

/* ---- which stages are told --------------------------------------------------------------------------------------- */

static uint64_t kept_stages(const Inspection *inspection) {
    uint64_t stages = 0;
    for (size_t i = 0; i < inspection->stages->count && i < 64; i++)
        if (inspection_func(inspection, (int)i)) stages |= (uint64_t)1 << i;
    return stages;
}

static int count_bits(uint64_t bits) {
    return __builtin_popcountll(bits);
}

/* Every other of the stages; the first and the last stay. */
static uint64_t fewer_stages(uint64_t stages) {
    uint64_t fewer = 0;
    int at = 0, n = count_bits(stages);
    for (int i = 0; i < 64; i++)
        if (stages >> i & 1) {
            if (at == n - 1 || (n > 2 && at % 2 == 0)) fewer |= (uint64_t)1 << i;
            at++;
        }
    return fewer;
}

/* The versions of as many stages as make no more than `most` of them, at least of the last stage. */
static const Versions *versions_within(PageWriter *w, size_t most) {
    w->stages = kept_stages(w->of);
    const Versions *versions = versions_make(w->of, w->stages);
    while (versions->count > most && count_bits(w->stages) > 1) {
        w->stages = fewer_stages(w->stages);
        versions = versions_make(w->of, w->stages);
    }
    return versions;
}

static const char *what_is_folded(PageWriter *w, const PageOptions *options) {
    int all = (int)w->of->stages->count, told = count_bits(w->stages);
    const char *folded = options->folded ? options->folded : "";
    if (page_folds_remarks(w->of))
        folded =
            arena_printf(w->arena, "%s%sRemarks on values that were merely made or dropped are left out.",
                         folded, *folded ? " " : "");
    if (told < all)
        folded = arena_printf(w->arena, "The graph is large: values are shown at %d of its %d stages.%s%s",
                              told, all, *folded ? " " : "", folded);
    return folded;
}

/* ---- what the step is -------------------------------------------------------------------------------------------- */

static void member_text(PageWriter *w, const char *key, const char *text) {
    put_key(&w->json, key);
    put_text(&w->json, text);
}

static void member_number(PageWriter *w, const char *key, double number) {
    put_key(&w->json, key);
    put_number(&w->json, number);
}

/* What the command line sets, each once: the frontend has a source for each. */
static void put_settings(PageWriter *w) {
    Names told = {0};
    put_key(&w->json, "settings");
    put_open(&w->json, '[');
    for (uint32_t file = 2; file <= w->positions.count; file++) {
        const char *text = diags_source_text(w->of->diags, file, NULL);
        if (strcmp(diags_source_name(w->of->diags, file), "command line") == 0 &&
            names_set(w->arena, &told, text, file))
            put_text(&w->json, text);
    }
    put_close(&w->json, ']');
}

static void put_about(PageWriter *w, const PageOptions *options) {
    const Module *module = w->of->func->module;
    int64_t parameters = 0, bytes = 0;
    for (size_t s = 0; s < module->n_states; s++) {
        const State *state = &module->states[s];
        bytes += type_bytes(&state->type);
        if (state->role == ROLE_PARAM) parameters += type_elements(&state->type);
    }
    put_key(&w->json, "about");
    put_open(&w->json, '{');
    member_text(w, "recipe", w->of->recipe);
    put_settings(w);
    member_text(w, "function", w->of->func->name);
    member_text(w, "target", w->of->target);
    member_text(w, "precision", precision_name(module->precision));
    member_number(w, "batch", (double)module->batch);
    member_text(w, "version", options->version);
    member_number(w, "parameters", (double)parameters);
    member_number(w, "state_bytes", (double)bytes);
    member_number(w, "flops", func_flops(w->of->func, false));
    member_text(w, "folded", what_is_folded(w, options));
    put_close(&w->json, '}');
}

/* The recipe and the files that anything comes from: settings of the command line are sources too. */
static void find_files(PageWriter *w) {
    const Module *module = w->of->module;
    bool *named = ARENA_ARRAY(w->arena, bool, (size_t)w->positions.count + 1);
    for (size_t i = 0; i < w->versions->count; i++)
        named[func_node(w->versions->of[i].func, w->versions->of[i].id)->loc.file] = true;
    for (size_t s = 0; s < module->n_states; s++) named[module->states[s].loc.file] = true;
    for (size_t s = 0; s < module->n_sites; s++) named[module->sites[s].loc.file] = true;
    w->files = ARENA_ARRAY(w->arena, int32_t, (size_t)w->positions.count + 1);
    w->files[0] = -1;
    for (uint32_t file = 1, n = 0; file <= w->positions.count; file++)
        w->files[file] = file == 1 || named[file] ? (int32_t)n++ : -1;
}

static void put_files(PageWriter *w) {
    put_key(&w->json, "files");
    put_open(&w->json, '[');
    for (uint32_t file = 1; file <= w->positions.count; file++) {
        size_t size = 0;
        if (w->files[file] < 0) continue;
        const char *text = diags_source_text(w->of->diags, file, &size);
        put_open(&w->json, '{');
        member_text(w, "name", positions_file(&w->positions, file));
        put_key(&w->json, "own");
        put_bool(&w->json, file == 1);
        put_key(&w->json, "text");
        put_text_n(&w->json, text ? text : "", size);
        put_close(&w->json, '}');
    }
    put_close(&w->json, ']');
}

/* Values of the function at a stage; where there is no copy of it, of all functions. */
static size_t values_at(const PageWriter *w, size_t stage) {
    const Func *func = inspection_func(w->of, (int)stage);
    size_t n = 0;
    if (!func) return w->of->stages->stages[stage].nodes;
    for (ValueId id = 0; id < func->count; id++) n += !op_is_source((OpKind)func->nodes[id].op);
    return n;
}

static void put_stages(PageWriter *w) {
    put_key(&w->json, "stages");
    put_open(&w->json, '[');
    for (size_t i = 0; i < w->of->stages->count; i++) {
        const Stage *stage = &w->of->stages->stages[i];
        put_open(&w->json, '{');
        member_text(w, "label", stage->label);
        member_text(w, "doc", stage->pass ? stage->pass->doc : "what the recipe says");
        member_number(w, "seconds", stage->seconds);
        member_number(w, "nodes", (double)values_at(w, i));
        put_key(&w->json, "changed");
        put_bool(&w->json, stage->changed);
        put_key(&w->json, "kept");
        put_bool(&w->json, i < 64 && w->stages >> i & 1);
        put_close(&w->json, '}');
    }
    put_close(&w->json, ']');
}

static void put_operators(PageWriter *w) {
    static const char *const classes[] = {
        [LOOP_SOURCE] = "source", [LOOP_ELEMENTWISE] = "elementwise", [LOOP_REDUCE] = "reduce",
        [LOOP_ROW] = "row",       [LOOP_MATMUL] = "product",          [LOOP_MOVE] = "move",
        [LOOP_OTHER] = "other"};
    put_key(&w->json, "ops");
    put_open(&w->json, '[');
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = op_info((OpKind)op);
        put_open(&w->json, '{');
        member_text(w, "name", info->name);
        member_text(w, "class", classes[info->loop]);
        member_text(w, "doc", info->doc);
        put_close(&w->json, '}');
    }
    put_close(&w->json, ']');
}

static void put_strings(PageWriter *w) {
    put_key(&w->json, "strings");
    put_open(&w->json, '[');
    for (size_t i = 0; i < w->n_strings; i++) put_text(&w->json, w->strings[i]);
    put_close(&w->json, ']');
}

char *page_data(const Inspection *inspection, const PageOptions *options, size_t *size) {
    PageWriter w = {.of = inspection, .arena = inspection->arena};
    w.positions = positions_make(w.arena, inspection->diags);
    w.versions = versions_within(&w, options->most_versions ? options->most_versions : MOST_VERSIONS);
    page_string(&w, "");
    find_files(&w);
    put_open(&w.json, '{');
    member_text(&w, "format", "vitc-step-1");
    put_about(&w, options);
    put_files(&w);
    put_stages(&w);
    put_operators(&w);
    page_graph(&w);
    page_plan(&w, options->codes);
    page_remarks(&w);
    put_strings(&w);
    put_close(&w.json, '}');
    if (w.words.out) free(stream_end(&w.words, NULL));
    *size = w.json.size;
    return w.json.text;
}
