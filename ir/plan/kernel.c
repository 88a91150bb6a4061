/* What fits into a kernel, and adding it: see kernel.h. */
#include "ir/plan/kernel.h"
#include "ir/loop.h"

#include <string.h>

enum { LONG_ROW = 8192 };

const char *kernel_kind_name(const Kernel *kernel) {
    static const char *const names[] = {[KERNEL_LOOP] = "loops",
                                        [KERNEL_COLUMN] = "column",
                                        [KERNEL_MATMUL] = "product",
                                        [KERNEL_PACK] = "pack",
                                        [KERNEL_OTHER] = "function"};
    return kernel->kind == KERNEL_LOOP && kernel->rows ? "rows" : names[kernel->kind];
}

bool access_uses_loop(const Access *access, int loop) {
    for (int k = 0; k < access->rank; k++)
        if (access->coef[k][loop] != 0) return true;
    return false;
}

/* The first use of a value is looked up often; a kernel with many uses has a hash table for it. */
enum { FEW_USES = 32 };

static size_t use_slot(const Kernel *kernel, ValueId value) {
    size_t at = (value * 0x9e3779b9u >> 7) & (kernel->n_use_slots - 1);
    while (kernel->use_slots[at] && kernel->uses[kernel->use_slots[at] - 1].value != value)
        at = (at + 1) & (kernel->n_use_slots - 1);
    return at;
}

uint32_t kernel_first_use(const Kernel *kernel, ValueId value) {
    if (kernel->n_use_slots) return kernel->use_slots[use_slot(kernel, value)] - 1; /* 0 - 1 is IR_NONE */
    for (uint32_t u = 0; u < kernel->n_uses; u++)
        if (kernel->uses[u].value == value) return u;
    return IR_NONE;
}

static void fill_use_slots(Kernel *kernel) {
    kernel->n_used = 0;
    for (uint32_t u = 0; u < kernel->n_uses; u++) {
        uint32_t *slot = &kernel->use_slots[use_slot(kernel, kernel->uses[u].value)];
        if (*slot) continue;
        *slot = u + 1;
        kernel->n_used++;
    }
}

static void grow_use_slots(Arena *arena, Kernel *kernel) {
    size_t n = kernel->n_use_slots ? kernel->n_use_slots * 2 : 4 * FEW_USES;
    kernel->use_slots = ARENA_ARRAY(arena, uint32_t, n);
    kernel->n_use_slots = n;
    fill_use_slots(kernel);
}

void kernel_index_uses(Arena *arena, Kernel *kernel) {
    if (kernel->n_uses <= FEW_USES) {
        kernel->n_use_slots = 0;
        return;
    }
    if (kernel->n_use_slots < 2 * kernel->n_uses) {
        size_t n = 4 * FEW_USES;
        while (n < 2 * kernel->n_uses) n *= 2;
        kernel->use_slots = ARENA_ARRAY(arena, uint32_t, n);
        kernel->n_use_slots = n;
    } else
        memset(kernel->use_slots, 0, sizeof *kernel->use_slots * kernel->n_use_slots);
    fill_use_slots(kernel);
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

static KernelReach farther(KernelReach a, KernelReach b) {
    return (KernelReach){larger(a.members, b.members), larger(a.reductions, b.reductions),
                         larger(a.choices, b.choices), larger(a.ways, b.ways)};
}

/* The reach of a node's operands from that of the node. */
static KernelReach beyond(KernelReach reach, const Node *node) {
    int ways = !op_is_choice(node->op) ? 1 : node->n_operands > 1 ? node->n_operands : 2;
    reach.members++;
    reach.reductions += op_is_reduce(node->op);
    reach.choices += ways > 1;
    reach.ways = size_mul(reach.ways, ways) > KERNEL_WAYS ? KERNEL_WAYS + 1 : reach.ways * ways;
    return reach;
}

static void add_use(Arena *arena, Kernel *kernel, ValueId value, bool in_memory, KernelReach reach,
                    const Access *access) {
    uint32_t last = IR_NONE, added = (uint32_t)kernel->n_uses;
    for (uint32_t u = kernel_first_use(kernel, value); u != IR_NONE; u = kernel->uses[u].next) {
        KernelUse *use = &kernel->uses[u];
        last = u;
        if (use->in_memory != in_memory) continue;
        if (!in_memory && !access_equal(&use->access, access, kernel->domain.rank)) continue;
        use->reach = farther(use->reach, reach);
        return;
    }
    KernelUse use = {.value = value, .in_memory = in_memory, .reach = reach, .next = IR_NONE};
    if (access) use.access = *access;
    ARENA_PUSH(arena, kernel->uses, kernel->n_uses, kernel->uses_capacity, use);
    if (last != IR_NONE)
        kernel->uses[last].next = added;
    else if (kernel->n_use_slots) {
        kernel->use_slots[use_slot(kernel, value)] = added + 1;
        kernel->n_used++;
    }
    if (kernel->n_uses > FEW_USES && kernel->n_used * 2 >= kernel->n_use_slots) grow_use_slots(arena, kernel);
}

/* The reach of a value that is to be added: all members that use it are there already. */
static KernelReach reach_of(const Kernel *kernel, ValueId value) {
    KernelReach reach = {.ways = 1};
    for (uint32_t u = kernel_first_use(kernel, value); u != IR_NONE; u = kernel->uses[u].next)
        reach = farther(reach, kernel->uses[u].reach);
    return reach;
}

static KernelFit fit_size(const Func *func, const Kernel *kernel, ValueId value) {
    const Node *node = func_node(func, value);
    if (node->n_operands == 0) return FIT_GOOD; /* constants: each kernel has its own */
    KernelReach reach = reach_of(kernel, value);
    if (op_is_reduce(node->op) && reach.reductions >= KERNEL_REDUCTIONS) return FIT_REDUCTIONS;
    if (reach.choices > 1 && reach.ways > KERNEL_WAYS) return FIT_WAYS;
    if (kernel->n_members >= KERNEL_MEMBERS) return FIT_MEMBERS;
    return reach.members < KERNEL_DEPTH ? FIT_GOOD : FIT_DEPTH;
}

static void split_loop(Kernel *kernel, const DomainSplit *split) {
    Domain before = kernel->domain;
    for (size_t i = 0; i < kernel->n_members; i++)
        if (kernel->members[i].access.rank >= 0) access_split(&kernel->members[i].access, &before, split);
    for (size_t i = 0; i < kernel->n_uses; i++)
        if (!kernel->uses[i].in_memory) access_split(&kernel->uses[i].access, &before, split);
    domain_split(&kernel->domain, split);
    if (split->dim < kernel->first_inner) kernel->first_inner++;
}

static bool reduces_trailing(const Func *func, const Node *node) {
    const Type *x = func_type(func, node->operands[0]);
    const Ints *axes = &reduce_attrs(node)->axes;
    for (int i = 0; i < axes->n; i++)
        if (axes->v[i] != x->rank - axes->n + i) return false;
    return !reduce_attrs(node)->keep;
}

static int64_t reduced_size(const Func *func, const Node *node) {
    return type_elements(func_type(func, node->operands[0])) / type_elements(&node->type);
}

ValueId kernel_block_reduction(const Func *func, const Kernel *kernel) {
    ValueId first = kernel->n_members ? kernel->members[0].value : IR_NONE;
    return first != IR_NONE && op_is_block_reduction(func_node(func, first)->op) ? first : IR_NONE;
}

const Access *kernel_block_operand(const Func *func, const Kernel *kernel, int operand) {
    ValueId value = func_node(func, kernel->members[0].value)->operands[operand];
    for (uint32_t u = kernel_first_use(kernel, value); u != IR_NONE; u = kernel->uses[u].next)
        if (!kernel->uses[u].in_memory)
            return &kernel->uses[u].access; /* it joined first, and so did its uses */
    return NULL;
}

/* The first of the loops along which a reduction whose result is wanted at `access` can run: the kernel's row, or else
 * trailing loops that the result does not depend on; the domain's rank: new loops are needed. */
static KernelFit fit_row(const Func *func, const Kernel *kernel, const Node *node, const Access *access,
                         int *first) {
    const Domain *domain = &kernel->domain;
    int64_t size = reduced_size(func, node), row = 1;
    if (kernel->kind != KERNEL_LOOP) return FIT_NO_ROWS;
    if (!reduces_trailing(func, node)) return FIT_AXES;
    *first = domain->rank;
    if (kernel->rows)
        *first = kernel->first_inner;
    else
        while (*first > 0 && !access_uses_loop(access, *first - 1)) --*first;
    for (int i = *first; i < domain->rank; i++) {
        if (access_uses_loop(access, i)) return FIT_ALONG_ROW;
        row *= domain->extent[i];
    }
    if (row == size) return FIT_GOOD;
    if (kernel->rows || domain->rank == DOMAIN_MAX || kernel_block_reduction(func, kernel) != IR_NONE)
        return FIT_ROW_LENGTH;
    for (int i = 0; i < domain->rank; i++) /* new loops: the result must not be computed again and again */
        if (domain->extent[i] > 1 && !access_uses_loop(access, i)) return FIT_AGAIN;
    *first = domain->rank;
    return domain_size(domain) == 1 && size > LONG_ROW ? FIT_LONG_ROW : FIT_GOOD;
}

static void make_row(const Func *func, Kernel *kernel, const Node *node, const Access *access) {
    int first = kernel->domain.rank;
    int64_t row = 1;
    fit_row(func, kernel, node, access, &first);
    for (int i = first; i < kernel->domain.rank; i++) row *= kernel->domain.extent[i];
    if (row != reduced_size(func, node))
        kernel->domain.extent[kernel->domain.rank++] = reduced_size(func, node);
    kernel->rows = true;
    kernel->first_inner = first;
}

/* Whether the result of the product is one matrix that has the elements of the block reduction's operand in the same
 * order: its tiles are then rows and columns of that operand. */
static bool runs_row_by_row(const Func *func, const Kernel *kernel, const Node *node, const Access *access) {
    const Type *type = &node->type;
    const Type *operand = func_type(func, func_node(func, kernel_block_reduction(func, kernel))->operands[0]);
    int64_t offset, coef[DOMAIN_MAX], n = type->dim[type->rank - 1];
    if (node->op != OP_matmul || matmul_attrs(node)->symmetric ||
        type_elements(type) != n * type->dim[type->rank - 2])
        return false;
    if (operand->dim[operand->rank - 1] != n) return false;
    access_linear(type, access, &kernel->domain, &offset, coef);
    for (int i = 0; i < kernel->domain.rank; i++)
        if (kernel->domain.extent[i] > 1 && coef[i] != domain_stride(&kernel->domain, i)) return false;
    return offset == 0;
}

/* Whether the value would need the loop along the columns of `moments` split: then it does not fit. */
static bool splits_columns(const Func *func, const Kernel *kernel, const Node *node, const Access *access) {
    ValueId reduction = kernel_block_reduction(func, kernel);
    if (reduction == IR_NONE || func_node(func, reduction)->op != OP_moments || op_is_reduce(node->op))
        return false;
    for (int o = 0; o < node->n_operands; o++) {
        DomainSplit split;
        Access of_operand;
        if (access_operand(func, node, o, &kernel->domain, access, &of_operand, &split) == ACCESS_SPLIT &&
            split.dim == kernel->domain.rank - 1)
            return true;
    }
    return false;
}

/* A matrix product can be the core of a loop kernel, which becomes its epilogue, if every loop runs along one
 * of the product's dimensions and its columns along a single loop. */
static KernelFit fit_core(const Func *func, const Kernel *kernel, const Node *node, const Access *access) {
    const Domain *domain = &kernel->domain;
    if (kernel->kind != KERNEL_LOOP || kernel->rows) return FIT_CORE;
    if (!access_covers(&node->type, access, domain)) return FIT_ELEMENTS;
    if (node->type.dtype != DT_F32) return FIT_PRODUCT_TYPE;
    if (kernel_block_reduction(func, kernel) != IR_NONE && !runs_row_by_row(func, kernel, node, access))
        return FIT_BLOCK_TILES;
    int columns = 0;
    for (int i = 0; i < domain->rank; i++) {
        int along = 0;
        for (int k = 0; k < access->rank; k++) along += access->coef[k][i] != 0;
        if (domain->extent[i] > 1 && along != 1) return FIT_PRODUCT_LOOPS;
        columns += access->coef[access->rank - 1][i] != 0;
    }
    return columns == 1 ? FIT_GOOD : FIT_PRODUCT_LOOPS;
}

/* Whatever the kernel's size. */
static KernelFit fit_loops(const Func *func, const Kernel *kernel, ValueId value, const Access *access) {
    const Node *node = func_node(func, value);
    int first;
    if (op_is_product(node->op)) return fit_core(func, kernel, node, access);
    if (op_is_reduce(node->op)) return fit_row(func, kernel, node, access, &first);
    if (op_is_block_reduction(node->op)) return FIT_BLOCK_ROOT;
    if (splits_columns(func, kernel, node, access)) return FIT_BLOCK_COLUMNS;
    if (kernel->kind == KERNEL_OTHER || kernel->kind == KERNEL_PACK) return FIT_CALL;
    return op_is_fusable(node->op) ? FIT_GOOD : FIT_OPERATOR;
}

KernelFit kernel_fit(const Func *func, const Kernel *kernel, ValueId value, const Access *access) {
    KernelFit fit = fit_size(func, kernel, value);
    return fit == FIT_GOOD ? fit_loops(func, kernel, value, access) : fit;
}

const char *kernel_fit_text(KernelFit fit) {
    static const char *const TEXTS[FIT_COUNT] = {
        [FIT_GOOD] = "it fits",
        [FIT_MEMBERS] = "the kernel has as many values as one may have",
        [FIT_DEPTH] = "the way from it to the kernel's result is as long as one may be",
        [FIT_REDUCTIONS] = "too many reductions would follow each other",
        [FIT_WAYS] = "too many alternatives of pad and concat would multiply",
        [FIT_CALL] = "the kernel is a call of a C function or packs a matrix, and has no loops",
        [FIT_OPERATOR] = "its operator is not computed element by element in loops",
        [FIT_BLOCK_ROOT] = "a block reduction is the last value of its kernel",
        [FIT_BLOCK_COLUMNS] = "it would split the loop along the columns of moments",
        [FIT_NO_ROWS] = "the kernel has no loops along rows",
        [FIT_AXES] = "it does not reduce the last axes",
        [FIT_ALONG_ROW] = "the kernel's row needs other results of the reduction as it goes along",
        [FIT_ROW_LENGTH] = "the kernel's rows have another length, or can get no further loop",
        [FIT_AGAIN] = "it would be reduced again in each iteration of a loop",
        [FIT_LONG_ROW] = "it is one long reduction, which threads could not share in this kernel",
        [FIT_CORE] = "the kernel has a product or reductions of its own already",
        [FIT_ELEMENTS] = "the kernel's loops do not compute each element of the product once",
        [FIT_PRODUCT_TYPE] = "a product with loops behind it is of f32",
        [FIT_BLOCK_TILES] = "the product's tiles are no rows and columns of what the block reduction reads",
        [FIT_PRODUCT_LOOPS] = "the kernel's loops are not along one dimension of the product each",
    };
    return TEXTS[fit];
}

bool kernel_covers(const Func *func, const Kernel *kernel, ValueId value, const Access *access) {
    if (kernel->kind == KERNEL_COLUMN || !access_covers(func_type(func, value), access, &kernel->domain))
        return false;
    bool inner = false, all_inner = true;
    int first_inner = kernel->first_inner; /* a first reduction makes rows of loops that had none */
    const Node *node = func_node(func, value);
    if (op_is_reduce(node->op) && !kernel->rows &&
        fit_row(func, kernel, node, access, &first_inner) != FIT_GOOD)
        return false;
    for (int i = 0; i < kernel->domain.rank; i++) {
        if (kernel->domain.extent[i] == 1) continue;
        bool used = access_uses_loop(access, i);
        if (i < first_inner && !used) return false;
        if (i >= first_inner) {
            inner = inner || used;
            all_inner = all_inner && used;
        }
    }
    return !inner || all_inner;
}

static void use_strided(Arena *arena, const Func *func, Kernel *kernel, const Node *product, int operand,
                        KernelReach reach) {
    ValueId views[KERNEL_VIEWS];
    int n_views;
    Strided found = kernel_operand(func, product, operand, views, &n_views);
    for (int i = 0; i < n_views; i++) {
        KernelMember member = {.value = views[i], .access = {.rank = -1}};
        ARENA_PUSH(arena, kernel->members, kernel->n_members, kernel->members_capacity, member);
    }
    add_use(arena, kernel, found.base, true, reach, NULL);
}

/* An operand of a loop, which the body reads in memory where a stored value has it. */
static void use_part(Arena *arena, const Func *func, Kernel *kernel, ValueId operand, KernelReach reach) {
    LoopOperand part = loop_operand(func, operand);
    for (int i = 0; i < part.n_views; i++) {
        KernelMember member = {.value = part.views[i], .access = {.rank = -1}};
        ARENA_PUSH(arena, kernel->members, kernel->n_members, kernel->members_capacity, member);
    }
    add_use(arena, kernel, part.base, true, reach, NULL);
}

static void use_operand(Arena *arena, const Func *func, Kernel *kernel, size_t member, const Node *node,
                        int operand, KernelReach reach) {
    for (;;) {
        const Access *access = &kernel->members[member].access;
        DomainSplit split;
        Access of_operand;
        AccessResult result =
            op_is_reduce(node->op)
                ? access_reduced(func, node, &kernel->domain, kernel->first_inner, access, &of_operand,
                                 &split)
                : access_operand(func, node, operand, &kernel->domain, access, &of_operand, &split);
        if (result == ACCESS_OK) add_use(arena, kernel, node->operands[operand], false, reach, &of_operand);
        if (result == ACCESS_NONE) add_use(arena, kernel, node->operands[operand], true, reach, NULL);
        if (result != ACCESS_SPLIT) return;
        split_loop(kernel, &split);
    }
}

void kernel_join(Arena *arena, const Func *func, Kernel *kernel, ValueId value, const Access *access) {
    const Node *node = func_node(func, value);
    KernelMember entry = {value, *access};
    bool core = kernel->core == value;
    if (op_is_reduce(node->op) && !core) make_row(func, kernel, node, access);
    size_t member = kernel->n_members;
    KernelReach reach = beyond(reach_of(kernel, value), node);
    ARENA_PUSH(arena, kernel->members, kernel->n_members, kernel->members_capacity, entry);
    if (op_is_product(node->op) || node->op == OP_pack) {
        kernel->kind = node->op == OP_pack ? KERNEL_PACK : KERNEL_MATMUL;
        kernel->core = value;
        for (int o = 0; o < node->n_operands; o++) use_strided(arena, func, kernel, node, o, reach);
        return;
    }
    for (int o = 0; o < node->n_operands; o++) {
        if (node->op == OP_loop)
            use_part(arena, func, kernel, node->operands[o], reach);
        else if (kernel->kind == KERNEL_OTHER)
            add_use(arena, kernel, node->operands[o], true, reach, NULL);
        else if (core || op_is_block_reduction(node->op)) {
            Access identity = access_identity(func_type(func, node->operands[o]));
            add_use(arena, kernel, node->operands[o], false, reach, &identity);
        } else
            use_operand(arena, func, kernel, member, node, o, reach);
    }
}

/* The access of a block reduction's result over the loops of its operands. Which block an element belongs to is no
 * affine function of the loops; the access only says which loops run along rows and which along columns. */
static Access block_reduction_access(const Func *func, const Node *node) {
    Access access = {.rank = node->type.rank};
    int rows = func_type(func, node->operands[0])->rank - 1;
    if (node->op == OP_sum_rows) access.coef[2][rows] = 1;
    for (int k = 0; k < rows && node->op == OP_moments; k++) access.coef[k][k] = 1;
    return access;
}

Kernel kernel_from_root(Arena *arena, const Func *func, ValueId value) {
    const Node *node = func_node(func, value);
    bool sums_blocks = op_is_block_reduction(node->op);
    Kernel kernel = {.kind = op_is_fusable(node->op) || sums_blocks ? KERNEL_LOOP : KERNEL_OTHER,
                     .core = IR_NONE};
    Access access = sums_blocks ? block_reduction_access(func, node) : access_identity(&node->type);
    kernel.domain = domain_of(sums_blocks ? func_type(func, node->operands[0]) : &node->type);
    if (op_is_product(node->op)) kernel.kind = KERNEL_MATMUL;
    if (op_is_reduce(node->op)) kernel.domain = domain_of(func_type(func, node->operands[0]));
    kernel.first_inner = kernel.domain.rank;
    if (op_is_reduce(node->op) && reduces_trailing(func, node)) {
        kernel.rows = true;
        kernel.first_inner = node->type.rank;
    } else if (op_is_reduce(node->op)) { /* [outer…, R, inner]: the result runs along all loops but R's */
        kernel.kind = KERNEL_COLUMN;
        kernel.core = value;
        for (int k = (int)reduce_attrs(node)->axes.v[0]; k < node->type.rank; k++) {
            access.coef[k][k + 1] = access.coef[k][k];
            access.coef[k][k] = 0;
        }
    }
    kernel_join(arena, func, &kernel, value, &access);
    return kernel;
}

/* Whether the kernel is one of scalars, and `value`, which no member uses, a further root of it. */
static bool is_scalar_root(const Func *func, const Kernel *kernel, ValueId value) {
    return kernel->kind == KERNEL_LOOP && !kernel->rows && domain_size(&kernel->domain) == 1 &&
           type_elements(func_type(func, value)) == 1 && op_is_fusable(func_node(func, value)->op) &&
           !op_is_reduce(func_node(func, value)->op);
}

/* Further roots of a kernel whose last node is `root`: elementwise values of the root's sizes that no node of the
 * kernel reads. They join before anything else does, while the loops are still those of the root's dimensions. */
static void join_roots(Arena *arena, const Func *func, Kernel *kernel, ValueId first, ValueId root) {
    Domain domain = domain_of(func_type(func, root));
    if (kernel->kind != KERNEL_LOOP || kernel->rows || domain_size(&domain) == 1 || first == root ||
        !kernel_may_root(func, kernel, root))
        return;
    bool *read = ARENA_ARRAY(arena, bool, root - first + 1);
    for (ValueId id = first; id <= root; id++)
        for (int o = 0; o < func_node(func, id)->n_operands; o++)
            if (func_node(func, id)->operands[o] >= first)
                read[func_node(func, id)->operands[o] - first] = true;
    for (ValueId value = root; value-- > first;) {
        if (read[value - first] || !kernel_may_root(func, kernel, value)) continue;
        Access access = access_identity(func_type(func, value));
        kernel_join(arena, func, kernel, value, &access);
    }
}

bool kernel_may_root(const Func *func, const Kernel *kernel, ValueId value) {
    const Node *node = func_node(func, value), *root = func_node(func, kernel->members[0].value);
    return op_info(node->op)->loop == LOOP_ELEMENTWISE && node->n_operands > 0 &&
           node->type.rank == root->type.rank &&
           memcmp(node->type.dim, root->type.dim, sizeof node->type.dim[0] * node->type.rank) == 0;
}

static Kernel grow(Arena *arena, const Func *func, ValueId first, ValueId last, bool prologue);

/* If a product reads its first operand in memory and that is computed by nodes of the same kernel, these are its
 * prologue. */
static void grow_prologue(Arena *arena, const Func *func, Kernel *kernel, ValueId first) {
    ValueId views[KERNEL_VIEWS];
    int n_views;
    const Node *core = kernel->core == IR_NONE ? NULL : func_node(func, kernel->core);
    if (!core || core->op != OP_matmul) return;
    ValueId made = kernel_operand(func, core, 0, views, &n_views).base;
    if (made < first) return;
    kernel->prologue = ARENA_NEW(arena, Kernel);
    *kernel->prologue = grow(arena, func, first, made, true);
    for (size_t u = 0; u < kernel->prologue->n_uses; u++)
        if (kernel->prologue->uses[u].value < first)
            add_use(arena, kernel, kernel->prologue->uses[u].value, true, kernel->prologue->uses[u].reach,
                    NULL);
}

/* Whether `value` packs a value of its own kernel, which begins with node `first`. */
static bool packs_own(const Func *func, ValueId first, ValueId value) {
    const Node *node = func_node(func, value);
    return node->op == OP_pack && node->operands[0] >= first &&
           !op_is_view(func_node(func, node->operands[0])->op);
}

bool kernel_packs(const Func *func, const Kernel *kernel, ValueId value) {
    return packs_own(func, kernel->first, value);
}

void kernel_join_pack(Arena *arena, const Func *func, Kernel *kernel, ValueId pack) {
    const KernelMember *operand = kernel_member(kernel, func_node(func, pack)->operands[0]);
    if (!operand) return;
    KernelMember member = {pack, operand->access};
    ARENA_PUSH(arena, kernel->members, kernel->n_members, kernel->members_capacity, member);
}

static Kernel grow(Arena *arena, const Func *func, ValueId first, ValueId last, bool prologue) {
    ValueId root = last;
    while (root > first && packs_own(func, first, root)) root--;
    Kernel kernel = kernel_from_root(arena, func, root);
    join_roots(arena, func, &kernel, first, root);
    for (ValueId value = root; value-- > first;) {
        uint32_t first_use = kernel_first_use(&kernel, value);
        for (uint32_t u = first_use; u != IR_NONE; u = kernel.uses[u].next) {
            if (kernel.uses[u].in_memory) continue;
            Access access = kernel.uses[u].access;
            if (fit_loops(func, &kernel, value, &access) == FIT_GOOD)
                kernel_join(arena, func, &kernel, value, &access);
            else
                kernel.unfit = true;
        }
        if (first_use != IR_NONE || !is_scalar_root(func, &kernel, value)) continue;
        Access access = access_identity(func_type(func, value));
        kernel_join(arena, func, &kernel, value, &access);
    }
    for (ValueId value = first; value <= last; value++)
        if (packs_own(func, first, value)) kernel_join_pack(arena, func, &kernel, value);
    if (!prologue) grow_prologue(arena, func, &kernel, first);
    kernel.first = first;
    kernel.last = last;
    return kernel;
}

Kernel kernel_derive(Arena *arena, const Func *func, ValueId first, ValueId last) {
    return grow(arena, func, first, last, false);
}

bool kernel_reduces(const Func *func, const Node *node) {
    const Type *x = func_type(func, node->operands[0]);
    const ReduceAttrs *attrs = reduce_attrs(node);
    if (reduces_trailing(func, node)) return true;
    if (attrs->axes.n != 1 || attrs->keep) return false;
    int64_t columns = 1;
    for (int64_t k = attrs->axes.v[0] + 1; k < x->rank; k++) columns *= x->dim[k];
    return columns > 1;
}

const char *kernel_fault(const Func *func, ValueId first, ValueId last) {
    for (ValueId id = first; id <= last; id++) {
        const Node *node = func_node(func, id);
        if (op_is_block_reduction(node->op) && id < last)
            return "is followed by more of its kernel, whose last value it must be";
        if (op_is_reduce(node->op) && !kernel_reduces(func, node))
            return "reduces neither the last axes nor one before several columns, or keeps them: "
                   "'reductions' "
                   "brings it into these forms";
    }
    return NULL;
}

const KernelMember *kernel_member(const Kernel *kernel, ValueId value) {
    for (size_t m = 0; m < kernel->n_members; m++)
        if (kernel->members[m].value == value && kernel->members[m].access.rank >= 0)
            return &kernel->members[m];
    return NULL;
}
