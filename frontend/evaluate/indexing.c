/* Indices and slices of lists and tensors. */
#include "frontend/evaluate/evaluator.h"

/* Which places of an axis a slice takes: from `start`, `count` of them, each `step` from the one before. */
typedef struct {
    int64_t start, stop, step, count;
} Places;

static int64_t within(int64_t place, int64_t size, int64_t low, int64_t high) {
    if (place < 0) place += size;
    return place < low ? low : place > high ? high : place;
}

static bool slice_places(Evaluator *e, Loc loc, const Value *slice, int64_t size, Places *out) {
    const Value *part = slice->items;
    out->step = 1;
    if (part[2].kind != V_NONE && !int_of(e, loc, &part[2], "a slice's step", &out->step)) return false;
    if (out->step == 0) {
        eval_error(e, loc, "a slice's step of 0 goes nowhere");
        return false;
    }
    bool back = out->step < 0;
    int64_t low = back ? -1 : 0, high = back ? size - 1 : size;
    out->start = back ? size - 1 : 0;
    out->stop = back ? -1 : size;
    if (part[0].kind != V_NONE) {
        if (!int_of(e, loc, &part[0], "a slice's start", &out->start)) return false;
        out->start = within(out->start, size, low, high);
    }
    if (part[1].kind != V_NONE) {
        if (!int_of(e, loc, &part[1], "a slice's end", &out->stop)) return false;
        out->stop = within(out->stop, size, low, high);
    }
    int64_t way = back ? out->start - out->stop : out->stop - out->start,
            stride = back ? -out->step : out->step;
    out->count = way <= 0 ? 0 : (way - 1) / stride + 1;
    return true;
}

static Value index_list(Evaluator *e, Loc loc, const Value *base, const Value *index) {
    if (index->kind == V_SLICE) {
        Places places;
        if (!slice_places(e, loc, index, (int64_t)base->count, &places)) return (Value){0};
        Value list = value_list(e, loc, V_LIST, (size_t)places.count);
        if (list.kind == V_POISON) return list;
        for (int64_t i = 0; i < places.count; i++)
            list.items[i] = base->items[places.start + i * places.step];
        return close_list(e, loc, list);
    }
    int64_t i;
    if (!int_of(e, loc, index, "an index", &i)) return (Value){0};
    if (i < 0) i += (int64_t)base->count;
    if (base->count == 0)
        return empty_error(e, loc, arena_printf(e->arena, "index %g of a list of 0", index->number));
    if (i < 0 || i >= (int64_t)base->count)
        return eval_error(e, loc, "index %g of a list of %zu: 0 is the first, -1 the last", index->number,
                          base->count);
    return base->items[i];
}

/* The axis backwards: its rows, gathered from the last on. */
static ValueId reverse(Evaluator *e, ValueId id, int axis) {
    const Type type = *func_type(e->func, id);
    int64_t perm[IR_MAX_RANK], n = type.dim[axis];
    for (int k = 0; k < type.rank; k++) perm[k] = k; /* exchanges the axis and the first: its own inverse */
    perm[0] = axis;
    perm[axis] = 0;
    ValueId last = ir_constant(e->func, (double)n - 1, DT_I32);
    ValueId rows = ir_binary(e->func, OP_sub, last, ir_iota(e->func, 1, &n, 0, DT_I32));
    if (axis > 0) id = ir_transpose(e->func, id, perm);
    id = ir_gather(e->func, id, rows, 0);
    return axis > 0 && id != IR_NONE ? ir_transpose(e->func, id, perm) : id;
}

/* What of a tensor an index takes, axis by axis. */
typedef struct {
    int64_t start[IR_MAX_RANK], limit[IR_MAX_RANK], step[IR_MAX_RANK], shape[IR_MAX_RANK * 2];
    bool sliced, reversed[IR_MAX_RANK];
    int axis, rank; /* how many axes of the tensor, and of the result, there are so far */
} Region;

static bool take_slice(Evaluator *e, Loc loc, const Value *slice, const Type *type, Region *r) {
    int axis = r->axis++;
    Places p;
    if (!slice_places(e, loc, slice, type->dim[axis], &p)) return false;
    if (p.count == 0) {
        eval_error(e, loc, "slice %lld:%lld of axis %d of %s is empty", (long long)p.start, (long long)p.stop,
                   axis, type_text(e->arena, type));
        return false;
    }
    r->reversed[axis] = p.step < 0 && p.count > 1;
    r->step[axis] = p.step < 0 ? -p.step : p.step;
    r->start[axis] = p.step < 0 ? p.start + (p.count - 1) * p.step : p.start;
    r->limit[axis] = p.step < 0 ? p.start + 1 : p.stop;
    r->sliced = r->sliced || r->start[axis] > 0 || r->limit[axis] < type->dim[axis] || r->step[axis] > 1;
    r->shape[r->rank++] = p.count;
    return true;
}

static bool take_place(Evaluator *e, Loc loc, const Value *place, const Type *type, Region *r) {
    int axis = r->axis++;
    int64_t k;
    if (is_tensor(place)) {
        eval_error(e, loc, "a tensor can only be the single index of the first axis; use gather");
        return false;
    }
    if (!int_of(e, loc, place, "an index", &k)) return false;
    if (k < -type->dim[axis] || k >= type->dim[axis]) {
        eval_error(e, loc, "index %lld of axis %d of %s is outside: %lld are there", (long long)k, axis,
                   type_text(e->arena, type), (long long)type->dim[axis]);
        return false;
    }
    r->start[axis] = k < 0 ? k + type->dim[axis] : k;
    r->limit[axis] = r->start[axis] + 1;
    r->sliced = r->sliced || type->dim[axis] > 1;
    return true;
}

Value value_index(Evaluator *e, const Expr *at, const Value *base, const Value *index, size_t n) {
    if (base->kind == V_POISON) return *base;
    if (is_list(base)) {
        if (n != 1) return eval_error(e, at->loc, "a list takes one index");
        return index_list(e, at->loc, base, &index[0]);
    }
    ValueId id;
    Type type;
    if (!tensor_with_type(e, at->loc, base, DT_F32, &id, &type)) return (Value){0};
    e->func->error[0] = '\0';
    Region r = {0};
    int used = 0, fresh = 0, ellipses = 0;
    for (size_t i = 0; i < n && used <= type.rank && fresh <= IR_MAX_RANK; i++) {
        if (index[i].kind == V_POISON) return index[i];
        fresh += index[i].kind == V_NONE;
        ellipses += index[i].kind == V_ELLIPSIS;
        used += index[i].kind != V_NONE && index[i].kind != V_ELLIPSIS;
    }
    if (type.rank == 0)
        return eval_error(e, at->loc, "%s is one number, and has no elements to index", show_value(e, base));
    if (used > type.rank)
        return eval_error(e, at->loc, "%zu %s for the %d axes of %s", n, n == 1 ? "index" : "indices",
                          type.rank, type_text(e->arena, &type));
    if (fresh > IR_MAX_RANK) return eval_error(e, at->loc, "more than %d axes", IR_MAX_RANK);
    if (ellipses > 1) return eval_error(e, at->loc, "more than one '...' in an index");
    if (n == 1 && is_tensor(&index[0])) { /* x[indices] */
        ValueId rows = tensor_of(e, at->loc, &index[0], DT_I32);
        if (rows != IR_NONE && type.rank) bound_input(e, rows, type.dim[0]);
        return value_tensor(e, at->loc, ir_gather(e->func, id, rows, 0));
    }
    for (int k = 0; k < type.rank; k++) r.limit[k] = type.dim[k], r.step[k] = 1;
    for (size_t i = 0; i < n; i++) {
        const Value *v = &index[i];
        if (v->kind == V_NONE)
            r.shape[r.rank++] = 1;
        else if (v->kind == V_ELLIPSIS)
            for (int whole = type.rank - used; whole > 0; whole--) r.shape[r.rank++] = type.dim[r.axis++];
        else if (v->kind == V_SLICE ? !take_slice(e, at->loc, v, &type, &r)
                                    : !take_place(e, at->loc, v, &type, &r))
            return (Value){0};
    }
    while (r.axis < type.rank) r.shape[r.rank++] = type.dim[r.axis++];
    if (r.rank > IR_MAX_RANK) return eval_error(e, at->loc, "more than %d axes", IR_MAX_RANK);
    if (r.sliced) id = ir_slice(e->func, id, r.start, r.limit, r.step);
    for (int k = 0; k < type.rank && id != IR_NONE; k++)
        if (r.reversed[k]) id = reverse(e, id, k);
    return value_tensor(e, at->loc, ir_reshape(e->func, id, r.rank, r.shape));
}
