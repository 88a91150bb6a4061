/* What a text names, and what is told of it: of a small recipe (explained.yaml) as data, of a few lines of IR as text
 * (explain.txt). */
#include "inspect/explain/explain_text.h"
#include "inspect/explain/kernel_code.h"
#include "inspect/explain/text_parts.h"
#include "ir/base/stream.h"
#include "tests/inspect/inspected.h"

#include <math.h>

static const InspectionRun RUN = {.target = "x86-64-v3", .keep = STAGES_ALL, .verify = true};

typedef struct {
    Arena *arena;
    Inspection inspection;
    Explainer x;
} Asked;

static Asked ask_recipe(const char *recipe) {
    Asked a = {.arena = arena_new()};
    a.inspection = inspected_recipe(a.arena, recipe, &RUN);
    return a;
}

static Asked explained(void) {
    return ask_recipe("../tests/inspect/explained.yaml");
}

/* The explainer points to the inspection: it is made where that stays. */
static const Explainer *explainer(Asked *a) {
    if (!a->x.arena) a->x = explainer_make(&a->inspection);
    return &a->x;
}

static Meanings meanings(Asked *a, const char *text) {
    Meanings found;
    const char *why;
    if (!query(explainer(a), text, &found, &why)) fail_msg("%s: %s", text, why);
    return found;
}

/* What is explained of a text that means one thing. */
static Explanation one(Asked *a, const char *text, Explains kind) {
    Meanings found = meanings(a, text);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.items[0].kind, kind);
    return explain(explainer(a), &found.items[0]);
}

static const Event *find_event(const Event *events, size_t n, const char *rule) {
    for (size_t i = 0; i < n; i++)
        if (events[i].rule && strcmp(events[i].rule, rule) == 0) return &events[i];
    return NULL;
}

static void check_lines(const QuotedLine *lines, size_t n, const char *const *at) {
    for (size_t i = 0; at[i]; i++) {
        assert_true(i < n);
        assert_string_equal(lines[i].at, at[i]);
    }
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static void test_value(void **state) {
    (void)state;
    Asked a = explained();
    ValueExplanation e = one(&a, "%0", EXPLAINS_VALUE).u.value;
    assert_string_equal(e.value.op, "matmul");
    assert_string_equal(e.value.scope, "net.fc1");
    assert_string_equal(e.attrs, "{tb = true}");
    assert_string_equal(e.precision, "fp32");
    assert_string_equal(e.phase, "forward");
    assert_string_equal(e.made_by, "frontend");
    assert_false(e.gone);
    static const char *const AT[] = {"lib/nn.yaml:10", "explained.yaml:8", "explained.yaml:14", NULL};
    check_lines(e.lines, e.n_lines, AT);
    assert_int_equal(e.n_lines, 3);
    assert_string_equal(e.lines[1].text, "h = gelu((fc1: linear(x, 128)))");
    assert_int_equal(e.n_sources, 2);
    assert_string_equal(e.sources[1], "net.fc1.weight");
    assert_true(e.kernel.number > 0 && e.kernel.seconds > 0 && e.kernel.share > 0 && e.kernel.share < 1);
    assert_int_equal(e.flops, 2 * 32 * 64 * 128);
    assert_non_null(e.gradient);
    assert_int_equal(history_value(a.x.history, e.gradient->number)->last->type.dim[1], 128);
    /* Of its readers one adds the bias, in the same kernel. */
    assert_true(e.n_readers > 0);
    assert_string_equal(e.readers[0].op, "add");
    assert_int_equal(e.readers[0].kernel, e.kernel.number);
    arena_free(a.arena);
}

/* Where values of the arena lie: their bytes are shared only at other times, and kernels are counted from 1. */
static void test_places(void **state) {
    (void)state;
    Asked a = explained();
    const Func *func = a.inspection.func;
    int in_arena = 0;
    for (ValueId id = 0; id < func->count; id++) {
        if (func_node(func, id)->number == IR_NONE) continue;
        ValueExplanation e = explain_value(explainer(&a), func_node(func, id)->number);
        assert_int_equal(e.kernel.number, func->plan->kernel_of[id] + 1);
        if (e.place.born == 0) continue;
        in_arena++;
        assert_true(e.place.born >= 1 && e.place.born <= e.place.died);
        assert_true(e.place.died <= func->plan->n_kernels);
        assert_int_equal(e.place.born, e.kernel.number);
        for (size_t i = 0; i < e.place.n_sharing; i++) {
            ValueExplanation other = explain_value(&a.x, e.place.sharing[i].number);
            assert_true(other.place.born > e.place.died || other.place.died < e.place.born);
        }
    }
    assert_true(in_arena > 3);
    arena_free(a.arena);
}

/* A product by one is gone, and what it was a product of stands for it. */
static void test_gone(void **state) {
    (void)state;
    Asked a = explained();
    ValueExplanation e = one(&a, "%15", EXPLAINS_VALUE).u.value;
    assert_true(e.gone);
    assert_string_equal(e.value.op, "mul");
    assert_string_equal(e.gone_by, "simplify.1");
    assert_non_null(find_event(e.events, e.n_events, "became"));
    assert_non_null(e.heir);
    assert_int_equal(e.heir->value.number, 13);
    assert_false(e.heir->gone);
    assert_int_equal(e.value.kernel, 0);
    bool among = false;
    for (size_t i = 0; i < e.heir->n_merged; i++) among = among || e.heir->merged[i].number == 15;
    assert_true(among);
    arena_free(a.arena);
}

/* What a product reads has to be in memory: its kernel cannot compute it. */
static void test_missed(void **state) {
    (void)state;
    Asked a = explained();
    ValueExplanation e = one(&a, "%2", EXPLAINS_VALUE).u.value;
    const Event *event = find_event(e.missed, e.n_missed, "fuse_operand");
    assert_non_null(event);
    assert_string_equal(event->pass, "fuse");
    assert_int_equal(event->outcome, REMARK_MISSED);
    assert_non_null(strstr(event->text, "not in the kernel of %"));
    for (size_t i = 0; i < e.n_events; i++) assert_int_not_equal(e.events[i].outcome, REMARK_MISSED);
    arena_free(a.arena);
}

/* Of every value that there ever was something can be told; one that is gone ends in one that is there, or nowhere. */
static void test_all_values(void **state) {
    (void)state;
    Asked a = explained();
    const History *history = explainer(&a)->history;
    size_t gone = 0, inherited = 0;
    for (uint32_t number = 0; number < history->count; number++) {
        if (!history_value(history, number)) continue;
        Explanation e = {.kind = EXPLAINS_VALUE, .u.value = explain_value(&a.x, number)};
        TextStream stream;
        explain_text(a.arena, &e, stream_begin(&stream), NULL);
        char *text = stream_end(&stream, NULL);
        assert_true(strlen(text) > 20);
        free(text);
        gone += e.u.value.gone;
        inherited += e.u.value.heir != NULL;
        assert_true(!e.u.value.heir || !e.u.value.heir->gone);
        assert_true(e.u.value.n_events > 0 || !e.u.value.gone);
        if (e.u.value.gone) assert_non_null(e.u.value.gone_by);
    }
    assert_true(gone > inherited && inherited > 10);
    arena_free(a.arena);
}

/* ---- states, inputs, outputs ------------------------------------------------------------------------------------- */

static void test_parameter(void **state) {
    (void)state;
    Asked a = explained();
    SourceExplanation e = one(&a, "net.fc1.weight", EXPLAINS_SOURCE).u.source;
    assert_string_equal(e.kind, "parameter");
    assert_string_equal(e.type, "f32[128x64]");
    assert_string_equal(e.init, "trunc_normal(mean = 0, std = 0.02)");
    assert_int_equal(e.bytes, 4 * 128 * 64);
    assert_true(e.trained && e.updated && !e.frozen);
    assert_string_equal(e.declared.at, "lib/nn.yaml:9");
    assert_non_null(e.gradient);
    assert_string_equal(e.gradient->type, "f32[128x64]");
    assert_non_null(e.update);
    assert_true(e.update_kernel.number > 0);
    assert_string_equal(e.update_place, "in place, over the old value");
    static const char *const COMPANIONS[] = {"teacher.fc1.weight", "optimizer.exp_avg.net.fc1.weight",
                                             "optimizer.exp_avg_sq.net.fc1.weight",
                                             "optimizer.updates.net.fc1.weight"};
    assert_int_equal(e.n_companions, 4);
    for (size_t i = 0; i < 4; i++) {
        bool found = false;
        for (size_t k = 0; k < 4; k++) found = found || strcmp(e.companions[i].name, COMPANIONS[k]) == 0;
        assert_true(found);
    }
    e = one(&a, "%teacher.fc1.weight", EXPLAINS_SOURCE).u.source; /* as the IR writes it */
    assert_string_equal(e.kind, "moving average");
    assert_false(e.trained);
    assert_string_equal(e.init, "a copy of net.fc1.weight");
    e = one(&a, "x", EXPLAINS_SOURCE).u.source;
    assert_string_equal(e.kind, "input");
    assert_true(e.n_readers >= 2);
    ValueExplanation loss = one(&a, "loss", EXPLAINS_VALUE).u.value;
    assert_true(loss.n_results == 2);
    assert_string_equal(loss.results[0], "output loss");
    assert_string_equal(loss.place.kind, "output");
    arena_free(a.arena);
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

static void test_kernel(void **state) {
    (void)state;
    Asked a = explained();
    ValueExplanation value = one(&a, "%0", EXPLAINS_VALUE).u.value;
    char text[32];
    snprintf(text, sizeof text, "kernel %u", value.kernel.number);
    KernelExplanation e = one(&a, text, EXPLAINS_KERNEL).u.kernel;
    assert_string_equal(e.kernel.kind, "product");
    assert_int_equal(e.kernel.n_values, e.n_values);
    assert_true(e.n_reads >= 3 && e.n_stores >= 1);
    bool reads = false, computes = false;
    for (size_t i = 0; i < e.n_reads; i++) reads = reads || strcmp(e.reads[i].name, "net.fc1.weight") == 0;
    for (size_t i = 0; i < e.n_values; i++) computes = computes || e.values[i].number == 0;
    assert_true(reads && computes);
    uint32_t kernel;
    const char *why, *const NAMES[] = {text + 7, text, "%0", "  %0 ", e.kernel.name};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (!query_kernel(&a.x, NAMES[i], &kernel, &why)) fail_msg("%s: %s", NAMES[i], why);
        assert_int_equal(kernel + 1, e.kernel.number);
    }
    assert_true(query_kernel(&a.x, "kernel_0", &kernel, &why)); /* the function of the first that has code */
    assert_int_equal(kernel, 0);
    assert_false(query_kernel(&a.x, "kernel_99.matmul", &kernel, &why));
    assert_true(query_kernel(&a.x, "%15", &kernel, &why)); /* that of what stands for it */
    assert_true(query_kernel(&a.x, "net.fc1.weight", &kernel, &why));
    assert_false(query_kernel(&a.x, "net.fc1", &kernel, &why));
    assert_non_null(strstr(why, "kernels:\n  --kernel "));
    assert_false(query_kernel(&a.x, "x", &kernel, &why));
    assert_non_null(strstr(why, "no kernel computes 'x'"));
    assert_false(query_kernel(&a.x, "1000", &kernel, &why));
    assert_non_null(strstr(why, "has kernels 1 to "));
    arena_free(a.arena);
}

static void test_code(void **state) {
    (void)state;
    Asked a = explained();
    uint32_t kernel;
    const char *why;
    assert_true(query_kernel(explainer(&a), "%0", &kernel, &why));
    for (int assembly = 0; assembly < 2; assembly++) {
        KernelCode code;
        TextStream stream;
        if (!kernel_code(&a.x, kernel, "x86-64-v3", assembly, &code, &why)) fail_msg("%s", why);
        assert_string_equal(code.target, "x86-64-v3");
        assert_true(code.n_same >= 1);
        kernel_code_text(&code, stream_begin(&stream));
        char *text = stream_end(&stream, NULL);
        assert_non_null(strstr(text, assembly ? "  # lib/nn.yaml:10:11\n" : "  ; lib/nn.yaml:10:11\n"));
        assert_non_null(strstr(text, assembly ? "vfmadd" : "define void @kernel_"));
        assert_non_null(strstr(text, "called by it: micro_"));
        uint32_t again;
        assert_true(query_kernel(&a.x, code.texts.texts[0].name, &again, &why));
        assert_int_equal(again, code.same[0] - 1);
        free(text);
        kernel_code_free(&code);
    }
    KernelCode none;
    KernelTexts untouched = {0};
    assert_false(kernel_code(&a.x, kernel, "x86-64-v9", true, &none, &why));
    assert_non_null(strstr(why, "x86-64-v9"));
    assert_int_equal(none.texts.n_texts, untouched.n_texts);
    arena_free(a.arena);
}

/* ---- lines and modules ------------------------------------------------------------------------------------------- */

static double sum_of_phases(const double *phase) {
    return phase[PHASE_FORWARD] + phase[PHASE_GRADIENT] + phase[PHASE_UPDATE];
}

static bool about(double a, double b) {
    return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b));
}

static void test_line(void **state) {
    (void)state;
    Asked a = explained();
    GroupExplanation e = one(&a, "explained.yaml:8", EXPLAINS_GROUP).u.group;
    assert_string_equal(e.what, "line");
    assert_string_equal(e.line.text, "h = gelu((fc1: linear(x, 128)))");
    assert_false(e.library);
    assert_int_equal(e.n_made, 8);
    assert_true(about(sum_of_phases(e.phase), e.seconds));
    assert_true(e.phase[PHASE_FORWARD] > 0 && e.phase[PHASE_GRADIENT] > 0);
    assert_string_equal(e.lines[0].name, "lib/nn.yaml:10");
    assert_int_equal(e.n_callers, 2); /* for the network, and for its moving average */
    assert_string_equal(e.callers[0].at, "explained.yaml:14");
    assert_string_equal(e.callers[1].at, "explained.yaml:15");
    double kernels = 0, values = 0;
    for (size_t i = 0; i < e.n_kernels; i++) kernels += e.kernels[i].seconds;
    for (size_t i = 0; i < e.n_values; i++) values += e.values[i].seconds;
    assert_true(about(kernels, e.seconds) && about(values, e.seconds));
    e = one(&a, "nn.yaml:10", EXPLAINS_GROUP).u.group;
    assert_true(e.library);
    assert_string_equal(e.title, "lib/nn.yaml:10");
    e = one(&a, "explained.yaml:8:9", EXPLAINS_GROUP).u.group; /* the gelu alone, and its gradient */
    assert_true(e.n_made == 2 && e.n_now > 2);
    ValueExplanation minus = one(&a, "explained.yaml:16:22", EXPLAINS_VALUE).u.value;
    assert_int_equal(minus.value.number, 17); /* one value is explained itself */
    arena_free(a.arena);
}

static void test_line_costs(void **state) {
    (void)state;
    Asked a = explained();
    const Explainer *x = explainer(&a);
    const LineCosts *costs = line_costs(&a.inspection, &x->positions, x->costs);
    double own = 0;
    for (size_t i = 0; i < costs->count; i++) {
        const LineCost *line = &costs->lines[i];
        own += line->own_seconds;
        assert_true(line->seconds <= costs->seconds * 1.000001);
        assert_true(line->own_seconds <= line->seconds * 1.000001);
        assert_true(about(sum_of_phases(line->phase), line->seconds));
        assert_int_equal(line->library, i >= costs->n_own);
        bool first = i == 0 || i == costs->n_own;
        assert_true(first || line->seconds <= costs->lines[i - 1].seconds);
        assert_int_equal(line->library, strncmp(line->at, "lib/", 4) == 0);
    }
    assert_true(about(own, costs->placed));
    assert_true(costs->placed > 0.95 * costs->seconds);
    assert_string_equal(costs->lines[0].at, "explained.yaml:14"); /* the network with its gradient */
    assert_string_equal(costs->lines[0].text, "a = net(x)");
    /* The moving average is its own line's, and of the module whose parameters it moves. */
    const LineCost *average = NULL;
    for (size_t i = 0; i < costs->n_own; i++)
        if (strcmp(costs->lines[i].at, "explained.yaml:10") == 0) average = &costs->lines[i];
    assert_non_null(average);
    enum { PARAMETERS = 64 * 128 + 128 + 128 * 16 + 16 };
    assert_true(average->flops >= 3 * PARAMETERS && average->phase[PHASE_UPDATE] == average->seconds);
    GroupExplanation teacher = one(&a, "teacher", EXPLAINS_GROUP).u.group;
    assert_true(teacher.phase[PHASE_UPDATE] >= average->seconds * 0.99);
    arena_free(a.arena);
}

/* Many events of one rule are one, with a count; few, and those of another rule, stay. */
static void test_alike_events(void **state) {
    (void)state;
    Arena *arena = arena_new();
    static const char MANY[] = "many", FEW[] = "few";
    Event events[8] = {{.rule = NULL, .text = "none"}};
    for (int i = 1; i < 8; i++)
        events[i] = (Event){.rule = i < 6 ? MANY : FEW, .text = arena_printf(arena, "event %d", i)};
    for (int i = 0; i < 8; i++) events[i].pass = "pass";
    TextStream stream;
    FILE *out = stream_begin(&stream);
    Writer w = writer_make(arena, out, NULL);
    write_events(&w, "heading", events, 8);
    char *text = stream_end(&stream, NULL);
    assert_string_equal(text, "\nheading\n"
                              "  pass         none\n"
                              "               event 1 [many] (and 4 more so)\n"
                              "               event 6 [few]\n"
                              "               event 7 [few]\n");
    free(text);
    arena_free(arena);
}

static void test_modules(void **state) {
    (void)state;
    Asked a = explained();
    GroupExplanation net = one(&a, "net", EXPLAINS_GROUP).u.group,
                     teacher = one(&a, "teacher", EXPLAINS_GROUP).u.group;
    assert_string_equal(net.what, "module");
    assert_true(net.phase[PHASE_GRADIENT] > 0 && net.phase[PHASE_UPDATE] > 0);
    assert_true(teacher.phase[PHASE_GRADIENT] == 0);
    GroupExplanation both = one(&a, "*.fc1", EXPLAINS_GROUP).u.group;
    assert_true(both.seconds > one(&a, "net.fc1", EXPLAINS_GROUP).u.group.seconds);
    assert_string_equal(one(&a, "matmul", EXPLAINS_GROUP).u.group.what, "operator");
    GroupExplanation end = one(&a, "fc1", EXPLAINS_GROUP).u.group;
    assert_string_equal(end.title, "*.fc1");
    assert_true(about(end.seconds, both.seconds));
    assert_int_equal(meanings(&a, "fc1.weight").count,
                     5); /* with the moving average's, and the optimiser's */
    assert_int_equal(meanings(&a, "optimizer.exp_avg").count, 4);
    Meanings weights = meanings(&a, "net.*.weight");
    assert_int_equal(weights.count, 2);
    assert_string_equal(weights.items[0].ask, "net.fc1.weight");
    TextStream stream;
    meanings_text(a.arena, "net.*.weight", &weights, stream_begin(&stream), NULL);
    char *text = stream_end(&stream, NULL);
    assert_non_null(strstr(text, "'net.*.weight' means 2 things\n"));
    assert_non_null(strstr(text, "net.fc2.weight state f32[16x128], 8.19 KB\n"));
    free(text);
    arena_free(a.arena);
}

/* Of a loop values are those of its body, a function by itself. */
static void test_loop(void **state) {
    (void)state;
    Asked a = ask_recipe("../tests/inspect/looped.yaml");
    GroupExplanation loops = one(&a, "loop", EXPLAINS_GROUP).u.group; /* one forward, one backward */
    GroupExplanation line = one(&a, "looped.yaml:13", EXPLAINS_GROUP).u.group;
    assert_int_equal(loops.n_values, 2);
    assert_null(loops.bodies);
    assert_non_null(strstr(line.bodies, "@step.repeat"));
    assert_true(line.seconds > 0.9 * loops.seconds && line.seconds <= 1.000001 * loops.seconds);
    KernelCode code;
    const char *why;
    assert_false(kernel_code(&a.x, loops.values[0].kernel - 1, "x86-64-v3", true, &code, &why));
    assert_non_null(strstr(why, "is a loop"));
    const Module *module = a.inspection.module;
    Asked body = {.arena = a.arena, .inspection = a.inspection};
    for (size_t f = 0; f < module->n_funcs; f++)
        if (module->funcs[f]->body) body.inspection.func = module->funcs[f];
    KernelExplanation e = explain_kernel(explainer(&body), 0);
    assert_string_equal(e.kernel.runs, "7 times a step, in a loop");
    assert_int_equal(e.kernel.times, 7);
    assert_true(kernel_code(&body.x, 0, "x86-64-v3", true, &code, &why));
    kernel_code_free(&code);
    arena_free(a.arena);
}

/* What a chain keeps in the cache, and that runs once for each of its blocks. */
static void test_chain(void **state) {
    (void)state;
    Asked a = ask_recipe("quickstart.yaml");
    const Plan *plan = a.inspection.func->plan;
    assert_true(plan->n_chains > 0);
    const Chain *chain = &plan->chains[0];
    KernelExplanation e = explain_kernel(explainer(&a), chain->first);
    assert_int_equal(e.kernel.times, chain_blocks(chain));
    assert_non_null(strstr(e.kernel.runs, "in the chain of kernels"));
    arena_free(a.arena);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void test_refusals(void **state) {
    static const struct {
        const char *asked, *says;
    } CASES[] = {
        {"%99999", "@step never has a value %99999; its values are among %0 to %"},
        {"kernel 0", "there is no kernel 0: @step has kernels 1 to "},
        {"kernel 999", "there is no kernel 999"},
        {"explained.yaml:99", "explained.yaml has 17 lines"},
        {"explained.yaml:3", "explained.yaml:3 makes no value of @step; explained.yaml:8 does"},
        {"explained.yaml:11", "explained.yaml:10 and explained.yaml:14 do"},
        {"explained.yaml:16:3",
         "explained.yaml:16:3 makes no value of @step; its line does in columns 14, 22, 27"},
        {"explaned.yaml:3", "no source is called 'explaned.yaml'; did you mean 'explained.yaml'?"},
        {"explained.yaml:0", "'explained.yaml' has no line '0'"},
        {"explained.yaml:99999999999", "'explained.yaml' has no line '99999999999'"},
        {"kernel 99999999999999999999", "there is no kernel 99999999999999999999: @step has kernels 1 to "},
        {"nonesuch:3", "no source is called 'nonesuch'; there are explained.yaml, lib/nn.yaml"},
        {"net.fc1.wieght", "did you mean 'net.fc1.weight'?"},
        {"techer.fc2", "did you mean 'teacher.fc2'?"},
        {"lss", "did you mean 'loss'?"},
        {"loop", "@step has no value of operator 'loop'"},
        {"matmull", "did you mean 'matmul'?"},
        {"", "@step has nothing called ''"},
        {"%", "@step has nothing called '%'"},
        {"completely.different", "a value is %12, kernel 3, a line"},
    };
    (void)state;
    Asked a = explained();
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Meanings found;
        const char *why = "it was found";
        if (query(explainer(&a), CASES[i].asked, &found, &why) || !strstr(why, CASES[i].says))
            fail_msg("%s: %s", CASES[i].asked, why);
    }
    arena_free(a.arena);
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

/* A product and a sum of squares, with the gradient and update of its weight; one value that simplify leaves out. */
static const char STEP[] =
    "module @small target(batch = 8) {\n"
    "  state %net.fc.weight : f32[4x256] = trunc_normal(mean = 0, std = 0.02), role = param, decay\n"
    "  state %step : f64 = constant(value = 0), role = counter\n"
    "  func @step(%x : f32[96x256]) {\n"
    "    %0 = constant {value = 1} : f32\n"
    "    %1 = mul %x, %0 : f32[96x256]\n"
    "    %2 = matmul %1, %net.fc.weight {tb = true} : f32[96x4]  // net.fc (models/lib/nn.yaml:3:1)\n"
    "    %3 = tanh %2 : f32[96x4]  // net (small.yaml:4:1)\n"
    "    %4 = mul %3, %3 : f32[96x4]  // (small.yaml:5:1)\n"
    "    %5 = sum %4 {axes = [0, 1]} : f32  // (small.yaml:5:1)\n"
    "    %6 = grad %5, %net.fc.weight : f32[4x256]\n"
    "    %7 = sub %net.fc.weight, %6 : f32[4x256]  // (small.yaml:6:1)\n"
    "    %8 = constant {value = 1, dtype = f64} : f64\n"
    "    %9 = add %step, %8 : f64\n"
    "    output loss = %5, role = loss\n"
    "    update net.fc.weight = %7\n"
    "    update step = %9\n"
    "  }\n"
    "}\n";

/* explain.txt: sections "== ASKED", each with the text that is expected. */
static void test_text(void **state) {
    (void)state;
    size_t size;
    Asked a = {.arena = arena_new()};
    char *expected = stream_read_file(a.arena, TEST_DIR "/inspect/explain.txt", 1 << 20, &size), *next;
    assert_non_null(expected);
    a.inspection = inspected_text(a.arena, STEP, &RUN);
    a.inspection.roofline = (Roofline){1e9, 1e9};
    int sections = 0, wrong = 0;
    for (char *section = strstr(expected, "== "); section; section = next, sections++) {
        char *asked = section + 3, *text = strchr(asked, '\n');
        *text++ = '\0';
        next = strstr(text, "== ");
        if (next) *next = '\0';
        Meanings found = meanings(&a, asked);
        assert_int_equal(found.count, 1);
        Explanation e = explain(explainer(&a), &found.items[0]);
        TextStream stream;
        explain_text(a.arena, &e, stream_begin(&stream), NULL);
        char *got = stream_end(&stream, NULL);
        if (strcmp(got, text) != 0) wrong++, fprintf(stderr, "== %s\n%s", asked, got);
        free(got);
        if (next) *next = '=';
    }
    assert_int_equal(wrong, 0);
    assert_true(sections >= 5);
    arena_free(a.arena);
}

/* Colours where there are any; lines no wider than the terminal. */
static void test_terminal(void **state) {
    (void)state;
    Asked a = explained();
    Explanation e = one(&a, "%0", EXPLAINS_VALUE);
    for (int colour = 0; colour < 2; colour++) {
        TextStream stream;
        explain_text(a.arena, &e, stream_begin(&stream), &(VtTerminal){true, colour, 60});
        char *text = stream_end(&stream, NULL), *rest;
        assert_int_equal(strstr(text, "\x1b[") != NULL, colour);
        for (char *line = strtok_r(text, "\n", &rest); line && !colour; line = strtok_r(NULL, "\n", &rest))
            if (vt_columns(line) > 60) fail_msg("too wide: %s", line);
        free(text);
    }
    arena_free(a.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value),        cmocka_unit_test(test_all_values),
        cmocka_unit_test(test_places),       cmocka_unit_test(test_gone),
        cmocka_unit_test(test_missed),       cmocka_unit_test(test_parameter),
        cmocka_unit_test(test_kernel),       cmocka_unit_test(test_code),
        cmocka_unit_test(test_line),         cmocka_unit_test(test_line_costs),
        cmocka_unit_test(test_alike_events), cmocka_unit_test(test_modules),
        cmocka_unit_test(test_loop),         cmocka_unit_test(test_chain),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_text),
        cmocka_unit_test(test_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
