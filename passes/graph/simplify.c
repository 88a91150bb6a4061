/* Simplification: local rules (algebra.c), equal nodes merged, unused ones dropped. One walk rebuilds a function operands
 * first, so that each rule sees simplified operands; walks are repeated while rules apply, since some ask who else
 * uses a value, which only a finished walk knows. */
#include "passes/graph/simplify.h"
#include "passes/graph/algebra.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 8, MAX_DEPTH = 32 };

/* ---- equal nodes ------------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* An attribute as integers, the same for equal attributes. */
static int attr_words(AttrKind kind, const Attr *attr, uint64_t words[IR_MAX_RANK + 1]) {
    switch (kind) {
    case ATTR_INT: words[0] = (uint64_t)attr->i; return 1;
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

/* The value equal to the node: an earlier one, or a new one. */
static ValueId merge(Simplify *s, const Node *node) {
    if (!op_may_merge(node->op)) return func_copy(s->func, node, node->operands);
    if (s->n_filled * 2 >= s->n_slots) grow_slots(s);
    size_t at = hash_node(node) & (s->n_slots - 1);
    for (; s->slots[at]; at = (at + 1) & (s->n_slots - 1))
        if (same_node(func_node(s->func, s->slots[at] - 1), node)) return s->slots[at] - 1;
    ValueId id = func_copy(s->func, node, node->operands);
    s->slots[at] = id + 1;
    s->n_filled++;
    return id;
}

/* ---- making nodes ----------------------------------------------------------------------------------------------- */

static ValueId simplified(Simplify *s, const Node *node) {
    if (s->depth < MAX_DEPTH) {
        s->depth++;
        ValueId better = algebra_apply(s, node);
        s->depth--;
        if (better != IR_NONE) {
            s->fired++;
            return better;
        }
    }
    return merge(s, node);
}

ValueId simplify_make(Simplify *s, OpKind op, const ValueId *operands, int n, const void *attrs) {
    for (int o = 0; o < n; o++) /* that was refused: the rule does not apply */
        if (operands[o] == IR_NONE) return IR_NONE;
    Node node = {.op = (uint16_t)op, .n_operands = (uint16_t)n, .operands = operands, .offset = -1};
    node.scope = s->func->scope;
    node.loc = s->func->loc;
    node.attrs = attrs_copy(s->func->module->arena, op, attrs);
    const Type *types[3];
    const Type **x = n <= 3 ? types : ARENA_ARRAY(s->scratch, const Type *, n);
    for (int o = 0; o < n; o++) x[o] = func_type(s->func, operands[o]);
    if (!op_infer(op, x, n, node.attrs, &node.type, s->func->error, sizeof s->func->error)) return IR_NONE;
    return simplified(s, &node);
}

bool simplify_single_use(const Simplify *s, ValueId value) {
    return s->round > 0 && value < s->uses_capacity && s->uses[value] == 1;
}

/* ---- one walk --------------------------------------------------------------------------------------------------- */

/* Uses of each old value by nodes, outputs and updates that are themselves used, one more of what must not be dropped; 0: not
 * needed. */
static uint32_t *count_uses(const Func *func, Arena *arena) {
    uint32_t *uses = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    for (size_t i = 0; i < func->n_outputs; i++) uses[func->outputs[i].value]++;
    for (size_t i = 0; i < func->n_updates; i++) uses[func->updates[i].value]++;
    for (ValueId id = 0; id < func->count; id++) uses[id] += !op_may_drop(func->nodes[id].op);
    for (ValueId id = (ValueId)func->count; id-- > 0;)
        for (int o = 0; uses[id] && o < func->nodes[id].n_operands; o++) uses[func->nodes[id].operands[o]]++;
    return uses;
}

static ValueId rebuild(Simplify *s, ValueId old) {
    Node node = s->rewrite.old[old];
    if (op_is_source(node.op)) return rewrite_copy(&s->rewrite, old);
    ValueId few[64], *operands = few;
    if (node.n_operands > 64) operands = ARENA_ARRAY(s->scratch, ValueId, node.n_operands);
    for (int o = 0; o < node.n_operands; o++) operands[o] = s->rewrite.map[node.operands[o]];
    node.operands = operands;
    s->func->scope = node.scope;
    s->func->loc = node.loc;
    return simplified(s, &node);
}

static void add_uses(Simplify *s, ValueId value, uint32_t n) {
    if (value >= s->uses_capacity)
        s->uses = arena_grow(s->scratch, s->uses, &s->uses_capacity, (size_t)value + 1, sizeof *s->uses);
    s->uses[value] += n;
}

/* True if another walk may find more. */
static bool walk(Func *func, int round) {
    Simplify s = {.func = func, .scratch = arena_new(), .round = round};
    uint32_t *uses = count_uses(func, s.scratch);
    s.rewrite = rewrite_begin(func);
    for (ValueId id = 0; id < s.rewrite.n_old; id++) {
        if (!uses[id]) continue;
        ValueId made = s.rewrite.map[id] = rebuild(&s, id);
        add_uses(&s, made, uses[id]);
    }
    rewrite_end(&s.rewrite);
    arena_free(s.scratch);
    return s.fired > 0 || round == 0;
}

/* ---- what nothing uses -------------------------------------------------------------------------------------------- */

/* A state that keeps its value needs no update. */
static void drop_idle_updates(Func *func) {
    size_t n = 0;
    for (size_t i = 0; i < func->n_updates; i++) {
        const Node *node = func_node(func, func->updates[i].value);
        if (node->op != OP_state || source_attrs(node)->index != func->updates[i].state)
            func->updates[n++] = func->updates[i];
    }
    func->n_updates = n;
}

static void drop_unused(Func *func) {
    Arena *arena = arena_new();
    uint32_t *uses = count_uses(func, arena);
    Rewrite rewrite = rewrite_begin(func);
    for (ValueId id = 0; id < rewrite.n_old; id++)
        if (uses[id]) rewrite_copy(&rewrite, id);
    rewrite_end(&rewrite);
    arena_free(arena);
}

bool pass_simplify(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) {
        Func *func = module->funcs[f];
        for (int round = 0; round < MAX_ROUNDS && walk(func, round); round++) continue;
        drop_idle_updates(func);
        drop_unused(func);
    }
    return true;
}
