/* Laying values out in one arena: see layout.h. */
#include "passes/plan/layout.h"
#include "ir/loop.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BY_SIZE = 8192 }; /* values: its time is their square */

typedef struct {
    int64_t start, size;
} Gap;

typedef struct {
    Arena *arena;
    Gap *gaps; /* free blocks below `end`, by start */
    size_t count, capacity;
    int64_t end;
} Heap;

static void insert_gap(Heap *heap, size_t at, Gap gap) {
    ARENA_PUSH(heap->arena, heap->gaps, heap->count, heap->capacity, gap);
    memmove(&heap->gaps[at + 1], &heap->gaps[at], sizeof *heap->gaps * (heap->count - 1 - at));
    heap->gaps[at] = gap;
}

static void remove_gap(Heap *heap, size_t at) {
    memmove(&heap->gaps[at], &heap->gaps[at + 1], sizeof *heap->gaps * (heap->count - 1 - at));
    heap->count--;
}

static int64_t take(Heap *heap, int64_t size) {
    size_t best = heap->count;
    for (size_t i = 0; i < heap->count; i++)
        if (heap->gaps[i].size >= size && (best == heap->count || heap->gaps[i].size < heap->gaps[best].size))
            best = i;
    if (best < heap->count) {
        int64_t start = heap->gaps[best].start;
        heap->gaps[best].start += size;
        heap->gaps[best].size -= size;
        if (heap->gaps[best].size == 0) remove_gap(heap, best);
        return start;
    }
    int64_t start = heap->end;
    if (heap->count && heap->gaps[heap->count - 1].start + heap->gaps[heap->count - 1].size == heap->end) {
        start = heap->gaps[--heap->count].start; /* grow the last free block */
    }
    heap->end = start + size;
    return start;
}

static void give(Heap *heap, int64_t start, int64_t size) {
    size_t at = 0;
    while (at < heap->count && heap->gaps[at].start < start) at++;
    insert_gap(heap, at, (Gap){start, size});
    if (at + 1 < heap->count && heap->gaps[at].start + heap->gaps[at].size == heap->gaps[at + 1].start) {
        heap->gaps[at].size += heap->gaps[at + 1].size;
        remove_gap(heap, at + 1);
    }
    if (at > 0 && heap->gaps[at - 1].start + heap->gaps[at - 1].size == heap->gaps[at].start) {
        heap->gaps[at - 1].size += heap->gaps[at].size;
        remove_gap(heap, at);
    }
}

int64_t layout_in_order(Arena *arena, const Lives *lives, int64_t *offsets) {
    /* Values by the kernel of their last use, as linked lists. */
    uint32_t *head = ARENA_ARRAY(arena, uint32_t, lives->n_kernels + 1),
             *next = ARENA_ARRAY(arena, uint32_t, lives->count + 1);
    if (!offsets) offsets = ARENA_ARRAY(arena, int64_t, lives->count + 1);
    for (size_t k = 0; k < lives->n_kernels; k++) head[k] = IR_NONE;
    Heap heap = {.arena = arena};
    uint32_t born = 0;
    for (size_t k = 0; k < lives->n_kernels; k++) {
        for (; born < lives->count && lives->of[born].born == k; born++) {
            const Life *life = &lives->of[born];
            offsets[born] = take(&heap, life->bytes);
            next[born] = head[life->died];
            head[life->died] = born;
        }
        for (uint32_t i = head[k]; i != IR_NONE; i = next[i]) give(&heap, offsets[i], lives->of[i].bytes);
    }
    return heap.end;
}

typedef struct {
    const Life *life;
    int64_t offset;
} Block;

static int larger_first(const void *a, const void *b) {
    const Life *x = *(const Life *const *)a, *y = *(const Life *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x > y) - (x < y);
}

/* Best fit between the blocks, by offset, that live at the same time. */
static int64_t fit(const Block *blocks, size_t n, const Life *life) {
    int64_t best = -1, least = INT64_MAX, end = 0;
    for (size_t i = 0; i < n; i++) {
        const Life *other = blocks[i].life;
        if (other->born > life->died || other->died < life->born) continue;
        int64_t gap = blocks[i].offset - end;
        if (gap >= life->bytes && gap < least) {
            least = gap;
            best = end;
        }
        if (blocks[i].offset + other->bytes > end) end = blocks[i].offset + other->bytes;
    }
    return best >= 0 ? best : end;
}

/* The largest first (Pisarchyk and Lee 2020, arXiv:2001.03288, "greedy by size"). */
static int64_t layout_by_size(Arena *arena, const Lives *lives, int64_t *offsets) {
    const Life **order = ARENA_ARRAY(arena, const Life *, lives->count + 1);
    Block *blocks = ARENA_ARRAY(arena, Block, lives->count + 1);
    int64_t bytes = 0;
    for (size_t i = 0; i < lives->count; i++) order[i] = &lives->of[i];
    qsort(order, lives->count, sizeof *order, larger_first);
    for (size_t n = 0; n < lives->count; n++) {
        int64_t offset = fit(blocks, n, order[n]);
        size_t at = n;
        while (at > 0 && blocks[at - 1].offset > offset) at--;
        memmove(&blocks[at + 1], &blocks[at], sizeof *blocks * (n - at));
        blocks[at] = (Block){order[n], offset};
        offsets[order[n] - lives->of] = offset;
        if (offset + order[n]->bytes > bytes) bytes = offset + order[n]->bytes;
    }
    return bytes;
}

int64_t layout_least(Arena *arena, const Lives *lives, int64_t *offsets) {
    if (!offsets) offsets = ARENA_ARRAY(arena, int64_t, lives->count + 1);
    int64_t bytes = layout_in_order(arena, lives, offsets);
    if (lives->count > MOST_BY_SIZE) return bytes;
    int64_t *others = ARENA_ARRAY(arena, int64_t, lives->count + 1);
    int64_t by_size = layout_by_size(arena, lives, others);
    if (by_size >= bytes) return bytes;
    memcpy(offsets, others, sizeof *offsets * lives->count);
    return by_size;
}

int64_t layout_loops(const Func *func) {
    int64_t most = 0;
    for (ValueId id = 0; id < func->count; id++) {
        if (func_node(func, id)->op != OP_loop) continue;
        const Func *body = loop_body(func, func_node(func, id));
        int64_t bytes = size_add(layout_bytes(body, NULL) + body->plan->stage_bytes, layout_loops(body));
        bytes = size_add(bytes, plan_slot_bytes(func, func_node(func, id)));
        if (bytes > most) most = bytes;
    }
    return most;
}

int64_t layout_bytes(const Func *func, const KernelOrder *order) {
    Arena *arena = arena_new();
    Lives lives = order ? order_lives(arena, func, order) : func_lives(arena, func);
    int64_t bytes = layout_least(arena, &lives, NULL);
    arena_free(arena);
    return bytes;
}
