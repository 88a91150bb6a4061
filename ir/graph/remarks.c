/* Keeping remarks. */
#include "ir/remarks.h"

static const RuleInfo RULES[RULE_COUNT] = {
#define RULE(name, outcome, text) {#name, REMARK_##outcome, text},
#include "ir/rules.def"
};

const RuleInfo *rule_info(Rule rule) {
    return &RULES[rule];
}

void module_record(Module *module, Arena *arena) {
    module->remarks = ARENA_NEW(arena, Remarks);
    module->remarks->arena = arena;
}

void remark(const Func *func, Rule rule, uint32_t value, uint32_t other, double a, double b,
            const char *text) {
    Remarks *remarks = func->module->remarks;
    if (!remarks) return;
    Remark item = {.rule = (uint16_t)rule, .pass = remarks->pass, .func = func_index(func), .value = value};
    item.other = other;
    item.a = a;
    item.b = b;
    item.text = text;
    ARENA_PUSH(remarks->arena, remarks->items, remarks->count, remarks->capacity, item);
}

const char *source_name(const Func *func, const Node *node) {
    if (!op_is_source((OpKind)node->op)) return NULL;
    size_t index = (size_t)source_attrs(node)->index;
    return node->op == OP_input ? func->inputs[index].name : func->module->states[index].name;
}
