/* Finding attention: see attention.h. */
#include "passes/graph/attention.h"

static bool is_op(const Func *func, ValueId id, OpKind op) {
    return func_node(func, id)->op == op;
}

/* A scalar constant, perhaps broadcast. */
static bool constant_of(const Func *func, ValueId id, double *value) {
    while (is_op(func, id, OP_broadcast) || is_op(func, id, OP_reshape))
        id = func_node(func, id)->operands[0];
    if (!is_op(func, id, OP_constant)) return false;
    *value = constant_attrs(func_node(func, id))->value;
    return true;
}

typedef struct {
    ValueId q, k, v, bias; /* bias: IR_NONE if there is none */
    double scale;
} Match;

/* scale·(q·kᵀ) or q·kᵀ */
static bool match_scores(const Func *func, ValueId id, Match *m) {
    m->scale = 1;
    for (int o = 0; is_op(func, id, OP_mul) && o < 2; o++)
        if (constant_of(func, func_node(func, id)->operands[1 - o], &m->scale)) {
            id = func_node(func, id)->operands[o];
            break;
        }
    const Node *node = func_node(func, id);
    if (node->op != OP_matmul || matmul_attrs(node)->ta || !matmul_attrs(node)->tb || !(m->scale > 0))
        return false;
    m->q = node->operands[0];
    m->k = node->operands[1];
    return true;
}

/* A bias of the scores' rank, as small as it is; IR_NONE: it does not fit. */
static ValueId bias_of(const Func *func, ValueId bias, const Type *scores) {
    if (is_op(func, bias, OP_broadcast)) {
        ValueId base = func_node(func, bias)->operands[0];
        if (func_type(func, base)->rank == scores->rank) bias = base;
    }
    const Type *type = func_type(func, bias);
    int n = scores->rank;
    if (type->rank > n || type->rank < 2 || type->dtype != scores->dtype) return IR_NONE;
    for (int k = 1; k <= 2; k++)
        if (type->dim[type->rank - k] != scores->dim[n - k]) return IR_NONE;
    return bias;
}

static bool match(const Func *func, const Node *node, Match *m) {
    if (node->op != OP_matmul || matmul_attrs(node)->ta || matmul_attrs(node)->tb) return false;
    if (!is_op(func, node->operands[0], OP_softmax)) return false;
    ValueId scores = func_node(func, node->operands[0])->operands[0];
    m->v = node->operands[1];
    m->bias = IR_NONE;
    bool found = match_scores(func, scores, m);
    for (int o = 0; !found && is_op(func, scores, OP_add) && o < 2; o++) {
        const Node *sum = func_node(func, scores);
        m->bias = bias_of(func, sum->operands[1 - o], &sum->type);
        found = m->bias != IR_NONE && match_scores(func, sum->operands[o], m);
    }
    if (!found) return false;
    const Type *q = func_type(func, m->q);
    return type_equal(q, func_type(func, m->k)) && type_equal(q, func_type(func, m->v)) && q->dtype == DT_F32;
}

static void find_in(Func *func) {
    Arena *arena = arena_new();
    size_t n = func->count;
    Match *matches = ARENA_ARRAY(arena, Match, n + 1);
    bool *found = ARENA_ARRAY(arena, bool, n + 1);
    for (ValueId id = 0; id < n; id++) found[id] = match(func, func_node(func, id), &matches[id]);
    Rewrite rewrite = rewrite_begin(func);
    for (ValueId id = 0; id < n; id++) {
        if (!found[id]) {
            rewrite_copy(&rewrite, id);
            continue;
        }
        const Match *m = &matches[id];
        const Type *q = &rewrite.old[m->q].type;
        ValueId x[4] = {rewrite.map[m->q], rewrite.map[m->k], rewrite.map[m->v], IR_NONE};
        int operands = 3;
        func->scope = rewrite.old[id].scope;
        func->loc = rewrite.old[id].loc;
        if (m->bias != IR_NONE) {
            const Type *bias = &rewrite.old[m->bias].type;
            int64_t shape[IR_MAX_RANK];
            for (int k = 0; k < q->rank; k++)
                shape[k] = k < q->rank - bias->rank ? 1 : bias->dim[k - (q->rank - bias->rank)];
            x[operands++] = ir_reshape(func, rewrite.map[m->bias], q->rank, shape);
        }
        rewrite.map[id] = func_emit(func, OP_attention, x, operands, &(AttentionAttrs){.scale = m->scale});
    }
    func->scope = NULL;
    rewrite_end(&rewrite);
    arena_free(arena);
}

bool pass_attention(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) find_in(module->funcs[f]);
    return true;
}
