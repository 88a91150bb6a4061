/* The graph as JSON: see graph_json.h. */
#include "inspect/text/graph_json.h"
#include "inspect/outline.h"
#include "inspect/phases.h"
#include "inspect/positions.h"
#include "inspect/report/report_json.h"
#include "inspect/text/state_sums.h"
#include "inspect/text/words.h"
#include "ir/plan/cost.h"
#include "ir/text/text.h"

#include <string.h>

typedef struct {
    const Inspection *inspection;
    const ListingOptions *options;
    Arena *arena;
    Positions positions;
    const Func *func;
    Words words;
} Making;

static json_t *whole(int64_t number) {
    return arena_must(json_integer(number));
}

static void put_loc(Making *m, json_t *to, Loc loc, bool column) {
    const char *file = positions_file(&m->positions, loc.file);
    report_put(to, "file", *file ? report_text(file) : json_null());
    report_put(to, "line", whole(loc.line));
    if (column) report_put(to, "col", whole(loc.col));
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

static json_t *sums_json(Making *m, int64_t *elements, int64_t *bytes) {
    size_t n;
    const StateSum *sums = state_sums(m->arena, m->inspection->module, &n);
    json_t *all = report_array();
    for (size_t i = 0; i < n; i++) {
        json_t *sum = report_object();
        report_put(sum, "role", report_text(ROLE_NAMES[sums[i].role]));
        report_put(sum, "module", report_text(sums[i].module));
        report_put(sum, "tensors", whole(sums[i].tensors));
        report_put(sum, "frozen", whole(sums[i].frozen));
        report_put(sum, "elements", whole(sums[i].elements));
        report_put(sum, "bytes", whole(sums[i].bytes));
        report_add(all, sum);
        *elements += sums[i].elements;
        *bytes += sums[i].bytes;
    }
    return all;
}

static json_t *state_json(Making *m, const State *state) {
    json_t *json = report_object();
    report_put(json, "name", report_text(state->name));
    report_put(json, "type", report_text(type_text(m->arena, &state->type)));
    report_put(json, "role", report_text(ROLE_NAMES[state->role]));
    report_put(json, "init", report_text(INIT_TEXTS[state->init].name));
    report_put(json, "decay", json_boolean(state->decay));
    report_put(json, "frozen", json_boolean(state->frozen));
    report_put(json, "bytes", whole(type_bytes(&state->type)));
    put_loc(m, json, state->loc, false);
    return json;
}

static json_t *states_json(Making *m) {
    const Module *module = m->inspection->module;
    const ListingOptions *options = m->options;
    int64_t elements = 0, bytes = 0;
    json_t *all = report_object(), *listed = report_array(), *sums = sums_json(m, &elements, &bytes);
    for (size_t s = 0; options->states && s < module->n_states; s++) {
        const State *state = &module->states[s];
        bool wanted = !options->only || only_matches(options->only, state->name);
        if (wanted && state_group_has(options->states, state)) report_add(listed, state_json(m, state));
    }
    report_put(all, "count", whole((int64_t)module->n_states));
    report_put(all, "elements", whole(elements));
    report_put(all, "bytes", whole(bytes));
    report_put(all, "sums", sums);
    report_put(all, "listed", listed);
    return all;
}

/* ---- a function -------------------------------------------------------------------------------------------------- */

static json_t *value_json(Making *m, ValueId id) {
    text_value(words_begin(&m->words), m->func, id);
    return report_text(words_end(&m->words));
}

static json_t *values_json(Making *m, const ValueId *values, size_t n) {
    json_t *all = report_array();
    for (size_t i = 0; i < n; i++) report_add(all, value_json(m, values[i]));
    return all;
}

static json_t *attr_json(const Module *module, AttrKind kind, const Attr *attr) {
    switch (kind) {
    case ATTR_INT: return whole(attr->i);
    case ATTR_REAL: return report_number(attr->f);
    case ATTR_BOOL: return json_boolean(attr->b);
    case ATTR_DTYPE: return report_text(dtype_name(attr->dtype));
    case ATTR_PRECISION: return report_text(precision_name(attr->precision));
    case ATTR_FUNC: return report_text(module->funcs[attr->i]->name);
    case ATTR_INTS: break;
    }
    json_t *all = report_array();
    for (int i = 0; i < attr->ints.n; i++) report_add(all, whole(attr->ints.v[i]));
    return all;
}

static json_t *attrs_json(const Func *func, const Node *node) {
    const OpInfo *info = op_info((OpKind)node->op);
    json_t *all = report_object();
    for (int a = 0; a < info->n_attrs; a++)
        report_put(all, info->attrs[a].key, attr_json(func->module, info->attrs[a].kind, &node->attrs[a]));
    return all;
}

static json_t *place_json(Making *m, ValueId id) {
    const Plan *plan = m->func->plan;
    if (!plan || plan->places[id].kind == PLACE_LOOPS) return json_null();
    text_place(words_begin(&m->words), m->func, &plan->places[id]);
    return report_text(words_end(&m->words));
}

static json_t *node_json(Making *m, ValueId id, uint32_t group, Phase phase) {
    const Node *node = func_node(m->func, id);
    const Plan *plan = m->func->plan;
    json_t *json = report_object();
    report_put(json, "value", value_json(m, id));
    report_put(json, "op", report_text(op_info((OpKind)node->op)->name));
    report_put(json, "operands", values_json(m, node->operands, node->n_operands));
    report_put(json, "attrs", attrs_json(m->func, node));
    report_put(json, "type", report_text(type_text(m->arena, &node->type)));
    report_put(json, "bytes", whole(type_bytes(&node->type)));
    report_put(json, "flops", report_number(node_flops(m->func, node)));
    report_put(json, "scope", report_text(node->scope ? node->scope : ""));
    report_put(json, "group", whole(group));
    report_put(json, "phase", report_text(PHASE_NAMES[phase]));
    report_put(json, "origin",
               node->origin == IR_NONE ? json_null()
                                       : report_text(arena_printf(m->arena, "%%%u", node->origin)));
    put_loc(m, json, node->loc, true);
    report_put(json, "kernel", plan ? whole(plan->kernel_of[id] + 1) : json_null());
    report_put(json, "place", place_json(m, id));
    return json;
}

static json_t *chain_json(const Plan *plan, uint32_t k) {
    const Chain *chain = plan_chain(plan, k);
    if (!chain) return json_null();
    json_t *json = report_object();
    report_put(json, "first", whole(chain->first + 1));
    report_put(json, "last", whole(chain->last + 1));
    report_put(json, "units", whole(chain->units));
    report_put(json, "size", whole(chain->size));
    return json;
}

static json_t *kernel_json(Making *m, uint32_t k) {
    const Plan *plan = m->func->plan;
    const Kernel *kernel = &plan->kernels[k];
    KernelCost cost = kernel_cost(m->func, kernel);
    json_t *json = report_object(), *loops = report_array();
    for (int d = 0; d < kernel->domain.rank; d++) report_add(loops, whole(kernel->domain.extent[d]));
    report_put(json, "number", whole(k + 1));
    report_put(json, "kind", report_text(kernel_kind_name(kernel)));
    report_put(json, "loops", loops);
    report_put(json, "reads", values_json(m, kernel->reads, kernel->n_reads));
    report_put(json, "stores", values_json(m, kernel->stores, kernel->n_stores));
    report_put(json, "flops", report_number(cost.flops));
    report_put(json, "bytes", report_number(cost.bytes));
    report_put(json, "again", json_boolean(kernel->again));
    report_put(json, "single", json_boolean(kernel->single));
    report_put(json, "barrier", json_boolean(kernel->barrier));
    report_put(json, "chain", chain_json(plan, k));
    return json;
}

static json_t *groups_json(const Outline *outline) {
    json_t *all = report_array();
    for (size_t g = 0; g < outline->count; g++) {
        const OutlineGroup *group = &outline->groups[g];
        json_t *json = report_object();
        report_put(json, "scope", report_text(group->scope));
        report_put(json, "parent", group->parent == IR_NONE ? json_null() : whole(group->parent));
        report_put(json, "operators", whole(group->n_all));
        report_put(json, "own", whole(group->n_own));
        report_put(json, "flops", report_number(group->flops));
        report_put(json, "run", whole(group->run));
        report_put(json, "run_size", whole(group->run_size));
        report_add(all, json);
    }
    return all;
}

static json_t *inputs_json(Making *m) {
    json_t *all = report_array();
    for (size_t i = 0; i < m->func->n_inputs; i++) {
        const Input *input = &m->func->inputs[i];
        json_t *json = report_object();
        report_put(json, "name", report_text(input->name));
        report_put(json, "type", report_text(type_text(m->arena, &input->type)));
        report_put(json, "bytes", whole(type_bytes(&input->type)));
        report_add(all, json);
    }
    return all;
}

static void put_results(Making *m, json_t *to) {
    const Func *func = m->func;
    json_t *outputs = report_array(), *updates = report_array();
    for (size_t i = 0; i < func->n_outputs; i++) {
        json_t *json = report_object();
        report_put(json, "name", report_text(func->outputs[i].name));
        report_put(json, "role", report_text(OUTPUT_ROLE_NAMES[func->outputs[i].role]));
        report_put(json, "value", value_json(m, func->outputs[i].value));
        report_add(outputs, json);
    }
    for (size_t i = 0; i < func->n_updates; i++) {
        json_t *json = report_object();
        report_put(json, "state", report_text(func->module->states[func->updates[i].state].name));
        report_put(json, "value", value_json(m, func->updates[i].value));
        report_add(updates, json);
    }
    report_put(to, "outputs", outputs);
    report_put(to, "updates", updates);
}

static json_t *func_json(Making *m, const Func *func) {
    const char *only = m->options->only;
    const Plan *plan = func->plan;
    m->func = func;
    uint8_t *chosen = ARENA_ARRAY(m->arena, uint8_t, func->count + 1);
    bool *kernels = ARENA_ARRAY(m->arena, bool, (plan ? plan->n_kernels : 0) + 1);
    for (ValueId id = 0; id < func->count; id++) {
        chosen[id] = !only || only_matches(only, func->nodes[id].scope);
        if (chosen[id] && plan && plan->kernel_of[id] != IR_NONE) kernels[plan->kernel_of[id]] = true;
    }
    const Outline *outline = outline_make(m->arena, func, &(OutlineOptions){.chosen = chosen});
    const uint8_t *phases = phases_of(m->inspection, func);
    json_t *json = report_object(), *nodes = report_array(), *all_kernels = report_array();
    for (ValueId id = 0; id < func->count; id++)
        if (outline->group_of[id] != IR_NONE)
            report_add(nodes, node_json(m, id, outline->group_of[id], (Phase)phases[id]));
    for (uint32_t k = 0; plan && k < plan->n_kernels; k++)
        if (kernels[k]) report_add(all_kernels, kernel_json(m, k));
    report_put(json, "name", report_text(func->name));
    report_put(json, "body", json_boolean(func->body));
    report_put(json, "arena", plan && plan->laid_out ? whole(plan->arena_bytes) : json_null());
    report_put(json, "block", plan && plan->laid_out ? whole(plan->block_bytes) : json_null());
    report_put(json, "inputs", inputs_json(m));
    put_results(m, json);
    report_put(json, "groups", groups_json(outline));
    report_put(json, "nodes", nodes);
    report_put(json, "kernels", all_kernels);
    return json;
}

json_t *graph_json(const Inspection *inspection, const ListingOptions *options) {
    const Stages *stages = inspection->stages;
    const Module *module = inspection->module;
    Making m = {.inspection = inspection, .options = options, .arena = inspection->arena};
    m.positions = positions_make(m.arena, inspection->diags);
    words_open(&m.words);
    json_t *all = report_object(), *functions = report_array();
    report_put(all, "recipe", report_text(inspection->recipe));
    report_put(all, "stage", report_text(stages->stages[stages->count - 1].label));
    report_put(all, "target", report_text(inspection->target));
    report_put(all, "batch", whole(module->batch));
    report_put(all, "states", states_json(&m));
    for (size_t f = 0; f < module->n_funcs; f++)
        if (options->all_functions || module->funcs[f] == inspection->func)
            report_add(functions, func_json(&m, module->funcs[f]));
    report_put(all, "functions", functions);
    words_close(&m.words);
    return all;
}
