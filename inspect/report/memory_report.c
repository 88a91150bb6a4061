/* The memory plan of a function as data: see memory_report.h. */
#include "inspect/report/memory_report.h"
#include "ir/plan/cost.h"
#include "ir/text/text.h"
#include "passes/plan/live.h"
#include "passes/plan/remat.h"

#include <stdlib.h>
#include <string.h>

const MemoryUseInfo MEMORY_USES[N_USES] = {
    [USE_FORWARD] = {"forward", "on the way to the loss (the outputs, of a function without one) alone"},
    [USE_KEPT] = {"kept", "of the loss, and read again past it: kept for the backward pass"},
    [USE_BACKWARD] = {"backward", "gradients, the optimiser, and what else the loss does not need"},
    [USE_RESULT] = {"result", "an output or update, held to the end"},
};

/* ---- what values are for ----------------------------------------------------------------------------------------- */

/* The values that the loss is computed from; a function without a loss: that its outputs are. */
static bool *find_forward(Arena *arena, const Func *func) {
    bool *forward = ARENA_ARRAY(arena, bool, func->count + 1), any = false;
    for (int all = 0; all < 2 && !any; all++)
        for (size_t i = 0; i < func->n_outputs; i++)
            if (all || func->outputs[i].role == OUTPUT_LOSS) forward[func->outputs[i].value] = any = true;
    for (ValueId id = (ValueId)func->count; id-- > 0;)
        for (int o = 0; forward[id] && o < func_node(func, id)->n_operands; o++)
            forward[func_node(func, id)->operands[o]] = true;
    return forward;
}

/* Of each value of the function. */
static MemoryUse *find_uses(Arena *arena, const Func *func) {
    bool *forward = find_forward(arena, func);
    MemoryUse *uses = ARENA_ARRAY(arena, MemoryUse, func->count + 1);
    for (ValueId id = 0; id < func->count; id++) uses[id] = forward[id] ? USE_FORWARD : USE_BACKWARD;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        for (int o = 0; o < node->n_operands && !forward[id]; o++)
            if (forward[node->operands[o]]) uses[node->operands[o]] = USE_KEPT;
    }
    for (size_t i = 0; i < func->n_outputs; i++) uses[func->outputs[i].value] = USE_RESULT;
    for (size_t i = 0; i < func->n_updates; i++) uses[func->updates[i].value] = USE_RESULT;
    return uses;
}

/* ---- the parts of the report ------------------------------------------------------------------------------------- */

static void add_states(Arena *arena, MemoryReport *r, const Module *module) {
    r->roles = ARENA_ARRAY(arena, MemoryRole, ROLE_COUNT);
    for (StateRole role = ROLE_PARAM; role < ROLE_COUNT; role++) {
        MemoryRole sum = {.name = ROLE_NAMES[role]};
        for (size_t s = 0; s < module->n_states; s++)
            if (module->states[s].role == role)
                sum.tensors++, sum.bytes += type_bytes(&module->states[s].type);
        if (sum.tensors) r->roles[r->n_roles++] = sum;
        r->states += sum.bytes;
    }
}

static MemoryTensor tensor(Arena *arena, const char *name, const Type *type) {
    return (MemoryTensor){.name = name, .type = type_text(arena, type), .bytes = type_bytes(type)};
}

static void add_ends(Arena *arena, MemoryReport *r, const Func *func) {
    r->inputs = ARENA_ARRAY(arena, MemoryTensor, func->n_inputs + 1);
    r->outputs = ARENA_ARRAY(arena, MemoryTensor, func->n_outputs + 1);
    for (size_t i = 0; i < func->n_inputs; i++)
        r->inputs[r->n_inputs++] = tensor(arena, func->inputs[i].name, &func->inputs[i].type);
    for (size_t i = 0; i < func->n_outputs; i++)
        r->outputs[r->n_outputs++] =
            tensor(arena, func->outputs[i].name, func_type(func, func->outputs[i].value));
}

static void add_arena(Arena *arena, MemoryReport *r, const Func *func) {
    const Plan *plan = func->plan;
    Lives lives = func_lives(arena, func);
    MemoryUse *uses = find_uses(arena, func);
    r->values = ARENA_ARRAY(arena, MemoryValue, lives.count + 1);
    for (size_t i = 0; i < lives.count; i++) {
        const Life *life = &lives.of[i];
        const char *name = arena_printf(arena, "%%%u %s", func_node(func, life->value)->number,
                                        kernel_name(arena, func, life->value));
        r->values[r->n_values++] = (MemoryValue){.number = func_node(func, life->value)->number,
                                                 .name = name,
                                                 .loc = func_node(func, life->value)->loc,
                                                 .bytes = life->bytes,
                                                 .offset = plan->places[life->value].offset,
                                                 .born = life->born,
                                                 .died = life->died,
                                                 .use = uses[life->value]};
    }
    r->live = lives.live;
    r->n_kernels = lives.n_kernels;
    for (size_t k = 1; k < r->n_kernels; k++)
        if (r->live[k] > r->live[r->peak]) r->peak = k;
    for (size_t i = 0; i < plan->n_copies; i++)
        if (plan->copies[i].to.kind == PLACE_STAGE)
            r->staged += type_bytes(func_type(func, plan->copies[i].value));
    if (r->n_values) {
        KernelCost cost = kernel_cost(func, &plan->kernels[r->peak]);
        r->peak_name = kernel_name(arena, func, cost.named);
    }
}

/* The largest first; of equal ones in the order of birth, which is that of the array. */
static int by_bytes(const void *a, const void *b) {
    const MemoryValue *x = *(const MemoryValue *const *)a, *y = *(const MemoryValue *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x > y) - (x < y);
}

static void add_peak(Arena *arena, MemoryReport *r) {
    r->most_live = r->n_kernels ? r->live[r->peak] : 0;
    r->at_peak = ARENA_ARRAY(arena, const MemoryValue *, r->n_values + 1);
    for (size_t i = 0; i < r->n_values; i++) {
        const MemoryValue *value = &r->values[i];
        if (value->born > r->peak || value->died < r->peak) continue;
        r->at_peak[r->n_at_peak++] = value;
        r->at_peak_for[value->use] += value->bytes;
    }
    qsort(r->at_peak, r->n_at_peak, sizeof *r->at_peak, by_bytes);
}

MemoryReport memory_report(Arena *arena, const Func *func) {
    const Module *module = func->module;
    MemoryReport r = {.recipe = module->name,
                      .positions = positions_make(arena, module->diags),
                      .function = func->name,
                      .batch = module->batch,
                      .arena = func->plan->arena_bytes,
                      .loops = plan_room(func) - plan_own_bytes(func),
                      .blocks = func->plan->block_bytes};
    if (strcmp(func->name, "step") == 0) r.limit = module->memory_limit;
    r.taken = resident_bytes(func) + func->plan->arena_bytes + r.loops;
    add_states(arena, &r, module);
    add_ends(arena, &r, func);
    add_arena(arena, &r, func);
    add_peak(arena, &r);
    r.remat = remat_report(arena, func);
    return r;
}

double memory_waste(const MemoryReport *report) {
    return report->arena ? 100 * (double)(report->arena - report->most_live) / (double)report->arena : 0;
}
