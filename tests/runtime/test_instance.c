/* The memory of a program: initial values against their definition, drawn one after another; the same bits for any
 * team; memory that is zero and untouched until it is used; a block of scratch for each thread alone. */
#include "runtime/runtime.h"
#include "runtime/program/normals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DRAWN = 100003, WIDE = 3 << 20, SCRATCH = 5000, MOST_THREADS = 7 };

#define VECTOR(NAME, DTYPE, N)                                                                               \
    {                                                                                                        \
        NAME, DTYPE, 1, {                                                                                    \
            N                                                                                                \
        }                                                                                                    \
    }
static const VtState STATES[] = {
    {.tensor = VECTOR("truncated", VT_F32, DRAWN),
     .role = VT_ROLE_PARAM,
     .init = VT_INIT_TRUNC_NORMAL,
     .a = 0.5,
     .b = 0.02,
     .copy_of = -1},
    {.tensor = VECTOR("normal", VT_F32, DRAWN),
     .role = VT_ROLE_PARAM,
     .init = VT_INIT_NORMAL,
     .a = 0,
     .b = 2,
     .copy_of = -1},
    {.tensor = VECTOR("uniform", VT_F64, DRAWN),
     .role = VT_ROLE_PARAM,
     .init = VT_INIT_UNIFORM,
     .a = -1,
     .b = 3,
     .copy_of = -1},
    {.tensor = VECTOR("ones", VT_I32, DRAWN),
     .role = VT_ROLE_BUFFER,
     .init = VT_INIT_CONSTANT,
     .a = 1,
     .b = 0,
     .copy_of = -1},
    {.tensor = VECTOR("moments", VT_F32, WIDE),
     .role = VT_ROLE_OPTIMIZER,
     .init = VT_INIT_CONSTANT,
     .a = 0,
     .b = 0,
     .copy_of = -1},
    {.tensor = VECTOR("copy", VT_F32, DRAWN),
     .role = VT_ROLE_EMA,
     .init = VT_INIT_COPY,
     .a = 0,
     .b = 0,
     .copy_of = 0},
    {.tensor = VECTOR("short", VT_F32, 3),
     .role = VT_ROLE_PARAM,
     .init = VT_INIT_TRUNC_NORMAL,
     .a = 0,
     .b = 1,
     .copy_of = -1},
};
enum { TRUNCATED, NORMAL, UNIFORM, ONES, MOMENTS, COPY, SHORT, N_STATES };

static const VtProgram DRAWING = {
    .abi = VT_ABI, .name = "drawing", .version = "0", .n_states = N_STATES, .states = STATES};

static double draw(const VtState *state, VtRng *rng) {
    double x;
    if (state->init == VT_INIT_UNIFORM) return state->a + (state->b - state->a) * vt_rng_uniform(rng);
    do x = vt_rng_normal(rng);
    while (state->init == VT_INIT_TRUNC_NORMAL && (x < -2 || x > 2));
    return state->a + state->b * x;
}

static void assert_drawn(const VtState *state, const void *data) {
    VtRng rng = {.seed = 5, .stream = vt_stream(state->tensor.name)};
    for (int64_t i = 0; i < state->tensor.dim[0]; i++) {
        double want = draw(state, &rng);
        if (state->tensor.dtype == VT_F64)
            assert_true(((const double *)data)[i] == want);
        else
            assert_true(((const float *)data)[i] == (float)want);
    }
}

static bool is_zero(const char *data, size_t size) {
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

static void check_values(VtInstance *instance) {
    const int drawn[] = {TRUNCATED, NORMAL, UNIFORM, SHORT};
    for (int i = 0; i < 4; i++) assert_drawn(&STATES[drawn[i]], vt_instance_state(instance, drawn[i]));
    for (int i = 0; i < DRAWN; i++) assert_int_equal(((int32_t *)vt_instance_state(instance, ONES))[i], 1);
    assert_true(is_zero(vt_instance_state(instance, MOMENTS), sizeof(float) * WIDE));
    assert_memory_equal(vt_instance_state(instance, COPY), vt_instance_state(instance, TRUNCATED),
                        sizeof(float) * DRAWN);
}

static void values_do_not_depend_on_the_team(void **state) {
    (void)state;
    for (int threads = 1; threads <= MOST_THREADS; threads += 2) {
        vt_set_threads(threads);
        VtInstance *instance = vt_instance_new(&DRAWING, NULL);
        assert_true(vt_instance_init(instance, 5, NULL));
        check_values(instance);
        for (int s = 0; s < N_STATES; s++)
            memset(vt_instance_write_state(instance, s), 7, vt_bytes(&STATES[s].tensor));
        assert_true(vt_instance_init(instance, 5, NULL)); /* over other values */
        check_values(instance);
        vt_instance_free(instance);
    }
    vt_set_threads(0);
}

/* Vectors of them are those drawn one by one, wherever they begin and whatever is thrown away. */
static void many_normals_are_those_of_one_by_one(void **state) {
    (void)state;
    enum { N = 200000 };
    static const double rows[][3] = {{0, 1, INFINITY}, {0, 0.02, 2}, {1, 1e-3, 2},
                                     {0.5, 0, 1},      {0, 1e3, 3},  {-7, 1e-9, INFINITY}};
    static float got[N], want[N];
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        double a = rows[r][0], b = rows[r][1], most = rows[r][2];
        VtRng one = {.seed = r, .stream = vt_stream("numbers"), .step = r << 33, .index = (r << 34) + 2 * r},
              many = one;
        int64_t kept = 0, n = 0;
        for (int i = 0; i < N; i++) {
            double x = vt_rng_normal(&one);
            if (fabs(x) <= most) want[kept++] = (float)(a + b * x);
        }
        n += vt_normals(&many, 1, a, b, most, got);
        n += vt_normals(&many, 1000, a, b, most, got + n);
        n += vt_normals(&many, N - 1001, a, b, most, got + n);
        assert_int_equal(n, kept);
        assert_memory_equal(got, want, sizeof *want * (size_t)kept);
        assert_true(one.index == many.index && vt_rng_u32(&one) == vt_rng_u32(&many));
    }
}

static void many_uniforms_are_those_of_one_by_one(void **state) {
    (void)state;
    enum { N = 3001 };
    static const double rows[][2] = {{0, 1}, {-0.05, 0.1}, {3, -1e-3}, {1e6, 1e-9}};
    static float got[N], want[N];
    for (uint64_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        double a = rows[r][0], b = rows[r][1];
        VtRng one = {.seed = r, .stream = vt_stream("numbers"), .step = r << 33, .index = (r << 34) + r},
              many = one;
        for (int i = 0; i < N; i++) want[i] = (float)(a + b * vt_rng_uniform(&one));
        vt_uniforms(&many, 1, a, b, got);
        vt_uniforms(&many, 1000, a, b, got + 1);
        vt_uniforms(&many, N - 1001, a, b, got + 1001);
        assert_memory_equal(got, want, sizeof want);
        assert_true(one.index == many.index && vt_rng_u32(&one) == vt_rng_u32(&many));
    }
}

/* Pages of [data, data + size) that someone has touched; whole ones of it alone count. */
static int touched(const void *data, size_t size) {
    static unsigned char resident[1 << 16];
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)data + page - 1) / page * page,
              end = ((uintptr_t)data + size) / page * page;
    int n = 0;
    if (begin >= end) return 0;
    assert_int_equal(mincore((void *)begin, end - begin, resident), 0);
    for (uintptr_t i = 0; i < (end - begin) / page; i++) n += resident[i] & 1;
    return n;
}

static void zeros_are_left_untouched(void **state) {
    (void)state;
    enum { HUGE_PAGES = 4 << 20 }; /* which values beside them may have made resident */
    VtInstance *instance = vt_instance_new(&DRAWING, NULL);
    assert_true(vt_instance_init(instance, 5, NULL));
    const char *moments = vt_instance_state(instance, MOMENTS);
    assert_int_equal(touched(moments + HUGE_PAGES / 2, sizeof(float) * WIDE - HUGE_PAGES), 0);
    vt_instance_free(instance);
}

/* ---- scratch ----------------------------------------------------------------------------------------------------- */

static struct {
    char *block;
    int touched;
} seen[MOST_THREADS];

static void write_scratch(void *const *args, int32_t thread, int32_t threads) {
    (void)threads;
    seen[thread].block = args[0];
    vt_team_barrier();
    seen[thread].touched = touched(args[0], SCRATCH); /* before any thread writes */
    vt_team_barrier();
    memset(args[0], thread + 1, SCRATCH);
}

static void each_thread_has_pages_of_its_own(void **state) {
    (void)state;
    static const VtArg args[] = {{.kind = VT_ARG_SCRATCH}};
    static const VtCall calls[] = {{.kernel = write_scratch, .name = "write", .n_args = 1}};
    static const VtFunction functions[] = {
        {.name = "step", .n_calls = 1, .n_args = 1, .calls = calls, .args = args, .scratch_bytes = SCRATCH}};
    static const VtProgram program = {
        .abi = VT_ABI, .name = "scratch", .version = "0", .n_functions = 1, .functions = functions};
    VtInstance *instance = vt_instance_new(&program, NULL);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int threads = 2; threads <= MOST_THREADS; threads += MOST_THREADS - 2) { /* more: other blocks */
        vt_set_threads(threads);
        assert_true(vt_instance_run(instance, "step", NULL, NULL));
        for (int t = 0; t < threads; t++) {
            assert_int_equal(seen[t].touched, 0);
            for (int i = 0; i < SCRATCH; i++) assert_int_equal(seen[t].block[i], t + 1);
            if (t == 0) continue;
            assert_true((uintptr_t)(seen[t - 1].block + SCRATCH - 1) / page <
                        (uintptr_t)seen[t].block / page);
        }
    }
    vt_set_threads(0);
    vt_instance_free(instance);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_do_not_depend_on_the_team),
        cmocka_unit_test(many_normals_are_those_of_one_by_one),
        cmocka_unit_test(many_uniforms_are_those_of_one_by_one),
        cmocka_unit_test(zeros_are_left_untouched),
        cmocka_unit_test(each_thread_has_pages_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
