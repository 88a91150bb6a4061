/* Sums of subsets: see shared_sums.h. */
#include "passes/graph/shared_sums.h"

#include <string.h>

enum {
    MOST_MEMBERS = 400
}; /* of all sums together; of more nothing is shared, for the time that it takes to look */

typedef struct {
    int n_items, n_sums, room; /* room: for items and results of steps, a row of `in` */
    bool *in;                  /* what is still to be added up */
    int *sharers;              /* by pair of items: sums that have both */
    SharedSums made;
} Sharing;

static int live_items(const Sharing *s) {
    return s->n_items + s->made.n_steps;
}

static int add_step(Sharing *s, int left, int right, bool minus) {
    s->made.steps[s->made.n_steps] = (SumStep){left, right, minus};
    return s->n_items + s->made.n_steps++;
}

static int common(const Sharing *s, int a, int b) {
    int n = 0;
    for (int k = 0; k < s->n_sums; k++) n += s->in[k * s->room + a] && s->in[k * s->room + b];
    return n;
}

/* Counts again the sums that have an item together with another. */
static void count_sharers(Sharing *s, int item) {
    for (int other = 0; other < live_items(s); other++)
        s->sharers[item * s->room + other] = s->sharers[other * s->room + item] =
            other == item ? 0 : common(s, item, other);
}

/* The pair that most sums have in common, of equals the first; false: no sum has two items left. */
static bool best_pair(const Sharing *s, int *a, int *b) {
    int most = 0;
    for (int j = 1; j < live_items(s); j++)
        for (int i = 0; i < j; i++) {
            int n = s->sharers[i * s->room + j];
            if (n <= most) continue;
            most = n;
            *a = i;
            *b = j;
        }
    return most > 0;
}

static void join(Sharing *s, int a, int b) {
    int sum = add_step(s, a, b, false);
    for (int k = 0; k < s->n_sums; k++) {
        bool *row = s->in + k * s->room;
        if (!row[a] || !row[b]) continue;
        row[a] = row[b] = false;
        row[sum] = true;
    }
    count_sharers(s, a);
    count_sharers(s, b);
    count_sharers(s, sum);
}

/* One item after another, nothing shared. */
static int add_up(Sharing *s, const bool *in) {
    int sum = -1;
    for (int i = 0; i < s->n_items; i++)
        if (in[i]) sum = sum < 0 ? i : add_step(s, sum, i, false);
    return sum;
}

static Sharing begin(Arena *arena, int n_items, int n_sums, size_t most_steps) {
    Sharing s = {.n_items = n_items, .n_sums = n_sums};
    s.made.steps = ARENA_ARRAY(arena, SumStep, most_steps + 1);
    s.made.result = ARENA_ARRAY(arena, int, n_sums);
    return s;
}

static size_t members(int n, const bool *in) {
    size_t count = 0;
    for (int i = 0; i < n; i++) count += in[i];
    return count;
}

/* Whether the item is in a sum with others. */
static bool has_company(int item, int n_items, int n_sums, const bool *in) {
    for (int k = 0; k < n_sums; k++)
        if (in[k * n_items + item] && members(n_items, in + k * n_items) > 1) return true;
    return false;
}

static SharedSums share(Arena *arena, int n_items, int n_sums, const bool *in) {
    size_t most = members(n_items * n_sums, in);
    Sharing s = begin(arena, n_items, n_sums, most);
    if (most > MOST_MEMBERS) {
        for (int k = 0; k < n_sums; k++) s.made.result[k] = add_up(&s, in + k * n_items);
        return s.made;
    }
    s.room = n_items + (int)most;
    s.in = ARENA_ARRAY(arena, bool, n_sums *s.room);
    s.sharers = ARENA_ARRAY(arena, int, (size_t)s.room *(size_t)s.room);
    for (int k = 0; k < n_sums; k++) memcpy(s.in + k * s.room, in + k * n_items, (size_t)n_items);
    for (int i = 0; i < n_items; i++)
        if (has_company(i, n_items, n_sums, in)) count_sharers(&s, i);
    for (int a, b; best_pair(&s, &a, &b);) join(&s, a, b);
    for (int k = 0; k < n_sums; k++)
        for (int i = 0; i < live_items(&s); i++)
            if (s.in[k * s.room + i]) s.made.result[k] = i;
    return s.made;
}

/* As many sums of what sums leave out as leave out less than they have, and that of all items behind the others. */
static SharedSums share_complements(Arena *arena, int n_items, int n_sums, const bool *in) {
    bool *turned = ARENA_ARRAY(arena, bool, (n_sums + 1) * n_items),
         *minus = ARENA_ARRAY(arena, bool, n_sums);
    bool *whole = ARENA_ARRAY(arena, bool, n_sums);
    int *number = ARENA_ARRAY(arena, int, n_sums), n = 0;
    for (int k = 0; k < n_sums; k++) {
        size_t has = members(n_items, in + k * n_items), out = (size_t)n_items - has;
        whole[k] = out == 0;
        minus[k] = out > 0 && out + 1 < has;
        if (whole[k]) continue;
        for (int i = 0; i < n_items; i++) turned[n * n_items + i] = in[k * n_items + i] != minus[k];
        number[k] = n++;
    }
    for (int i = 0; i < n_items; i++) turned[n * n_items + i] = true;
    SharedSums shared = share(arena, n_items, n + 1, turned);
    Sharing s = begin(arena, n_items, n_sums, (size_t)(shared.n_steps + n_sums));
    memcpy(s.made.steps, shared.steps, sizeof *shared.steps * (size_t)shared.n_steps);
    s.made.n_steps = shared.n_steps;
    for (int k = 0; k < n_sums; k++) {
        s.made.result[k] = shared.result[whole[k] ? n : number[k]];
        if (minus[k]) s.made.result[k] = add_step(&s, shared.result[n], s.made.result[k], true);
    }
    return s.made;
}

SharedSums shared_sums(Arena *arena, int n_items, int n_sums, const bool *in) {
    SharedSums plain = share(arena, n_items, n_sums, in);
    if (n_sums < 2) return plain;
    SharedSums turned = share_complements(arena, n_items, n_sums, in);
    return turned.n_steps < plain.n_steps ? turned : plain;
}
