/* Forward pass, gradient, update (phases.h): told by who made a value, and by what depends on what. */
#include "inspect/phases.h"

#include <string.h>

const char *const PHASE_NAMES[N_PHASES] = {"forward", "gradient", "update"};

/* What is known of a value. */
enum {
    FOR_LOSS = 1,       /* a loss depends on it */
    OF_GRADIENT = 2,    /* it is a gradient, or was made for one */
    FOR_GRADIENT = 4,   /* one depends on it */
    AFTER_GRADIENT = 8, /* it depends on one */
    FOR_OUTPUT = 16     /* an output depends on it */
};

static bool is_autodiff(const Stage *stage) {
    return stage->pass && strcmp(stage->pass->name, "autodiff") == 0;
}

/* By number: whether pass autodiff made the value, or another pass for the sake of such a one. Remarks tell what values
 * were made for, also of values that are gone. */
static bool *gradient_numbers(const Inspection *inspection, const Func *func) {
    const Stages *stages = inspection->stages;
    const Remarks *remarks = inspection->module->remarks;
    uint32_t f = func_index(func), n = func->next_number;
    for (size_t s = 0; s < stages->count; s++)
        if (f < stages->stages[s].n_funcs && stages->stages[s].next_numbers[f] > n)
            n = stages->stages[s].next_numbers[f];
    bool *gradient = ARENA_ARRAY(inspection->arena, bool, (size_t)n + 1);
    for (size_t s = 1; s < stages->count; s++) {
        const Stage *last = &stages->stages[s - 1], *stage = &stages->stages[s];
        if (!is_autodiff(stage) || f >= stage->n_funcs) continue;
        uint32_t from = f < last->n_funcs ? last->next_numbers[f] : 0;
        for (uint32_t i = from; i < stage->next_numbers[f]; i++) gradient[i] = true;
    }
    for (size_t i = 0; i < stages->n_grads; i++)
        if (stages->grads[i].func == f) gradient[stages->grads[i].number] = true;
    for (size_t i = 0; remarks && i < remarks->count; i++) {
        const Remark *remark = &remarks->items[i];
        bool made = remark->rule == RULE_made || remark->rule == RULE_copied;
        if (made && remark->func == f && remark->value < n && remark->other < n && gradient[remark->other])
            gradient[remark->value] = true;
    }
    return gradient;
}

/* What follows from users to operands. */
static void look_back(const Func *func, uint8_t *known) {
    for (ValueId id = (ValueId)func->count; id-- > 0;) {
        uint8_t told = known[id] & (FOR_LOSS | FOR_GRADIENT | FOR_OUTPUT);
        if (known[id] & OF_GRADIENT) told |= FOR_GRADIENT;
        const Node *node = &func->nodes[id];
        for (int o = 0; o < node->n_operands; o++) known[node->operands[o]] |= told;
    }
}

static Phase phase_of(uint8_t known, bool source) {
    if (source || known & FOR_LOSS) return PHASE_FORWARD;
    if (known & OF_GRADIENT) return PHASE_GRADIENT;
    if (known & FOR_GRADIENT) return PHASE_GRADIENT;
    return known & AFTER_GRADIENT || !(known & FOR_OUTPUT) ? PHASE_UPDATE : PHASE_FORWARD;
}

const uint8_t *phases_of(const Inspection *inspection, const Func *func) {
    const bool *gradient = gradient_numbers(inspection, func);
    uint8_t *known = ARENA_ARRAY(inspection->arena, uint8_t, func->count + 1);
    bool trains = func->n_updates > 0;
    for (size_t i = 0; i < func->n_outputs; i++) {
        const Output *output = &func->outputs[i];
        bool loss = output->role == OUTPUT_LOSS || output->role == OUTPUT_OBJECTIVE || !trains;
        known[output->value] |= FOR_OUTPUT | (loss ? FOR_LOSS : 0);
    }
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = &func->nodes[id];
        if (op_is_source((OpKind)node->op)) continue;
        if (node->op == OP_grad || gradient[node->number]) known[id] |= OF_GRADIENT;
        for (int o = 0; o < node->n_operands; o++)
            if (known[node->operands[o]] & (OF_GRADIENT | AFTER_GRADIENT)) known[id] |= AFTER_GRADIENT;
    }
    look_back(func, known);
    for (ValueId id = 0; id < func->count; id++)
        known[id] = (uint8_t)phase_of(known[id], op_is_source((OpKind)func->nodes[id].op));
    return known;
}
