/* The stages of a module (stages.h). */
#include "inspect/stages.h"
#include "ir/plan/plan.h"

#include <stdlib.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* The i-th name of a list, from 1; its length in *n. NULL: there are fewer. */
static const char *name_in(const char *list, int i, size_t *n) {
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        *n = strcspn(at, ",");
        if (*n && --i == 0) return at;
    }
    return NULL;
}

int stages_in(const char *list) {
    size_t n;
    int i = 1;
    while (name_in(list, i, &n)) i++;
    return i;
}

const char *stage_label(Arena *arena, const char *list, int i) {
    size_t n, m;
    const char *name = i ? name_in(list, i, &n) : NULL, *other;
    int which = 1, all = 0;
    if (!name) return "frontend";
    for (int k = 1; (other = name_in(list, k, &m)); k++) {
        bool same = n == m && strncmp(name, other, n) == 0;
        all += same;
        which += same && k < i;
    }
    return all > 1 ? arena_printf(arena, "%.*s.%d", (int)n, name, which)
                   : arena_printf(arena, "%.*s", (int)n, name);
}

int stage_number(const char *list, const char *name) {
    if (strcmp(name, "frontend") == 0) return 0;
    Arena *arena = arena_new();
    size_t n;
    int found = -1, count = stages_in(list);
    for (int i = 1; i < count; i++) {
        const char *pass = name_in(list, i, &n);
        if (strcmp(stage_label(arena, list, i), name) == 0 ||
            (strlen(name) == n && strncmp(pass, name, n) == 0))
            found = i;
    }
    arena_free(arena);
    return found;
}

const char *stage_refusal(Arena *arena, const char *list, const char *name) {
    int count = stages_in(list);
    const char **names = ARENA_ARRAY(arena, const char *, 2 * (size_t)count), *near;
    for (int i = 0; i < count; i++) {
        names[2 * i] = stage_label(arena, list, i);
        names[2 * i + 1] = arena_strndup(arena, names[2 * i], strcspn(names[2 * i], "."));
    }
    if ((near = diag_nearest(name, names, 2 * (size_t)count)))
        return arena_printf(arena, "no pass '%s'; did you mean '%s'?", name, near);
    const char *all = names[0];
    for (int i = 1; i < count; i++) all = arena_printf(arena, "%s, %s", all, names[2 * i]);
    return arena_printf(arena, "no pass '%s'; there are %s", name, all);
}

/* ---- what a module is -------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t value) {
    h = (h ^ value) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

static uint64_t mix_bytes(uint64_t h, const void *bytes, size_t n) {
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * 0x100000001b3u;
    return mix(h, n);
}

static uint64_t mix_attr(uint64_t h, AttrKind kind, const Attr *attr) {
    switch (kind) {
    case ATTR_INT:
    case ATTR_FUNC: return mix(h, (uint64_t)attr->i);
    case ATTR_REAL: return mix_bytes(h, &attr->f, sizeof attr->f);
    case ATTR_BOOL: return mix(h, attr->b);
    case ATTR_DTYPE: return mix(h, (uint64_t)attr->dtype);
    case ATTR_PRECISION: return mix(h, (uint64_t)attr->precision);
    case ATTR_INTS: return mix_bytes(h, attr->ints.v, sizeof *attr->ints.v * (size_t)attr->ints.n);
    }
    return h;
}

static uint64_t mix_node(uint64_t h, const Node *node) {
    const OpInfo *info = op_info((OpKind)node->op);
    h = mix(h, (uint64_t)node->op << 32 | node->number);
    h = mix_bytes(h, node->operands, sizeof *node->operands * node->n_operands);
    for (int a = 0; a < info->n_attrs; a++) h = mix_attr(h, info->attrs[a].kind, &node->attrs[a]);
    h = mix(h, (uint64_t)node->type.dtype << 8 | node->type.rank);
    return mix_bytes(h, node->type.dim, sizeof *node->type.dim * node->type.rank);
}

static uint64_t mix_place(uint64_t h, const Place *place) {
    return mix(mix(h, (uint64_t)place->kind << 32 | place->index), (uint64_t)place->offset);
}

static uint64_t mix_plan(uint64_t h, const Func *func) {
    const Plan *plan = func->plan;
    for (size_t k = 0; k < plan->n_kernels; k++) {
        const Kernel *kernel = &plan->kernels[k];
        bool prologue_again = kernel->prologue && kernel->prologue->again;
        h = mix(h, (uint64_t)kernel->kind << 32 | kernel->first);
        h = mix(h, kernel->last | (uint64_t)kernel->again << 32 | (uint64_t)kernel->barrier << 33 |
                       (uint64_t)kernel->single << 34 | (uint64_t)prologue_again << 35 |
                       (uint64_t)(kernel->prologue != NULL) << 36);
        h = mix_bytes(h, kernel->domain.extent, sizeof *kernel->domain.extent * (size_t)kernel->domain.rank);
    }
    for (size_t i = 0; i < func->count; i++) h = mix_place(h, &plan->places[i]);
    for (size_t i = 0; i < plan->n_copies; i++)
        h = mix_place(mix_place(mix(h, plan->copies[i].value), &plan->copies[i].from), &plan->copies[i].to);
    for (size_t i = 0; i < plan->n_chains; i++) {
        const Chain *chain = &plan->chains[i];
        h = mix(mix(h, (uint64_t)chain->first << 32 | chain->last), (uint64_t)chain->size);
    }
    return mix(mix(h, (uint64_t)plan->arena_bytes), plan->laid_out | (uint64_t)plan->has_barriers << 1);
}

/* Also what later passes do not show: what functions cost, which numbers there are, and which are of `grad` nodes. */
static void note_numbers(Stages *stages, Stage *stage, const Module *module) {
    uint32_t *next = ARENA_ARRAY(stages->arena, uint32_t, module->n_funcs + 1);
    FlopCount *flops = ARENA_ARRAY(stages->arena, FlopCount, module->n_funcs + 1);
    for (uint32_t f = 0; f < module->n_funcs; f++) {
        const Func *func = module->funcs[f];
        next[f] = func->next_number;
        flops[f] = flop_count(func);
        for (ValueId id = 0; id < func->count; id++) {
            if (func->nodes[id].op != OP_grad) continue;
            GradValue grad = {f, func->nodes[id].number};
            ARENA_PUSH(stages->arena, stages->grads, stages->n_grads, stages->grads_capacity, grad);
        }
    }
    stage->next_numbers = next;
    stage->flops = flops;
    stage->n_funcs = module->n_funcs;
}

int stages_first(const Stages *stages, uint32_t func, uint32_t number) {
    int low = 0, high = (int)stages->count - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        const Stage *stage = &stages->stages[middle];
        if (func < stage->n_funcs && number < stage->next_numbers[func])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void measure(Stage *stage, const Module *module) {
    uint64_t h = mix(module->n_states, module->n_funcs);
    for (size_t f = 0; f < module->n_funcs; f++) {
        const Func *func = module->funcs[f];
        for (ValueId id = 0; id < func->count; id++) {
            h = mix_node(h, &func->nodes[id]);
            stage->nodes += !op_is_source((OpKind)func->nodes[id].op);
        }
        for (size_t i = 0; i < func->n_outputs; i++) h = mix(h, func->outputs[i].value);
        for (size_t i = 0; i < func->n_updates; i++)
            h = mix(h, (uint64_t)func->updates[i].state << 32 | func->updates[i].value);
        if (func->plan) h = mix_plan(h, func);
    }
    stage->hash = h;
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static void add(Stages *stages, const Pass *pass, const Module *module, double seconds) {
    size_t i = stages->count;
    Stage stage = {
        .label = stage_label(stages->arena, stages->list, (int)i), .pass = pass, .seconds = seconds};
    measure(&stage, module);
    stage.changed = i == 0 || stage.hash != stages->stages[i - 1].hash;
    note_numbers(stages, &stage, module);
    if (i < 64 && stages->keep >> i & 1) {
        const Module *last = i && !stage.changed ? stages->stages[i - 1].module : NULL;
        stage.module = last ? last : module_clone(module, stages->arena);
    }
    ARENA_PUSH(stages->arena, stages->stages, stages->count, stages->capacity, stage);
}

Stages *stages_begin(Arena *arena, Module *module, const char *list, uint64_t keep) {
    Stages *stages = ARENA_NEW(arena, Stages);
    *stages = (Stages){.arena = arena, .list = arena_strdup(arena, list), .keep = keep};
    module_record(module, arena);
    add(stages, NULL, module, 0);
    return stages;
}

void stages_add(void *stages, const Pass *pass, const Module *module, double seconds) {
    add(stages, pass, module, seconds);
}
