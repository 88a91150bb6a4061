/* Calls of C functions: see irregular.h. Each operator that is one has a rule call_NAME, which writes what its function
 * vt_kernel_NAME expects and returns how many numbers that are, 0 where the function takes no such types. */
#include "codegen/program/irregular.h"
#include "runtime/kernels/irregular.h"

typedef int CallRule(const Func *func, const Node *node, int64_t *numbers);

/* The product of dimensions [from, to). */
static int64_t product(const Type *type, int from, int to) {
    int64_t n = 1;
    for (int k = from; k < to; k++) n *= type->dim[k];
    return n;
}

/* {batch, n, k, row, whether indices are i64} of operands x, index; `unit`: of the row's length, bytes. */
static int rows_by_index(const Func *func, const Node *node, int64_t *numbers, int64_t unit) {
    const Type *x = func_type(func, node->operands[0]), *index = func_type(func, node->operands[1]);
    int batch = (int)indexed_attrs(node)->batch;
    numbers[0] = product(x, 0, batch);
    numbers[1] = x->dim[batch];
    numbers[2] = product(index, batch, index->rank);
    numbers[3] = product(x, batch + 1, x->rank) * unit;
    numbers[4] = index->dtype == DT_I64;
    return 5;
}

static int call_gather(const Func *func, const Node *node, int64_t *numbers) {
    return rows_by_index(func, node, numbers, (int64_t)dtype_size(node->type.dtype));
}

static int call_scatter(const Func *func, const Node *node, int64_t *numbers) {
    int n = rows_by_index(func, node, numbers, 1);
    numbers[n] = node->type.dtype;
    return n + 1;
}

static int call_scatter_add(const Func *func, const Node *node, int64_t *numbers) {
    return call_scatter(func, node, numbers);
}

/* {outer, n, inner, dtype} of x about an axis. */
static int call_along(const Func *func, const Node *node, int64_t axis, int64_t *numbers) {
    const Type *x = func_type(func, node->operands[0]);
    int k = axis_from_front(axis, x->rank);
    numbers[0] = product(x, 0, k);
    numbers[1] = x->dim[k];
    numbers[2] = product(x, k + 1, x->rank);
    numbers[3] = x->dtype;
    return 4;
}

static int call_argmax(const Func *func, const Node *node, int64_t *numbers) {
    return call_along(func, node, along_attrs(node)->axis, numbers);
}

enum { MOST_KEYS = 1 << 24 }; /* that each thread gets room for */

static int call_argsort(const Func *func, const Node *node, int64_t *numbers) {
    int n = call_along(func, node, order_attrs(node)->axis, numbers);
    numbers[n] = order_attrs(node)->descending;
    numbers[n + 1] = node->type.dim[axis_from_front(order_attrs(node)->axis, node->type.rank)];
    int64_t length = numbers[1], count = numbers[n + 1];
    bool narrow = dtype_size((DType)numbers[3]) <= 4 && numbers[3] != DT_BF16;
    numbers[n + 2] = narrow && length <= MOST_KEYS && count > length / 16;
    return n + 3;
}

static int call_cumsum(const Func *func, const Node *node, int64_t *numbers) {
    int n = call_along(func, node, scan_attrs(node)->axis, numbers);
    numbers[n] = scan_attrs(node)->reverse;
    return node->type.dtype == DT_BF16 ? 0 : n + 1;
}

/* Of a convolution: image, weight, out; {batch, channels, h, w, outputs, kh, kw, sh, sw, ph, pw, oh, ow, groups}. */
static int convolution(const Type *image, const Type *weight, const Type *out, const ConvAttrs *of,
                       int64_t *numbers) {
    const int64_t all[] = {image->dim[0],   image->dim[1],    image->dim[2],    image->dim[3],
                           weight->dim[0],  weight->dim[2],   weight->dim[3],   of->stride.v[0],
                           of->stride.v[1], of->padding.v[0], of->padding.v[1], out->dim[2],
                           out->dim[3],     of->groups};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) numbers[i] = all[i];
    return image->dtype == DT_F32 ? (int)(sizeof all / sizeof *all) : 0;
}

static int call_conv2d(const Func *func, const Node *node, int64_t *numbers) {
    return convolution(func_type(func, node->operands[0]), func_type(func, node->operands[1]), &node->type,
                       conv_attrs(node), numbers);
}

static ConvAttrs attrs_of_adjoint(const Node *node) {
    const ConvAdjointAttrs *of = conv_adjoint_attrs(node);
    return (ConvAttrs){.stride = of->stride, .padding = of->padding, .groups = of->groups};
}

static int call_conv2d_image(const Func *func, const Node *node, int64_t *numbers) {
    ConvAttrs of = attrs_of_adjoint(node);
    return convolution(&node->type, func_type(func, node->operands[1]), func_type(func, node->operands[0]),
                       &of, numbers);
}

static int call_conv2d_weight(const Func *func, const Node *node, int64_t *numbers) {
    ConvAttrs of = attrs_of_adjoint(node);
    return convolution(func_type(func, node->operands[0]), &node->type, func_type(func, node->operands[1]),
                       &of, numbers);
}

/* Matrices along the last two axes of a value: {batch, rows, columns}, whether f64. 0: a type without functions. */
static int matrices(const Type *x, int64_t *numbers) {
    numbers[0] = product(x, 0, x->rank - 2);
    numbers[1] = x->dim[x->rank - 2];
    numbers[2] = x->dim[x->rank - 1];
    numbers[3] = x->dtype == DT_F64;
    return x->dtype == DT_F32 || x->dtype == DT_F64 ? 4 : 0;
}

static int call_cholesky(const Func *func, const Node *node, int64_t *numbers) {
    int n = matrices(func_type(func, node->operands[0]), numbers);
    numbers[2] = numbers[3];
    return n ? n - 1 : 0;
}

static int call_eigh(const Func *func, const Node *node, int64_t *numbers) {
    return call_cholesky(func, node, numbers);
}

static int call_svd(const Func *func, const Node *node, int64_t *numbers) {
    return matrices(func_type(func, node->operands[0]), numbers);
}

static int call_solve(const Func *func, const Node *node, int64_t *numbers) {
    int n = matrices(func_type(func, node->operands[1]), numbers);
    numbers[n] = solve_attrs(node)->ta;
    return n ? n + 1 : 0;
}

static int call_triangular_solve(const Func *func, const Node *node, int64_t *numbers) {
    int n = matrices(func_type(func, node->operands[1]), numbers);
    numbers[n] = triangle_attrs(node)->ta;
    numbers[n + 1] = triangle_attrs(node)->lower;
    numbers[n + 2] = triangle_attrs(node)->unit;
    return n ? n + 3 : 0;
}

/* Units of 8 bytes, a thread's own, that the function of an operator works in. */
static int64_t room_of(const Node *node, const int64_t *s) {
    switch (node->op) {
    case OP_argsort: return s[6] ? 2 * s[1] : 0;
    case OP_cholesky: return s[1] * s[1];
    case OP_solve: return s[1] * (s[1] + s[2]);
    case OP_triangular_solve: return 65 * s[1];
    case OP_eigh: return 2 * s[1] * s[1] + 4 * s[1];
    case OP_svd: {
        int64_t k = s[1] < s[2] ? s[1] : s[2];
        return k * (s[1] + s[2] + k + 65);
    }
    default: return 0;
    }
}

static int call_part(const Func *func, const Node *node, int64_t *numbers) {
    (void)func;
    numbers[0] = part_attrs(node)->start * 4;
    numbers[1] = type_bytes(&node->type);
    return 2;
}

/* ---- the list: copies, then the operators in the order of their rows --------------------------------------------- */

#define ROW_NONE(name)
#define ROW_LOOPS(name)
#define ROW_VIEW(name)
#define ROW_CHOICE(name)
#define ROW_BLOCKS(name)
#define ROW_PRODUCT(factors) ROW_LOOPS
#define ROW_PACK(name)
#define ROW_BODY(name)
#define ROW_FUNCTION(name) {OP_##name, vt_kernel_##name, "vt_kernel_" #name, call_##name},
static const struct {
    int op;
    VtKernel kernel;
    const char *symbol;
    CallRule *numbers;
} FUNCTIONS[] = {
    {OP_COUNT, vt_kernel_copy, "vt_kernel_copy", NULL},
#define OP(name, lo, hi, attributes, loop, kernel, ...) ROW_##kernel(name)
#include "ir/ops.def"
};
enum { N_FUNCTIONS = sizeof FUNCTIONS / sizeof *FUNCTIONS };

VtKernel irregular_call(const Func *func, const Node *node, int64_t numbers[IRREGULAR_NUMBERS], int *n,
                        int64_t *room) {
    for (int i = 0; i < N_FUNCTIONS; i++) {
        if (FUNCTIONS[i].op != node->op) continue;
        *n = FUNCTIONS[i].numbers(func, node, numbers);
        *room = *n ? (int64_t)sizeof(double) * room_of(node, numbers) : 0;
        return *n ? FUNCTIONS[i].kernel : NULL;
    }
    return NULL;
}

VtKernel irregular_kernel(int number) {
    return number >= 0 && number < N_FUNCTIONS ? FUNCTIONS[number].kernel : NULL;
}

const char *irregular_symbol(int number) {
    return FUNCTIONS[number].symbol;
}

int irregular_number(VtKernel kernel) {
    int i = 0;
    while (i < N_FUNCTIONS && FUNCTIONS[i].kernel != kernel) i++;
    return i;
}
