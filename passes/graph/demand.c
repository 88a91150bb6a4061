/* Demand: of each value only what somebody reads is computed. A recipe takes the first token of a network's result,
 * some rows of it or some columns; what the last layers compute of the others is for nobody. It runs before autodiff,
 * so that gradients are of the parts alone, too.
 *
 * Backward over the nodes, readers first: each reader *requests* a selection (selection.h) of its operands, by its
 * index map (demand_rules.c). The requests of a value become *versions*, each computed by itself; two are merged into
 * one that holds both where that costs no more. Forward, the function is rebuilt: each version is made of the versions
 * of its operands, from which is taken what it needs. Views are made of whatever part of their operand there is, and a
 * part of them is taken as late as may be; so that where nothing is narrowed, everything stays as it was.
 *
 * What is dropped is what nothing reads: no number is computed otherwise. */
#include "passes/graph/demand.h"
#include "ir/range/range.h"
#include "ir/remarks.h"
#include "passes/graph/algebra.h"
#include "passes/graph/demand_loop.h"
#include "passes/graph/demand_rules.h"
#include "passes/graph/simplify.h"

enum { MOST_VERSIONS = 8, INDEX_DEPTH = 64 };

/* A part must save so much of a value's elements: else its kernels cost more than that. */
#define LEAST_SAVED (1.0 / 16)

typedef struct Version Version;

typedef struct Request {
    const Selection *want;
    Version *version; /* that serves it; NULL: all of the value */
    ValueId reader;
    struct Request *next;
} Request;

struct Version {
    const Selection *want; /* NULL: all, of parts of operands */
    const Selection *have; /* once made: of a view it may be more */
    const Selection **needs;
    Request **requests; /* for each operand; NULL: all of it, or nothing */
    ValueId made;
};

typedef struct {
    Func *func;
    const Node *nodes;
    size_t n;
    Arena *arena;
    DemandRules rules;
    bool *wanted, *whole; /* by value: somebody reads it; somebody reads all of it */
    Request **requests;
    Version **versions; /* none: all is made of all of the operands */
    uint8_t *n_versions;
    bool narrowed;   /* some value that is computed */
    const char *why; /* the value at hand is made whole */
    bool *early;     /* what indices of gathers are made of; NULL: there are no gathers */
    bool reorder;    /* it is made before all else, for there are rows of an index that was made later */
    Range **ranges;
    bool *targets; /* a gradient is taken by it: it is no other value, if equal; NULL: none but by sources */
    Rewrite rewrite;
    Simplify simplify;
} Demand;

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static bool is_source(const Demand *d, ValueId id) {
    return op_is_source((OpKind)d->nodes[id].op) || op_is_literal((OpKind)d->nodes[id].op);
}

static void want_whole(Demand *d, ValueId value) {
    d->wanted[value] = d->whole[value] = true;
}

/* Rows can be selected of a value if it is made when their index is known: behind it, or, if no index is made of it,
 * behind all indices. */
static bool rows_come_late(Demand *d, const Selection *want, ValueId value) {
    bool behind = false;
    for (int f = 0; f < want->n; f++)
        for (int i = 0; i < want->factors[f].n; i++) {
            const SelectedRows *rows = want->factors[f].segments[i].rows;
            behind = behind || (rows && rows->index >= value);
        }
    if (behind && !d->early[value]) d->reorder = true;
    return behind && d->early[value];
}

/* The request of a part; NULL: it is one of all. */
static Request *request(Demand *d, ValueId value, ValueId reader, const Selection *want) {
    if (want && !is_source(d, value) && rows_come_late(d, want, value))
        want = selection_without_rows(d->arena, want, &d->nodes[value].type);
    if (!want) {
        want_whole(d, value);
        return NULL;
    }
    Request *made = arena_alloc(d->arena, sizeof *made);
    *made = (Request){.want = want, .reader = reader, .next = d->requests[value]};
    d->requests[value] = made;
    d->wanted[value] = true;
    return made;
}

/* The version asks for what it needs of its operands. */
static void request_operands(Demand *d, ValueId id, Version *version) {
    const Node *node = &d->nodes[id];
    version->requests = ARENA_ARRAY(d->arena, Request *, node->n_operands + 1);
    for (int o = 0; o < node->n_operands; o++)
        if (version->needs[o] != &SELECTION_NOTHING)
            version->requests[o] = request(d, node->operands[o], id, version->needs[o]);
}

/* ---- versions ---------------------------------------------------------------------------------------------------- */

static const Selection *needs_of(Demand *d, ValueId id, const Selection *want, const Selection ***needs) {
    *needs = ARENA_ARRAY(d->arena, const Selection *, d->nodes[id].n_operands + 1);
    return demand_needs(&d->rules, &d->nodes[id], want, *needs);
}

/* What is computed where a selection is wanted. */
static const Selection *computed(Demand *d, ValueId id, const Selection *want) {
    const Selection **needs, *wider = needs_of(d, id, want, &needs);
    return selection_covers(d->arena, wider, want, &d->nodes[id].type) ? wider : NULL;
}

static double count_of(const Demand *d, ValueId id, const Selection *want) {
    return (double)selection_count(want, &d->nodes[id].type);
}

/* Merges two of n parts whose union costs no more than both, and `slack`; false: there are none. */
static bool merge_two(Demand *d, ValueId id, const Selection **parts, int n, double slack) {
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            const Selection *hull = selection_hull(d->arena, parts[i], parts[j], &d->nodes[id].type);
            if (hull) hull = computed(d, id, hull);
            double apart = count_of(d, id, parts[i]) + count_of(d, id, parts[j]),
                   both = count_of(d, id, hull);
            if (both > apart + slack) continue;
            remark(d->func, RULE_demand_merged, d->nodes[id].number, IR_NONE, both, apart, NULL);
            parts[i] = hull;
            parts[j] = parts[n - 1];
            return true;
        }
    return false;
}

static int none(Demand *d, const char *why) {
    d->why = why;
    return 0;
}

/* A loop runs once: whatever of its result is read is one part. */
static int part_of_loop(Demand *d, ValueId id, const Selection **parts, int n) {
    if (n == 0) return 0;
    for (int i = 1; i < n && parts[0]; i++) {
        parts[0] = selection_hull(d->arena, parts[0], parts[i], &d->nodes[id].type);
        if (parts[0]) parts[0] = computed(d, id, parts[0]);
    }
    return parts[0] ? 1 : none(d, "all its results are read, or lead to what is");
}

/* The parts of a value that are computed; 0: all of it. */
static int parts_of(Demand *d, ValueId id, const Selection **parts) {
    int n = 0;
    bool view = demand_is_view((OpKind)d->nodes[id].op);
    for (const Request *r = d->requests[id]; r; r = r->next) {
        const Selection *part = computed(d, id, r->want);
        bool there = false;
        if (!part) return none(d, "its operator computes no such part of it");
        for (int i = 0; i < n; i++) there = there || selection_equal(parts[i], part);
        if (there) continue;
        if (n == MOST_VERSIONS) return none(d, "too many different parts are read");
        parts[n++] = part;
    }
    if (view) return n;
    if (d->nodes[id].op == OP_loop) return part_of_loop(d, id, parts, n);
    double all = (double)type_elements(&d->nodes[id].type), slack = all * LEAST_SAVED, total = 0;
    while (n > 1 && merge_two(d, id, parts, n, slack)) n--;
    for (int i = 0; i < n; i++) {
        if (!parts[i]) return none(d, "others read the rest");
        total += count_of(d, id, parts[i]);
    }
    return total + slack > all ? none(d, "little would be saved") : n;
}

/* The least version that has what is requested. */
static bool serve(Demand *d, ValueId id, Request *r, Version *versions, int n) {
    for (int i = 0; i < n; i++) {
        bool less = !r->version || count_of(d, id, versions[i].want) < count_of(d, id, r->version->want);
        if (less && selection_covers(d->arena, versions[i].want, r->want, &d->nodes[id].type))
            r->version = &versions[i];
    }
    return r->version;
}

/* Makes versions of the parts; false: some request would not be served by them. */
static bool make_versions(Demand *d, ValueId id, const Selection **parts, int n) {
    Version *versions = ARENA_ARRAY(d->arena, Version, n);
    for (int i = 0; i < n; i++) {
        versions[i] = (Version){.want = parts[i], .made = IR_NONE};
        versions[i].want = needs_of(d, id, parts[i], &versions[i].needs);
        if (!versions[i].want) return false;
    }
    for (Request *r = d->requests[id]; r; r = r->next)
        if (!serve(d, id, r, versions, n)) return false;
    d->versions[id] = versions;
    d->n_versions[id] = (uint8_t)n;
    return true;
}

/* All of the value is made, perhaps of parts of its operands, as a slice's. */
static void make_whole(Demand *d, ValueId id) {
    const Node *node = &d->nodes[id];
    const Selection **needs;
    d->whole[id] = true;
    for (Request *r = d->requests[id]; r; r = r->next) r->version = NULL;
    if (!demand_selects((OpKind)node->op) || (d->targets && d->targets[id])) {
        for (int o = 0; o < node->n_operands; o++) want_whole(d, node->operands[o]);
        return;
    }
    needs_of(d, id, NULL, &needs);
    d->versions[id] = ARENA_ARRAY(d->arena, Version, 1);
    d->versions[id][0] = (Version){.needs = needs, .made = IR_NONE};
    request_operands(d, id, &d->versions[id][0]);
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static void tell_parts(const Demand *d, ValueId id) {
    const Version *versions = d->versions[id];
    int n = d->n_versions[id];
    double total = 0, all = (double)type_elements(&d->nodes[id].type);
    for (int i = 0; i < n; i++) total += count_of(d, id, versions[i].want);
    double saved = node_flops(d->func, &d->nodes[id]) * (1 - total / all);
    for (int i = 0; i < n; i++)
        for (const Request *r = d->requests[id]; r; r = r->next) {
            if (r->version != &versions[i]) continue;
            remark(d->func, n == 1 ? RULE_demand_part : RULE_demand_parts, d->nodes[id].number,
                   d->nodes[r->reader].number, count_of(d, id, versions[i].want), saved, NULL);
            break;
        }
}

static void tell_whole(const Demand *d, ValueId id) {
    const Request *r = d->requests[id];
    if (!r || demand_is_view((OpKind)d->nodes[id].op)) return;
    remark(d->func, RULE_demand_whole, d->nodes[id].number, d->nodes[r->reader].number,
           count_of(d, id, r->want), (double)type_elements(&d->nodes[id].type), d->why);
}

/* ---- deciding ---------------------------------------------------------------------------------------------------- */

static void decide(Demand *d, ValueId id) {
    const Selection *parts[MOST_VERSIONS];
    if (is_source(d, id)) {
        d->whole[id] = true;
        return;
    }
    d->why = "others read the rest";
    int n = d->whole[id] ? 0 : parts_of(d, id, parts);
    if (n == 0 || !make_versions(d, id, parts, n)) {
        tell_whole(d, id);
        make_whole(d, id);
        return;
    }
    if (!demand_is_view((OpKind)d->nodes[id].op) && remarks_wanted(d->func)) tell_parts(d, id);
    d->narrowed = d->narrowed || !demand_is_view((OpKind)d->nodes[id].op);
    for (int i = 0; i < n; i++) request_operands(d, id, &d->versions[id][i]);
}

static void decide_all(Demand *d) {
    for (size_t i = 0; i < d->func->n_outputs; i++) want_whole(d, d->func->outputs[i].value);
    for (size_t i = 0; i < d->func->n_updates; i++) want_whole(d, d->func->updates[i].value);
    for (ValueId id = (ValueId)d->n; id-- > 0;) {
        if (!op_may_drop((OpKind)d->nodes[id].op)) want_whole(d, id);
        if (d->wanted[id]) decide(d, id);
    }
}

/* ---- the new function -------------------------------------------------------------------------------------------- */

static ValueId index_value(void *user, const SelectedRows *rows);

static ValueId take(Demand *d, ValueId value, const Version *from, const Selection *part) {
    ValueId x = from ? from->made : d->rewrite.map[value];
    const IndexValues indices = {index_value, d};
    return selection_take(&d->simplify, x, from ? from->have : NULL, part, &d->nodes[value].type, &indices);
}

/* The new value of an index that some gather has as its operand. */
static ValueId index_value(void *user, const SelectedRows *rows) {
    Demand *d = user;
    const Version *from = NULL;
    for (const Request *r = d->requests[rows->index]; r && !from; r = r->next)
        if (selection_equal(r->want, rows->part)) from = r->version;
    return take(d, rows->index, from, rows->part);
}

/* Whether what is requested of a version can be taken out of more than it was to have. */
static bool serves(const Demand *d, ValueId id, const Version *version, const Selection *have) {
    for (const Request *r = d->requests[id]; r; r = r->next)
        if (r->version == version && !selection_covers(d->arena, have, r->want, &d->nodes[id].type))
            return false;
    return true;
}

/* A view of all there is of its operand; false: it is no view of that. */
static bool make_view(Demand *d, ValueId id, Version *version) {
    const Node *node = &d->nodes[id];
    const Request *of = version->requests[0];
    const Version *from = of ? of->version : NULL;
    const Selection *x = from ? from->have : NULL;
    ValueId operand = from ? from->made : d->rewrite.map[node->operands[0]];
    bool exact = true;
    if (!demand_is_view((OpKind)node->op)) return false;
    if (!x)
        version->have = NULL;
    else if (node->op == OP_reshape)
        version->have =
            selection_reshape(d->arena, x, &d->nodes[node->operands[0]].type, &node->type, &exact);
    else if (node->op == OP_transpose) {
        Selection tagged = selection_tagged(x, &d->nodes[node->operands[0]].type), made = {0};
        for (int k = 0; k < node->type.rank; k++)
            selection_copy_axis(d->arena, &made, &tagged, (int)transpose_attrs(node)->perm.v[k]);
        version->have = selection_make(d->arena, &made);
    } else
        return false;
    if (x && (!exact || !version->have || !serves(d, id, version, version->have))) return false;
    if (!x)
        version->made = simplify_make(&d->simplify, (OpKind)node->op, &operand, 1, node->attrs);
    else
        version->made = demand_emit(&d->simplify, d->nodes, node, version->have, NULL, &operand, NULL);
    return true;
}

/* A part of a loop's result from where it lies now. */
static void make_part(Demand *d, ValueId id, Version *version) {
    const Node *node = &d->nodes[id];
    const Version *loop = version->requests[0]->version;
    PartAttrs attrs = *part_attrs(node);
    const Segment *words = version->needs[0]->factors[0].segments;
    if (loop->have) attrs.start = factor_position(&loop->have->factors[0], words);
    version->made = simplify_make(&d->simplify, OP_part, &loop->made, 1, &attrs);
}

static void make_version(Demand *d, ValueId id, Version *version) {
    const Node *node = &d->nodes[id];
    func_made_for(d->func, node);
    if (make_view(d, id, version)) return;
    if (node->op == OP_part) {
        make_part(d, id, version);
        return;
    }
    ValueId *operands = ARENA_ARRAY(d->arena, ValueId, node->n_operands + 1);
    for (int o = 0; o < node->n_operands; o++) {
        const Request *of = version->requests[o];
        operands[o] = version->needs[o] == &SELECTION_NOTHING
                          ? IR_NONE
                          : take(d, node->operands[o], of ? of->version : NULL, version->needs[o]);
    }
    version->have = version->want;
    const IndexValues indices = {index_value, d};
    if (node->op == OP_loop)
        version->made = demand_loop_emit(&d->simplify, d->nodes, d->n, node, version->want, operands);
    else
        version->made =
            demand_emit(&d->simplify, d->nodes, node, version->want, version->needs, operands, &indices);
}

/* The node as it was, of all of its operands. */
static ValueId keep(Demand *d, ValueId id) {
    Node node = d->nodes[id];
    if (op_is_source((OpKind)node.op) || (d->targets && d->targets[id])) return rewrite_copy(&d->rewrite, id);
    ValueId *operands = ARENA_ARRAY(d->arena, ValueId, node.n_operands + 1);
    for (int o = 0; o < node.n_operands; o++) operands[o] = d->rewrite.map[node.operands[o]];
    node.operands = operands;
    return simplify_keep(&d->simplify, &node);
}

static bool operands_are_whole(const Demand *d, ValueId id) {
    const Version *version = d->versions[id];
    for (int o = 0; version && o < d->nodes[id].n_operands; o++)
        if (version->requests[o] && version->requests[o]->version) return false;
    return true;
}

static void make(Demand *d, ValueId id) {
    if (d->whole[id] && operands_are_whole(d, id)) {
        d->rewrite.map[id] = keep(d, id);
        return;
    }
    const Version *most = NULL;
    int n = d->whole[id] ? 1 : d->n_versions[id];
    for (int i = 0; i < n; i++) {
        Version *version = &d->versions[id][i];
        make_version(d, id, version);
        if (!most || count_of(d, id, version->have) > count_of(d, id, most->have)) most = version;
    }
    d->rewrite.map[id] = most->made;
}

static ValueId no_rules(Simplify *s, const Node *node) {
    (void)s;
    (void)node;
    return IR_NONE;
}

static void rebuild(Demand *d) {
    /* Rules read past a value that is only a move of others; then a loss would not depend on it any more. */
    d->simplify = (Simplify){.rules = d->targets ? no_rules : algebra_apply};
    d->rewrite = rewrite_begin(d->func);
    d->simplify.func = d->func;
    d->simplify.scratch = d->arena;
    for (int late = !d->reorder; late < 2; late++)
        for (ValueId id = 0; id < d->n; id++)
            if (d->wanted[id] && (!d->reorder || d->early[id] != late)) make(d, id);
    rewrite_end(&d->rewrite);
    drop_unused(d->func); /* views that rules of views read past */
}

/* ---- indices ----------------------------------------------------------------------------------------------------- */

/* What indices of gathers are made of, and themselves. */
static void find_early(Demand *d) {
    for (ValueId id = (ValueId)d->n; id-- > 0;) {
        const Node *node = &d->nodes[id];
        if (node->op == OP_gather) {
            if (!d->early) d->early = ARENA_ARRAY(d->arena, bool, d->n + 1);
            d->early[node->operands[1]] = true;
        }
        for (int o = 0; d->early && d->early[id] && o < node->n_operands; o++)
            d->early[node->operands[o]] = true;
    }
}

/* What is known of the elements of an index from the few operators that make it; NULL: nothing. */
static const Range *range_of(Demand *d, ValueId id, int depth) {
    const Node *node = &d->nodes[id];
    if (!d->ranges) d->ranges = ARENA_ARRAY(d->arena, Range *, d->n + 1);
    if (d->ranges[id]) return d->ranges[id];
    Range *operands = ARENA_ARRAY(d->arena, Range, node->n_operands + 1);
    bool sorts = node->op == OP_argsort || node->op == OP_argmax; /* whatever of */
    for (int o = 0; o < node->n_operands && !sorts; o++) {
        const Range *known = depth > 0 ? range_of(d, node->operands[o], depth - 1) : NULL;
        if (!known) return NULL;
        operands[o] = *known;
    }
    d->ranges[id] = arena_alloc(d->arena, sizeof(Range));
    *d->ranges[id] = range_of_node(d->func, node, operands);
    return d->ranges[id];
}

/* Whether all elements of an index are numbers of one of n rows: only then a gather of what is computed of rows is what
 * is computed of gathered rows. */
static bool in_range(void *user, ValueId index, int64_t n) {
    const Range *range = range_of(user, index, INDEX_DEPTH);
    return range && range_is_within(range, 0, (double)(n - 1));
}

/* Values that gradients are taken by. */
static void find_targets(Demand *d) {
    for (ValueId id = 0; id < d->n; id++) {
        if (d->nodes[id].op != OP_grad || is_source(d, d->nodes[id].operands[1])) continue;
        if (!d->targets) d->targets = ARENA_ARRAY(d->arena, bool, d->n + 1);
        d->targets[d->nodes[id].operands[1]] = true;
    }
}

static void narrow(Func *func) {
    Demand d = {.func = func, .nodes = func->nodes, .n = func->count, .arena = arena_new()};
    d.rules = (DemandRules){func, d.arena, in_range, &d};
    d.wanted = ARENA_ARRAY(d.arena, bool, d.n + 1);
    d.whole = ARENA_ARRAY(d.arena, bool, d.n + 1);
    d.requests = ARENA_ARRAY(d.arena, Request *, d.n + 1);
    d.versions = ARENA_ARRAY(d.arena, Version *, d.n + 1);
    d.n_versions = ARENA_ARRAY(d.arena, uint8_t, d.n + 1);
    find_early(&d);
    find_targets(&d);
    decide_all(&d);
    if (d.narrowed) rebuild(&d);
    arena_free(d.arena);
}

bool pass_demand(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) narrow(module->funcs[f]);
    return true;
}
