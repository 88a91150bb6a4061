/* Index maps in the text form, written: see accesses.h. */
#include "ir/text/accesses.h"

#include <stdlib.h>

/* ---- those of a kernel ------------------------------------------------------------------------------------------- */

static int compare_accesses(const void *a, const void *b) {
    const ValueAccess *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return x->turn < y->turn ? -1 : x->turn > y->turn;
}

/* Which block a block reduction adds to is no index map, nor is where a packed element lies. */
static bool has_map(const Func *func, ValueId value, const Access *access) {
    OpKind op = (OpKind)func_node(func, value)->op;
    return access->rank == func_type(func, value)->rank && op != OP_pack && !op_is_block_reduction(op);
}

static void add_access(KernelAccesses *all, ValueId value, bool prologue, const Access *access) {
    if (!has_map(all->func, value, access)) return;
    all->of[all->n] = (ValueAccess){value, (uint32_t)all->n, prologue, access};
    all->n++;
}

static void add_kernel(KernelAccesses *all, const Kernel *loops, bool prologue) {
    for (size_t m = 0; m < loops->n_members; m++)
        add_access(all, loops->members[m].value, prologue, &loops->members[m].access);
    for (size_t u = 0; u < loops->n_uses; u++) {
        const KernelUse *use = &loops->uses[u];
        if (!use->in_memory && !kernel_has(all->kernel, use->value))
            add_access(all, use->value, prologue, &use->access);
    }
}

KernelAccesses accesses_of(Arena *arena, const Func *func, const Kernel *kernel) {
    KernelAccesses all = {.func = func, .kernel = kernel};
    const Kernel *prologue = kernel->prologue;
    size_t most = kernel->n_members + kernel->n_uses;
    if (prologue) most += prologue->n_members + prologue->n_uses;
    all.of = ARENA_ARRAY(arena, ValueAccess, most + 1);
    add_kernel(&all, kernel, false);
    if (prologue) add_kernel(&all, prologue, true);
    qsort(all.of, all.n, sizeof *all.of, compare_accesses);
    return all;
}

const ValueAccess *accesses_find(const KernelAccesses *all, ValueId value, size_t *n) {
    size_t low = 0, high = all->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (all->of[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    for (*n = 0; low + *n < all->n && all->of[low + *n].value == value;) ++*n;
    return &all->of[low];
}

const Domain *accesses_domain(const KernelAccesses *all, const ValueAccess *one) {
    return one->prologue ? &all->kernel->prologue->domain : &all->kernel->domain;
}

/* Whether dimension k runs along loop k, dimensions and loops of size 1 left out. */
static bool is_plain(const KernelAccesses *all, const ValueAccess *one) {
    const Domain *domain = accesses_domain(all, one);
    const Type *type = func_type(all->func, one->value);
    const Access *access = one->access;
    int next = 0; /* loop */
    for (int k = 0; k < access->rank; k++) {
        bool runs = type->dim[k] > 1;
        while (runs && next < domain->rank && domain->extent[next] == 1) next++;
        if (access->offset[k] != 0 || (runs && next == domain->rank)) return false;
        for (int i = 0; i < domain->rank; i++)
            if (domain->extent[i] > 1 && access->coef[k][i] != (runs && i == next)) return false;
        next += runs;
    }
    return true;
}

/* ---- written ----------------------------------------------------------------------------------------------------- */

/* "17*i1", "- i0", "+ 3"; loop -1: the number alone. */
static void print_term(FILE *out, int64_t number, char letter, int loop, bool first) {
    uint64_t size = number < 0 ? -(uint64_t)number : (uint64_t)number;
    fputs(first ? (number < 0 ? "-" : "") : number < 0 ? " - " : " + ", out);
    if (loop < 0 || size != 1) fprintf(out, "%llu", (unsigned long long)size);
    if (loop >= 0) fprintf(out, "%s%c%d", size != 1 ? "*" : "", letter, loop);
}

static void print_access(FILE *out, const KernelAccesses *all, const ValueAccess *one) {
    const Domain *domain = accesses_domain(all, one);
    const Access *access = one->access;
    fputc('[', out);
    for (int k = 0; k < access->rank; k++) {
        bool first = true;
        if (k) fputs(", ", out);
        for (int i = 0; i < domain->rank; i++) {
            if (domain->extent[i] == 1 || access->coef[k][i] == 0) continue;
            print_term(out, access->coef[k][i], one->prologue ? 'p' : 'i', i, first);
            first = false;
        }
        if (first || access->offset[k] != 0) print_term(out, access->offset[k], 'i', -1, first);
    }
    fputc(']', out);
}

void accesses_print_given(FILE *out, const KernelAccesses *all, const ValueAccess *of, size_t n) {
    for (size_t i = 0; i < n; i++) {
        fputs(i ? " and " : " over ", out);
        print_access(out, all, &of[i]);
    }
}

void accesses_print(FILE *out, const KernelAccesses *all, ValueId value) {
    size_t n, plain = 0;
    const ValueAccess *of = accesses_find(all, value, &n);
    while (plain < n && is_plain(all, &of[plain])) plain++;
    if (plain < n) accesses_print_given(out, all, of, n);
}
