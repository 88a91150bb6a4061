/* The memory plan as JSON: see memory_json.h. */
#include "inspect/report/memory_json.h"
#include "inspect/report/report_json.h"

static json_t *roles(const MemoryReport *r) {
    json_t *array = report_array();
    for (size_t i = 0; i < r->n_roles; i++) {
        json_t *role = report_object();
        report_put(role, "role", report_text(r->roles[i].name));
        report_put(role, "bytes", json_integer(r->roles[i].bytes));
        report_put(role, "tensors", json_integer(r->roles[i].tensors));
        report_add(array, role);
    }
    return array;
}

static json_t *tensors(const MemoryTensor *all, size_t n) {
    json_t *array = report_array();
    for (size_t i = 0; i < n; i++) {
        json_t *tensor = report_object();
        report_put(tensor, "name", report_text(all[i].name));
        report_put(tensor, "type", report_text(all[i].type));
        report_put(tensor, "bytes", json_integer(all[i].bytes));
        report_add(array, tensor);
    }
    return array;
}

static json_t *limit(const MemoryReport *r) {
    if (!r->limit) return json_null();
    json_t *object = report_object();
    report_put(object, "asked", json_integer(r->limit));
    report_put(object, "taken", json_integer(r->taken));
    return object;
}

static json_t *arena(const MemoryReport *r) {
    json_t *object = report_object(), *peak = report_object(), *live = report_array();
    report_put(object, "planned", json_integer(r->arena));
    report_put(object, "most_live", json_integer(r->most_live));
    report_put(object, "staged", json_integer(r->staged));
    report_put(object, "loops", json_integer(r->loops));
    report_put(object, "blocks", json_integer(r->blocks));
    report_put(object, "kernels", json_integer((json_int_t)r->n_kernels));
    report_put(peak, "kernel", json_integer((json_int_t)r->peak + 1));
    report_put(peak, "name", report_text(r->peak_name));
    report_put(object, "peak", peak);
    for (size_t k = 0; k < r->n_kernels; k++) report_add(live, json_integer(r->live[k]));
    report_put(object, "live", live);
    return object;
}

static json_t *values(const MemoryReport *r) {
    json_t *array = report_array();
    for (size_t i = 0; i < r->n_values; i++) {
        const MemoryValue *v = &r->values[i];
        json_t *value = report_object();
        report_put(value, "number", json_integer(v->number));
        report_put(value, "name", report_text(v->name));
        report_put(value, "position", report_position(&r->positions, v->loc));
        report_put(value, "bytes", json_integer(v->bytes));
        report_put(value, "offset", json_integer(v->offset));
        report_put(value, "born", json_integer((json_int_t)v->born + 1));
        report_put(value, "died", json_integer((json_int_t)v->died + 1));
        report_put(value, "use", report_text(MEMORY_USES[v->use].name));
        report_add(array, value);
    }
    return array;
}

static json_t *rematerialized(const RematReport *r) {
    json_t *object = report_object(), *kinds = report_array();
    report_put(object, "kernels", json_integer(r->kernels));
    report_put(object, "bytes", json_integer(r->bytes));
    report_put(object, "flops", report_number(r->flops));
    report_put(object, "all_flops", report_number(r->all_flops));
    for (size_t i = 0; i < r->n_kinds; i++) {
        json_t *kind = report_object();
        report_put(kind, "name", report_text(r->kinds[i].name));
        report_put(kind, "count", json_integer(r->kinds[i].count));
        report_put(kind, "bytes", json_integer(r->kinds[i].bytes));
        report_put(kind, "flops", report_number(r->kinds[i].flops));
        report_add(kinds, kind);
    }
    report_put(object, "kinds", kinds);
    return object;
}

json_t *memory_json(const MemoryReport *r) {
    json_t *object = report_object();
    report_put(object, "recipe", report_text(r->recipe));
    report_put(object, "function", report_text(r->function));
    report_put(object, "batch", json_integer(r->batch));
    report_put(object, "states", roles(r));
    report_put(object, "inputs", tensors(r->inputs, r->n_inputs));
    report_put(object, "outputs", tensors(r->outputs, r->n_outputs));
    report_put(object, "limit", limit(r));
    report_put(object, "arena", arena(r));
    report_put(object, "values", values(r));
    report_put(object, "rematerialized", rematerialized(&r->remat));
    return object;
}
