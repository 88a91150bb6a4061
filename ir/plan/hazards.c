/* Which steps of a plan must not overlap: see plan.h. */
#include "ir/plan/plan.h"

/* Bytes that a step reads or writes. */
typedef struct {
    ValueId value;
    Place at;
    int64_t end; /* past the last byte, where there are offsets */
    bool written, single;
} Touch;

typedef struct {
    Touch *of;
    size_t count, capacity;
} Touches;

/* What the steps since the last barrier touched. Of each input, state and output: after how many barriers it was last
 * read and written (0: not at all), so that nothing needs clearing at a barrier. Of the arena: the ranges of bytes. */
typedef struct {
    Arena *arena;
    const Func *func;
    Touches laid_out; /* in the arena, and on the stage behind it */
    Touches now;      /* of the step */
    uint32_t *read[3], *written[3];
    ValueId *last[3];  /* what was read or written there last */
    uint32_t barriers; /* so far, + 1 */
} Walk;

/* The row of read[] and written[]; -1: it lies in the arena or on the stage, at an offset. */
static int whole(PlaceKind kind) {
    return kind == PLACE_INPUT ? 0 : kind == PLACE_STATE ? 1 : kind == PLACE_OUTPUT ? 2 : -1;
}

static bool overlap(const Touch *a, const Touch *b) {
    if ((a->single && b->single) || (!a->written && !b->written) || a->at.kind != b->at.kind) return false;
    return a->at.offset < b->end && b->at.offset < a->end;
}

static bool find_hazard(const Walk *w, const Touch *touch, Hazard *hazard) {
    int kind = whole(touch->at.kind);
    *hazard = (Hazard){.value = touch->value, .writes = touch->written};
    if (kind >= 0) {
        hazard->other = w->last[kind][touch->at.index];
        return w->written[kind][touch->at.index] == w->barriers ||
               (touch->written && w->read[kind][touch->at.index] == w->barriers);
    }
    for (size_t o = 0; o < w->laid_out.count; o++) {
        if (!overlap(touch, &w->laid_out.of[o])) continue;
        hazard->other = w->laid_out.of[o].value;
        return true;
    }
    return false;
}

static void note_touch(Walk *w, const Touch *touch) {
    int kind = whole(touch->at.kind);
    if (kind >= 0) {
        (touch->written ? w->written : w->read)[kind][touch->at.index] = w->barriers;
        w->last[kind][touch->at.index] = touch->value;
    } else
        ARENA_PUSH(w->arena, w->laid_out.of, w->laid_out.count, w->laid_out.capacity, *touch);
}

static void add_touch(Walk *w, ValueId value, Place at, bool written, bool single) {
    if (at.kind == PLACE_BLOCK || at.kind == PLACE_LOOPS) return;
    Touch touch = {value, at, size_add(at.offset, type_bytes(func_type(w->func, value))), written, single};
    ARENA_PUSH(w->arena, w->now.of, w->now.count, w->now.capacity, touch);
}

static void touch_values(Walk *w, const ValueId *values, size_t n, bool written, bool single) {
    for (size_t i = 0; i < n; i++) add_touch(w, values[i], w->func->plan->places[values[i]], written, single);
}

static void touch_step(Walk *w, PlanStep step) {
    const Plan *plan = w->func->plan;
    w->now.count = 0;
    for (uint32_t i = step.first; i < step.end; i++) {
        if (i < plan->n_kernels) {
            const Kernel *kernel = &plan->kernels[i];
            touch_values(w, kernel->stores, kernel->n_stores, true, kernel->single);
            touch_values(w, kernel->reads, kernel->n_reads, false, kernel->single);
        } else {
            const PlaceCopy *copy = &plan->copies[i - plan->n_kernels];
            add_touch(w, copy->value, copy->from, false, copy->single);
            add_touch(w, copy->value, copy->to, true, copy->single);
        }
    }
}

void plan_walk_hazards(const Func *func, bool (*visit)(void *user, PlanStep step, const Hazard *hazard),
                       void *user) {
    const Plan *plan = func->plan;
    Walk w = {.arena = arena_new(), .func = func, .barriers = 1};
    const size_t counts[] = {func->n_inputs, func->module->n_states, func->n_outputs};
    for (int kind = 0; kind < 3; kind++) {
        w.read[kind] = ARENA_ARRAY(w.arena, uint32_t, counts[kind] + 1);
        w.written[kind] = ARENA_ARRAY(w.arena, uint32_t, counts[kind] + 1);
        w.last[kind] = ARENA_ARRAY(w.arena, ValueId, counts[kind] + 1);
    }
    for (uint32_t i = 0, end; i < plan->n_kernels + plan->n_copies; i = end) {
        const Chain *chain = i < plan->n_kernels ? plan_chain(plan, i) : NULL;
        PlanStep step = {i, end = chain ? chain->last + 1 : i + 1};
        touch_step(&w, step);
        Hazard hazard;
        bool found = false;
        for (size_t t = 0; t < w.now.count && !found; t++) found = find_hazard(&w, &w.now.of[t], &hazard);
        if (visit(user, step, found ? &hazard : NULL)) {
            w.laid_out.count = 0;
            w.barriers++;
        }
        for (size_t t = 0; t < w.now.count; t++) note_touch(&w, &w.now.of[t]);
    }
    arena_free(w.arena);
}
