/* Pictures of a step by module: what is a box, what it takes, where it lies; SVG and Graphviz's text of it. */
#include "inspect/drawing/drawing.h"
#include "ir/base/stream.h"
#include "ir/plan/plan.h"
#include "tests/inspect/inspected.h"

#include <math.h>
#include <unistd.h>

/* The box of a module by its path, of own values by their title; NULL: there is none. */
static const Box *box_named(const Drawing *d, const char *name) {
    for (size_t b = 0; b < d->n_boxes; b++) {
        const Box *box = &d->boxes[b];
        if (strcmp(box->kind == BOX_MODULE ? box->scope : box->title, name) == 0) return box;
    }
    return NULL;
}

static const BoxEdge *edge_between(const Drawing *d, const char *from, const char *to, Phase phase) {
    const Box *a = box_named(d, from), *b = box_named(d, to);
    for (size_t e = 0; e < d->n_edges; e++)
        if (&d->boxes[d->edges[e].from] == a && &d->boxes[d->edges[e].to] == b && d->edges[e].phase == phase)
            return &d->edges[e];
    return NULL;
}

static Drawing *drawn(Arena *arena, const char *recipe, int depth) {
    Inspection *inspection = ARENA_NEW(arena, Inspection);
    *inspection = inspected_recipe(arena, recipe, &(InspectionRun){0});
    return drawing_make(inspection, inspection->func, depth);
}

static void test_boxes(void **state) {
    Arena *arena = arena_new();
    (void)state;
    Drawing *d = drawn(arena, "quickstart.yaml", 0);
    const Box *blocks = box_named(d, "encoder.blocks.0"), *stem = box_named(d, "encoder.stem");
    assert_non_null(blocks);
    assert_int_equal(blocks->times, 2);
    assert_string_equal(blocks->title, "blocks.0 … .1");
    assert_true(blocks->open);
    assert_null(box_named(d, "encoder.blocks.1"));
    assert_null(box_named(d, "encoder.blocks"));
    assert_string_equal(stem->title, "stem");
    assert_int_equal(stem->parameters, 9 * (3 * 24 + 24 * 48 + 48 * 96) + 2 * (24 + 48 + 96));
    assert_int_equal(d->boxes[0].parameters, 245592);
    assert_non_null(edge_between(d, "encoder.blocks.0", "encoder.norm", PHASE_FORWARD));
    assert_non_null(edge_between(d, "encoder.norm", "encoder.blocks.0", PHASE_GRADIENT));
    assert_non_null(edge_between(d, "encoder.stem", "reshape, add", PHASE_FORWARD));
    assert_non_null(edge_between(d, "reshape, add", "encoder.blocks.0", PHASE_FORWARD));
    assert_non_null(edge_between(d, "view.0", "encoder", PHASE_FORWARD));
    /* a gradient goes back through the sum before norm2, which only hands it on, and no further */
    assert_non_null(edge_between(d, "encoder.blocks.0.norm2", "encoder.blocks.0.attn", PHASE_GRADIENT));
    assert_null(edge_between(d, "encoder.blocks.0.norm2", "encoder.blocks.0.norm1", PHASE_GRADIENT));
    assert_int_equal(box_named(d, "view.0")->times, 2);
    assert_int_equal(box_named(d, "loss")->kind, BOX_RESULT);
    arena_free(arena);
}

/* Sums: of what a box has inside no more than it has itself, of all boxes at the top what the function has. */
static void test_sums(void **state) {
    Arena *arena = arena_new();
    (void)state;
    Drawing *d = drawn(arena, "dino.yaml preset=tiny batch=2 depth=4", 0);
    double flops = d->boxes[0].flops[0] + d->boxes[0].flops[1] + d->boxes[0].flops[2];
    assert_true(fabs(flops - func_flops(d->func, false)) < 1e-6 * flops);
    assert_int_equal(d->boxes[0].kernels, d->func->plan->n_kernels);
    for (size_t b = 1; b < d->n_boxes; b++) {
        const Box *box = &d->boxes[b], *parent = &d->boxes[box->parent];
        assert_true(box->parent < b && parent->open);
        for (int phase = 0; phase < N_PHASES; phase++) assert_true(box->flops[phase] <= parent->flops[phase]);
    }
    assert_int_equal(box_named(d, "teacher.backbone.blocks.0")->flops[PHASE_GRADIENT], 0);
    assert_int_equal(box_named(d, "teacher.backbone.blocks.0")->times,
                     3);                    /* and the last, of which less is computed */
    for (size_t e = 0; e < d->n_edges; e++) /* no gradient flows into the teacher */
        assert_true(d->edges[e].phase == PHASE_FORWARD ||
                    &d->boxes[d->edges[e].to] != box_named(d, "teacher"));
    assert_int_equal(box_named(d, "teacher")->layer, box_named(d, "student")->layer);
    /* the teacher sees the global views alone, although all of them are cut into patches at once */
    assert_non_null(edge_between(d, "global.0", "teacher", PHASE_FORWARD));
    assert_non_null(edge_between(d, "local.0", "student", PHASE_FORWARD));
    assert_null(edge_between(d, "local.0", "teacher", PHASE_FORWARD));
    arena_free(arena);
}

/* Boxes lie in their parents, and no two of one parent over each other. */
static void check_places(const Drawing *d) {
    for (size_t b = 1; b < d->n_boxes; b++) {
        const Box *box = &d->boxes[b], *parent = &d->boxes[box->parent];
        assert_true(box->x >= parent->x && box->x + box->width <= parent->x + parent->width);
        assert_true(box->y > parent->y && box->y + box->height <= parent->y + parent->height);
        for (size_t c = b + 1; c < d->n_boxes; c++) {
            const Box *other = &d->boxes[c];
            bool beside = box->x + box->width <= other->x || other->x + other->width <= box->x;
            bool above = box->y + box->height <= other->y || other->y + other->height <= box->y;
            if (other->parent == box->parent) assert_true(beside || above);
        }
    }
    for (size_t e = 0; e < d->n_edges; e++) { /* forward edges run down, others up */
        const Box *from = &d->boxes[d->edges[e].from], *to = &d->boxes[d->edges[e].to];
        if (&d->boxes[to->parent] == from || d->edges[e].channel >= 0) continue;
        assert_true((d->edges[e].phase == PHASE_FORWARD) == (from->y < to->y));
    }
}

static void test_places(void **state) {
    static const char *const recipes[] = {"quickstart.yaml", "dino.yaml", "mae.yaml", "simmim.yaml",
                                          "hybrid.yaml"};
    (void)state;
    for (size_t r = 0; r < sizeof recipes / sizeof *recipes; r++) {
        Arena *arena = arena_new();
        Inspection inspection = inspected_recipe(arena, recipes[r], &(InspectionRun){0});
        for (int depth = 0; depth < 4; depth++) {
            Drawing *d = drawing_make(&inspection, inspection.func, depth);
            assert_true(depth || d->n_boxes <= DRAWING_BOXES + 1);
            drawing_place(d);
            check_places(d);
        }
        arena_free(arena);
    }
}

/* Elements that are opened are closed, and no text has a bare '<' or '&'. */
static void check_xml(const char *text) {
    const char *open[64];
    int depth = 0;
    for (const char *at = text; (at = strchr(at, '<')); at++) {
        size_t n = strcspn(at, ">");
        assert_true(at[n] == '>');
        if (at[1] == '!' || at[n - 1] == '/') continue;
        if (at[1] != '/') {
            assert_true(depth < 64);
            open[depth++] = at + 1;
            continue;
        }
        assert_true(depth > 0);
        assert_int_equal(strncmp(open[--depth], at + 2, n - 2), 0);
    }
    assert_int_equal(depth, 0);
    for (const char *at = text; (at = strchr(at, '&')); at++) assert_true(strcspn(at, ";") < 6);
}

static void test_formats(void **state) {
    static const char text[] = "module @\"a<b>&\\\"c\" {\n"
                               "  func @step(%\"<in>\" : f32[4x4]) {\n"
                               "    %0 = exp %\"<in>\" : f32[4x4]  // \"net.<script>\" (\"r&d.yaml\":1:1)\n"
                               "    %1 = neg %0 : f32[4x4]  // \"net.\\\\x\"\n"
                               "    output \"out<\" = %1\n"
                               "  }\n"
                               "}\n";
    Arena *arena = arena_new();
    (void)state;
    Inspection inspection = inspected_text(arena, text, &(InspectionRun){.passes = ""});
    Drawing *d = drawing_make(&inspection, inspection.func, 0);
    drawing_place(d);
    TextStream stream;
    drawing_svg(d, stream_begin(&stream));
    char *svg = stream_end(&stream, NULL);
    check_xml(svg);
    assert_non_null(strstr(svg, "&lt;script&gt;"));
    assert_non_null(strstr(svg, "prefers-color-scheme:dark"));
    assert_non_null(memmem(svg, 300, DRAWING_MARK, strlen(DRAWING_MARK)));
    free(svg);
    drawing_dot(d, stream_begin(&stream));
    char *dot = stream_end(&stream, NULL);
    assert_non_null(strstr(dot, "digraph \"a<b>&\\\"c\""));
    FILE *graphviz = access("/usr/bin/dot", X_OK) == 0 ? popen("dot -Tsvg >/dev/null", "w") : NULL;
    if (graphviz) {
        fputs(dot, graphviz);
        assert_int_equal(pclose(graphviz), 0);
    }
    free(dot);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_boxes), cmocka_unit_test(test_sums),
                                       cmocka_unit_test(test_places), cmocka_unit_test(test_formats)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
