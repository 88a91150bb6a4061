/* Names of a recipe: what they mean where, and what is told when they are wrong. */
#include "frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 5 };

/* A recipe, and all that is told of it, in order: "line:column: kind: …" or what is contained in that. None: nothing
 * is told. */
typedef struct {
    const char *text, *told[MOST];
} Case;

#define RECIPE                                                                                               \
    "recipe: t\n"                                                                                            \
    "use: [lib/nn.yaml, lib/heads.yaml, lib/optimizers.yaml, lib/schedules.yaml]\n"                          \
    "views: {x: {size: 4, augment: [normalize]}}\n"                                                          \
    "networks: {f: \"linear(reshape(x, dim(x, 0), -1), 3)\"}\n"                                              \
    "train: {batch: 4, epochs: 1, optimizer: \"sgd(param, grad, 0.1)\"}\n"
#define LOSS(lines) "objectives:\n  o:\n    loss: |\n      z = f(x)\n" lines "      return mean(z ** 2)\n"

/* Prints what differs; the number of differences. */
static int compare(size_t number, const Case *c, const Diags *diags, bool good) {
    int n = 0, wrong = 0, errors = 0;
    for (int i = 0; i < diags_count(diags); i++) {
        DiagKind kind;
        Loc loc;
        const char *message = diags_message(diags, i, &kind, &loc);
        static const char *const kinds[] = {"error", "warning"};
        char line[4096];
        if (kind == DIAG_NOTE) continue;
        errors += kind == DIAG_ERROR;
        snprintf(line, sizeof line, "%u:%u: %s: %s", loc.line, loc.col, kinds[kind], message);
        if (n == MOST || !c->told[n] || !strstr(line, c->told[n])) {
            print_error("case %zu: wanted \"%s\", told: %s\n", number,
                        n < MOST && c->told[n] ? c->told[n] : "nothing", line);
            wrong++;
        }
        n++;
    }
    for (; n < MOST && c->told[n]; n++, wrong++)
        print_error("case %zu: wanted \"%s\", told nothing\n", number, c->told[n]);
    if (good != (errors == 0)) print_error("case %zu: %s\n", number, good ? "accepted" : "refused"), wrong++;
    return wrong;
}

static void run_cases(const Case *cases, size_t n) {
    int wrong = 0;
    for (size_t i = 0; i < n; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .with_values = true};
        Recipe recipe;
        bool good =
            recipe_load_text(arena, diags, "t.yaml", cases[i].text, strlen(cases[i].text), &options, &recipe);
        wrong += compare(i, &cases[i], diags, good);
        arena_free(arena);
    }
    assert_int_equal(wrong, 0);
}

#define RUN_CASES(cases) run_cases(cases, sizeof(cases) / sizeof *(cases))

/* ---- states ------------------------------------------------------------------------------------------------------ */

#define STATE RECIPE "state: {center: \"zeros(3)\", count: 0}\n"
#define UPDATE(lines) STATE LOSS("") "    update: |\n" lines

static void test_states(void **state) {
    (void)state;
    static const Case cases[] = {
        {UPDATE("      center := mean(z, 0)\n      count := count + 1\n"), {NULL}},
        {UPDATE("      center, count := mean(z, 0), count + 1\n"), {NULL}},
        {UPDATE("      if true:\n        for i in range(2):\n          center := mean(z, 0)\n      count := "
                "1\n"),
         {NULL}},
        {UPDATE("      center = mean(z, 0)\n      count := 1\n"),
         {"13:7: error: 'center' is a state, and `=` sets no state: write `center := …`"}},
        {UPDATE("      center := mean(z, 0)\n      if true:\n        count = 1\n"),
         {"15:9: error: 'count' is a state"}},
        {UPDATE("      center := mean(z, 0)\n      for i in range(3):\n        count += 1\n"),
         {"15:9: error: 'count' is a state, and `+=` sets no state: write `count := count + …`"}},
        {UPDATE("      a, center = mean(z, 0), mean(z, 0)\n      count := a\n"),
         {"13:10: error: 'center' is a state"}},
        {UPDATE("      for count in range(3):\n        center := count * mean(z, 0)\n"),
         {"13:11: error: 'count' is a state: a loop's variable wants another name"}},
        {UPDATE("      centre := mean(z, 0)\n      center := mean(z, 0)\n      count := 1\n"),
         {"13:7: error: `:=` sets a state; 'centre' is none; did you mean 'center'?"}},
        {UPDATE("      z := mean(z, 0)\n      center := mean(z, 0)\n      count := 1\n"),
         {"13:7: error: `:=` sets a state, and 'z' is f32[4x3]: `=` assigns a value"}},
        {UPDATE("      center, count := 1\n"), {"13:7: error: 2 states for 1"}},
        {STATE LOSS("      center := mean(z, 0)\n      count := count + 1\n"), {NULL}},
        {STATE LOSS("      center = mean(z, 0)\n      count := 1\n"), {"11:7: error: 'center' is a state"}},
        {STATE LOSS("      if true:\n        count -= 1\n      center := z[0]\n"),
         {"12:9: error: 'count' is a state, and `-=` sets no state: write `count := count - …`"}},
        /* modules are given states, whose names are parameters there */
        {STATE "modules:\n  push(s, by): |\n    s := s + by\n    s = s + 1\n    return s\n" LOSS(
             "      a = push(center, z[0])\n      b = push(count, 1)\n      z = z + a + b\n"),
         {NULL}},
        {STATE "modules:\n  push(s): |\n    center := s\n    return s\n" LOSS(
             "      a = push(center)\n      z = z + a\n      center := z[0]\n      count := 1\n"),
         {"9:5: error: 'center' is not seen inside a module: pass it as an argument"}},
        /* buffers */
        {STATE "modules:\n  push(s): |\n    m = buffer(zeros(3))\n    m = m + s\n    return m\n" LOSS(
             "      a = push(z[0])\n      z = z + a\n      center := z[0]\n      count := 1\n"),
         {"10:5: error: 'm' holds a state, and `=` sets no state: write `m := …`, or give the value another "
          "name"}},
        {STATE "modules:\n  push(s): |\n    m = buffer(zeros(3))\n    m := m + s\n    return m\n" LOSS(
             "      a = push(z[0])\n      z = z + a\n      center := z[0]\n      count := 1\n"),
         {NULL}},
    };
    RUN_CASES(cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_states)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
