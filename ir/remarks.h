/* Remarks: what passes tell of their decisions as they make them, for people who ask why the code is as it is. Nothing
 * is recorded unless module_record was called; no decision depends on them. */
#ifndef VITC_IR_REMARKS_H
#define VITC_IR_REMARKS_H

#include "ir/ir.h"

typedef enum { REMARK_DONE, REMARK_MISSED, REMARK_NOTED } Outcome;

typedef enum {
#define RULE(name, ...) RULE_##name,
#include "ir/rules.def"
    RULE_COUNT
} Rule;

typedef struct {
    const char *name;
    Outcome outcome;
    const char *text; /* with {other}, {a:bytes} …: see rules.def */
} RuleInfo;
const RuleInfo *rule_info(Rule rule);

typedef struct {
    uint16_t rule, pass;   /* pass: number of the pass among those that ran, from 1; 0: before any */
    uint32_t func;         /* Module.funcs */
    uint32_t value, other; /* numbers of nodes (Node.number); IR_NONE: none */
    double a, b;
    const char *text; /* lives as long as the module, or NULL */
} Remark;

struct Remarks {
    Arena *arena;
    uint16_t pass; /* that runs */
    Remark *items; /* in the order in which they were made */
    size_t count, capacity;
};

/* From here on remarks are kept, in `arena`, which must outlive the module. */
void module_record(Module *module, Arena *arena);

/* Whether it is worth finding out what to tell. */
static inline bool remarks_wanted(const Func *func) {
    return func->module->remarks != NULL;
}
/* Notes something of a value of the function, by number: of a former node or of one that is being made. */
void remark(const Func *func, Rule rule, uint32_t value, uint32_t other, double a, double b,
            const char *text);
/* The name of an input or a state, which have no numbers; NULL: another node. */
const char *source_name(const Func *func, const Node *node);

/* What a pass decided of a value, and why: returned by what decides, told by who asked. */
typedef struct {
    Rule rule;
    double a, b;
    const char *text;
} Verdict;
static inline void remark_verdict(const Func *func, const Verdict *verdict, uint32_t value, uint32_t other) {
    remark(func, verdict->rule, value, other, verdict->a, verdict->b, verdict->text);
}

#endif
