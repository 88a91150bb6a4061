/* Warnings of a recipe as who uses vitc sees them: by every verb, from the object cache too, errors under --strict. */
#include "tests/driver/runs.h"

#define WARNING "warning: knob 'unread' is read nowhere"

static void write_recipe(const char *name, const char *knobs) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fprintf(file,
            "recipe: warned\nuse: [lib/nn.yaml, lib/optimizers.yaml]\nknobs: {%s}\n"
            "views: {x: {size: 8, augment: [normalize]}}\n"
            "networks: {f: \"linear(reshape(x, dim(x, 0), -1), 4)\"}\n"
            "objectives: {o: {loss: mean(f(x) ** 2)}}\nembed: {view: x, features: f(x)}\n"
            "train: {batch: 4, epochs: 1, optimizer: \"sgd(param, grad, 0.01)\"}\n",
            knobs);
    assert_int_equal(fclose(file), 0);
}

static int vitc(const char *arguments) {
    return run_command("cd %s && VITC_CACHE=%s/cache VITC_MODELS=" SOURCE_DIR "/models " VITC_BINARY " %s",
                       folder, folder, arguments);
}

static size_t times_told(const char *text) {
    char *log = read_log();
    size_t n = 0;
    for (const char *at = log; (at = strstr(at, text)); at++) n++;
    free(log);
    return n;
}

static void test_verbs(void **state) {
    (void)state;
    write_recipe("warned.yaml", "unread: 1");
    write_recipe("fine.yaml", "");
    static const char *const verbs[] = {"check warned.yaml",
                                        "inspect warned.yaml --after frontend",
                                        "bench warned.yaml --steps 1",
                                        "bench warned.yaml --steps 1", /* from the cache */
                                        "train warned.yaml --data synthetic:64 --plain --steps 1 --out run",
                                        "eval knn run --data synthetic:64 --k 1",
                                        "resume run --plain --steps 1"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        assert_int_equal(vitc(verbs[i]), 0);
        assert_true(i != 3 || log_holds("from the cache"));
        if (times_told(WARNING) != 1) fail_msg("%s: told %zu times", verbs[i], times_told(WARNING));
    }
    static const char *const strict[] = {
        "check warned.yaml --strict",
        "inspect warned.yaml --strict",
        "bench warned.yaml --steps 1 --strict",
        "train warned.yaml --strict --data synthetic:64 --plain --steps 1 --out strict",
        "eval knn run --data synthetic:64 --strict",
        "run warned.yaml --strict --in none --out out.safetensors"};
    for (size_t i = 0; i < sizeof strict / sizeof *strict; i++) {
        int code = vitc(strict[i]);
        if (code != 2 || times_told("error: knob 'unread' is read nowhere") != 1)
            fail_msg("%s: exit code %d", strict[i], code);
    }
    assert_int_equal(vitc("check fine.yaml --strict"), 0);
    assert_int_equal(vitc("bench fine.yaml --steps 1 --strict"), 0);
    assert_int_equal(vitc("bench fine.yaml --steps 1 --strict"), 0);
    assert_true(log_holds("from the cache"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verbs)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
