/* Fusion: which operators are computed together in one kernel, and which values reach memory.
 *
 * Nodes are visited from last to first, each after all its users. A value that only one kernel uses is computed in that
 * kernel. A value that is cheap to recompute from at most one large value in memory is computed in every kernel that
 * uses it (so that no full-size intermediate of a normalisation is stored for the backward pass). Any other value is
 * stored: by a kernel that uses it, if it can be that kernel's value too, else by a kernel of its own. What fits into
 * one kernel is decided by kernel_fits (ir/plan/kernel.h); views cost nothing. */
#include "passes/plan/fuse.h"
#include "ir/plan/plan.h"
#include "ir/remarks.h"
#include "passes/plan/recompute.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL_SHARE = 64 };

/* The kernels that use a value, each once; `wanted`: an output or update. */
typedef struct {
    uint32_t *kernels;
    size_t count, capacity;
    bool wanted;
} Users;

typedef struct {
    uint32_t *needs; /* kernels that store what this one loads */
    size_t count, capacity;
    size_t seen_uses; /* how many of Kernel.uses are entered in Fusion.users */
    uint32_t mark;    /* the last search that came here */
    bool merged;      /* members of another kernel were added: the final kernel is derived from its nodes */
} Links;

typedef struct {
    Func *func;
    Arena *arena;
    Kernel *kernels;
    size_t n_kernels, kernels_capacity;
    Links *links;
    size_t n_links, links_capacity;
    Users *users;
    const Recompute *recompute;
    uint32_t *home; /* by value: the kernel that stores it; IR_NONE: none */
    uint32_t *uses; /* by value: how many operands it is */
    uint32_t mark;
    uint32_t *stack; /* of kernels */
    size_t stack_capacity;
} Fusion;

static bool is_cheap(const Fusion *fusion, ValueId id) {
    const Recompute *r = &fusion->recompute[id];
    return r->leaves == 0 || r->leaf != id;
}

/* Whether each kernel that uses the value but one, which would store it, reads all but one of the large values that it
 * follows from anyway: then it reads no more if it computes the value than if it read it. */
static bool is_cheap_beside(const Fusion *fusion, ValueId id) {
    const Recompute *r = &fusion->recompute[id];
    const Users *users = &fusion->users[id];
    int others = 0;
    if (users->count < 2 || r->n_from < 2 || r->n_from > FROM_MAX) return false;
    for (size_t i = 0; i < users->count; i++) {
        int further = 0;
        for (int f = 0; f < r->n_from; f++) {
            uint32_t u = kernel_first_use(&fusion->kernels[users->kernels[i]], r->from[f]);
            further += u == IR_NONE || fusion->kernels[users->kernels[i]].uses[u].in_memory;
        }
        others += further > 1;
    }
    return others <= 1;
}

/* Whether the value is so small beside the loops of all kernels that use it that what it takes does not count. */
static bool is_small_beside(const Fusion *fusion, ValueId id) {
    const Users *users = &fusion->users[id];
    int64_t size = type_elements(func_type(fusion->func, id));
    int n_from = fusion->recompute[id].n_from;
    if (n_from < 2 || n_from > FROM_MAX) return false;
    for (size_t i = 0; i < users->count; i++)
        if (domain_size(&fusion->kernels[users->kernels[i]].domain) / SMALL_SHARE < size) return false;
    return users->count > 0;
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static uint32_t number_of(const Fusion *fusion, ValueId value) {
    return func_node(fusion->func, value)->number;
}

/* A kernel is called by its root. */
static uint32_t root_of(const Fusion *fusion, uint32_t k) {
    return number_of(fusion, fusion->kernels[k].members[0].value);
}

static void tell(const Fusion *fusion, ValueId value, uint32_t k, Verdict verdict) {
    remark_verdict(fusion->func, &verdict, number_of(fusion, value), root_of(fusion, k));
}

/* Views through which a product reads an operand in memory, among the kernel's members from number `first` on. */
static void tell_views(const Fusion *fusion, uint32_t k, size_t first) {
    const Kernel *kernel = &fusion->kernels[k];
    for (size_t m = first; m < kernel->n_members; m++)
        if (kernel->members[m].access.rank < 0)
            tell(fusion, kernel->members[m].value, k, (Verdict){.rule = RULE_fuse_view});
}

/* In which kernels a value is computed that is not stored. */
static void tell_inside(const Fusion *fusion, ValueId value) {
    const Users *users = &fusion->users[value];
    const Node *node = func_node(fusion->func, value);
    if (!remarks_wanted(fusion->func)) return;
    double n = (double)users->count, elements = (double)type_elements(&node->type);
    Verdict again = {RULE_fuse_again, n, fusion->recompute[value].cost * elements, NULL};
    if (op_is_literal(node->op))
        remark(fusion->func, RULE_fuse_literal, node->number, IR_NONE, n, 0, NULL);
    else if (users->count == 1)
        tell(fusion, value, users->kernels[0],
             (Verdict){RULE_fuse_inside, (double)type_bytes(&node->type), 0, NULL});
    for (size_t i = 0; users->count > 1 && !op_is_literal(node->op) && i < users->count; i++)
        tell(fusion, value, users->kernels[i], again);
}

/* Why a value is stored, and by whom; why others do not, find_host tells. */
static void tell_stored(const Fusion *fusion, ValueId value, uint32_t home) {
    const Users *users = &fusion->users[value];
    const Node *node = func_node(fusion->func, value);
    const char *dear = fusion->recompute[value].dear;
    double bytes = (double)type_bytes(&node->type);
    if (!remarks_wanted(fusion->func)) return;
    if (users->wanted) remark(fusion->func, RULE_fuse_wanted, node->number, IR_NONE, 0, 0, NULL);
    if (users->count > 1 && dear)
        remark(fusion->func, RULE_fuse_readers, node->number, IR_NONE, (double)users->count, 0, dear);
    if (fusion->kernels[home].members[0].value == value)
        remark(fusion->func, RULE_fuse_root, node->number, IR_NONE, bytes, 0, NULL);
    else
        tell(fusion, value, home, (Verdict){RULE_fuse_hosted, bytes, 0, NULL});
}

/* ---- kernels, and who needs whom --------------------------------------------------------------------------------- */

/* Enters the kernel among the users of the values that it has begun to use. */
static void publish_uses(Fusion *fusion, uint32_t k) {
    Kernel *kernel = &fusion->kernels[k];
    Links *links = &fusion->links[k];
    for (; links->seen_uses < kernel->n_uses; links->seen_uses++) {
        ValueId value = kernel->uses[links->seen_uses].value;
        Users *users = &fusion->users[value];
        if (kernel_first_use(kernel, value) == links->seen_uses) /* else it is known */
            ARENA_PUSH(fusion->arena, users->kernels, users->count, users->capacity, k);
    }
}

static void join(Fusion *fusion, uint32_t k, ValueId value, const Access *access) {
    Access copy = *access; /* it may lie in the kernel's own arrays */
    size_t before = fusion->kernels[k].n_members;
    kernel_join(fusion->arena, fusion->func, &fusion->kernels[k], value, &copy);
    publish_uses(fusion, k);
    tell_views(fusion, k, before);
}

static uint32_t found(Fusion *fusion, ValueId value) {
    Kernel kernel = kernel_from_root(fusion->arena, fusion->func, value);
    ARENA_PUSH(fusion->arena, fusion->kernels, fusion->n_kernels, fusion->kernels_capacity, kernel);
    ARENA_PUSH(fusion->arena, fusion->links, fusion->n_links, fusion->links_capacity, (Links){0});
    publish_uses(fusion, (uint32_t)fusion->n_kernels - 1);
    tell_views(fusion, (uint32_t)fusion->n_kernels - 1, 0);
    return (uint32_t)fusion->n_kernels - 1;
}

/* Whether kernel `from` must run after another of the users, directly or through other kernels. If it stored the value,
 * there would be a cycle. */
static bool depends_on_others(Fusion *fusion, uint32_t from, const Users *users) {
    uint32_t other = ++fusion->mark, seen = ++fusion->mark;
    for (size_t i = 0; i < users->count; i++)
        if (users->kernels[i] != from) fusion->links[users->kernels[i]].mark = other;
    size_t count = 0;
    ARENA_PUSH(fusion->arena, fusion->stack, count, fusion->stack_capacity, from);
    while (count > 0 && users->count > 1) {
        const Links *links = &fusion->links[fusion->stack[--count]];
        for (size_t i = 0; i < links->count; i++) {
            uint32_t next = links->needs[i];
            if (fusion->links[next].mark == other) return true;
            if (fusion->links[next].mark == seen) continue;
            fusion->links[next].mark = seen;
            ARENA_PUSH(fusion->arena, fusion->stack, count, fusion->stack_capacity, next);
        }
    }
    return false;
}

/* The kernel's only use of the value inside its loops; NULL if it has several, or one in memory. */
static const Access *single_access(const Kernel *kernel, ValueId value) {
    uint32_t u = kernel_first_use(kernel, value);
    if (u == IR_NONE || kernel->uses[u].in_memory || kernel->uses[u].next != IR_NONE) return NULL;
    return &kernel->uses[u].access;
}

/* Whether kernel k, which uses the value, can store it too (RULE_fuse_hosted), or why not. */
static Verdict can_host(Fusion *fusion, ValueId value, uint32_t k) {
    const Kernel *kernel = &fusion->kernels[k];
    const Access *access = single_access(kernel, value);
    if (!access) {
        bool operand = kernel->uses[kernel_first_use(kernel, value)].in_memory;
        return (Verdict){.rule = operand ? RULE_fuse_operand : RULE_fuse_places};
    }
    KernelFit fit = kernel_fit(fusion->func, kernel, value, access);
    if (fit != FIT_GOOD) return (Verdict){.rule = RULE_fuse_not_fit, .text = kernel_fit_text(fit)};
    if (!kernel_covers(fusion->func, kernel, value, access)) return (Verdict){.rule = RULE_fuse_not_covered};
    bool cycle = depends_on_others(fusion, k, &fusion->users[value]);
    return (Verdict){.rule = cycle ? RULE_fuse_cycle : RULE_fuse_hosted};
}

/* A kernel among the value's users that can also store it, or IR_NONE. */
static uint32_t find_host(Fusion *fusion, ValueId value) {
    const Users *users = &fusion->users[value];
    for (size_t i = users->count; i-- > 0;) {
        Verdict verdict = can_host(fusion, value, users->kernels[i]);
        if (verdict.rule == RULE_fuse_hosted) return users->kernels[i];
        tell(fusion, value, users->kernels[i], verdict);
    }
    return IR_NONE;
}

/* An operand of `sum` that is a product of its shape without other uses; IR_NONE: there is none. */
static ValueId own_product(const Fusion *fusion, const Node *sum) {
    for (int o = 0; sum->op == OP_add && o < 2; o++) {
        ValueId x = sum->operands[o];
        const Node *node = func_node(fusion->func, x);
        if (op_is_product(node->op) && fusion->uses[x] == 1 && type_equal(&node->type, &sum->type)) return x;
    }
    return IR_NONE;
}

/* Whether a value is a sum of nothing but products. */
static bool sums_products(const Fusion *fusion, ValueId value) {
    const Node *node = func_node(fusion->func, value);
    while (!op_is_product(node->op)) {
        ValueId product = own_product(fusion, node);
        if (product == IR_NONE) return false;
        node = func_node(fusion->func, node->operands[node->operands[0] == product]);
    }
    return true;
}

/* Whether a sum of products should be computed and stored by the kernel of its last product, although kernel `host`
 * could compute it: so each product is added to the sum at once, while the host would have to read all of them from
 * memory. Not if the product itself fits into the host. */
static bool belongs_to_product(const Fusion *fusion, ValueId value, uint32_t host) {
    ValueId product = own_product(fusion, func_node(fusion->func, value));
    if (product == IR_NONE || !sums_products(fusion, value)) return false;
    const Kernel *kernel = &fusion->kernels[host];
    const Access *access = single_access(kernel, value);
    return !access || !kernel_fits(fusion->func, kernel, product, access);
}

/* Why the kernel that computes a value cannot pack it too; NULL: it can. The loops have the elements of one row at a
 * time, not pairs of bf16 from two rows. */
static const char *packed_apart(const Fusion *fusion, ValueId pack, uint32_t home) {
    const PackAttrs *attrs = pack_attrs(func_node(fusion->func, pack));
    if (fusion->kernels[home].kind != KERNEL_LOOP) return "that kernel has no loops over its rows";
    return attrs->rows > 1 && !attrs->tb ? "its panels hold pairs from two rows" : NULL;
}

/* Kernels that pack a value (operator `pack`) become stores of the kernel `home` that computes it. */
static void absorb_packs(Fusion *fusion, ValueId value, uint32_t home) {
    const Users *users = &fusion->users[value];
    if (op_is_view(func_node(fusion->func, value)->op)) return;
    for (size_t i = 0; i < users->count; i++) {
        Kernel *kernel = &fusion->kernels[users->kernels[i]];
        if (kernel->kind != KERNEL_PACK || kernel->n_members != 1)
            continue; /* others see the value through views */
        const char *apart = packed_apart(fusion, kernel->core, home);
        tell(fusion, kernel->core, home,
             (Verdict){.rule = apart ? RULE_fuse_packs_apart : RULE_fuse_packs, .text = apart});
        if (apart) continue;
        kernel_join_pack(fusion->arena, fusion->func, &fusion->kernels[home], kernel->core);
        fusion->home[kernel->core] = home;
        fusion->links[home].merged = true;
        kernel->n_members = 0; /* empty: nothing of it is emitted */
    }
}

/* ---- kernels that become one ------------------------------------------------------------------------------------- */

/* Whether kernel `from` must run after kernel `to`. */
static bool depends_on(Fusion *fusion, uint32_t from, uint32_t to) {
    uint32_t both[2] = {from, to};
    return depends_on_others(fusion, from, &(Users){.kernels = both, .count = 2});
}

/* Why two kernels that read a value cannot be one with several roots, which computes it without storing it; NULL: they
 * can. */
static const char *united_apart(Fusion *fusion, ValueId value, uint32_t into, uint32_t k) {
    const Kernel *a = &fusion->kernels[into], *b = &fusion->kernels[k];
    if (a->kind != KERNEL_LOOP || b->kind != KERNEL_LOOP || a->rows || b->rows)
        return "not both are plain loops";
    for (size_t m = 0; m < b->n_members; m++)
        if (b->members[m].access.rank < 0 || func_node(fusion->func, b->members[m].value)->op == OP_pack)
            return "it reads a view in memory, or packs what it computes";
    if (!kernel_may_root(fusion->func, a, a->members[0].value) ||
        !kernel_may_root(fusion->func, a, b->members[0].value))
        return "their results have other dimensions, or are not elementwise";
    if (a->domain.rank != b->domain.rank ||
        memcmp(a->domain.extent, b->domain.extent, sizeof a->domain.extent[0] * a->domain.rank) != 0)
        return "their loops differ";
    const Access *in_a = single_access(a, value), *in_b = single_access(b, value);
    if (!in_a || !in_b || !access_equal(in_a, in_b, a->domain.rank)) return "they read it at several places";
    if (a->n_members + b->n_members > KERNEL_MEMBERS)
        return "together they have more values than a kernel may have";
    return depends_on(fusion, into, k) || depends_on(fusion, k, into) ? "one waits for the other" : NULL;
}

static void forget_user(Users *users, uint32_t k) {
    for (size_t i = 0; i < users->count; i++)
        if (users->kernels[i] == k) {
            memmove(&users->kernels[i], &users->kernels[i + 1],
                    sizeof *users->kernels * (users->count - i - 1));
            users->count--;
            return;
        }
}

/* Kernel k, whose loops are those of `into`, becomes part of it. */
static void unite(Fusion *fusion, uint32_t into, uint32_t k) {
    Kernel *kernel = &fusion->kernels[k];
    Links *links = &fusion->links[k];
    for (size_t u = 0; u < kernel->n_uses; u++) forget_user(&fusion->users[kernel->uses[u].value], k);
    for (size_t m = 0; m < kernel->n_members; m++) {
        const KernelMember *member = &kernel->members[m];
        bool there = false;
        for (size_t i = 0; i < fusion->kernels[into].n_members && !there; i++)
            there =
                fusion->kernels[into].members[i].value == member->value &&
                access_equal(&fusion->kernels[into].members[i].access, &member->access, kernel->domain.rank);
        if (!there) join(fusion, into, member->value, &member->access);
    }
    for (ValueId id = 0; id < fusion->func->count; id++)
        if (fusion->home[id] == k) fusion->home[id] = into;
    for (size_t i = 0; i < links->count; i++)
        ARENA_PUSH(fusion->arena, fusion->links[into].needs, fusion->links[into].count,
                   fusion->links[into].capacity, links->needs[i]);
    for (size_t i = 0; i < fusion->n_kernels; i++)
        for (size_t n = 0; n < fusion->links[i].count; n++)
            if (fusion->links[i].needs[n] == k) fusion->links[i].needs[n] = into;
    fusion->links[into].merged = true;
    kernel->n_members = kernel->n_uses = links->count = 0; /* empty: nothing of it is emitted */
}

/* Kernels that read a value at the same place of the same loops become one. So a new state that is chosen between
 * an old value and one that others read needs neither in memory. */
static void unite_users(Fusion *fusion, ValueId value) {
    const Users *users = &fusion->users[value];
    if (users->wanted || users->count < 2 || type_elements(func_type(fusion->func, value)) == 1) return;
    uint32_t into = users->kernels[0];
    for (size_t i = 1; i < users->count; i++)
        if (fusion->kernels[users->kernels[i]].n_members > fusion->kernels[into].n_members)
            into = users->kernels[i];
    for (size_t i = users->count; i-- > 0;) {
        uint32_t k = users->kernels[i], root = root_of(fusion, k);
        if (k == into || united_apart(fusion, value, into, k)) continue;
        remark(fusion->func, RULE_fuse_united, root, root_of(fusion, into),
               (double)type_bytes(func_type(fusion->func, value)), 0, NULL);
        unite(fusion, into, k);
    }
}

static void store_value(Fusion *fusion, ValueId value) {
    uint32_t home = find_host(fusion, value);
    bool belongs = home != IR_NONE && belongs_to_product(fusion, value, home);
    if (belongs) tell(fusion, value, home, (Verdict){.rule = RULE_fuse_product});
    if (home == IR_NONE || belongs)
        home = found(fusion, value);
    else
        join(fusion, home, value, single_access(&fusion->kernels[home], value));
    fusion->home[value] = home;
    tell_stored(fusion, value, home);
    absorb_packs(fusion, value, home);
    const Users *users = &fusion->users[value];
    for (size_t i = 0; i < users->count; i++) {
        if (users->kernels[i] == home) continue;
        Links *links = &fusion->links[users->kernels[i]];
        ARENA_PUSH(fusion->arena, links->needs, links->count, links->capacity, home);
    }
}

/* Why a kernel cannot compute for itself what it uses; NULL: it can. */
static const char *copied_apart(const Fusion *fusion, const Kernel *kernel, const KernelUse *use) {
    if (use->in_memory) return "it reads it in memory";
    KernelFit fit = kernel_fit(fusion->func, kernel, use->value, &use->access);
    return fit == FIT_GOOD ? NULL : kernel_fit_text(fit);
}

/* Whether a kernel that uses a reshape would read what that is a view of in memory, because it is no index map over the
 * kernel's loops, although the reshape could be the last value of the kernel that makes it. */
static bool reads_beside(Fusion *fusion, ValueId reshape, uint32_t k) {
    const Node *node = func_node(fusion->func, reshape);
    const Access *single = single_access(&fusion->kernels[k], reshape);
    ValueId x = node->operands[0];
    if (!single || fusion->uses[x] != 1 || op_is_source(func_node(fusion->func, x)->op)) return false;
    Domain domain = fusion->kernels[k].domain;
    Access access = *single, of_x;
    DomainSplit split;
    AccessResult result;
    while ((result = access_operand(fusion->func, node, 0, &domain, &access, &of_x, &split)) ==
           ACCESS_SPLIT) {
        Domain before = domain;
        access_split(&access, &before, &split);
        domain_split(&domain, &split);
    }
    if (result != ACCESS_NONE) return false;
    Kernel own = kernel_from_root(fusion->arena, fusion->func, reshape);
    return single_access(&own, x) != NULL;
}

/* Computes the value inside every kernel that uses it, if it fits them all. */
static bool copy_into_users(Fusion *fusion, ValueId value) {
    const Users *users = &fusion->users[value];
    for (size_t i = 0; i < users->count; i++) {
        const Kernel *kernel = &fusion->kernels[users->kernels[i]];
        for (uint32_t u = kernel_first_use(kernel, value); u != IR_NONE; u = kernel->uses[u].next) {
            const char *apart = copied_apart(fusion, kernel, &kernel->uses[u]);
            if (!apart) continue;
            if (users->count > 1) /* else find_host tells it */
                tell(fusion, value, users->kernels[i], (Verdict){.rule = RULE_fuse_not_again, .text = apart});
            return false;
        }
    }
    tell_inside(fusion, value);
    for (size_t i = 0; i < users->count; i++) {
        uint32_t k = users->kernels[i];
        for (uint32_t u = kernel_first_use(&fusion->kernels[k], value); u != IR_NONE;
             u = fusion->kernels[k].uses[u].next) /* joining adds uses of other values, none of this */
            join(fusion, k, value, &fusion->kernels[k].uses[u].access);
    }
    return true;
}

/* Whether every kernel that uses the value may compute it for itself. */
static bool may_copy(const Fusion *fusion, ValueId value) {
    OpKind op = func_node(fusion->func, value)->op;
    if (op_is_literal(op)) return true;
    if (!op_is_fusable(op) || op_is_reduce(op)) return false;
    return is_cheap(fusion, value) || is_cheap_beside(fusion, value) || is_small_beside(fusion, value);
}

static void decide(Fusion *fusion, ValueId value) {
    const Node *node = func_node(fusion->func, value);
    const Users *users = &fusion->users[value];
    bool idle = users->count == 0 && !users->wanted && op_may_drop(node->op);
    if (idle || op_is_source(node->op)) return;
    if (!is_cheap(fusion, value)) unite_users(fusion, value);
    bool alone = users->count == 1 && single_access(&fusion->kernels[users->kernels[0]], value);
    alone = alone && !belongs_to_product(fusion, value, users->kernels[0]);
    if (node->op == OP_reshape && alone && !users->wanted && reads_beside(fusion, value, users->kernels[0])) {
        tell(fusion, value, users->kernels[0], (Verdict){.rule = RULE_fuse_beside});
        store_value(fusion, value);
        return;
    }
    bool inside = !users->wanted && users->count && (alone || may_copy(fusion, value));
    if (inside && copy_into_users(fusion, value)) return;
    store_value(fusion, value);
}

/* ---- scalars ----------------------------------------------------------------------------------------------------- */

static bool is_scalar_kernel(const Kernel *kernel) {
    return kernel->kind == KERNEL_LOOP && !kernel->rows && domain_size(&kernel->domain) == 1;
}

/* By kernel: whether others read the old value of a state that it updates. Merging such kernels could make a cycle,
 * since the readers must run before it, but perhaps after one that it would be merged with. */
static bool *share_updated_state(const Fusion *fusion) {
    const Func *func = fusion->func;
    bool *shares = ARENA_ARRAY(fusion->arena, bool, fusion->n_kernels + 1);
    ValueId *read_of_state = ARENA_ARRAY(fusion->arena, ValueId, func->module->n_states + 1);
    for (size_t s = 0; s < func->module->n_states; s++) read_of_state[s] = IR_NONE;
    for (ValueId id = 0; id < func->count; id++)
        if (func_node(func, id)->op == OP_state) read_of_state[source_attrs(func_node(func, id))->index] = id;
    for (size_t i = 0; i < func->n_updates; i++) {
        uint32_t k = fusion->home[func->updates[i].value];
        ValueId read = read_of_state[func->updates[i].state];
        if (k == IR_NONE || read == IR_NONE) continue;
        const Users *users = &fusion->users[read];
        for (size_t u = 0; u < users->count && !shares[k]; u++) shares[k] = users->kernels[u] != k;
    }
    return shares;
}

/* Why a kernel of one element cannot be one with others; NULL: it can. */
static const char *scalars_apart(const Fusion *fusion, uint32_t k, const bool *shares) {
    if (fusion->links[k].count) return "it reads what another kernel stores";
    return shares[k] ? "others read the old value of a state that it updates" : NULL;
}

/* Kernels of one element that load nothing another stores, such as those of an optimiser's counters, become one:
 * there may be as many as parameters, and a call takes longer than what it computes. */
static void group_scalars(Fusion *fusion) {
    Func *func = fusion->func;
    const bool *shares = share_updated_state(fusion);
    uint32_t group = IR_NONE, *moved = ARENA_ARRAY(fusion->arena, uint32_t, fusion->n_kernels + 1);
    for (uint32_t k = 0; k < fusion->n_kernels; k++) {
        Kernel *kernel = &fusion->kernels[k];
        moved[k] = k;
        if (!is_scalar_kernel(kernel)) continue;
        const char *apart = scalars_apart(fusion, k, shares);
        ValueId root = kernel->members[0].value;
        if (apart) tell(fusion, root, k, (Verdict){.rule = RULE_fuse_scalars_apart, .text = apart});
        if (apart) continue;
        if (group == IR_NONE || fusion->kernels[group].n_members + kernel->n_members > KERNEL_MEMBERS) {
            group = k;
            continue;
        }
        Kernel *into = &fusion->kernels[group];
        tell(fusion, root, group, (Verdict){.rule = RULE_fuse_scalars});
        moved[k] = group;
        fusion->links[group].merged = true;
        for (size_t m = 0; m < kernel->n_members; m++)
            ARENA_PUSH(fusion->arena, into->members, into->n_members, into->members_capacity,
                       kernel->members[m]);
        kernel->n_members = 0; /* empty: nothing of it is emitted */
    }
    for (ValueId id = 0; id < func->count; id++)
        if (fusion->home[id] != IR_NONE) fusion->home[id] = moved[fusion->home[id]];
    for (size_t k = 0; k < fusion->n_kernels; k++)
        for (size_t i = 0; i < fusion->links[k].count; i++)
            fusion->links[k].needs[i] = moved[fusion->links[k].needs[i]];
}

/* ---- the new order ----------------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t *order;
    size_t count;
} Order;

/* Orders kernels topologically by `needs`; otherwise as their last values were. */
static Order order_kernels(Fusion *fusion) {
    size_t n = fusion->n_kernels, depth = 0, capacity = 0;
    Order order = {ARENA_ARRAY(fusion->arena, uint32_t, n + 1), 0};
    char *state = ARENA_ARRAY(fusion->arena, char, n + 1); /* 0 new, 1 open, 2 done */
    uint32_t *stack = NULL;
    for (size_t i = n; i-- > 0;) { /* kernels were made from the last value to the first */
        ARENA_PUSH(fusion->arena, stack, depth, capacity, (uint32_t)i);
        while (depth > 0) {
            uint32_t k = stack[depth - 1];
            const Links *links = &fusion->links[k];
            if (state[k] != 0) {
                if (state[k] == 1) order.order[order.count++] = k;
                state[k] = 2;
                depth--;
                continue;
            }
            state[k] = 1;
            for (size_t j = 0; j < links->count; j++)
                if (state[links->needs[j]] == 0)
                    ARENA_PUSH(fusion->arena, stack, depth, capacity, links->needs[j]);
        }
    }
    return order;
}

static int by_value(const void *a, const void *b) {
    ValueId x = *(const ValueId *)a, y = *(const ValueId *)b;
    return (x > y) - (x < y);
}

/* The function with its kernels. */
typedef struct {
    Fusion *fusion;
    PlanRewrite out;
    ValueId *now;    /* of each old value: the new one that the kernel being made computes or reads */
    uint32_t *stamp; /* of each old value: the last kernel, + 1, that computes it */
} Emission;

static ValueId operand_in(const Emission *e, uint32_t number, ValueId x) {
    return e->stamp[x] == number ? e->now[x] : e->out.nodes.map[x];
}

/* Emits one kernel's nodes, each once. */
static void emit_nodes(Emission *e, uint32_t k, uint32_t number) {
    Fusion *fusion = e->fusion;
    const Kernel *kernel = &fusion->kernels[k];
    ValueId *values = ARENA_ARRAY(fusion->arena, ValueId, kernel->n_members + 1);
    for (size_t i = 0; i < kernel->n_members; i++) values[i] = kernel->members[i].value;
    qsort(values, kernel->n_members, sizeof *values, by_value);
    for (size_t i = 0; i < kernel->n_members; i++) {
        ValueId value = values[i];
        if (e->stamp[value] == number) continue;
        const Node *node = &e->out.nodes.old[value];
        ValueId *operands = ARENA_ARRAY(fusion->arena, ValueId, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++) operands[o] = operand_in(e, number, node->operands[o]);
        e->now[value] = func_copy(fusion->func, node, operands);
        e->stamp[value] = number;
        if (fusion->home[value] == k) e->out.nodes.map[value] = e->now[value];
    }
}

static void emit_kernel(Emission *e, uint32_t k, uint32_t number) {
    Fusion *fusion = e->fusion;
    const Kernel *grown = &fusion->kernels[k];
    if (grown->n_members == 0) return;
    emit_nodes(e, k, number);
    if (fusion->links[k].merged) {
        plan_rewrite_derive(&e->out);
        return;
    }
    Kernel kernel = kernel_copy(fusion->func->module->arena, grown);
    kernel.first = kernel.last = kernel.members[0].value;
    for (size_t m = 0; m < kernel.n_members; m++) {
        if (kernel.members[m].value < kernel.first) kernel.first = kernel.members[m].value;
        if (kernel.members[m].value > kernel.last) kernel.last = kernel.members[m].value;
    }
    for (size_t u = 0; u < kernel.n_uses; u++)
        e->now[kernel.uses[u].value] = operand_in(e, number, kernel.uses[u].value);
    plan_rewrite_take(&e->out, kernel, e->now);
}

static void emit_func(Fusion *fusion) {
    Func *func = fusion->func;
    size_t n = func->count;
    Order order = order_kernels(fusion);
    Emission e = {.fusion = fusion, .now = ARENA_ARRAY(fusion->arena, ValueId, n + 1)};
    e.stamp = ARENA_ARRAY(fusion->arena, uint32_t, n + 1);
    e.out = plan_rewrite_begin(func);
    for (size_t i = 0; i < order.count; i++) emit_kernel(&e, order.order[i], (uint32_t)i + 1);
    plan_rewrite_end(&e.out);
}

static void fuse_func(Func *func) {
    Fusion fusion = {.func = func, .arena = arena_new()};
    size_t n = func->count;
    fusion.users = ARENA_ARRAY(fusion.arena, Users, n + 1);
    fusion.home = ARENA_ARRAY(fusion.arena, uint32_t, n + 1);
    fusion.uses = ARENA_ARRAY(fusion.arena, uint32_t, n + 1);
    for (size_t i = 0; i < n; i++) fusion.home[i] = IR_NONE;
    for (ValueId id = 0; id < n; id++)
        for (int o = 0; o < func_node(func, id)->n_operands; o++)
            fusion.uses[func_node(func, id)->operands[o]]++;
    fusion.recompute = recompute_estimate(fusion.arena, func);
    for (size_t i = 0; i < func->n_outputs; i++) fusion.users[func->outputs[i].value].wanted = true;
    for (size_t i = 0; i < func->n_updates; i++) fusion.users[func->updates[i].value].wanted = true;
    for (ValueId id = (ValueId)n; id-- > 0;) decide(&fusion, id);
    group_scalars(&fusion);
    emit_func(&fusion);
    arena_free(fusion.arena);
}

bool pass_fuse(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) fuse_func(module->funcs[f]);
    return true;
}
