/* The meaning of loops: the body is run as any function is. */
#include "ir/interpret/eval.h"
#include "ir/loop.h"

#include <string.h>

/* What one iteration is given and makes. */
typedef struct {
    const Func *body;
    const LoopAttrs *attrs;
    LoopOperands first;
    Tensor *inputs, *outputs;
} Iteration;

static void bind_inputs(Eval *eval, Iteration *it) {
    for (size_t i = 0; i < it->body->n_inputs; i++) {
        const Type *type = &it->body->inputs[i].type;
        size_t n = (size_t)type_elements(type);
        int o = it->first.carried + (int)i - 1;
        it->inputs[i] = (Tensor){*type, ARENA_ARRAY(eval->arena, double, n)};
        if (i > 0 && (o < it->first.sliced || o >= it->first.captured))
            memcpy(it->inputs[i].data, eval->x[o], sizeof(double) * n);
    }
}

/* With `kept`: row `row` of what was carried. */
static void keep_carried(Eval *eval, const Iteration *it, int64_t row) {
    for (int64_t k = 0; it->attrs->kept && k < it->attrs->carried; k++) {
        const Tensor *carried = &it->inputs[k + 1];
        size_t n = (size_t)type_elements(&carried->type);
        LoopPart part = loop_part_of(it->body, it->attrs, it->body->n_outputs + (size_t)k);
        memcpy(eval->y + part.start + n * (size_t)row, carried->data, sizeof(double) * n);
    }
}

/* Iteration `i`: rows in, the body, rows out. */
static bool run_iteration(Eval *eval, Iteration *it, int64_t i) {
    Arena *arena = arena_new();
    it->inputs[0].data[0] = (double)i;
    keep_carried(eval, it, i + it->attrs->reverse);
    for (int o = it->first.sliced; o < it->first.captured; o++) {
        Tensor *row = &it->inputs[o - it->first.carried + 1];
        size_t n = (size_t)type_elements(&row->type);
        memcpy(row->data, eval->x[o] + n * (size_t)i, sizeof(double) * n);
    }
    bool good = eval->run(it->body, it->inputs, NULL, it->outputs, NULL, arena, eval->error, eval->size);
    for (size_t k = 0; k < it->body->n_outputs && good; k++) {
        size_t n = (size_t)type_elements(&it->outputs[k].type);
        double *to = it->inputs[k + 1].data;
        if (k >= (size_t)it->attrs->carried)
            to = eval->y + loop_part_of(it->body, it->attrs, k).start + n * (size_t)i;
        memcpy(to, it->outputs[k].data, sizeof(double) * n);
    }
    arena_free(arena);
    return good;
}

bool eval_loop(Eval *eval) {
    const LoopAttrs *attrs = loop_attrs(eval->node);
    const Func *body = loop_body(eval->func, eval->node);
    Iteration it = {body, attrs, loop_operands(attrs), ARENA_ARRAY(eval->arena, Tensor, body->n_inputs),
                    ARENA_ARRAY(eval->arena, Tensor, body->n_outputs)};
    bind_inputs(eval, &it);
    bool runs = !attrs->when || eval->x[0][0] != 0;
    for (int64_t i = 0; i < attrs->count && runs; i++)
        if (!run_iteration(eval, &it, attrs->reverse ? attrs->count - 1 - i : i)) return false;
    keep_carried(eval, &it, attrs->reverse ? 0 : attrs->count);
    for (int64_t k = 0; k < attrs->carried; k++) {
        const Tensor *last = &it.inputs[k + 1];
        memcpy(eval->y + loop_part_of(body, attrs, (size_t)k).start, last->data,
               sizeof(double) * (size_t)type_elements(&last->type));
    }
    return true;
}

/* An element takes the first of its words here: each holds any number. */
bool eval_part(Eval *eval) {
    memcpy(eval->y, eval->x[0] + part_attrs(eval->node)->start,
           sizeof(double) * (size_t)type_elements(&eval->node->type));
    return true;
}
