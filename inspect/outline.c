/* Groups by module path, and which are alike (outline.h). */
#include "inspect/outline.h"
#include "ir/base/names.h"
#include "ir/plan/cost.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEPTH = 32 }; /* dots beyond are part of the last group's name */

typedef struct {
    Arena *arena;
    const Func *func;
    Outline *outline;
    size_t capacity; /* of groups */
    Names by_scope;
    uint32_t *last_child; /* by group */
    size_t last_capacity;
} Making;

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static uint32_t add_group(Making *m, const char *scope, const char *name, uint32_t parent) {
    Outline *outline = m->outline;
    uint32_t number = (uint32_t)outline->count;
    OutlineGroup group = {.name = name,
                          .scope = scope,
                          .parent = parent,
                          .first_child = IR_NONE,
                          .next_sibling = IR_NONE,
                          .run = number,
                          .run_size = 1};
    if (parent != IR_NONE) group.depth = outline->groups[parent].depth + 1;
    ARENA_PUSH(m->arena, outline->groups, outline->count, m->capacity, group);
    size_t n = number;
    ARENA_PUSH(m->arena, m->last_child, n, m->last_capacity, IR_NONE);
    if (parent != IR_NONE) {
        uint32_t *last = &m->last_child[parent];
        if (*last == IR_NONE)
            outline->groups[parent].first_child = number;
        else
            outline->groups[*last].next_sibling = number;
        *last = number;
    }
    names_set(m->arena, &m->by_scope, scope, number);
    return number;
}

/* The group of a scope, made with those around it. */
static uint32_t group_of_scope(Making *m, const char *scope) {
    if (!scope || !*scope) return OUTLINE_ROOT;
    uint32_t group = names_find(&m->by_scope, scope);
    if (group != NAMES_NONE) return group;
    group = OUTLINE_ROOT;
    for (const char *name = scope; *name;) {
        bool last = m->outline->groups[group].depth + 1 == MOST_DEPTH;
        size_t n = last ? strlen(name) : strcspn(name, ".");
        const char *path = arena_strndup(m->arena, scope, (size_t)(name - scope) + n);
        uint32_t inner = names_find(&m->by_scope, path);
        if (inner == NAMES_NONE) inner = add_group(m, path, path + (name - scope), group);
        group = inner;
        name += n + (name[n] == '.');
    }
    names_set(m->arena, &m->by_scope, scope, group); /* one that ends in a dot is the same */
    return group;
}

static bool is_chosen(const OutlineOptions *options, ValueId id) {
    return !options || !options->chosen || options->chosen[id];
}

/* Where a kernel belongs: the scope of the value that it is named after, else what those that it stores have in
 * common: operands may be shared with anyone. */
static const char *kernel_scope(Making *m, const Kernel *kernel) {
    const Func *func = m->func;
    const char *common = func->nodes[kernel_cost(func, kernel).named].scope;
    if (common) return common;
    size_t n = 0;
    for (size_t i = 0; i < kernel->n_stores; i++) {
        const char *scope = func->nodes[kernel->stores[i]].scope;
        if (!scope) continue;
        if (!common) n = strlen(common = scope);
        size_t same = 0;
        while (same < n && scope[same] == common[same]) same++;
        if (same == n && (!scope[n] || scope[n] == '.')) continue;
        if (common[same] == '.' && !scope[same])
            n = same; /* scope is around it */
        else
            for (n = same; n > 0 && common[n] != '.';) n--;
    }
    return common ? arena_strndup(m->arena, common, n) : NULL;
}

static void find_groups(Making *m, const OutlineOptions *options) {
    const Func *func = m->func;
    const Plan *plan = options && options->kernels ? func->plan : NULL;
    uint32_t kernel = IR_NONE, kernel_group = OUTLINE_ROOT;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = &func->nodes[id];
        m->outline->group_of[id] = IR_NONE;
        if (op_is_source((OpKind)node->op) || !is_chosen(options, id)) continue;
        if (plan && plan->kernel_of[id] != kernel) {
            kernel = plan->kernel_of[id];
            kernel_group = group_of_scope(m, kernel_scope(m, &plan->kernels[kernel]));
        }
        m->outline->group_of[id] = plan ? kernel_group : group_of_scope(m, node->scope);
    }
}

/* Values group by group, and what they add up to. Children stand behind their parents. */
static void sort_values(Making *m) {
    Outline *outline = m->outline;
    const Func *func = m->func;
    uint32_t first = 0;
    for (ValueId id = 0; id < func->count; id++) {
        if (outline->group_of[id] == IR_NONE) continue;
        OutlineGroup *group = &outline->groups[outline->group_of[id]];
        group->n_own++;
        group->flops += node_flops(func, &func->nodes[id]);
    }
    for (size_t g = 0; g < outline->count; g++) {
        outline->groups[g].first_own = first;
        first += outline->groups[g].n_own;
        outline->groups[g].n_all = outline->groups[g].n_own;
    }
    uint32_t *next = ARENA_ARRAY(m->arena, uint32_t, outline->count + 1);
    outline->values = ARENA_ARRAY(m->arena, ValueId, (size_t)first + 1);
    for (ValueId id = 0; id < func->count; id++) {
        uint32_t g = outline->group_of[id];
        if (g != IR_NONE) outline->values[outline->groups[g].first_own + next[g]++] = id;
    }
    for (size_t g = outline->count; g-- > 1;) {
        OutlineGroup *group = &outline->groups[g], *parent = &outline->groups[group->parent];
        parent->n_all += group->n_all;
        parent->flops += group->flops;
    }
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t h, uint64_t value) {
    h = (h ^ value) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t mix_text(uint64_t h, const char *text) {
    for (; *text; text++) h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    return mix(h, 1);
}

static uint64_t mix_type(uint64_t h, const Type *type) {
    h = mix(h, (uint64_t)type->dtype << 8 | type->rank);
    for (int d = 0; d < type->rank; d++) h = mix(h, (uint64_t)type->dim[d]);
    return h;
}

static uint64_t mix_attrs(uint64_t h, const Node *node) {
    const OpInfo *info = op_info((OpKind)node->op);
    for (int a = 0; a < info->n_attrs; a++) {
        const Attr *attr = &node->attrs[a];
        switch (info->attrs[a].kind) {
        case ATTR_INT:
        case ATTR_FUNC: h = mix(h, (uint64_t)attr->i); break;
        case ATTR_REAL: {
            uint64_t bits;
            memcpy(&bits, &attr->f, sizeof bits);
            h = mix(h, bits);
            break;
        }
        case ATTR_BOOL: h = mix(h, attr->b); break;
        case ATTR_DTYPE: h = mix(h, (uint64_t)attr->dtype); break;
        case ATTR_PRECISION: h = mix(h, (uint64_t)attr->precision); break;
        case ATTR_INTS:
            for (int i = 0; i < attr->ints.n; i++) h = mix(h, (uint64_t)attr->ints.v[i]);
            break;
        }
    }
    return h;
}

/* What a value is by itself, wherever it is. */
static uint64_t own_hash(const Func *func, ValueId id) {
    const Node *node = &func->nodes[id];
    uint64_t h = mix_type(mix(0, node->op), &node->type);
    if (!node_is_literal(node)) h = mix_attrs(h, node);
    if (!func->plan) return h;
    const Kernel *kernel = plan_kernel(func->plan, id);
    uint64_t begins = kernel && kernel->first == id ? 1 + (uint64_t)kernel->kind : 0;
    return mix(h, (uint64_t)func->plan->places[id].kind << 8 | begins);
}

/* The rest of a name behind a group's scope; NULL: it is not of the group. */
static const char *within(const OutlineGroup *group, const char *name) {
    size_t n = strlen(group->scope);
    return name && strncmp(name, group->scope, n) == 0 && (!name[n] || name[n] == '.') ? name + n : NULL;
}

/* What a value is to a group that it is not part of: its type, of a state also what it is called there. */
static uint64_t outer_hash(const Func *func, ValueId id, const OutlineGroup *group) {
    const Node *node = &func->nodes[id];
    uint64_t h = mix_type(2, &node->type);
    if (node->op != OP_state) return h;
    const State *state = &func->module->states[source_attrs(node)->index];
    const char *name = within(group, state->name);
    h = mix(h, 3 + (uint64_t)state->role);
    return name ? mix_text(h, name) : h;
}

/* The shapes of the groups of one depth: of each value what it is made of within its group, all of them together in any
 * order. `around`: by value, its group of that depth, or one above. */
static void shapes_of_depth(Making *m, uint32_t depth, const uint32_t *around, const uint64_t *own,
                            uint64_t *hashes) {
    const Func *func = m->func;
    OutlineGroup *groups = m->outline->groups;
    for (ValueId id = 0; id < func->count; id++) {
        uint32_t g = around[id];
        if (g == IR_NONE || groups[g].depth != depth) continue;
        const Node *node = &func->nodes[id];
        uint64_t h = own[id];
        for (int o = 0; o < node->n_operands; o++) {
            ValueId operand = node->operands[o];
            h = mix(h, around[operand] == g ? hashes[operand] : outer_hash(func, operand, &groups[g]));
        }
        hashes[id] = h;
        groups[g].shape += mix(h, 5);
    }
}

static void find_shapes(Making *m) {
    const Func *func = m->func;
    OutlineGroup *groups = m->outline->groups;
    uint32_t deepest = 0;
    for (size_t g = 0; g < m->outline->count; g++)
        if (groups[g].depth > deepest) deepest = groups[g].depth;
    uint32_t *around = ARENA_ARRAY(m->arena, uint32_t, func->count + 1);
    uint64_t *own = ARENA_ARRAY(m->arena, uint64_t, func->count + 1);
    uint64_t *hashes = ARENA_ARRAY(m->arena, uint64_t, func->count + 1);
    for (ValueId id = 0; id < func->count; id++) {
        around[id] = m->outline->group_of[id];
        own[id] = own_hash(func, id);
    }
    for (uint32_t depth = deepest; depth > 0; depth--) {
        for (ValueId id = 0; id < func->count; id++)
            if (around[id] != IR_NONE && groups[around[id]].depth > depth)
                around[id] = groups[around[id]].parent;
        shapes_of_depth(m, depth, around, own, hashes);
    }
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

/* The number that a group is called by; -1: none. */
static long number_of(const OutlineGroup *group) {
    long number = 0;
    size_t n = strlen(group->name);
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)group->name[i]) || n > 9) return -1;
        number = number * 10 + (group->name[i] - '0');
    }
    return n ? number : -1;
}

/* Numbered children of a group in the order of their numbers: down where the highest appears before the lowest, as in a
 * backward pass. The others stay where they are. A schedule may mix them, which makes them no less alike. */
typedef struct {
    long number;
    uint32_t group;
} Numbered;

static int by_number(const void *a, const void *b) {
    const Numbered *x = a, *y = b;
    return x->number != y->number ? (x->number < y->number ? -1 : 1) : x->group < y->group ? -1 : 1;
}

static void order_children(Making *m, uint32_t parent) {
    OutlineGroup *groups = m->outline->groups;
    uint32_t n = 0, n_numbered = 0, i = 0;
    for (uint32_t c = groups[parent].first_child; c != IR_NONE; c = groups[c].next_sibling) {
        n++;
        n_numbered += number_of(&groups[c]) >= 0;
    }
    if (n_numbered < 2) return;
    uint32_t *children = ARENA_ARRAY(m->arena, uint32_t, n);
    Numbered *numbered = ARENA_ARRAY(m->arena, Numbered, n_numbered);
    n = 0;
    for (uint32_t c = groups[parent].first_child; c != IR_NONE; c = groups[c].next_sibling) {
        children[n++] = c;
        if (number_of(&groups[c]) >= 0) numbered[i++] = (Numbered){number_of(&groups[c]), c};
    }
    qsort(numbered, n_numbered, sizeof *numbered, by_number);
    bool down =
        numbered[0].group > numbered[n_numbered - 1].group; /* groups that appear later have higher numbers */
    uint32_t *link = &groups[parent].first_child;
    i = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t c = children[k];
        if (number_of(&groups[c]) >= 0) {
            c = numbered[down ? n_numbered - 1 - i : i].group;
            i++;
        }
        *link = c;
        link = &groups[c].next_sibling;
    }
    *link = IR_NONE;
}

/* Numbered siblings that count up or down and are alike. */
static void find_runs(Outline *outline) {
    OutlineGroup *groups = outline->groups;
    for (size_t g = 0; g < outline->count; g++) {
        uint32_t last = IR_NONE;
        long step = 0;
        for (uint32_t child = groups[g].first_child; child != IR_NONE; child = groups[child].next_sibling) {
            long by = last == IR_NONE ? 0 : number_of(&groups[child]) - number_of(&groups[last]);
            bool counts = last != IR_NONE && number_of(&groups[last]) >= 0 &&
                          number_of(&groups[child]) >= 0 && (step ? by == step : by == 1 || by == -1);
            if (counts && groups[child].shape == groups[last].shape &&
                groups[child].n_all == groups[last].n_all) {
                groups[child].run = groups[last].run;
                groups[child].run_size = 0;
                groups[groups[last].run].run_size++;
                step = by;
            } else
                step = 0;
            last = child;
        }
    }
}

Outline *outline_make(Arena *arena, const Func *func, const OutlineOptions *options) {
    Making m = {.arena = arena, .func = func, .outline = ARENA_NEW(arena, Outline)};
    m.outline->func = func;
    m.outline->group_of = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    add_group(&m, "", "", IR_NONE);
    find_groups(&m, options);
    sort_values(&m);
    find_shapes(&m);
    for (uint32_t g = 0; g < m.outline->count; g++) order_children(&m, g);
    find_runs(m.outline);
    return m.outline;
}

uint32_t outline_find(const Outline *outline, const char *scope) {
    for (uint32_t g = 0; g < outline->count; g++)
        if (strcmp(outline->groups[g].scope, scope) == 0) return g;
    return IR_NONE;
}

const char *outline_title(Arena *arena, const Outline *outline, uint32_t group) {
    const OutlineGroup *first = &outline->groups[group];
    uint32_t last = group;
    if (first->run_size < 2) return first->scope;
    while (outline->groups[last].next_sibling != IR_NONE &&
           outline->groups[outline->groups[last].next_sibling].run == group)
        last = outline->groups[last].next_sibling;
    return arena_printf(arena, "%s … .%s", first->scope, outline->groups[last].name);
}
