/* Which inputs a moved value has: see moved_inputs.h. */
#include "inspect/drawing/moved_inputs.h"

#include <math.h>
#include <string.h>

/* Of a value's elements in their order, those from the part before to `end`, a share of all. */
typedef struct {
    double end;
    uint64_t inputs;
} Part;

enum { MOST_PARTS = 64 };
typedef struct { /* being made */
    Part of[MOST_PARTS];
    int n;
} Parts;
typedef struct {
    const Part *of;
    int n; /* 0: the value is not moved */
} KeptParts;

typedef struct {
    const Func *func;
    KeptParts *parts; /* by value */
} Making;

/* One more; with that before, if it is of the same inputs, or there are too many. */
static void add_part(Parts *parts, double end, uint64_t inputs) {
    if (parts->n == MOST_PARTS || (parts->n && parts->of[parts->n - 1].inputs == inputs))
        parts->n--, inputs |= parts->of[parts->n].inputs;
    parts->of[parts->n++] = (Part){end, inputs};
}

static uint64_t all_of(KeptParts parts) {
    uint64_t inputs = 0;
    for (int i = 0; i < parts.n; i++) inputs |= parts.of[i].inputs;
    return inputs;
}

/* The outermost axis with more than one element; the rank where there is none. */
static int outermost(const Type *type) {
    int axis = 0;
    while (axis < type->rank && type->dim[axis] == 1) axis++;
    return axis;
}

/* Whether each part is whole places of the outermost axis. */
static bool fits_outermost(KeptParts parts, const Type *type) {
    int axis = outermost(type);
    for (int i = 0; i + 1 < parts.n; i++) {
        double places = axis < type->rank ? parts.of[i].end * (double)type->dim[axis] : 0.5;
        if (fabs(places - round(places)) > 1e-6) return false;
    }
    return true;
}

/* ---- what moves keep --------------------------------------------------------------------------------------------- */

static bool join(const Making *m, const Node *node, Parts *out) {
    int axis = axis_from_front(concat_attrs(node)->axis, node->type.rank);
    double begin = 0;
    if (axis > outermost(&node->type)) return false;
    for (int o = 0; o < node->n_operands; o++) {
        KeptParts x = m->parts[node->operands[o]];
        double share =
            (double)func_type(m->func, node->operands[o])->dim[axis] / (double)node->type.dim[axis];
        for (int i = 0; i < x.n; i++) add_part(out, begin + share * x.of[i].end, x.of[i].inputs);
        begin += share;
    }
    return true;
}

static bool cut(const Making *m, const Node *node, Parts *out) {
    const Type *type = func_type(m->func, node->operands[0]);
    const SliceAttrs *attrs = slice_attrs(node);
    KeptParts x = m->parts[node->operands[0]];
    int axis = outermost(type);
    if (axis == type->rank || !fits_outermost(x, type)) return false;
    double low = (double)attrs->start.v[axis] / (double)type->dim[axis],
           high = (double)attrs->limit.v[axis] / (double)type->dim[axis], begin = 0, slack = 1e-9;
    for (int i = 0; i < x.n; begin = x.of[i++].end) {
        if (x.of[i].end <= low + slack || begin >= high - slack) continue;
        double end = x.of[i].end < high ? x.of[i].end : high;
        add_part(out, (end - low) / (high - low), x.of[i].inputs);
    }
    return out->n > 0;
}

/* Whether it leaves the order as it is, or at least that of the outermost axis, of which parts are whole places. */
static bool keeps_order(const Making *m, const Node *node) {
    if (node->op == OP_reshape) return true;
    if (node->op != OP_transpose) return false;
    const Type *type = func_type(m->func, node->operands[0]);
    for (int axis = 0; axis < type->rank && axis <= outermost(type); axis++)
        if (transpose_attrs(node)->perm.v[axis] != axis) return false;
    return fits_outermost(m->parts[node->operands[0]], type);
}

static void find_parts(const Making *m, ValueId id, Parts *out) {
    const Node *node = func_node(m->func, id);
    bool known = false;
    if (node->op == OP_concat)
        known = join(m, node, out);
    else if (node->op == OP_slice)
        known = cut(m, node, out);
    else if ((known = keeps_order(m, node)))
        for (int i = 0; i < m->parts[node->operands[0]].n; i++) {
            Part part = m->parts[node->operands[0]].of[i];
            add_part(out, part.end, part.inputs);
        }
    if (known) return;
    uint64_t inputs = 0;
    for (int o = 0; o < node->n_operands; o++) inputs |= all_of(m->parts[node->operands[o]]);
    *out = (Parts){.of = {{1, inputs}}, .n = 1};
}

uint64_t *moved_inputs(Arena *arena, const Func *func, const bool *moved, const uint64_t *bits) {
    Making m = {.func = func, .parts = ARENA_ARRAY(arena, KeptParts, func->count + 1)};
    uint64_t *inputs = ARENA_ARRAY(arena, uint64_t, func->count + 1);
    for (ValueId id = 0; id < func->count; id++) {
        Parts parts = {.n = 0};
        if (!moved[id]) continue;
        if (func->nodes[id].op == OP_input)
            add_part(&parts, 1, bits[source_attrs(&func->nodes[id])->index]);
        else
            find_parts(&m, id, &parts);
        Part *kept = ARENA_ARRAY(arena, Part, parts.n);
        memcpy(kept, parts.of, sizeof *kept * (size_t)parts.n);
        m.parts[id] = (KeptParts){kept, parts.n};
        inputs[id] = all_of(m.parts[id]);
    }
    return inputs;
}
