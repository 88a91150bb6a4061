/* The canonical text of kernels: see canonical.h. */
#include "ir/plan/canonical.h"

#include <string.h>

enum { SLICE_STEP = 2 }; /* attributes of a slice: start, limit, step */

typedef struct {
    char *text;
    size_t size, capacity;
} Text;

static void put(Arena *arena, Text *text, const char *format, ...) {
    char piece[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    for (int i = 0; i < n; i++) ARENA_PUSH(arena, text->text, text->size, text->capacity, piece[i]);
}

static void put_attrs(Arena *arena, Text *text, const Node *node, bool starts) {
    const OpInfo *info = op_info(node->op);
    int first = node->op == OP_slice && !starts ? SLICE_STEP : 0; /* where it ends follows from the type */
    for (int a = first; a < info->n_attrs; a++) {
        const Attr *attr = &node->attrs[a];
        switch (info->attrs[a].kind) {
        case ATTR_REAL: put(arena, text, "%a,", attr->f); break;
        case ATTR_BOOL: put(arena, text, "%d,", attr->b); break;
        case ATTR_INTS:
            for (int i = 0; i < attr->ints.n; i++) put(arena, text, "%lld.", (long long)attr->ints.v[i]);
            put(arena, text, ",");
            break;
        case ATTR_INT: put(arena, text, "%lld,", (long long)attr->i); break;
        case ATTR_DTYPE: put(arena, text, "%d,", attr->dtype); break;
        case ATTR_FUNC: put(arena, text, "@%lld,", (long long)attr->i); break;
        case ATTR_PRECISION: put(arena, text, "%d,", attr->precision); break;
        }
    }
}

/* The number of a value among what the kernel reads. */
static uint32_t read_number(const Kernel *kernel, ValueId value) {
    uint32_t i = 0;
    while (kernel->reads[i] != value) i++;
    return i;
}

static const char *canonical_text(Arena *arena, const Func *func, const Kernel *kernel, bool starts) {
    Text text = {0};
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        const Node *node = func_node(func, id);
        put(arena, &text, "%d%s", node->op, func->plan->places[id].kind == PLACE_LOOPS ? "" : "!");
        put(arena, &text, "<%s>", type_text(arena, &node->type));
        if (!node_is_literal(node)) put_attrs(arena, &text, node, starts);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (kernel_has(kernel, x))
                put(arena, &text, "l%u ", x - kernel->first);
            else
                put(arena, &text, "o%u%s ", read_number(kernel, x), type_text(arena, func_type(func, x)));
        }
        put(arena, &text, ";");
    }
    put(arena, &text, "%c", 0);
    return text.text;
}

const char *kernel_canonical(Arena *arena, const Func *func, const Kernel *kernel) {
    return canonical_text(arena, func, kernel, true);
}

/* ---- kernels that read elsewhere --------------------------------------------------------------------------------- */

bool kernel_slices(const Func *func, const Kernel *kernel) {
    bool slices = false;
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        OpKind op = func_node(func, id)->op;
        if (!op_is_fusable(op) || op_is_choice(op) || op == OP_iota) return false;
        slices = slices || op == OP_slice;
    }
    return slices;
}

const char *kernel_pattern(Arena *arena, const Func *func, const Kernel *kernel) {
    return canonical_text(arena, func, kernel, false);
}

/* One of two kernels that are compared. */
typedef struct {
    const Func *func;
    const Kernel *kernel;
} Side;

/* The access of an operand of a member; false: the operand is read in memory, at the member's own index. */
static bool operand_access(const Side *side, size_t member, int operand, Access *access) {
    const Kernel *kernel = side->kernel;
    const KernelMember *m = &kernel->members[member];
    const Node *node = func_node(side->func, m->value);
    DomainSplit split;
    if (m->value == kernel->core) { /* a column's sum, over all of it */
        *access = access_identity(func_type(side->func, node->operands[operand]));
        return true;
    }
    AccessResult result =
        op_is_reduce(node->op)
            ? access_reduced(side->func, node, &kernel->domain, kernel->first_inner, &m->access, access,
                             &split)
            : access_operand(side->func, node, operand, &kernel->domain, &m->access, access, &split);
    return result == ACCESS_OK;
}

/* The member that computes `value` at `access`. */
static size_t member_at(const Side *side, ValueId value, const Access *access) {
    const Kernel *kernel = side->kernel;
    size_t m = 0;
    while (m < kernel->n_members && !(kernel->members[m].value == value &&
                                      access_equal(&kernel->members[m].access, access, kernel->domain.rank)))
        m++;
    return m;
}

/* The elements between what `a` and `b` read of values of one type; false: it is not the same in all rounds of the
 * loops. */
static bool distance(const Side *a, const Type *type, const Access *at_a, const Access *at_b,
                     int64_t *elements) {
    int64_t from_a, from_b, along_a[DOMAIN_MAX], along_b[DOMAIN_MAX];
    access_linear(type, at_a, &a->kernel->domain, &from_a, along_a);
    access_linear(type, at_b, &a->kernel->domain, &from_b, along_b);
    *elements = from_b - from_a;
    return memcmp(along_a, along_b, sizeof along_a) == 0;
}

static bool same_loops(const Kernel *a, const Kernel *b) {
    if (a->kind != b->kind || a->rows != b->rows) return false;
    if (a->first_inner != b->first_inner || a->domain.rank != b->domain.rank) return false;
    if (a->n_members != b->n_members || a->n_uses != b->n_uses) return false;
    return memcmp(a->domain.extent, b->domain.extent, sizeof a->domain.extent[0] * (size_t)a->domain.rank) ==
           0;
}

typedef struct {
    Side a, b;
    int64_t *shift;
    bool *known; /* the shifts that are */
} Comparison;

static bool note_shift(Comparison *c, ValueId outside, int64_t elements) {
    uint32_t number = read_number(c->b.kernel, outside);
    int64_t bytes = elements * (int64_t)dtype_size(func_type(c->b.func, outside)->dtype);
    if (c->known[number]) return c->shift[number] == bytes;
    c->known[number] = true;
    c->shift[number] = bytes;
    return true;
}

/* Whether an operand is the same member in both kernels, or in both a value from another kernel, whose shift is then
 * noted. */
static bool compare_operand(Comparison *c, size_t member, int operand) {
    const KernelMember *m = &c->a.kernel->members[member], *n = &c->b.kernel->members[member];
    ValueId x = func_node(c->a.func, m->value)->operands[operand],
            y = func_node(c->b.func, n->value)->operands[operand];
    Access at_x, at_y;
    int64_t elements;
    bool in_loops = operand_access(&c->a, member, operand, &at_x);
    if (in_loops != operand_access(&c->b, member, operand, &at_y)) return false;
    bool inside = kernel_has(c->b.kernel, y);
    if (inside != kernel_has(c->a.kernel, x) || (inside && x - c->a.kernel->first != y - c->b.kernel->first))
        return false;
    if (!in_loops) /* what the kernel itself has stored before, or what another has */
        return access_equal(&m->access, &n->access, c->a.kernel->domain.rank) &&
               (inside || note_shift(c, y, 0));
    if (!distance(&c->a, func_type(c->a.func, x), &at_x, &at_y, &elements)) return false;
    size_t made = member_at(&c->a, x, &at_x);
    if (made != member_at(&c->b, y, &at_y)) return false;
    if (inside) return made < c->a.kernel->n_members;
    return note_shift(c, y, elements);
}

bool kernel_shift(const Func *func_a, const Kernel *a, const Func *func_b, const Kernel *b, int64_t *shift) {
    if (!same_loops(a, b)) return false;
    Arena *arena = arena_new();
    Comparison c = {.a = {func_a, a}, .b = {func_b, b}, .shift = shift};
    c.known = ARENA_ARRAY(arena, bool, b->n_reads + 1);
    bool same = true;
    for (size_t m = 0; same && m < a->n_members; m++) {
        ValueId x = a->members[m].value, y = b->members[m].value;
        same = x - a->first == y - b->first;
        for (int o = 0; same && o < func_node(func_a, x)->n_operands; o++) same = compare_operand(&c, m, o);
    }
    arena_free(arena);
    return same;
}
