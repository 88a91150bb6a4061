/* The reference interpreter: runs a function node by node in float64. This file holds the driver, the walks over index
 * spaces, and the meaning of sources, reductions, rows and contraction; elementwise operators and moves have files of
 * their own. Plain loops in index order: what is written here is what an operator means. */
#include "ir/interpret/interpret.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

bool eval_refuse(Eval *eval, const char *format, ...) {
    int n = snprintf(eval->error, eval->size, "%s: ", op_info(eval->node->op)->name);
    va_list args;
    va_start(args, format);
    if (n >= 0 && (size_t)n < eval->size) vsnprintf(eval->error + n, eval->size - (size_t)n, format, args);
    va_end(args);
    return false;
}

/* ---- walks ---------------------------------------------------------------------------------------------------- */

void strides_of(const Type *type, int64_t stride[IR_MAX_RANK]) {
    int64_t n = 1;
    for (int k = type->rank; k-- > 0;) {
        stride[k] = n;
        n *= type->dim[k];
    }
}

Walk walk_over(const Type *type) {
    Walk walk = {.rank = type->rank};
    memcpy(walk.dim, type->dim, sizeof walk.dim);
    return walk;
}

Walk walk_broadcast(const Type *over, const Type *type) {
    Walk walk = walk_over(over);
    int64_t stride[IR_MAX_RANK];
    strides_of(type, stride);
    for (int k = 0; k < type->rank; k++)
        if (type->dim[k] > 1) walk.stride[k + over->rank - type->rank] = stride[k];
    return walk;
}

void walk_step(Walk *walk) {
    for (int k = walk->rank; k-- > 0;) {
        walk->at += walk->stride[k];
        if (++walk->index[k] < walk->dim[k]) return;
        walk->at -= walk->stride[k] * walk->dim[k];
        walk->index[k] = 0;
    }
}

/* ---- sources ------------------------------------------------------------------------------------------------------ */

bool eval_input(Eval *eval) { /* bound by the driver */
    return eval_refuse(eval, "not bound");
}

bool eval_state(Eval *eval) {
    return eval_refuse(eval, "not bound");
}

bool eval_constant(Eval *eval) {
    eval->y[0] = constant_attrs(eval->node)->value;
    return true;
}

bool eval_iota(Eval *eval) {
    const Type *type = &eval->node->type;
    int64_t axis = axis_from_front(iota_attrs(eval->node)->axis, type->rank);
    Walk walk = walk_over(type);
    for (int64_t i = 0; i < type_elements(type); i++, walk_step(&walk)) eval->y[i] = (double)walk.index[axis];
    return true;
}

bool eval_grad(Eval *eval) {
    return eval_refuse(eval, "still present: run the autodiff pass first");
}

/* ---- reductions --------------------------------------------------------------------------------------------------- */

/* Over the operand in index order, following the result. */
static Walk walk_reduced(const Eval *eval) {
    const Type *x = eval->type[0];
    Walk walk = walk_over(x);
    Type kept = *x;
    const Ints *axes = &reduce_attrs(eval->node)->axes;
    for (int i = 0; i < axes->n; i++) kept.dim[axes->v[i]] = 1;
    int64_t stride[IR_MAX_RANK];
    strides_of(&kept, stride);
    for (int k = 0; k < x->rank; k++) walk.stride[k] = kept.dim[k] > 1 ? stride[k] : 0;
    return walk;
}

bool eval_sum(Eval *eval) {
    Walk walk = walk_reduced(eval);
    for (int64_t i = 0; i < type_elements(&eval->node->type); i++) eval->y[i] = 0;
    for (int64_t i = 0; i < type_elements(eval->type[0]); i++, walk_step(&walk))
        eval->y[walk.at] += eval->x[0][i];
    return true;
}

bool eval_amax(Eval *eval) {
    Walk walk = walk_reduced(eval);
    for (int64_t i = 0; i < type_elements(&eval->node->type); i++) eval->y[i] = -INFINITY;
    for (int64_t i = 0; i < type_elements(eval->type[0]); i++, walk_step(&walk))
        eval->y[walk.at] = larger_of(eval->y[walk.at], eval->x[0][i]);
    return true;
}

bool eval_sum_rows(Eval *eval) {
    const Type *x = eval->type[0], *y = &eval->node->type;
    int64_t n = x->dim[x->rank - 1], rows = sum_rows_attrs(eval->node)->rows,
            operands = eval->node->n_operands;
    for (int64_t i = 0; i < type_elements(y); i++) eval->y[i] = 0;
    for (int64_t o = 0; o < operands; o++)
        for (int64_t i = 0; i < type_elements(x); i++)
            eval->y[(i / n / rows * operands + o) * n + i % n] += eval->x[o][i];
    return true;
}

bool eval_moments(Eval *eval) {
    int64_t columns = moments_attrs(eval->node)->columns;
    for (int64_t i = 0; i < type_elements(&eval->node->type) / 2; i++) {
        const double *x = eval->x[0] + i * columns;
        double sum = 0, squares = 0;
        for (int64_t c = 0; c < columns; c++) sum += x[c];
        for (int64_t c = 0; c < columns; c++) squares += (x[c] - sum / columns) * (x[c] - sum / columns);
        eval->y[2 * i] = sum;
        eval->y[2 * i + 1] = squares;
    }
    return true;
}

/* x as [outer, n, inner] about an axis. */
typedef struct {
    int64_t outer, n, inner;
} Lines;

static Lines lines_along(const Type *type, int64_t axis) {
    if (axis < 0) axis += type->rank;
    Lines lines = {1, type->dim[axis], 1};
    for (int k = 0; k < axis; k++) lines.outer *= type->dim[k];
    for (int k = (int)axis + 1; k < type->rank; k++) lines.inner *= type->dim[k];
    return lines;
}

bool eval_argmax(Eval *eval) {
    Lines l = lines_along(eval->type[0], along_attrs(eval->node)->axis);
    for (int64_t i = 0; i < l.outer * l.inner; i++) {
        const double *x = eval->x[0] + i / l.inner * l.n * l.inner + i % l.inner;
        int64_t best = 0;
        for (int64_t j = 1; j < l.n; j++)
            if (x[j * l.inner] > x[best * l.inner]) best = j;
        eval->y[i] = (double)best;
    }
    return true;
}

/* Stable: an index goes before the later ones that are not smaller. */
static void sort_line(const double *x, int64_t stride, int64_t *order, int64_t *spare, int64_t n) {
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t a = 0; a < n; a += 2 * width) {
            int64_t mid = a + width < n ? a + width : n, end = mid + width < n ? mid + width : n;
            int64_t i = a, j = mid;
            for (int64_t o = a; o < end; o++) {
                bool left = j >= end || (i < mid && !(x[order[j] * stride] < x[order[i] * stride]));
                spare[o] = left ? order[i++] : order[j++];
            }
        }
        memcpy(order, spare, sizeof *order * (size_t)n);
    }
}

bool eval_argsort(Eval *eval) {
    Lines l = lines_along(eval->type[0], along_attrs(eval->node)->axis);
    int64_t *order = ARENA_ARRAY(eval->arena, int64_t, 2 * l.n);
    for (int64_t i = 0; i < l.outer * l.inner; i++) {
        int64_t base = i / l.inner * l.n * l.inner + i % l.inner;
        for (int64_t j = 0; j < l.n; j++) order[j] = j;
        sort_line(eval->x[0] + base, l.inner, order, order + l.n, l.n);
        for (int64_t j = 0; j < l.n; j++) eval->y[base + j * l.inner] = (double)order[j];
    }
    return true;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

static double row_max(const double *x, int64_t n) {
    double largest = -INFINITY;
    for (int64_t j = 0; j < n; j++) largest = larger_of(largest, x[j]);
    return largest;
}

static double row_exp_sum(const double *x, int64_t n, double shift) {
    double sum = 0;
    for (int64_t j = 0; j < n; j++) sum += exp(x[j] - shift);
    return sum;
}

bool eval_softmax(Eval *eval) {
    Lines l = lines_along(eval->type[0], -1);
    for (int64_t i = 0; i < l.outer; i++) {
        const double *x = eval->x[0] + i * l.n;
        double largest = row_max(x, l.n), sum = row_exp_sum(x, l.n, largest);
        for (int64_t j = 0; j < l.n; j++) eval->y[i * l.n + j] = exp(x[j] - largest) / sum;
    }
    return true;
}

bool eval_log_softmax(Eval *eval) {
    Lines l = lines_along(eval->type[0], -1);
    for (int64_t i = 0; i < l.outer; i++) {
        const double *x = eval->x[0] + i * l.n;
        double largest = row_max(x, l.n), log_sum = log(row_exp_sum(x, l.n, largest));
        for (int64_t j = 0; j < l.n; j++) eval->y[i * l.n + j] = x[j] - largest - log_sum;
    }
    return true;
}

bool eval_layernorm(Eval *eval) {
    Lines l = lines_along(eval->type[0], -1);
    double eps = layernorm_attrs(eval->node)->eps;
    for (int64_t i = 0; i < l.outer; i++) {
        const double *x = eval->x[0] + i * l.n;
        double mean = 0, variance = 0;
        for (int64_t j = 0; j < l.n; j++) mean += x[j];
        mean /= (double)l.n;
        for (int64_t j = 0; j < l.n; j++) variance += (x[j] - mean) * (x[j] - mean);
        double rstd = 1 / sqrt(variance / (double)l.n + eps);
        for (int64_t j = 0; j < l.n; j++)
            eval->y[i * l.n + j] = (x[j] - mean) * rstd * eval->x[1][j] + eval->x[2][j];
    }
    return true;
}

/* ---- contraction ---------------------------------------------------------------------------------------------------- */

/* Where element (row, column) of a matrix [k, …] lies in panels of it: see operator `pack`. */
static int64_t panel_place(const Type *panels, int64_t row, int64_t column) {
    int64_t columns = panels->dim[2], panel = column / columns * panels->dim[1];
    if (panels->rank == 3) return (panel + row) * columns + column % columns;
    return ((panel + row / 2) * columns + column % columns) * 2 + row % 2;
}

bool eval_pack(Eval *eval) {
    const Type *x = eval->type[0];
    bool tb = pack_attrs(eval->node)->tb;
    for (int64_t i = 0; i < x->dim[0]; i++)
        for (int64_t j = 0; j < x->dim[1]; j++)
            eval->y[panel_place(&eval->node->type, tb ? j : i, tb ? i : j)] = eval->x[0][i * x->dim[1] + j];
    return true;
}

bool eval_matmul(Eval *eval) {
    const Type *a = eval->type[0], *y = &eval->node->type;
    bool ta = matmul_attrs(eval->node)->ta, tb = matmul_attrs(eval->node)->tb,
         packed = matmul_attrs(eval->node)->panel > 0;
    int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1], k = a->dim[a->rank - (ta ? 2 : 1)];
    int64_t batch = type_elements(y) / (m * n);
    int64_t a_row = ta ? 1 : k, a_col = ta ? m : 1;
    double *turned = tb || packed ? ARENA_ARRAY(eval->arena, double, k *n) : NULL;
    for (int64_t t = 0; t < batch; t++) {
        const double *x = eval->x[0] + t * m * k, *w = eval->x[1] + t * k * n;
        double *out = eval->y + t * m * n;
        for (int64_t i = 0; tb && i < k * n; i++) turned[i] = w[i % n * k + i / n];
        for (int64_t i = 0; packed && i < k * n; i++) turned[i] = w[panel_place(eval->type[1], i / n, i % n)];
        if (turned) w = turned;
        for (int64_t i = 0; i < m * n; i++) out[i] = 0;
        for (int64_t i = 0; i < m; i++)
            for (int64_t p = 0; p < k; p++) {
                double factor = x[i * a_row + p * a_col];
                for (int64_t j = 0; j < n; j++) out[i * n + j] += factor * w[p * n + j];
            }
    }
    return true;
}

/* ---- the driver ----------------------------------------------------------------------------------------------------- */

static bool (*const EVALS[OP_COUNT])(Eval *) = {
#define OP(name, ...) eval_##name,
#include "ir/ops.def"
};

/* Integers that became too long for their type keep its low bits. */
static void wrap_integers(const Type *type, double *y) {
    double half = type->dtype == DT_I32 ? 0x1p31 : 0x1p63;
    if (!dtype_is_int((DType)type->dtype)) return;
    for (int64_t i = 0; i < type_elements(type); i++) {
        if (y[i] >= -half && y[i] < half) continue;
        y[i] = fmod(y[i], 2 * half);
        if (y[i] >= half) y[i] -= 2 * half;
        if (y[i] < -half) y[i] += 2 * half;
    }
}

double op_of_numbers(OpKind op, const double *operands) {
    const Type scalar = type_scalar(DT_F64), *types[] = {&scalar, &scalar, &scalar};
    const double *x[] = {&operands[0], &operands[1], &operands[2]};
    const Node node = {.op = (uint16_t)op, .type = scalar};
    double y = 0;
    assert(op_info(op)->loop == LOOP_ELEMENTWISE && op_info(op)->n_attrs == 0);
    EVALS[op](&(Eval){.node = &node, .x = x, .type = types, .y = &y});
    return y;
}

static bool run_node(const Func *func, ValueId id, Tensor *values, Arena *arena, char *error, size_t size) {
    const Node *node = func_node(func, id);
    Arena *scratch = arena_new();
    const double **x = ARENA_ARRAY(scratch, const double *, node->n_operands + 1);
    const Type **type = ARENA_ARRAY(scratch, const Type *, node->n_operands + 1);
    for (int o = 0; o < node->n_operands; o++) {
        x[o] = values[node->operands[o]].data;
        type[o] = func_type(func, node->operands[o]);
    }
    values[id] = (Tensor){node->type, ARENA_ARRAY(arena, double, type_elements(&node->type))};
    Eval eval = {node, x, type, values[id].data, scratch, error, size};
    bool good = EVALS[node->op](&eval);
    bool nearest =
        node->op == OP_cast && dtype_is_float((DType)type[0]->dtype); /* 2^63 stands for the last i64 */
    if (good && !nearest) wrap_integers(&node->type, values[id].data);
    arena_free(scratch);
    return good;
}

bool func_interpret_all(const Func *func, const Tensor *inputs, const Tensor *states, Tensor *values,
                        Arena *arena, char *error, size_t size) {
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (node->op == OP_input)
            values[id] = inputs[source_attrs(node)->index];
        else if (node->op == OP_state)
            values[id] = states[source_attrs(node)->index];
        else if (!run_node(func, id, values, arena, error, size))
            return false;
    }
    return true;
}

static Tensor copy_of(const Tensor *tensor, Arena *arena) {
    size_t n = (size_t)type_elements(&tensor->type);
    Tensor copy = {tensor->type, ARENA_ARRAY(arena, double, n)};
    memcpy(copy.data, tensor->data, sizeof *copy.data * n);
    return copy;
}

bool func_interpret(const Func *func, const Tensor *inputs, const Tensor *states, Tensor *outputs,
                    Tensor *new_states, Arena *arena, char *error, size_t size) {
    Arena *run = arena_new();
    Tensor *values = ARENA_ARRAY(run, Tensor, func->count + 1);
    bool good = func_interpret_all(func, inputs, states, values, run, error, size);
    for (size_t i = 0; good && i < func->n_outputs; i++)
        outputs[i] = copy_of(&values[func->outputs[i].value], arena);
    for (size_t s = 0; good && new_states && s < func->module->n_states; s++) {
        new_states[s] = copy_of(&states[s], arena);
    }
    for (size_t i = 0; good && new_states && i < func->n_updates; i++)
        new_states[func->updates[i].state] = copy_of(&values[func->updates[i].value], arena);
    arena_free(run);
    return good;
}
