/* Affine index maps through the moving operators: see access.h. */
#include "ir/plan/access.h"

#include <string.h>

Domain domain_of(const Type *type) {
    Domain domain = {.rank = type->rank};
    for (int k = 0; k < type->rank; k++) domain.extent[k] = type->dim[k];
    return domain;
}

int64_t domain_size(const Domain *domain) {
    int64_t n = 1;
    for (int i = 0; i < domain->rank; i++) n *= domain->extent[i];
    return n;
}

int64_t domain_stride(const Domain *domain, int loop) {
    int64_t stride = 1;
    for (int i = loop + 1; i < domain->rank; i++) stride *= domain->extent[i];
    return stride;
}

Access access_identity(const Type *type) {
    Access access = {.rank = type->rank};
    for (int k = 0; k < type->rank; k++)
        if (type->dim[k] > 1) access.coef[k][k] = 1;
    return access;
}

bool access_equal(const Access *a, const Access *b, int domain_rank) {
    if (a->rank != b->rank) return false;
    for (int k = 0; k < a->rank; k++) {
        if (a->offset[k] != b->offset[k]) return false;
        if (memcmp(a->coef[k], b->coef[k], sizeof(int64_t) * (size_t)domain_rank) != 0) return false;
    }
    return true;
}

void domain_split(Domain *domain, const DomainSplit *split) {
    for (int i = domain->rank; i > split->dim + 1; i--) domain->extent[i] = domain->extent[i - 1];
    domain->extent[split->dim + 1] = split->inner;
    domain->extent[split->dim] /= split->inner;
    domain->rank++;
}

void access_split(Access *access, const Domain *before, const DomainSplit *split) {
    for (int k = 0; k < access->rank; k++) {
        int64_t *coef = access->coef[k];
        for (int i = before->rank; i > split->dim + 1; i--) coef[i] = coef[i - 1];
        coef[split->dim + 1] = coef[split->dim];
        coef[split->dim] *= split->inner;
    }
}

void access_linear(const Type *type, const Access *access, const Domain *domain, int64_t *offset,
                   int64_t coef[DOMAIN_MAX]) {
    memset(coef, 0, sizeof(int64_t) * DOMAIN_MAX);
    *offset = 0;
    int64_t stride = 1;
    for (int k = type->rank - 1; k >= 0; k--) {
        if (type->dim[k] > 1) {
            *offset += access->offset[k] * stride;
            for (int i = 0; i < domain->rank; i++) coef[i] += access->coef[k][i] * stride;
        }
        stride *= type->dim[k];
    }
}

/* Puts the loop term `c * loop[i]` of a linear index into the dimensions of x. */
static AccessResult place_term(const Type *x, const int64_t *stride, int64_t c, int i, int64_t extent,
                               Access *out, DomainSplit *split) {
    if (extent == 1 || c == 0) return ACCESS_OK;
    if (c < 0) return ACCESS_NONE;
    for (int k = 0; k < x->rank; k++) {
        if (x->dim[k] == 1 || c < stride[k]) continue;
        if (c % stride[k]) return ACCESS_NONE;
        int64_t step = c / stride[k];
        if (step * (extent - 1) < x->dim[k]) {
            out->coef[k][i] += step;
            return ACCESS_OK;
        }
        if (x->dim[k] % step) return ACCESS_NONE;
        int64_t inner = x->dim[k] / step; /* the loop runs past dimension k: its inner part stays inside */
        if (inner <= 1 || inner >= extent || extent % inner) return ACCESS_NONE;
        *split = (DomainSplit){i, inner};
        return ACCESS_SPLIT;
    }
    return ACCESS_NONE;
}

/* Access of a reshape's operand (type x) from the reshaped value's (type y). */
static AccessResult access_reshape(const Type *x, const Type *y, const Domain *domain, const Access *access,
                                   Access *out, DomainSplit *split) {
    int64_t offset, coef[DOMAIN_MAX], stride[IR_MAX_RANK + 1];
    access_linear(y, access, domain, &offset, coef);
    if (offset < 0) return ACCESS_NONE;
    *out = (Access){.rank = x->rank};
    stride[x->rank] = 1;
    for (int k = x->rank - 1; k >= 0; k--) stride[k] = stride[k + 1] * x->dim[k];
    for (int k = 0; k < x->rank; k++) out->offset[k] = offset / stride[k + 1] % x->dim[k];
    for (int i = 0; i < domain->rank; i++) {
        AccessResult result = place_term(x, stride + 1, coef[i], i, domain->extent[i], out, split);
        if (result == ACCESS_SPLIT && domain->rank == DOMAIN_MAX) return ACCESS_NONE;
        if (result != ACCESS_OK) return result;
    }
    for (int k = 0; k < x->rank; k++) { /* no dimension may carry into the next */
        int64_t last = out->offset[k];
        for (int i = 0; i < domain->rank; i++) last += out->coef[k][i] * (domain->extent[i] - 1);
        if (last >= x->dim[k]) return ACCESS_NONE;
    }
    return ACCESS_OK;
}

/* Broadcasting aligns the last axes; an axis of size 1 stays at index 0. */
static void align_broadcast(const Type *x, const Access *access, Access *out) {
    *out = (Access){.rank = x->rank};
    int shift = access->rank - x->rank;
    for (int k = 0; k < x->rank; k++) {
        if (x->dim[k] == 1) continue;
        out->offset[k] = access->offset[k + shift];
        memcpy(out->coef[k], access->coef[k + shift], sizeof out->coef[k]);
    }
}

static int64_t concat_start(const Func *func, const Node *node, int operand) {
    int axis = (int)concat_attrs(node)->axis;
    if (axis < 0) axis += node->type.rank;
    int64_t start = 0;
    for (int o = 0; o < operand; o++) start += func_type(func, node->operands[o])->dim[axis];
    return start;
}

/* Element i of window o is element o·stride + i of the axis. */
static void access_windows(const WindowsAttrs *windows, int rank, const Access *access, Access *out) {
    *out = (Access){.rank = rank};
    for (int k = 0; k < rank; k++) {
        int from = k + (k > windows->axis);
        int64_t step = k == windows->axis ? windows->stride : 1;
        out->offset[k] = step * access->offset[from];
        for (int i = 0; i < DOMAIN_MAX; i++) out->coef[k][i] = step * access->coef[from][i];
        if (k != windows->axis) continue;
        out->offset[k] += access->offset[from + 1];
        for (int i = 0; i < DOMAIN_MAX; i++) out->coef[k][i] += access->coef[from + 1][i];
    }
}

AccessResult access_operand(const Func *func, const Node *node, int operand, const Domain *domain,
                            const Access *access, Access *out, DomainSplit *split) {
    const Type *x = func_type(func, node->operands[operand]);
    switch ((OpKind)node->op) {
    case OP_reshape: return access_reshape(x, &node->type, domain, access, out, split);
    case OP_transpose:
        *out = (Access){.rank = x->rank};
        for (int k = 0; k < x->rank; k++) {
            int64_t from = transpose_attrs(node)->perm.v[k];
            out->offset[from] = access->offset[k];
            memcpy(out->coef[from], access->coef[k], sizeof out->coef[k]);
        }
        return ACCESS_OK;
    case OP_slice:
        *out = *access;
        for (int k = 0; k < x->rank; k++) {
            int64_t step = slice_attrs(node)->step.v[k];
            out->offset[k] = slice_attrs(node)->start.v[k] + step * access->offset[k];
            for (int i = 0; i < domain->rank; i++) out->coef[k][i] *= step;
        }
        return ACCESS_OK;
    case OP_windows: access_windows(windows_attrs(node), x->rank, access, out); return ACCESS_OK;
    case OP_pad:
        *out = *access;
        for (int k = 0; k < x->rank; k++) out->offset[k] -= pad_attrs(node)->low.v[k];
        return ACCESS_OK;
    case OP_concat: {
        *out = *access;
        int axis = (int)concat_attrs(node)->axis;
        if (axis < 0) axis += x->rank;
        out->offset[axis] -= concat_start(func, node, operand);
        return ACCESS_OK;
    }
    default:
        if (node->op != OP_broadcast && op_info(node->op)->loop != LOOP_ELEMENTWISE) return ACCESS_NONE;
        align_broadcast(x, access, out);
        return ACCESS_OK;
    }
}

AccessResult access_reduced(const Func *func, const Node *node, const Domain *domain, int first_inner,
                            const Access *access, Access *out, DomainSplit *split) {
    const Type *x = func_type(func, node->operands[0]);
    int n_axes = reduce_attrs(node)->axes.n, kept = x->rank - n_axes;
    Type flat = {.dtype = x->dtype, .rank = (uint8_t)(kept + 1)};
    Access of_flat = {.rank = kept + 1};
    flat.dim[kept] = 1;
    for (int k = 0; k < kept; k++) {
        flat.dim[k] = x->dim[k];
        of_flat.offset[k] = access->offset[k];
        memcpy(of_flat.coef[k], access->coef[k], sizeof of_flat.coef[k]);
    }
    int64_t stride = 1;
    for (int i = domain->rank - 1; i >= first_inner; i--) {
        if (domain->extent[i] > 1) of_flat.coef[kept][i] = stride;
        stride *= domain->extent[i];
    }
    flat.dim[kept] = stride;
    if (n_axes == 1) {
        *out = of_flat;
        return ACCESS_OK;
    }
    return access_reshape(x, &flat, domain, &of_flat, out, split);
}

bool access_covers(const Type *type, const Access *access, const Domain *domain) {
    int64_t offset, coef[DOMAIN_MAX], met = 1;
    access_linear(type, access, domain, &offset, coef);
    if (offset != 0) return false;
    int loops = 0, used = 0;
    for (int i = 0; i < domain->rank; i++) loops += domain->extent[i] > 1 && coef[i] != 0;
    for (; used < loops; used++) { /* each loop goes on where those inside it end */
        int next = 0;
        while (next < domain->rank && (coef[next] != met || domain->extent[next] == 1)) next++;
        if (next == domain->rank) return false; /* windows that overlap visit elements again */
        met *= domain->extent[next];
    }
    return met == type_elements(type);
}
