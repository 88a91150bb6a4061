/* Rewriting a function: a new node list of the same signature, whose nodes keep the numbers of the values that they
 * stand for. */
#include "ir/remarks.h"

#include <string.h>

void func_made_for(Func *func, const Node *node) {
    func->scope = node ? node->scope : NULL;
    func->loc = node ? node->loc : (Loc){0, 0, 0};
    func->site = node ? node->site : 0;
    func->origin = node ? node->number : IR_NONE;
}

void module_renumber(Module *module) {
    for (size_t f = 0; f < module->n_funcs; f++) {
        Func *func = module->funcs[f];
        uint32_t *now = ARENA_ARRAY(module->arena, uint32_t, func->next_number + 1), next = 0;
        for (uint32_t n = 0; n < func->next_number; n++) now[n] = IR_NONE;
        for (ValueId id = 0; id < func->count; id++) {
            Node *node = &func->nodes[id];
            if (node->number == IR_NONE) continue;
            now[node->number] = next;
            node->number = next++;
        }
        for (ValueId id = 0; id < func->count; id++) {
            Node *node = &func->nodes[id];
            if (node->origin != IR_NONE) node->origin = now[node->origin];
        }
        func->next_number = next;
    }
}

Rewrite rewrite_begin(Func *func) {
    Arena *arena = func->module->arena;
    Rewrite rewrite = {.func = func, .old = func->nodes, .n_old = func->count};
    rewrite.first_number = func->next_number;
    rewrite.first_remark = func->module->remarks ? func->module->remarks->count : 0;
    rewrite.map = ARENA_ARRAY(arena, ValueId, func->count + 1);
    for (size_t i = 0; i < func->count; i++) rewrite.map[i] = IR_NONE;
    /* Most rewrites leave about as many nodes: growing by doubling would touch twice the memory. */
    func->capacity = func->count + func->count / 8 + 64;
    func->nodes = ARENA_ARRAY(arena, Node, func->capacity);
    func->count = 0;
    func->plan = NULL;
    for (ValueId id = 0; id < rewrite.n_old; id++) /* the signature stays */
        if (rewrite.old[id].op == OP_input) rewrite_copy(&rewrite, id);
    return rewrite;
}

ValueId rewrite_copy(Rewrite *rewrite, ValueId old) {
    if (rewrite->map[old] != IR_NONE) return rewrite->map[old];
    const Node *node = &rewrite->old[old];
    if (node->op == OP_state)
        return rewrite->map[old] = func_read_state(rewrite->func, (uint32_t)source_attrs(node)->index);
    ValueId few[64], *operands = few;
    if (node->n_operands > 64)
        operands = ARENA_ARRAY(rewrite->func->module->arena, ValueId, node->n_operands);
    for (int o = 0; o < node->n_operands; o++) {
        operands[o] = rewrite->map[node->operands[o]];
        assert(operands[o] != IR_NONE);
    }
    rewrite->map[old] = func_copy(rewrite->func, node, operands);
    return rewrite->map[old];
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

typedef struct {
    Rewrite *rewrite;
    Arena *arena;
    ValueId *holder; /* by number: the new node that is called so; IR_NONE: none yet */
    uint32_t *now;   /* by number less rewrite->first_number, of nodes made since: what it is called now */
    size_t made;     /* how many of these; copies get numbers behind them */
} Numbering;

/* The new node that stands for an old value; IR_NONE: none, or an input or a state. */
static ValueId stands_for(const Numbering *n, ValueId old) {
    ValueId id = n->rewrite->map[old];
    bool numbered = n->rewrite->old[old].number != IR_NONE && id != IR_NONE;
    return numbered && n->rewrite->func->nodes[id].number != IR_NONE ? id : IR_NONE;
}

/* Copies of old nodes keep their numbers; then nodes made since get those of the values they stand for. */
static void keep_numbers(Numbering *n) {
    Func *func = n->rewrite->func;
    const Node *old = n->rewrite->old;
    for (ValueId i = 0; i < n->rewrite->n_old; i++) {
        ValueId id = stands_for(n, i);
        if (id != IR_NONE && func->nodes[id].number == old[i].number) n->holder[old[i].number] = id;
    }
    for (ValueId i = 0; i < n->rewrite->n_old; i++) {
        ValueId id = stands_for(n, i);
        if (id == IR_NONE || func->nodes[id].number < n->rewrite->first_number) continue;
        n->now[func->nodes[id].number - n->rewrite->first_number] = old[i].number;
        func->nodes[id].number = old[i].number;
        func->nodes[id].origin = old[i].origin;
        n->holder[old[i].number] = id;
    }
}

/* Others of the same number get new ones. */
static void part_copies(Numbering *n) {
    Func *func = n->rewrite->func;
    for (ValueId id = 0; id < func->count; id++) {
        Node *node = &func->nodes[id];
        if (node->number == IR_NONE) continue;
        uint32_t number = node->number;
        if (number < n->rewrite->first_number) {
            if (n->holder[number] == IR_NONE) n->holder[number] = id;
            if (n->holder[number] != id) {
                node->origin = number;
                node->number = func->next_number++;
                remark(func, RULE_copied, node->number, number, 0, 0, NULL);
            }
        } else
            remark(func, RULE_made, number, node->origin, 0, 0,
                   node->origin == IR_NONE ? "inputs, states or the whole function" : NULL);
    }
}

static uint32_t now_called(const Numbering *n, uint32_t number) {
    uint32_t first = n->rewrite->first_number;
    bool made = number != IR_NONE && number >= first && number - first < n->made;
    return made && n->now[number - first] != IR_NONE ? n->now[number - first] : number;
}

/* Of an input or a state; else NULL. */
static const char *name_of_source(const Func *func, ValueId id) {
    const Node *node = func_node(func, id);
    if (node->op == OP_input) return func->inputs[source_attrs(node)->index].name;
    return node->op == OP_state ? func->module->states[source_attrs(node)->index].name : NULL;
}

/* What was told of nodes under the numbers that they were made with, and what became of the old values. */
static void tell(const Numbering *n) {
    const Func *func = n->rewrite->func;
    Remarks *remarks = func->module->remarks;
    if (!remarks) return;
    size_t kept = n->rewrite->first_remark;
    for (size_t i = kept; i < remarks->count; i++) {
        Remark item = remarks->items[i];
        if (func->module->funcs[item.func] == func) {
            item.value = now_called(n, item.value);
            item.other = now_called(n, item.other);
        }
        /* What was told of two that turned out to be one value is void. */
        if (item.other == IR_NONE || item.other != item.value) remarks->items[kept++] = item;
    }
    remarks->count = kept;
    for (ValueId i = 0; i < n->rewrite->n_old; i++) {
        uint32_t number = n->rewrite->old[i].number;
        if (number == IR_NONE || n->holder[number] != IR_NONE) continue;
        ValueId id = n->rewrite->map[i];
        if (id == IR_NONE)
            remark(func, RULE_dropped, number, IR_NONE, 0, 0, NULL);
        else
            remark(func, RULE_became, number, func->nodes[id].number, 0, 0, name_of_source(func, id));
    }
}

static void number_nodes(Rewrite *rewrite) {
    Func *func = rewrite->func;
    size_t made = func->next_number - rewrite->first_number;
    Numbering n = {.rewrite = rewrite, .arena = arena_new(), .made = made};
    n.holder = ARENA_ARRAY(n.arena, ValueId, rewrite->first_number + 1);
    n.now = ARENA_ARRAY(n.arena, uint32_t, made + 1);
    memset(n.holder, 0xff, sizeof *n.holder * (rewrite->first_number + 1));
    memset(n.now, 0xff, sizeof *n.now * (made + 1));
    keep_numbers(&n);
    for (ValueId id = 0; id < func->count; id++)
        func->nodes[id].origin = now_called(&n, func->nodes[id].origin);
    part_copies(&n);
    tell(&n);
    arena_free(n.arena);
}

void rewrite_end(Rewrite *rewrite) {
    Func *func = rewrite->func;
    number_nodes(rewrite);
    for (size_t i = 0; i < func->n_outputs; i++) {
        func->outputs[i].value = rewrite->map[func->outputs[i].value];
        assert(func->outputs[i].value != IR_NONE);
    }
    for (size_t i = 0; i < func->n_updates; i++) {
        func->updates[i].value = rewrite->map[func->updates[i].value];
        assert(func->updates[i].value != IR_NONE);
    }
    func_made_for(func, NULL);
}
