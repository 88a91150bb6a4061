/* Runs and instances: see remat_runs.h. */
#include "passes/plan/remat_runs.h"

#include <stdlib.h>
#include <string.h>

/* ---- the order, and who lives when ------------------------------------------------------------------------------- */

static bool uses(const Remat *r, uint32_t run, uint32_t instance) {
    const Run *user = &r->runs[run];
    for (size_t i = 0; i < user->n_sources && !user->gone; i++)
        if (user->sources[i].instance == instance) return true;
    return false;
}

uint32_t remat_last_touch(const Remat *r, uint32_t instance, int64_t until) {
    const Instance *x = &r->instances[instance];
    uint32_t last = x->run;
    for (size_t i = 0; i < x->n_users; i++) {
        const Run *user = &r->runs[x->users[i]];
        if (user->key < until && user->key > r->runs[last].key && uses(r, x->users[i], instance))
            last = x->users[i];
    }
    return last;
}

uint32_t remat_next_use(const Remat *r, uint32_t instance, int64_t after) {
    const Instance *x = &r->instances[instance];
    uint32_t next = IR_NONE;
    for (size_t i = 0; i < x->n_users; i++) {
        const Run *user = &r->runs[x->users[i]];
        if (user->key > after && (next == IR_NONE || user->key < r->runs[next].key) &&
            uses(r, x->users[i], instance))
            next = x->users[i];
    }
    return next;
}

uint32_t remat_living(const Remat *r, ValueId value, uint32_t run) {
    int64_t key = r->runs[run].key;
    for (uint32_t i = r->n_of[value]; i-- > 0;) {
        uint32_t instance = r->of[value][i];
        const Instance *x = &r->instances[instance];
        if (r->runs[x->run].gone || r->runs[x->run].key >= key) continue;
        if (x->to_end || r->runs[remat_last_touch(r, instance, INT64_MAX)].key >= key) return instance;
    }
    return IR_NONE;
}

uint32_t remat_at_hand(const Remat *r, ValueId value, uint32_t run) {
    uint32_t instance = remat_living(r, value, run);
    for (uint32_t i = r->n_of[value]; i-- > 0 && instance == IR_NONE;) {
        const Run *born = &r->runs[r->instances[r->of[value][i]].run];
        uint32_t last = remat_last_touch(r, r->of[value][i], INT64_MAX);
        if (!born->gone && r->runs[last].at > r->peak && r->runs[last].key < r->runs[run].key)
            instance = r->of[value][i];
    }
    return instance;
}

void remat_number_runs(Remat *r) {
    uint32_t at = 0;
    for (uint32_t k = r->first; k != IR_NONE; k = r->runs[k].next) {
        r->runs[k].at = at;
        r->runs[k].key = (int64_t)at++ << 32;
    }
    r->n_positions = at;
}

/* Whether an instance takes memory: one that no run reads does not. */
static bool has_place(const Remat *r, uint32_t i) {
    const Instance *x = &r->instances[i];
    if (r->runs[x->run].gone || x->bytes == 0) return false;
    return x->to_end || remat_next_use(r, i, INT64_MIN) != IR_NONE;
}

void remat_sum_lives(Remat *r) {
    memset(r->live, 0, sizeof *r->live * (r->n_positions + 2));
    for (uint32_t i = 0; i < r->n_instances; i++) {
        const Instance *x = &r->instances[i];
        if (!has_place(r, i)) continue;
        r->live[r->runs[x->run].at] += x->bytes;
        if (!x->to_end) r->live[r->runs[remat_last_touch(r, i, INT64_MAX)].at + 1] -= x->bytes;
    }
    r->peak = 0;
    for (size_t k = 1; k < r->n_positions; k++) {
        r->live[k] += r->live[k - 1];
        if (r->live[k] > r->live[r->peak]) r->peak = k;
    }
    r->most = r->live[r->peak];
    r->worth[0] = 0;
    for (size_t k = 0; k < r->n_positions; k++) {
        double full = (double)r->live[k] / (double)(r->most ? r->most : 1) - NEARLY_FULL;
        r->worth[k + 1] = r->worth[k] + (full > 0 ? full : 0);
    }
}

static int by_birth(const void *a, const void *b) {
    const Life *x = a, *y = b;
    if (x->born != y->born) return x->born < y->born ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

int64_t remat_arena(Remat *r) {
    Arena *arena = arena_new();
    Lives lives = {.of = ARENA_ARRAY(arena, Life, r->n_instances + 1), .n_kernels = r->n_positions};
    for (uint32_t i = 0; i < r->n_instances; i++) {
        const Instance *x = &r->instances[i];
        if (!has_place(r, i)) continue;
        uint32_t died =
            x->to_end ? (uint32_t)r->n_positions - 1 : r->runs[remat_last_touch(r, i, INT64_MAX)].at;
        lives.of[lives.count++] = (Life){x->value, r->runs[x->run].at, died, x->bytes};
    }
    qsort(lives.of, lives.count, sizeof *lives.of, by_birth);
    int64_t bytes = layout_least(arena, &lives, NULL);
    arena_free(arena);
    return bytes;
}

/* ---- changes to it ----------------------------------------------------------------------------------------------- */

void remat_unlink(Remat *r, uint32_t run) {
    Run *x = &r->runs[run];
    if (x->before != IR_NONE) r->runs[x->before].next = x->next;
    if (x->next != IR_NONE) r->runs[x->next].before = x->before;
    if (r->first == run) r->first = x->next;
}

void remat_link(Remat *r, uint32_t run, uint32_t at) {
    uint32_t before = r->runs[at].before;
    int64_t low = before == IR_NONE ? -((int64_t)1 << 32) : r->runs[before].key;
    r->runs[run].key = low + (r->runs[at].key - low) / 2;
    r->runs[run].at = r->runs[at].at;
    r->runs[run].before = before;
    r->runs[run].next = at;
    r->runs[at].before = run;
    if (before == IR_NONE)
        r->first = run;
    else
        r->runs[before].next = run;
}

bool remat_has_room(const Remat *r, uint32_t at, int n) {
    uint32_t before = r->runs[at].before;
    int64_t gap = before == IR_NONE ? (int64_t)1 << 32 : r->runs[at].key - r->runs[before].key;
    return n < 62 && gap >> (n + 1) > 0;
}

uint32_t remat_new_instance(Remat *r, ValueId value, uint32_t run, bool to_end) {
    Instance x = {.value = value, .run = run, .to_end = to_end};
    if (r->plan->places[value].kind == PLACE_ARENA)
        x.bytes = (type_bytes(func_type(r->func, value)) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    uint32_t id = (uint32_t)r->n_instances;
    ARENA_PUSH(r->arena, r->instances, r->n_instances, r->instances_capacity, x);
    ARENA_PUSH(r->arena, r->runs[run].made, r->runs[run].n_made, r->runs[run].made_capacity, id);
    size_t capacity = r->of_capacity[value];
    ARENA_PUSH(r->arena, r->of[value], r->n_of[value], capacity, id);
    r->of_capacity[value] = (uint32_t)capacity;
    return id;
}

void remat_add_source(Remat *r, uint32_t run, ValueId value, uint32_t instance) {
    Run *x = &r->runs[run];
    Instance *from = &r->instances[instance];
    ARENA_PUSH(r->arena, x->sources, x->n_sources, x->sources_capacity, ((Source){value, instance}));
    ARENA_PUSH(r->arena, from->users, from->n_users, from->users_capacity, run);
}

static bool is_needed(const Remat *r, uint32_t run) {
    for (size_t i = 0; i < r->runs[run].n_made; i++) {
        uint32_t made = r->runs[run].made[i];
        if (r->instances[made].to_end || remat_next_use(r, made, INT64_MIN) != IR_NONE) return true;
    }
    return false;
}

/* Removes a run whose instances nothing reads any more, and then those that only it read from. */
static void drop_unneeded(Remat *r, uint32_t first) {
    size_t count = 0;
    ARENA_PUSH(r->arena, r->stack, count, r->stack_capacity, first);
    while (count > 0) {
        uint32_t run = r->stack[--count];
        if (r->runs[run].gone || is_needed(r, run)) continue;
        r->runs[run].gone = true;
        remat_unlink(r, run);
        for (size_t i = 0; i < r->runs[run].n_sources; i++) {
            uint32_t from = r->instances[r->runs[run].sources[i].instance].run;
            ARENA_PUSH(r->arena, r->stack, count, r->stack_capacity, from);
        }
    }
}

void remat_redirect(Remat *r, uint32_t to) {
    ValueId value = r->instances[to].value;
    int64_t key = r->runs[r->instances[to].run].key;
    for (uint32_t i = 0; i < r->n_of[value]; i++) {
        uint32_t from = r->of[value][i];
        if (from == to) continue;
        for (size_t u = 0; u < r->instances[from].n_users; u++) {
            uint32_t run = r->instances[from].users[u];
            Run *user = &r->runs[run];
            if (user->gone || user->key <= key) continue;
            bool turned = false;
            for (size_t k = 0; k < user->n_sources; k++)
                if (user->sources[k].instance == from) user->sources[k].instance = to, turned = true;
            if (!turned) continue;
            Instance *x = &r->instances[to];
            ARENA_PUSH(r->arena, x->users, x->n_users, x->users_capacity, run);
        }
        drop_unneeded(r, r->instances[from].run);
    }
}
