/* Making simplified nodes: see simplifier.h. */
#include "passes/graph/simplifier.h"
#include "ir/remarks.h"

#include <string.h>

enum { MAX_DEPTH = 32 }; /* of rules that make nodes for which rules apply */

/* ---- equal nodes ------------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* An attribute as integers, the same for equal attributes. */
static int attr_words(AttrKind kind, const Attr *attr, uint64_t words[IR_MAX_RANK + 1]) {
    switch (kind) {
    case ATTR_INT:
    case ATTR_FUNC: words[0] = (uint64_t)attr->i; return 1;
    case ATTR_DTYPE: words[0] = attr->dtype; return 1;
    case ATTR_PRECISION: words[0] = attr->precision; return 1;
    case ATTR_BOOL: words[0] = attr->b; return 1;
    case ATTR_REAL: memcpy(words, &attr->f, sizeof *words); return 1;
    case ATTR_INTS:
        words[0] = (uint64_t)attr->ints.n;
        memcpy(words + 1, attr->ints.v, sizeof *words * (size_t)attr->ints.n);
        return attr->ints.n + 1;
    }
    return 0;
}

static uint64_t hash_node(const Node *node) {
    const OpInfo *info = op_info(node->op);
    uint64_t h = mix(node->op, (uint64_t)node->type.rank << 8 | node->type.dtype), words[IR_MAX_RANK + 1];
    if (op_has(node->op, TRAIT_COMMUTES))
        h = mix(h, (uint64_t)node->operands[0] + node->operands[1]);
    else
        for (int o = 0; o < node->n_operands; o++) h = mix(h, node->operands[o]);
    for (int a = 0; a < info->n_attrs; a++)
        for (int n = attr_words(info->attrs[a].kind, &node->attrs[a], words); n-- > 0;) h = mix(h, words[n]);
    return h;
}

static bool same_operands(const Node *a, const Node *b) {
    if (a->n_operands != b->n_operands) return false;
    if (a->n_operands == 0 || memcmp(a->operands, b->operands, sizeof *a->operands * a->n_operands) == 0)
        return true;
    return op_has(a->op, TRAIT_COMMUTES) && a->operands[0] == b->operands[1] &&
           a->operands[1] == b->operands[0];
}

static bool same_node(const Node *a, const Node *b) {
    const OpInfo *info = op_info(a->op);
    uint64_t x[IR_MAX_RANK + 1], y[IR_MAX_RANK + 1];
    if (a->op != b->op || !type_equal(&a->type, &b->type) || !same_operands(a, b)) return false;
    for (int i = 0; i < info->n_attrs; i++) {
        int n = attr_words(info->attrs[i].kind, &a->attrs[i], x),
            m = attr_words(info->attrs[i].kind, &b->attrs[i], y);
        if (n != m || memcmp(x, y, sizeof *x * (size_t)n) != 0) return false;
    }
    return true;
}

static void grow_slots(Simplify *s) {
    uint32_t *old = s->slots;
    size_t n_old = s->n_slots;
    s->n_slots = n_old ? n_old * 2 : 1024;
    s->slots = ARENA_ARRAY(s->scratch, uint32_t, s->n_slots);
    for (size_t i = 0; i < n_old; i++) {
        if (!old[i]) continue;
        size_t at = hash_node(func_node(s->func, old[i] - 1)) & (s->n_slots - 1);
        while (s->slots[at]) at = (at + 1) & (s->n_slots - 1);
        s->slots[at] = old[i];
    }
}

/* The slot of an equal node, or, empty (0), the one where it belongs. */
static size_t slot_of(const Simplify *s, const Node *node) {
    size_t at = hash_node(node) & (s->n_slots - 1);
    while (s->slots[at] && !same_node(func_node(s->func, s->slots[at] - 1), node))
        at = (at + 1) & (s->n_slots - 1);
    return at;
}

/* The value that stands for a node that is equal. Nodes that rules make have no number yet. */
static ValueId merged(const Simplify *s, const Node *node, ValueId value) {
    if (node->number != IR_NONE)
        remark(s->func, RULE_simplify_merged, node->number, func_node(s->func, value)->number, 0, 0, NULL);
    return value;
}

/* The value equal to the node: an earlier one, or a new one. */
static ValueId merge(Simplify *s, const Node *node) {
    if (!op_may_merge(node->op)) return func_copy(s->func, node, node->operands);
    if (s->n_filled * 2 >= s->n_slots) grow_slots(s);
    size_t at = slot_of(s, node);
    if (s->slots[at]) return merged(s, node, s->slots[at] - 1);
    ValueId id = func_copy(s->func, node, node->operands);
    s->slots[at] = id + 1;
    s->n_filled++;
    return id;
}

/* ---- making nodes ----------------------------------------------------------------------------------------------- */

ValueId simplify_node(Simplify *s, const Node *node) {
    if (s->depth < MAX_DEPTH) {
        s->depth++;
        ValueId better = s->rules(s, node);
        s->depth--;
        if (better != IR_NONE) {
            s->fired++;
            if (node->number != IR_NONE)
                remark(s->func, RULE_simplify_rule, node->number, IR_NONE, 0, 0, s->rule);
            return better;
        }
    }
    return merge(s, node);
}

ValueId simplify_keep(Simplify *s, const Node *node) {
    return merge(s, node);
}

/* Such a node, typed, for the sake of the one that is made; false: it was refused. */
static bool describe(Simplify *s, OpKind op, const ValueId *operands, int n, const void *attrs, Node *node) {
    for (int o = 0; o < n; o++) /* that was refused: the rule does not apply */
        if (operands[o] == IR_NONE) return false;
    *node = (Node){.op = (uint16_t)op, .n_operands = (uint16_t)n, .operands = operands};
    node->scope = s->func->scope;
    node->loc = s->func->loc;
    node->site = s->func->site;
    node->number = IR_NONE;
    node->origin = s->func->origin;
    node->attrs = attrs_copy(s->func->module->arena, op, attrs);
    const Type *types[3];
    const Type **x = n <= 3 ? types : ARENA_ARRAY(s->scratch, const Type *, n);
    for (int o = 0; o < n; o++) x[o] = func_type(s->func, operands[o]);
    return op_infer(op, x, n, node->attrs, &node->type, s->func->error, sizeof s->func->error);
}

ValueId simplify_make(Simplify *s, OpKind op, const ValueId *operands, int n, const void *attrs) {
    Node node;
    return describe(s, op, operands, n, attrs, &node) ? simplify_node(s, &node) : IR_NONE;
}

ValueId simplify_find(Simplify *s, OpKind op, const ValueId *operands, int n, const void *attrs) {
    Node node;
    bool may_be = s->n_slots && op_may_merge(op) && describe(s, op, operands, n, attrs, &node);
    return may_be ? s->slots[slot_of(s, &node)] - 1 : IR_NONE; /* an empty slot: 0 - 1 is IR_NONE */
}

bool simplify_single_use(const Simplify *s, ValueId value) {
    return s->round > 0 && value < s->uses_capacity && s->uses[value] == 1;
}
