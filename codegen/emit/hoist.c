/* What is computed before the loops: see emit.h. */
#include "codegen/emit/emit.h"

/* Whether the value is the same all over the kernel. */
static bool is_same_everywhere(const Emitter *e, const Access *access) {
    for (int i = 0; i < e->kernel->domain.rank; i++)
        if (e->kernel->domain.extent[i] > 1 && access_uses_loop(access, i)) return false;
    return true;
}

/* That walk number `walk` visited a node at an access. */
typedef struct Visit {
    struct Visit *next;
    uint32_t walk;
    Access access;
} Visit;

static void begin_walk(Emitter *e) {
    size_t n = e->called->last - e->called->first + 1;
    if (!e->visits) e->visits = ARENA_ARRAY(e->arena, Visit *, n + 1);
    e->walk++;
}

/* Notes a visit; whether this walk visited the node at this access before. Without that a node would be visited once
 * for each path to it, of which there may be two to the power of the depth. */
static bool visited_before(Emitter *e, ValueId value, const Access *access) {
    Visit **at = &e->visits[value - e->called->first];
    for (; *at && (*at)->walk == e->walk; at = &(*at)->next)
        if (access_equal(&(*at)->access, access, e->kernel->domain.rank)) return true;
    if (!*at) *at = ARENA_NEW(e->arena, Visit); /* else one of an earlier walk serves again */
    (*at)->walk = e->walk;
    (*at)->access = *access;
    return false;
}

static void hoist(Emitter *e, ValueId value, const Access *access,
                  bool (*fixed)(const Emitter *e, const Access *access)) {
    const Node *node = func_node(e->func, value);
    if (emit_recall(e, value, access, NULL)) return;
    if (fixed(e, access)) {
        emit_value(e, value, access, NULL);
        return;
    }
    /* Below a choice the operand may be out of range: it is not for loading early. */
    if (!emit_is_inside(e, value) || op_is_choice(node->op) || op_is_reduce(node->op) ||
        op_is_product(node->op) || visited_before(e, value, access))
        return;
    for (int o = 0; o < node->n_operands; o++) {
        DomainSplit split;
        Access of_operand;
        if (access_operand(e->func, node, o, &e->kernel->domain, access, &of_operand, &split) == ACCESS_OK)
            hoist(e, node->operands[o], &of_operand, fixed);
    }
}

void emit_hoist(Emitter *e, ValueId value, const Access *access) {
    begin_walk(e);
    hoist(e, value, access, emit_is_uniform);
}

void emit_hoist_kernel(Emitter *e, ValueId value, const Access *access) {
    if (domain_size(&e->kernel->domain) == 1) return; /* then the loops' own results are such values too */
    begin_walk(e);
    hoist(e, value, access, is_same_everywhere);
}
