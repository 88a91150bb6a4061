/* Indices and slices of lists and tensors. */
#include "frontend/evaluate/evaluator.h"

static bool slice_bounds(Evaluator *e, Loc loc, const Value *slice, int64_t size, int64_t *start,
                         int64_t *stop, int64_t *step) {
    *start = 0;
    *stop = size;
    *step = 1;
    if (slice->items[0].kind != V_NONE && !int_of(e, loc, &slice->items[0], "a slice's start", start))
        return false;
    if (slice->items[1].kind != V_NONE && !int_of(e, loc, &slice->items[1], "a slice's end", stop))
        return false;
    if (slice->items[2].kind != V_NONE && !int_of(e, loc, &slice->items[2], "a slice's step", step))
        return false;
    if (*start < 0) *start += size;
    if (*stop < 0) *stop += size;
    if (*stop > size) *stop = size;
    if (*start < 0) *start = 0;
    if (*step >= 1) return true;
    eval_error(e, loc, "a slice's step must be 1 or more");
    return false;
}

static Value index_list(Evaluator *e, Loc loc, const Value *base, const Value *index) {
    if (index->kind == V_SLICE) {
        int64_t start, stop, step;
        if (!slice_bounds(e, loc, index, (int64_t)base->count, &start, &stop, &step)) return (Value){0};
        size_t n = start < stop ? (size_t)((stop - start + step - 1) / step) : 0;
        Value list = value_list(e, loc, V_LIST, n);
        if (list.kind == V_POISON) return list;
        for (size_t i = 0; i < n; i++) list.items[i] = base->items[(size_t)start + i * (size_t)step];
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
    int64_t start[IR_MAX_RANK], limit[IR_MAX_RANK], step[IR_MAX_RANK], shape[IR_MAX_RANK * 2];
    int axis = 0, rank = 0, used = 0, fresh = 0, ellipses = 0;
    for (size_t i = 0; i < n && used <= type.rank && fresh <= IR_MAX_RANK; i++) {
        if (index[i].kind == V_POISON) return index[i];
        fresh += index[i].kind == V_NONE;
        ellipses += index[i].kind == V_ELLIPSIS;
        used += index[i].kind != V_NONE && index[i].kind != V_ELLIPSIS;
    }
    if (used > type.rank)
        return eval_error(e, at->loc, "%zu indices for the %d axes of %s", n, type.rank,
                          type_text(e->arena, &type));
    if (fresh > IR_MAX_RANK) return eval_error(e, at->loc, "more than %d axes", IR_MAX_RANK);
    if (ellipses > 1) return eval_error(e, at->loc, "more than one '...' in an index");
    if (n == 1 && is_tensor(&index[0])) { /* x[indices] */
        ValueId rows = tensor_of(e, at->loc, &index[0], DT_I32);
        if (rows != IR_NONE && type.rank) bound_input(e, rows, type.dim[0]);
        return value_tensor(e, at->loc, ir_gather(e->func, id, rows, 0));
    }
    for (int k = 0; k < type.rank; k++) start[k] = 0, limit[k] = type.dim[k], step[k] = 1;
    bool sliced = false;
    for (size_t i = 0; i < n || axis < type.rank;) {
        const Value *v = i < n ? &index[i] : NULL;
        if (v && v->kind == V_ELLIPSIS) {
            int whole = type.rank - used;
            for (; whole > 0; whole--) shape[rank++] = type.dim[axis++];
            i++;
        } else if (v && v->kind == V_NONE) {
            shape[rank++] = 1;
            i++;
        } else if (v && v->kind == V_SLICE) {
            if (!slice_bounds(e, at->loc, v, type.dim[axis], &start[axis], &limit[axis], &step[axis]))
                return (Value){0};
            if (start[axis] >= limit[axis])
                return eval_error(e, at->loc, "slice %lld:%lld of axis %d of %s is empty",
                                  (long long)start[axis], (long long)limit[axis], axis,
                                  type_text(e->arena, &type));
            sliced = sliced || start[axis] > 0 || limit[axis] < type.dim[axis] || step[axis] > 1;
            shape[rank++] = (limit[axis] - start[axis] + step[axis] - 1) / step[axis];
            axis++, i++;
        } else if (v) {
            int64_t k;
            if (is_tensor(v))
                return eval_error(e, at->loc,
                                  "a tensor can only be the single index of the first axis; use gather");
            if (!int_of(e, at->loc, v, "an index", &k)) return (Value){0};
            if (k < -type.dim[axis] || k >= type.dim[axis])
                return eval_error(e, at->loc, "index %lld of axis %d of %s is outside: %lld are there",
                                  (long long)k, axis, type_text(e->arena, &type), (long long)type.dim[axis]);
            start[axis] = k < 0 ? k + type.dim[axis] : k;
            limit[axis] = start[axis] + 1;
            sliced = sliced || type.dim[axis] > 1;
            axis++, i++;
        } else
            shape[rank++] = type.dim[axis++];
    }
    if (rank > IR_MAX_RANK) return eval_error(e, at->loc, "more than %d axes", IR_MAX_RANK);
    if (sliced) id = ir_slice(e->func, id, start, limit, step);
    return value_tensor(e, at->loc, ir_reshape(e->func, id, rank, shape));
}
