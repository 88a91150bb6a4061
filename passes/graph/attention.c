/* Finding attention: see attention.h. */
#include "passes/graph/attention.h"
#include "ir/remarks.h"

/* Where slices read no more of the probabilities' rows than this share, those are computed by themselves. Forward and
 * backward, products and softmax take 1.15 to 1.5 times as long as attention (147 queries, 197 keys, fp32 and bf16):
 * the rows that are made again may take about as much. */
#define MOST_ROWS 0.25
/* Fewer queries leave most lanes empty, and their probabilities are few: products and softmax are faster. */
enum { FEWEST_QUERIES = 4 };

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

/* scale·(q·kᵀ), (q·kᵀ)/number or q·kᵀ */
static bool match_scores(const Func *func, ValueId id, Match *m) {
    double number;
    m->scale = 1;
    if (is_op(func, id, OP_div) && constant_of(func, func_node(func, id)->operands[1], &number) &&
        number > 0) {
        m->scale = 1 / number;
        id = func_node(func, id)->operands[0];
    }
    for (int o = 0; is_op(func, id, OP_mul) && o < 2; o++)
        if (constant_of(func, func_node(func, id)->operands[1 - o], &number)) {
            m->scale *= number;
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

static bool multiplies_softmax(const Func *func, const Node *node) {
    return node->op == OP_matmul && is_op(func, node->operands[0], OP_softmax);
}

/* Why a product with a softmax is no attention; NULL: it is. */
static const char *mismatch(const Func *func, const Node *node, Match *m) {
    if (matmul_attrs(node)->ta || matmul_attrs(node)->tb) return "one of its factors is transposed";
    ValueId scores = func_node(func, node->operands[0])->operands[0];
    m->v = node->operands[1];
    m->bias = IR_NONE;
    bool found = match_scores(func, scores, m), biased = false;
    for (int o = 0; !found && is_op(func, scores, OP_add) && o < 2; o++) {
        const Node *sum = func_node(func, scores);
        m->bias = bias_of(func, sum->operands[1 - o], &sum->type);
        bool scored = match_scores(func, sum->operands[o], m);
        biased = biased || scored;
        found = m->bias != IR_NONE && scored;
    }
    if (!found)
        return biased ? "the bias has other axes than the scores"
                      : "the softmax is not of a product with transposed keys, perhaps scaled and biased";
    const Type *k = func_type(func, m->k);
    int64_t queries = func_type(func, m->q)->dim[k->rank - 2], keys = k->dim[k->rank - 2];
    if (queries < FEWEST_QUERIES && queries < keys) return "it has too few queries to be faster";
    if (!type_equal(k, func_type(func, m->v))) return "keys and values have not one shape";
    return k->dtype == DT_F32 ? NULL : "it is not of f32";
}

/* How often each value is read by what a loss is computed of, or, where nothing is trained, an output or update; and
 * which values these are. What else reads probabilities, such as a metric, has them made for itself, and training stays
 * as it is. */
typedef struct {
    bool *needed;
    uint32_t *readers;
} Uses;

static void need(Uses *uses, ValueId id) {
    uses->needed[id] = true;
    uses->readers[id]++;
}

static Uses find_uses(const Func *func, Arena *arena) {
    Uses uses = {ARENA_ARRAY(arena, bool, func->count + 1), ARENA_ARRAY(arena, uint32_t, func->count + 1)};
    bool trains = false;
    for (ValueId id = 0; id < func->count; id++) {
        if (func_node(func, id)->op != OP_grad) continue;
        uses.needed[func_node(func, id)->operands[0]] = trains = true;
    }
    for (size_t i = 0; !trains && i < func->n_outputs; i++) need(&uses, func->outputs[i].value);
    for (size_t i = 0; !trains && i < func->n_updates; i++) need(&uses, func->updates[i].value);
    for (ValueId id = (ValueId)func->count; id-- > 0;)
        for (int o = 0; uses.needed[id] && o < func_node(func, id)->n_operands; o++)
            need(&uses, func_node(func, id)->operands[o]);
    return uses;
}

/* Slices of one value, and slices of these. */
typedef struct {
    ValueId *base;     /* of a slice: what it is a slice of in the end; of another value: itself */
    SliceAttrs *range; /* of it */
    uint32_t *direct;  /* of each value: how many needed slices read it */
    double *share;     /* of a base: which share of its rows is read through needed slices */
} Slices;

/* The slice of a slice. */
static SliceAttrs composed(const SliceAttrs *outer, const SliceAttrs *inner) {
    SliceAttrs both = *inner;
    for (int k = 0; k < inner->start.n; k++) {
        int64_t from = outer->start.v[k], by = outer->step.v[k];
        both.start.v[k] = from + inner->start.v[k] * by;
        both.limit.v[k] = from + (inner->limit.v[k] - 1) * by + 1;
        both.step.v[k] = inner->step.v[k] * by;
    }
    return both;
}

static Slices find_slices(const Func *func, const Uses *uses, Arena *arena) {
    size_t n = func->count;
    Slices s = {ARENA_ARRAY(arena, ValueId, n + 1), ARENA_ARRAY(arena, SliceAttrs, n + 1),
                ARENA_ARRAY(arena, uint32_t, n + 1), ARENA_ARRAY(arena, double, n + 1)};
    for (ValueId id = 0; id < n; id++) {
        const Node *node = func_node(func, id);
        s.base[id] = id;
        if (node->op != OP_slice) continue;
        ValueId x = node->operands[0];
        s.direct[x] += uses->needed[id];
        s.base[id] = s.base[x];
        s.range[id] = s.base[x] == x ? *slice_attrs(node) : composed(&s.range[x], slice_attrs(node));
    }
    for (ValueId id = 0; id < n; id++) {
        if (s.base[id] == id || !uses->needed[id] || uses->readers[id] == s.direct[id])
            continue; /* or read by slices alone */
        const Type *type = func_type(func, s.base[id]);
        double share = 1;
        for (int k = 0; k < type->rank - 1; k++)
            share *= (double)func_type(func, id)->dim[k] / (double)type->dim[k];
        s.share[s.base[id]] += share;
    }
    return s;
}

typedef struct {
    Rewrite rewrite;
    Match *matches; /* of the products that become attention */
    bool *found;
    ValueId *rows_of; /* of a slice of probabilities that are not made whole: their product; else IR_NONE */
    Slices slices;
} Attention;

/* The bias as it is, with leading axes of 1. */
static ValueId whole_bias(Attention *a, const Match *m) {
    const Type *bias = &a->rewrite.old[m->bias].type, *q = &a->rewrite.old[m->q].type;
    int64_t shape[IR_MAX_RANK];
    for (int k = 0; k < q->rank; k++)
        shape[k] = k < q->rank - bias->rank ? 1 : bias->dim[k - (q->rank - bias->rank)];
    return ir_reshape(a->rewrite.func, a->rewrite.map[m->bias], q->rank, shape);
}

static ValueId attend(Attention *a, const Match *m) {
    ValueId x[4] = {a->rewrite.map[m->q], a->rewrite.map[m->k], a->rewrite.map[m->v], IR_NONE};
    if (m->bias != IR_NONE) x[3] = whole_bias(a, m);
    return func_emit(a->rewrite.func, OP_attention, x, m->bias == IR_NONE ? 3 : 4,
                     &(AttentionAttrs){.scale = m->scale});
}

/* x along the first n axes as the slice; an axis of 1, which is broadcast, and those behind stay whole. */
static ValueId slice_first(Func *func, ValueId x, const SliceAttrs *slice, int n) {
    const Type *type = func_type(func, x);
    int64_t start[IR_MAX_RANK] = {0}, limit[IR_MAX_RANK], step[IR_MAX_RANK];
    for (int k = 0; k < type->rank; k++) {
        bool cut = k < n && type->dim[k] > 1;
        start[k] = cut ? slice->start.v[k] : 0;
        limit[k] = cut ? slice->limit.v[k] : type->dim[k];
        step[k] = cut ? slice->step.v[k] : 1;
    }
    return ir_slice(func, x, start, limit, step);
}

/* The slice of probabilities from the rows of q that it takes. */
static ValueId some_probabilities(Attention *a, const Match *m, const SliceAttrs *slice) {
    Func *func = a->rewrite.func;
    int rank = a->rewrite.old[m->q].type.rank;
    ValueId q = slice_first(func, a->rewrite.map[m->q], slice, rank - 1),
            k = slice_first(func, a->rewrite.map[m->k], slice, rank - 2);
    ValueId scores = ir_matmul(func, q, k, false, true);
    scores = ir_binary(func, OP_mul, scores, ir_constant(func, m->scale, DT_F32));
    if (m->bias != IR_NONE)
        scores = ir_binary(func, OP_add, scores, slice_first(func, whole_bias(a, m), slice, rank - 1));
    ValueId rows = ir_unary(func, OP_softmax, scores);
    int64_t start[IR_MAX_RANK] = {0}, limit[IR_MAX_RANK], step[IR_MAX_RANK];
    for (int d = 0; d < rank; d++) limit[d] = func_type(func, rows)->dim[d], step[d] = 1;
    start[rank - 1] = slice->start.v[rank - 1];
    limit[rank - 1] = slice->limit.v[rank - 1];
    step[rank - 1] = slice->step.v[rank - 1];
    return ir_slice(func, rows, start, limit, step);
}

static void tell(const Func *func, ValueId product, const char *why) {
    const Node *node = func_node(func, product), *softmax = func_node(func, node->operands[0]);
    remark(func, why ? RULE_attention_missed : RULE_attention_found, node->number, softmax->number,
           why ? 0 : (double)type_bytes(&softmax->type), 0, why);
}

/* Products that become attention, and slices that are made by themselves. */
static void find_matches(Attention *a, const Func *func, Arena *arena) {
    size_t n = func->count;
    const Uses uses = find_uses(func, arena);
    const Slices *slices = &a->slices;
    ValueId *product = ARENA_ARRAY(arena, ValueId, n + 1); /* of probabilities, that becomes attention */
    a->slices = find_slices(func, &uses, arena);
    a->matches = ARENA_ARRAY(arena, Match, n + 1);
    a->found = ARENA_ARRAY(arena, bool, n + 1);
    a->rows_of = ARENA_ARRAY(arena, ValueId, n + 1);
    for (ValueId id = 0; id < n; id++) product[id] = a->rows_of[id] = IR_NONE;
    for (ValueId id = 0; id < n; id++) {
        const Node *node = func_node(func, id);
        if (!multiplies_softmax(func, node)) continue;
        ValueId probabilities = node->operands[0];
        const char *why = mismatch(func, node, &a->matches[id]);
        if (!why && uses.readers[probabilities] != uses.needed[id] + slices->direct[probabilities])
            why = "something else reads the probabilities";
        if (!why && slices->share[probabilities] > MOST_ROWS)
            why = "much of the probabilities is read in slices";
        a->found[id] = !why;
        if (!why) product[probabilities] = id;
        tell(func, id, why);
    }
    for (ValueId id = 0; id < n; id++)
        if (slices->base[id] != id) a->rows_of[id] = product[slices->base[id]];
}

static void find_in(Func *func) {
    Arena *arena = arena_new();
    size_t n = func->count;
    Attention a = {0};
    find_matches(&a, func, arena);
    a.rewrite = rewrite_begin(func);
    for (ValueId id = 0; id < n; id++) {
        const Node *node = &a.rewrite.old[id];
        if (!a.found[id] && a.rows_of[id] == IR_NONE) {
            rewrite_copy(&a.rewrite, id);
            continue;
        }
        func_made_for(func, node);
        if (!a.found[id])
            remark(func, RULE_attention_rows, node->number, a.rewrite.old[a.slices.base[id]].number, 0, 0,
                   NULL);
        a.rewrite.map[id] = a.found[id]
                                ? attend(&a, &a.matches[id])
                                : some_probabilities(&a, &a.matches[a.rows_of[id]], &a.slices.range[id]);
    }
    func_made_for(func, NULL);
    rewrite_end(&a.rewrite);
    arena_free(arena);
}

bool pass_attention(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) find_in(module->funcs[f]);
    return true;
}
