/* Explanations of kernels: see explanation.h. */
#include "inspect/explain/parts.h"

#include <string.h>

static KernelPointer pointer_to(const Explainer *x, ValueId value) {
    const Func *func = x->inspection->func;
    const Node *node = func_node(func, value);
    KernelPointer pointer = {.type = type_text(x->arena, &node->type), .bytes = type_bytes(&node->type)};
    PlaceFacts place = part_place(x, value);
    if (node->op == OP_input)
        pointer.name = func->inputs[source_attrs(node)->index].name;
    else if (node->op == OP_state)
        pointer.name = func->module->states[source_attrs(node)->index].name;
    else
        pointer.name = arena_printf(x->arena, "%%%u", node->number);
    pointer.place = op_is_source((OpKind)node->op) ? place.kind : part_place_text(x, &place);
    return pointer;
}

static const KernelPointer *pointers_to(const Explainer *x, const ValueId *values, size_t n) {
    KernelPointer *pointers = ARENA_ARRAY(x->arena, KernelPointer, n + 1);
    for (size_t i = 0; i < n; i++) pointers[i] = pointer_to(x, values[i]);
    return pointers;
}

/* What passes on the plan told of the kernel's values: what was done and what was not, each rule of a value once. */
static void add_events(const Explainer *x, const Kernel *kernel, KernelExplanation *e) {
    const Func *func = x->inspection->func;
    int first = stage_number(x->inspection->stages->list, "fuse");
    Events all = {0};
    size_t capacity = 0;
    Event *kept = NULL;
    for (ValueId id = kernel->first; id <= kernel->last; id++)
        part_events(x, func_node(func, id)->number, &all, &all);
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i].rule && all.items[i].stage >= first)
            ARENA_PUSH(x->arena, kept, e->n_events, capacity, all.items[i]);
    e->events = kept;
}

KernelExplanation explain_kernel(const Explainer *x, uint32_t k) {
    const Func *func = x->inspection->func;
    const Kernel *kernel = &func->plan->kernels[k];
    ValueId named = x->costs->kernels[k].named;
    KernelExplanation e = {.kernel = part_kernel(x, k), .phase = PHASE_NAMES[x->phases[named]]};
    ValueLine *values = ARENA_ARRAY(x->arena, ValueLine, kernel->last - kernel->first + 1);
    for (ValueId id = kernel->first; id <= kernel->last; id++)
        values[e.n_values++] = part_value(x, func_node(func, id)->number);
    e.values = values;
    e.reads = pointers_to(x, kernel->reads, kernel->n_reads);
    e.n_reads = kernel->n_reads;
    e.stores = pointers_to(x, kernel->stores, kernel->n_stores);
    e.n_stores = kernel->n_stores;
    if (kernel->prologue)
        e.prologue = kernel->prologue->again
                         ? "the first operand is computed again, row by row, as it is packed"
                         : "the first operand is computed row by row as it is packed, and never stored";
    e.lines = part_lines(x, func_node(func, named), &e.n_lines);
    add_events(x, kernel, &e);
    return e;
}
