/* A training program is shipped: built static for several targets, it is copied alone into an empty root, trains there
 * from CIFAR-10's binary files, is killed, and vitc ends its run with the bits of one that was never stopped. */
#include "tests/driver/runs.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#define STEPS "20"
#define RUN_FLAGS "--data cifar --steps " STEPS " --workers 1 --threads 2 --plain train.checkpoint_every=0.25"

/* CIFAR-10's binary version (a class, then 32×32 of red, green, blue, a record), of `records` a file. */
static void write_cifar(const char *to, int records) {
    static uint8_t record[1 + 3 * 32 * 32];
    char path[256];
    uint32_t random = 1;
    mkdir(to, 0755);
    for (int f = 0; f < 6; f++) {
        snprintf(path, sizeof path, f < 5 ? "%s/data_batch_%d.bin" : "%s/test_batch.bin", to, f + 1);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        for (int r = 0; r < records; r++) {
            record[0] = (uint8_t)(r % 10);
            for (size_t i = 1; i < sizeof record; i++) {
                random = random * 1664525u + 1013904223u;
                record[i] = (uint8_t)(random >> 24);
            }
            assert_int_equal(fwrite(record, 1, sizeof record, file), sizeof record);
        }
        fclose(file);
    }
}

/* In the child: the test's folder ROOT is all there is. Only root may do so, or whoever may make a user namespace. */
static bool enter_root(const char *root) {
    if (chroot(root) != 0 && (unshare(CLONE_NEWUSER) != 0 || chroot(root) != 0)) return false;
    return chdir("/") == 0;
}

static bool root_is_allowed(const char *root) {
    pid_t child = fork();
    if (child == 0) _exit(enter_root(root) ? 0 : 1);
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Starts the program in its root, with the arguments as a shell would split them. */
static pid_t start(const char *root, bool enclosed, const char *arguments) {
    char copy[512], *argv[32] = {"./dino"}, *rest, log[256];
    int n = 1;
    snprintf(copy, sizeof copy, "%s", arguments);
    snprintf(log, sizeof log, "%s/log", folder);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) argv[n++] = word;
    pid_t child = fork();
    if (child != 0) return child;
    int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    char *nothing[] = {NULL};
    if (enclosed ? enter_root(root) : chdir(root) == 0) execve("./dino", argv, nothing);
    _exit(127);
}

static int ended(pid_t child) {
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Kills it with its first checkpoint there, or fails if it ends before. */
static void kill_at_checkpoint(pid_t child, const char *checkpoint) {
    int status;
    while (access(checkpoint, F_OK) != 0) {
        if (waitpid(child, &status, WNOHANG) != 0) {
            said("");
            fail_msg("ended with status %d before a checkpoint", status);
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    kill(child, SIGKILL);
    assert_int_equal(ended(child), 128 + SIGKILL);
}

static void test_shipped(void **state) {
    (void)state;
    if (SANITIZED) {
        print_message("[  SKIPPED ] sanitizers cannot be linked statically\n");
        skip();
    }
    char root[128], path[256];
    snprintf(root, sizeof root, "%s/root", folder);
    assert_int_equal(mkdir(root, 0755), 0);
#if defined(__x86_64__)
    const char *targets = "x86-64,x86-64-v3,x86-64-v4";
#else
    const char *targets = "native";
#endif
    int code =
        run_command("%s build dino preset=tiny --static --target %s -o %s/dino", VITC_BINARY, targets, root);
    if (code != 0) said("\1");
    assert_int_equal(code, 0);
    assert_int_not_equal(run_command("readelf -d %s/dino | grep -q NEEDED", root), 0);
    snprintf(path, sizeof path, "%s/cifar", root);
    write_cifar(path, 64);
    bool enclosed = root_is_allowed(root);
    if (!enclosed)
        print_message("this user may not change the root folder: the program runs where it lies\n");

    assert_int_equal(ended(start(root, enclosed, "info")), 0);
    assert_true(said("dino, built by vitc") && said("x86-64 "));
    int whole = ended(start(root, enclosed, "train --out whole " RUN_FLAGS));
    if (whole != 0) said("");
    assert_int_equal(whole, 0);
    snprintf(path, sizeof path, "%s/killed/checkpoint.safetensors", root);
    kill_at_checkpoint(start(root, enclosed, "train --out killed " RUN_FLAGS), path);
    /* In its root the path of the data was /cifar. */
    code = run_command("%s train --resume --out %s/killed --data %s/cifar --plain", VITC_BINARY, root, root);
    if (code != 0) said("\1");
    assert_int_equal(code, 0);
    assert_true(said("resumed from"));
    assert_same("root/whole", "root/killed");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shipped)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
