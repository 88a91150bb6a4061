/* Copying, comparing and renumbering kernels: see kernel.h. */
#include "ir/plan/kernel.h"

#include <string.h>

void kernel_renumber(Arena *arena, Kernel *kernel, const ValueId *map) {
    for (size_t m = 0; m < kernel->n_members; m++) kernel->members[m].value = map[kernel->members[m].value];
    for (size_t u = 0; u < kernel->n_uses; u++) kernel->uses[u].value = map[kernel->uses[u].value];
    if (kernel->core != IR_NONE) kernel->core = map[kernel->core];
    kernel->first = map[kernel->first];
    kernel->last = map[kernel->last];
    kernel_index_uses(arena, kernel);
    if (kernel->prologue) kernel_renumber(arena, kernel->prologue, map);
}

Kernel kernel_copy(Arena *arena, const Kernel *kernel) {
    Kernel copy = *kernel;
    copy.members = ARENA_ARRAY(arena, KernelMember, kernel->n_members + 1);
    copy.uses = ARENA_ARRAY(arena, KernelUse, kernel->n_uses + 1);
    if (kernel->n_members) memcpy(copy.members, kernel->members, sizeof *copy.members * kernel->n_members);
    if (kernel->n_uses) memcpy(copy.uses, kernel->uses, sizeof *copy.uses * kernel->n_uses);
    copy.members_capacity = kernel->n_members;
    copy.uses_capacity = kernel->n_uses;
    copy.use_slots = NULL;
    copy.n_use_slots = copy.n_used = 0;
    copy.reads = copy.stores = NULL;
    copy.n_reads = copy.n_stores = 0;
    copy.barrier = copy.single = false;
    copy.after = copy.lane = 0;
    kernel_index_uses(arena, &copy);
    if (kernel->prologue) {
        copy.prologue = ARENA_NEW(arena, Kernel);
        *copy.prologue = kernel_copy(arena, kernel->prologue);
    }
    return copy;
}

static bool same_domain(const Domain *a, const Domain *b) {
    return a->rank == b->rank && memcmp(a->extent, b->extent, sizeof a->extent[0] * (size_t)a->rank) == 0;
}

static bool same_access(const Access *a, const Access *b, int domain_rank) {
    return a->rank == b->rank && (a->rank < 0 || access_equal(a, b, domain_rank));
}

bool kernel_equal(const Kernel *a, const Kernel *b) {
    if (a->kind != b->kind || a->rows != b->rows || a->core != b->core || a->first != b->first ||
        a->last != b->last || a->first_inner != b->first_inner || !same_domain(&a->domain, &b->domain) ||
        a->n_members != b->n_members || a->n_uses != b->n_uses || !a->prologue != !b->prologue)
        return false;
    int rank = a->domain.rank;
    for (size_t m = 0; m < a->n_members; m++)
        if (a->members[m].value != b->members[m].value ||
            !same_access(&a->members[m].access, &b->members[m].access, rank))
            return false;
    for (size_t u = 0; u < a->n_uses; u++) {
        const KernelUse *x = &a->uses[u], *y = &b->uses[u];
        if (x->value != y->value || x->in_memory != y->in_memory || x->next != y->next) return false;
        if (!x->in_memory && !same_access(&x->access, &y->access, rank)) return false;
    }
    return !a->prologue || kernel_equal(a->prologue, b->prologue);
}
