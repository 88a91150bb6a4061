/* Which steps of a plan must not overlap: see plan.h. */
#include "ir/plan/plan.h"

/* Bytes that a step reads or writes. */
typedef struct {
    ValueId value;
    Place at;
    int64_t end; /* past the last byte, where there are offsets */
    bool written;
    uint32_t step, lane; /* lane: LANES where all threads share the step */
    uint32_t before;     /* number of the touch before it of the same input, state or output; IR_NONE: none */
} Touch;

typedef struct {
    Touch *of;
    size_t count, capacity;
} Touches;

/* What has been touched so far, in the order of steps. Steps are counted as in PlanStep.end: what all steps below a
 * number have touched is known to be done. */
typedef struct {
    Arena *arena;
    const Func *func;
    Touches numbered;      /* of inputs, states and outputs */
    uint32_t *last[3];     /* of each of these, its last touch in `numbered` */
    Touches laid_out;      /* in the arena, and on the stage behind it … */
    size_t first;          /* … of which those before this one are done for all */
    Touches now;           /* of the step */
    uint32_t done;         /* every thread has waited for all steps below */
    uint32_t alone[LANES]; /* and the thread of a lane for these */
} Walk;

/* The row of last[]; -1: it lies in the arena or on the stage, at an offset. */
static int whole(PlaceKind kind) {
    return kind == PLACE_INPUT ? 0 : kind == PLACE_STATE ? 1 : kind == PLACE_OUTPUT ? 2 : -1;
}

/* Whether two touches of the same bytes must not overlap in time. */
static bool collide(const Touch *a, const Touch *b) {
    return (a->written || b->written) && (a->lane != b->lane || a->lane == LANES);
}

static bool overlap(const Touch *a, const Touch *b) {
    return a->at.kind == b->at.kind && a->at.offset < b->end && b->at.offset < a->end;
}

static void note_hazard(const Touch *touch, const Touch *other, Hazard *latest) {
    if (latest->after >= other->step + 1) return;
    *latest = (Hazard){
        .value = touch->value, .other = other->value, .writes = touch->written, .after = other->step + 1};
}

/* Raises *latest to the last step that the touch must not overlap with. */
static void find_hazard(const Walk *w, const Touch *touch, Hazard *latest) {
    int kind = whole(touch->at.kind);
    if (kind >= 0) {
        for (uint32_t t = w->last[kind][touch->at.index]; t != IR_NONE; t = w->numbered.of[t].before) {
            const Touch *other = &w->numbered.of[t];
            if (other->step < w->done) return;
            if (collide(touch, other)) note_hazard(touch, other, latest);
        }
        return;
    }
    for (size_t o = w->laid_out.count; o-- > w->first;) {
        const Touch *other = &w->laid_out.of[o];
        if (collide(touch, other) && overlap(touch, other)) note_hazard(touch, other, latest);
    }
}

static void note_touch(Walk *w, Touch touch) {
    int kind = whole(touch.at.kind);
    if (kind < 0) {
        ARENA_PUSH(w->arena, w->laid_out.of, w->laid_out.count, w->laid_out.capacity, touch);
        return;
    }
    touch.before = w->last[kind][touch.at.index];
    w->last[kind][touch.at.index] = (uint32_t)w->numbered.count;
    ARENA_PUSH(w->arena, w->numbered.of, w->numbered.count, w->numbered.capacity, touch);
}

static void add_touch(Walk *w, ValueId value, Place at, bool written, uint32_t step, uint32_t lane) {
    if (at.kind == PLACE_BLOCK || at.kind == PLACE_LOOPS) return;
    Touch touch = {.value = value,
                   .at = at,
                   .end = size_add(at.offset, type_bytes(func_type(w->func, value))),
                   .written = written,
                   .step = step,
                   .lane = lane};
    ARENA_PUSH(w->arena, w->now.of, w->now.count, w->now.capacity, touch);
}

static void touch_values(Walk *w, const ValueId *values, size_t n, bool written, uint32_t step,
                         uint32_t lane) {
    for (size_t i = 0; i < n; i++)
        add_touch(w, values[i], w->func->plan->places[values[i]], written, step, lane);
}

/* Returns the lane that runs the step; LANES: all threads share it. */
static uint32_t touch_step(Walk *w, PlanStep step) {
    const Plan *plan = w->func->plan;
    uint32_t number = step.end - 1, lane = LANES;
    w->now.count = 0;
    for (uint32_t i = step.first; i < step.end; i++) {
        if (i < plan->n_kernels) {
            const Kernel *kernel = &plan->kernels[i];
            lane = kernel->single ? kernel->lane : LANES;
            touch_values(w, kernel->stores, kernel->n_stores, true, number, lane);
            touch_values(w, kernel->reads, kernel->n_reads, false, number, lane);
        } else {
            const PlaceCopy *copy = &plan->copies[i - plan->n_kernels];
            lane = copy->single ? copy->lane : LANES;
            add_touch(w, copy->value, copy->from, false, number, lane);
            add_touch(w, copy->value, copy->to, true, number, lane);
        }
    }
    return lane;
}

/* Threads that share a step all wait before it; one that runs it alone waits alone, and the others do not know what it
 * waited for. */
static void note_wait(Walk *w, uint32_t lane, uint32_t after) {
    if (lane < LANES) {
        if (after > w->alone[lane]) w->alone[lane] = after;
        return;
    }
    if (after > w->done) w->done = after;
    while (w->first < w->laid_out.count && w->laid_out.of[w->first].step < w->done) w->first++;
}

static bool is_loop(const Func *func, PlanStep step) {
    const Plan *plan = func->plan;
    return step.first < plan->n_kernels && func_node(func, plan->kernels[step.first].last)->op == OP_loop;
}

void plan_walk_hazards(const Func *func, uint32_t (*visit)(void *user, PlanStep step, const Hazard *hazard),
                       void *user) {
    const Plan *plan = func->plan;
    Walk w = {.arena = arena_new(), .func = func};
    const size_t counts[] = {func->n_inputs, func->module->n_states, func->n_outputs};
    for (int kind = 0; kind < 3; kind++) {
        w.last[kind] = ARENA_ARRAY(w.arena, uint32_t, counts[kind] + 1);
        for (size_t i = 0; i < counts[kind]; i++) w.last[kind][i] = IR_NONE;
    }
    for (uint32_t i = 0, end; i < plan->n_kernels + plan->n_copies; i = end) {
        const Chain *chain = i < plan->n_kernels ? plan_chain(plan, i) : NULL;
        PlanStep step = {i, end = chain ? chain->last + 1 : i + 1};
        uint32_t lane = touch_step(&w, step);
        if (is_loop(func, step)) note_wait(&w, LANES, step.first);
        Hazard hazard = {.after = lane < LANES && w.alone[lane] > w.done ? w.alone[lane] : w.done};
        uint32_t known = hazard.after;
        for (size_t t = 0; t < w.now.count; t++) find_hazard(&w, &w.now.of[t], &hazard);
        note_wait(&w, lane, visit(user, step, hazard.after > known ? &hazard : NULL));
        for (size_t t = 0; t < w.now.count; t++) note_touch(&w, w.now.of[t]);
    }
    arena_free(w.arena);
}
