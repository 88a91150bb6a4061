/* Teams of threads: everyone takes part once, meetings hold, few or many, one team or several at once; how many cores
 * count; how many threads a run gets. */
#include "runtime/threads/cores.h"
#include "runtime/threads/pace.h"
#include "runtime/runtime.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 8, ROUNDS = 500 };

typedef struct {
    int seen[MOST], threads;
    int round[MOST]; /* of each thread; no two are ever more than one meeting apart */
    bool apart;
} Meetings;

static void meet_often(void *user, int thread, int threads) {
    Meetings *m = user;
    __atomic_fetch_add(&m->seen[thread], 1, __ATOMIC_RELAXED);
    if (thread == 0) m->threads = threads;
    for (int r = 0; r < ROUNDS; r++) {
        __atomic_store_n(&m->round[thread], r, __ATOMIC_RELAXED);
        vt_team_barrier();
        for (int t = 0; t < threads; t++)
            if (__atomic_load_n(&m->round[t], __ATOMIC_RELAXED) != r) m->apart = true;
        vt_team_barrier();
    }
}

static void test_meetings(void **state) {
    (void)state;
    vt_set_threads(MOST);
    for (int threads = 1; threads <= MOST; threads = threads * 2 + (threads == 2)) {
        Meetings m = {0};
        vt_parallel_few(threads, meet_often, &m);
        assert_int_equal(m.threads, threads);
        for (int t = 0; t < MOST; t++) assert_int_equal(m.seen[t], t < threads);
        assert_false(m.apart);
    }
}

enum { AHEAD = 2 };

typedef struct {
    int made[MOST][2 * AHEAD]; /* plain memory, which waiting alone protects */
    bool wrong;
} Rounds;

/* A thread may be AHEAD rounds before the slowest: it reads what the others made so long ago, and writes over what they
 * read then. */
static void run_ahead(void *user, int thread, int threads) {
    Rounds *rounds = user;
    for (int r = 0; r < ROUNDS; r++) {
        if (r >= AHEAD) {
            uint32_t least = vt_team_behind(thread, (uint32_t)(r - AHEAD + 1));
            if (threads > 1 && (int)least < r - AHEAD + 1) rounds->wrong = true;
        }
        rounds->made[thread][r % (2 * AHEAD)] = r;
        for (int t = 0; t < threads && r >= AHEAD; t++)
            if (rounds->made[t][(r - AHEAD) % (2 * AHEAD)] != r - AHEAD) rounds->wrong = true;
        vt_team_pass(thread, (uint32_t)r + 1);
    }
}

static void test_running_ahead(void **state) {
    (void)state;
    vt_set_threads(MOST);
    for (int threads = 1; threads <= MOST; threads++) {
        Rounds rounds = {0};
        for (int job = 0; job < 3; job++) vt_parallel_few(threads, run_ahead, &rounds);
        assert_false(rounds.wrong);
    }
}

static void count(void *user, int thread, int threads) {
    (void)thread, (void)threads;
    __atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED);
}

/* Several teams at work at once, each in the hands of a thread: none sees another's meetings. */
static void *use_own_team(void *user) {
    bool *good = user;
    VtTeam *team = vt_team_new(3, false), *before = team ? vt_team_use(team) : NULL;
    *good = team && !before && vt_threads() == 3;
    for (int i = 0; *good && i < 20; i++) {
        Meetings m = {0};
        vt_parallel_few(1 + i % 3, meet_often, &m);
        *good = m.threads == 1 + i % 3 && !m.apart;
        for (int t = 0; t < MOST; t++) *good = *good && m.seen[t] == (t < m.threads);
    }
    vt_set_threads(2);
    *good = *good && vt_threads() == 2 && vt_team_use(NULL) == team;
    vt_team_free(team);
    return NULL;
}

static void test_teams_beside_each_other(void **state) {
    (void)state;
    enum { TEAMS = 4 };
    bool good[TEAMS];
    pthread_t threads[TEAMS];
    vt_set_threads(4);
    for (int t = 0; t < TEAMS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, use_own_team, &good[t]), 0);
    Meetings m = {0};
    for (int i = 0; i < 10; i++) vt_parallel(meet_often, &m);
    assert_false(m.apart);
    assert_int_equal(m.seen[3], 10);
    for (int t = 0; t < TEAMS; t++) {
        assert_int_equal(pthread_join(threads[t], NULL), 0);
        assert_true(good[t]);
    }
    assert_int_equal(vt_threads(), 4);  /* the process's team is as it was */
    vt_team_free(vt_team_new(2, true)); /* one that never worked */
    vt_team_free(NULL);
}

/* Jobs of changing sizes in quick succession: a worker that sleeps through some must not take part in one that is not
 * its own. */
static void test_jobs_of_all_sizes(void **state) {
    (void)state;
    int times = 0, expected = 0;
    for (int i = 0; i < 4000; i++) {
        int threads = 1 + i * 7 % 5;
        vt_parallel_few(threads, count, &times);
        expected += threads;
        assert_int_equal(times, expected);
    }
}

static void write_file(const char *folder, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_quotas(void **state) {
    (void)state;
    char folder[] = "/tmp/vitc-quota-XXXXXX", member[64], command[128];
    assert_non_null(mkdtemp(folder));
    snprintf(member, sizeof member, "%s/cgroup", folder);
    write_file(folder, "cgroup", "0::/job/step\n");
    assert_true(cores_quota(member, folder) == 0); /* no files at all */
    write_file(folder, "job/step/cpu.max", "max 100000\n");
    assert_true(cores_quota(member, folder) == 0);
    write_file(folder, "job/cpu.max", "250000 100000\n");
    assert_true(cores_quota(member, folder) == 2.5); /* a quota above binds */
    write_file(folder, "job/step/cpu.max", "150000 100000\n");
    assert_true(cores_quota(member, folder) == 1.5);
    write_file(folder, "cgroup", "4:memory:/x\n2:cpuacct,cpu:/box\n0::/none\n");
    write_file(folder, "cpuacct,cpu/box/cpu.cfs_quota_us", "-1\n");
    write_file(folder, "cpuacct,cpu/box/cpu.cfs_period_us", "100000\n");
    assert_true(cores_quota(member, folder) == 0);
    write_file(folder, "cpuacct,cpu/box/cpu.cfs_quota_us", "50000\n");
    assert_true(cores_quota(member, folder) == 0.5);
    write_file(folder, "cgroup", "junk\n::\n1:cpu\n");
    assert_true(cores_quota(member, folder) == 0);
    assert_true(cores_usable() >= 1);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void test_threads_of_the_environment(void **state) {
    (void)state;
    setenv("OMP_NUM_THREADS", "99999", 1); /* not heeded */
    vt_set_threads(0);
    assert_int_equal(vt_threads(), cores_usable());
    vt_set_threads(99999);
    assert_int_equal(vt_threads(), 1024);
    vt_set_threads(3);
    assert_int_equal(vt_threads(), 3);
}

/* Simulated runs of `all` threads: how long a run takes, and for how much of it threads wait, by how many there are. */
typedef struct {
    double seconds[5], waiting[5]; /* of 1, 2, … threads */
} Machine;

static double simulate(Pace *pace, const Machine *m, int all, double clock, double until, double *share) {
    double with_all = 0, began = clock;
    while (clock < until) {
        int threads = pace_threads(pace, all);
        double start = clock;
        clock += m->seconds[threads - 1];
        pace_note(pace, start, clock, m->waiting[threads - 1] * threads * (clock - start), true);
        if (threads == all) with_all += clock - start;
    }
    *share = with_all / (clock - began);
    return clock;
}

static void test_pace(void **state) {
    (void)state;
    double share, clock = 1;
    const Machine alone = {{2e-3, 1e-3}, {0, 0.05}}, crowded = {{2e-3, 8e-3}, {0, 0.7}},
                  balanced = {{2e-3, 1.9e-3}, {0, 0.5}};
    Pace pace = {0};
    clock = simulate(&pace, &alone, 2, clock, clock + 20, &share);
    assert_true(share == 1); /* nothing is tried where nobody waits */
    clock = simulate(&pace, &crowded, 2, clock, clock + 20, &share);
    assert_true(share < 0.1); /* one thread, with a look now and then whether the load is gone */
    clock = simulate(&pace, &alone, 2, clock, clock + 20, &share);
    assert_true(share > 0.6); /* it is */
    clock = simulate(&pace, &balanced, 2, clock, clock + 60, &share);
    assert_true(share > 0.8); /* fewer are tried, less and less often */
    Pace single = {0};
    simulate(&single, &alone, 1, 0, 1, &share);
    assert_int_equal(pace_threads(&single, 1), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meetings),
        cmocka_unit_test(test_running_ahead),
        cmocka_unit_test(test_teams_beside_each_other),
        cmocka_unit_test(test_jobs_of_all_sizes),
        cmocka_unit_test(test_quotas),
        cmocka_unit_test(test_threads_of_the_environment),
        cmocka_unit_test(test_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
