/* Plans of the arena over random lives: values that live at the same time lie apart, and the lesser plan is no larger
 * than either the other or their sum, nor smaller than what lives at once. */
#include "passes/plan/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

enum { KERNELS = 60, MOST = 200 };

static uint32_t below(uint64_t *seed, uint32_t n) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % n;
}

static Lives random_lives(Arena *arena, uint64_t seed) {
    Lives lives = {.of = ARENA_ARRAY(arena, Life, MOST), .n_kernels = KERNELS};
    lives.live = ARENA_ARRAY(arena, int64_t, KERNELS + 1);
    uint32_t each = 1 + below(&seed, 3), sizes = 1 + below(&seed, 40);
    for (uint32_t k = 0; k < KERNELS; k++)
        for (uint32_t i = below(&seed, each + 1); i-- > 0;) {
            uint32_t died = below(&seed, 4) ? k + below(&seed, 4) : KERNELS - 1 - k / 2;
            died = died < k ? k : died >= KERNELS ? KERNELS - 1 : died;
            int64_t bytes = (1 + below(&seed, sizes)) * ARENA_ALIGN;
            lives.of[lives.count] = (Life){(ValueId)lives.count, k, died, bytes};
            lives.count++;
            for (uint32_t at = k; at <= died; at++) lives.live[at] += bytes;
        }
    return lives;
}

static void assert_apart(const Lives *lives, const int64_t *offsets, int64_t bytes) {
    for (size_t i = 0; i < lives->count; i++) {
        const Life *x = &lives->of[i];
        assert_true(offsets[i] >= 0 && offsets[i] % ARENA_ALIGN == 0 && offsets[i] + x->bytes <= bytes);
        for (size_t j = 0; j < i; j++) {
            const Life *y = &lives->of[j];
            if (x->born > y->died || y->born > x->died) continue;
            assert_true(offsets[i] + x->bytes <= offsets[j] || offsets[j] + y->bytes <= offsets[i]);
        }
    }
}

static void test_values_lie_apart(void **state) {
    (void)state;
    int less = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        Arena *arena = arena_new();
        Lives lives = random_lives(arena, seed * 7919);
        int64_t offsets[MOST], most = 0, all = 0;
        for (int k = 0; k < KERNELS; k++) most = lives.live[k] > most ? lives.live[k] : most;
        for (size_t i = 0; i < lives.count; i++) all += lives.of[i].bytes;
        int64_t ordered = layout_in_order(arena, &lives, offsets);
        assert_apart(&lives, offsets, ordered);
        int64_t least = layout_least(arena, &lives, offsets);
        assert_apart(&lives, offsets, least);
        assert_int_equal(least, layout_least(arena, &lives, NULL));
        assert_true(most <= least && least <= ordered && ordered <= all);
        less += least < ordered;
        arena_free(arena);
    }
    assert_in_range(less, 50, 300); /* the second way is worth having */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values_lie_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
