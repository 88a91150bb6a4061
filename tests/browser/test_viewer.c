/* The viewer in a headless browser: the tests of inspect/viewer/tests/, and pages that vitc makes. Without Chromium all
 * of them are skipped. What the pages look like is kept below the build's tests/browser/screenshots/. */
#include "tests/browser/browser.h"

#include "inspect/amounts.h"
#include "inspect/page/html.h"
#include "ir/base/stream.h"
#include "ir/plan/cost.h"
#include "tests/inspect/inspected.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER BUILD_DIR "/tests/browser"

static Browser *browser; /* one for all tests; NULL: none, or it did not start */
static const char *why_not = "";

/* At the head of every test. */
static void need_browser(void) {
    if (browser) return;
    print_message("skipped: %s\n", why_not);
    skip();
}

static void must(bool good) {
    if (!good) print_error("%s\n", browser_error(browser));
    assert_true(good);
}

/* What is shown to hold of the page; told where it does not. */
static void holds(const char *expression) {
    bool good = browser_until(browser, expression, 10);
    if (!good) print_error("does not hold: %s (%s)\n", expression, browser_error(browser));
    assert_true(good);
}

static void picture(const char *name) {
    char path[300];
    snprintf(path, sizeof path, FOLDER "/screenshots/%s.png", name);
    browser_until(browser, "!window.vitc || vitc.still()", 3);
    must(browser_screenshot(browser, path));
}

static void no_complaint(void) {
    const char *said = browser_complaints(browser);
    if (*said) print_error("the page complains: %s\n", said);
    assert_string_equal(said, "");
}

static void show(const char *page) {
    char url[300];
    snprintf(url, sizeof url, "file://" FOLDER "/pages/%s", page);
    must(browser_open(browser, url));
    holds("document.body.dataset.ready === 'yes'");
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

static char *read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    char *text = calloc(1, size + 1);
    rewind(file);
    assert_int_equal(fread(text, 1, size, file), size);
    fclose(file);
    return text;
}

static void put_file(FILE *out, const char *folder, const char *name) {
    char path[300];
    snprintf(path, sizeof path, SOURCE_DIR "/inspect/viewer/%s%s", folder, name);
    char *text = read_text(path);
    fprintf(out, "%s\n", text);
    free(text);
}

static bool ends_in(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* The files of files.txt that end so. */
static void put_files(FILE *out, const char *end) {
    char *list = read_text(SOURCE_DIR "/inspect/viewer/files.txt"), *rest = list;
    for (char *name; (name = strtok_r(rest, "\n", &rest)) != NULL;)
        if (ends_in(name, end)) put_file(out, "", name);
    free(list);
}

/* page.html without data, with the tests behind the viewer's files. test_page.js starts the viewer and comes last. */
static void write_tests_page(void) {
    static const char *const tests[] = {"harness.js", "fixture.js", "large.js"};
    char *page = read_text(SOURCE_DIR "/inspect/viewer/page.html"), *style = strstr(page, "<!--STYLE-->");
    char *script = strstr(page, "<!--SCRIPTS-->");
    assert_true(style && script && style < script);
    FILE *out = fopen(FOLDER "/pages/tests.html", "w");
    assert_non_null(out);
    fwrite(page, 1, (size_t)(style - page), out);
    put_files(out, ".css");
    style = strchr(style, '\n');
    fwrite(style, 1, (size_t)(script - style), out);
    put_files(out, ".js");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) put_file(out, "tests/", tests[i]);
    FILE *found = popen("cd " SOURCE_DIR "/inspect/viewer/tests && ls *.js", "r");
    assert_non_null(found);
    for (char name[100]; fgets(name, sizeof name, found);) {
        name[strcspn(name, "\n")] = '\0';
        bool known = strcmp(name, "test_page.js") == 0;
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
            known = known || strcmp(name, tests[i]) == 0;
        if (!known) put_file(out, "tests/", name);
    }
    pclose(found);
    put_file(out, "tests/", "test_page.js");
    fputs(strchr(script, '\n'), out);
    assert_int_equal(fclose(out), 0);
    free(page);
}

/* Whether the page is told that its user wants no motion. */
static void calm(bool calm) {
    json_t *feature =
        json_pack("{s:s, s:s}", "name", "prefers-reduced-motion", "value", calm ? "reduce" : "");
    json_decref(
        browser_call(browser, "Emulation.setEmulatedMedia", json_pack("{s:[o]}", "features", feature)));
}

static int start(void **state) {
    (void)state;
    browser = browser_start(1500, 950, &why_not);
    if (browser) calm(true);
    mkdir(BUILD_DIR "/tests", 0777);
    mkdir(FOLDER, 0777);
    mkdir(FOLDER "/pages", 0777);
    mkdir(FOLDER "/screenshots", 0777);
    return 0;
}

static int stop(void **state) {
    (void)state;
    char folder[100] = "";
    if (browser) snprintf(folder, sizeof folder, "%s", browser_folder(browser));
    browser_stop(browser);
    if (*folder && access(folder, F_OK) == 0) return print_error("%s was left behind\n", folder), 1;
    return 0;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void tests_of_the_viewer(void **state) {
    (void)state;
    need_browser();
    write_tests_page();
    must(browser_open(browser, "file://" FOLDER "/pages/tests.html"));
    json_t *result = browser_evaluate(browser, "vitc.runTests()"),
           *failures = json_object_get(result, "failures"), *failure;
    must(result != NULL);
    size_t i;
    json_array_foreach(failures, i, failure) print_error("%s\n", json_string_value(failure));
    assert_int_equal(json_array_size(failures), 0);
    assert_true(json_integer_value(json_object_get(result, "count")) >= 60);
    json_decref(result);
    no_complaint();
    picture("small_step");
}

/* The page of a small recipe as a user makes it. */
static void a_page_of_vitc(void **state) {
    (void)state;
    need_browser();
    int status =
        system(VITC_BINARY " inspect " SOURCE_DIR "/models/quickstart.yaml --format=html --force -o " FOLDER
                           "/pages/quickstart.html");
    assert_int_equal(status, 0);
    show("quickstart.html");
    no_complaint();
    holds("document.title === 'quickstart · vitc'");
    holds("['recipe', 'details', 'why', 'code', 'arena', 'timeline', 'roofline'].every(name =>"
          " document.getElementById('panel-' + name) && document.getElementById('tab-' + name).textContent)");
    holds("document.getElementById('panel-recipe').textContent.includes('quickstart')");
    holds("vitc.scene().byKey.has('encoder') && vitc.scene().items.length < 40");
    picture("quickstart");
}

static void the_pointer_opens_groups(void **state) {
    (void)state;
    need_browser();
    show("quickstart.html");
    json_t *at = browser_evaluate(
        browser, "(() => { const i = vitc.scene().byKey.get('encoder'), v = vitc.view, c ="
                 " document.getElementById('graph').getBoundingClientRect(); return [c.left + v.x +"
                 " (i.x + 11) * v.k, c.top + v.y + (i.y + 14) * v.k, vitc.scene().items.length]; })()");
    must(at != NULL);
    double x = json_number_value(json_array_get(at, 0)), y = json_number_value(json_array_get(at, 1));
    char expression[100];
    snprintf(expression, sizeof expression, "vitc.scene().items.length > %d",
             (int)json_integer_value(json_array_get(at, 2)));
    json_decref(at);
    must(browser_click(browser, x, y)); /* the triangle at its left */
    holds(expression);
    holds("vitc.scene().byKey.get('encoder').inner >= 0");
    picture("quickstart_open");
    must(browser_mouse(browser, "mouseMoved", x + 60, y, 0) &&
         browser_mouse(browser, "mousePressed", x + 60, y, 1) &&
         browser_mouse(browser, "mouseMoved", x + 160, y + 40, 1) &&
         browser_mouse(browser, "mouseReleased", x + 160, y + 40, 1));
    holds("vitc.state.selected === null"); /* that was dragging, not pressing */
    no_complaint();
}

static void keys_search_and_move(void **state) {
    (void)state;
    need_browser();
    show("quickstart.html");
    must(browser_key(browser, "/") && browser_type(browser, "blocks.1.attn.qkv"));
    holds("document.querySelectorAll('#found [role=option]').length > 0");
    picture("quickstart_search");
    must(browser_key(browser, "Enter"));
    holds("vitc.state.selected.kind === 'group' && vitc.state.selected.id.endsWith('blocks.1.attn.qkv')");
    holds("vitc.itemOf(vitc.state.selected).inner < 0 && location.hash.startsWith('#group=')");
    must(browser_key(browser, "Enter"));
    holds("vitc.itemOf(vitc.state.selected).inner >= 0");
    must(browser_key(browser, "ArrowDown"));
    holds("vitc.state.selected.id !== 'encoder.blocks.1.attn.qkv'");
    must(browser_key(browser, "?"));
    holds("document.getElementById('all-keys').open");
    picture("keys");
    must(browser_key(browser, "Escape"));
    holds("!document.getElementById('all-keys').open");
    must(browser_key(browser, "o"));
    holds("vitc.state.lane === 'overlay'");
    must(browser_key(browser, "o"));
    no_complaint();
}

static void the_slider_shows_what_passes_did(void **state) {
    (void)state;
    need_browser();
    show("quickstart.html");
    holds(
        "vitc.shownStages().every(i => i === 0 || vitc.state.model.stages[i].changed)"); /* idle passes are hidden */
    holds("(vitc.openLevel(null), true)");
    must(browser_key(browser, "["));
    holds("vitc.state.stage < vitc.state.model.lastStage && vitc.state.places === 'stable'");
    holds("(vitc.goToStage(vitc.state.model.stages.findIndex(s => s.label === 'autodiff')), "
          "!vitc.scene().moving)");
    holds("document.getElementById('slider').getAttribute('aria-valuetext').startsWith('autodiff')");
    holds("vitc.marks.some(m => m === vitc.mark.NEW)");
    json_decref(browser_evaluate(
        browser, "vitc.before = JSON.stringify(vitc.scene().items.map(i => [i.x, i.y, i.gx]))"));
    must(browser_key(browser, "]") && browser_key(browser, "[") && browser_key(browser, "["));
    holds(
        "JSON.stringify(vitc.scene().items.map(i => [i.x, i.y, i.gx])) === vitc.before"); /* all keep their places */
    json_decref(browser_evaluate(browser, "(vitc.stepStage(1), vitc.fit(), 0)"));
    picture("quickstart_autodiff");
    no_complaint();
}

/* "1.23 G" as the viewer writes it. */
static void short_number(double value, char *text, size_t size) {
    const char *prefix = " KMGT";
    for (; value >= 999.5 && prefix[1]; prefix++) value /= 1000;
    snprintf(text, size, "%.*f %c", value < 10 ? 2 : value < 100 ? 1 : 0, value, *prefix);
}

/* The product with the most operations: what the page says of it is what the module says. */
static void numbers_are_those_of_the_module(void **state) {
    (void)state;
    need_browser();
    Arena *arena = arena_new();
    Inspection inspection = inspected_recipe(arena, "quickstart.yaml", &(InspectionRun){.keep = 0});
    const Func *func = inspection.func;
    ValueId most = 0;
    for (ValueId id = 0; id < func->count; id++)
        if (node_flops(func, &func->nodes[id]) > node_flops(func, &func->nodes[most])) most = id;
    const Node *node = &func->nodes[most];
    char expression[400], flops[20];
    show("quickstart.html");
    snprintf(expression, sizeof expression, "location.hash = '#%%%u'", node->number);
    json_decref(browser_evaluate(browser, expression));
    snprintf(expression, sizeof expression, "vitc.state.selected && vitc.state.selected.id === %u",
             node->number);
    holds(expression);
    snprintf(expression, sizeof expression,
             "(m => m.nodes.flops[m.entry(%u, m.lastStage)] === %.17g && m.nodes.bytes[m.entry(%u, "
             "m.lastStage)] === %lld)"
             "(vitc.state.model)",
             node->number, node_flops(func, node), node->number, (long long)type_bytes(&node->type));
    holds(expression);
    short_number(node_flops(func, node), flops, sizeof flops);
    snprintf(expression, sizeof expression,
             "(t => ['%%%u %s', '%s', '%sFLOP'].every(s => "
             "t.includes(s)))(document.getElementById('panel-details').innerText"
             ".replace(/[\\u00a0\\u2009\\u202f]/g, ' '))",
             node->number, op_info((OpKind)node->op)->name, type_text(arena, &node->type), flops);
    holds(expression);
    holds("vitc.itemOf(vitc.state.selected).kind === 'value'");
    picture("quickstart_value");
    no_complaint();
    arena_free(arena);
}

static void links_lead_back_and_forth(void **state) {
    (void)state;
    need_browser();
    must(browser_open(browser, "about:blank")); /* else it would be a move within the page */
    must(browser_open(browser, "file://" FOLDER "/pages/quickstart.html#kernel=3&stage=fuse"));
    holds("document.body.dataset.ready === 'yes'");
    holds("vitc.state.selected.kind === 'kernel' && vitc.state.selected.id === 2");
    holds("vitc.state.model.stages[vitc.state.stage].label === 'fuse'");
    json_decref(browser_evaluate(browser, "(vitc.reveal({kind: 'group', id: 'projector'}), 0)"));
    holds("location.hash === '#group=projector&stage=fuse'");
    json_decref(browser_evaluate(browser, "(history.back(), 0)"));
    holds("vitc.state.selected.kind === 'kernel'");
    json_decref(browser_evaluate(browser, "(history.forward(), 0)"));
    holds("vitc.state.selected.kind === 'group' && vitc.state.selected.id === 'projector'");
    json_decref(browser_evaluate(browser, "(location.hash = '#%987654321', 0)"));
    holds("!document.getElementById('told').hidden"); /* it says that there is no such value */
    no_complaint();
}

/* The whole of a large recipe; the code of its kernels takes long to make and is left out. */
static void a_large_step(void **state) {
    (void)state;
    need_browser();
    if (SANITIZED) skip(); /* it takes long there, and has no other code */
    Arena *arena = arena_new();
    Inspection inspection = inspected_recipe(arena, "dino.yaml", &(InspectionRun){.keep = STAGES_ALL});
    size_t size;
    char error[500], *page = page_html(&inspection, &(HtmlOptions){.version = "0", .no_code = true}, &size,
                                       error, sizeof error);
    assert_non_null(page);
    assert_true(size < 3u << 20);
    FILE *out = fopen(FOLDER "/pages/dino.html", "w");
    assert_non_null(out);
    assert_int_equal(fwrite(page, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
    free(page);
    arena_free(arena);
    calm(false);
    show("dino.html");
    holds("vitc.scene().byKey.has('student') && vitc.scene().items.length < 60"); /* it begins closed */
    picture("dino");
    holds("(vitc.reveal({kind: 'group', id: 'student.backbone.blocks.5.attn'}), "
          "vitc.itemOf(vitc.state.selected)) !== null");
    holds(
        "vitc.scene().items.some(i => i.kind === 'run' && i.members.length > 5 && i.inner >= 0)"); /* for all alike */
    must(browser_key(browser, "Enter"));
    holds("vitc.itemOf(vitc.state.selected).inner >= 0");
    picture("dino_attention");
    must(browser_key(browser, "t"));
    must(browser_key(browser, "o"));
    picture("dino_overlaid_dark");
    no_complaint();
}

/* ---- panels ----------------------------------------------------------------------------------------------------- */

/* Evaluates for its effect. */
static void act(const char *expression) {
    json_t *value = browser_evaluate(browser, expression);
    if (!value) print_error("%s\n", browser_error(browser));
    assert_non_null(value);
    json_decref(value);
}

/* A line of the recipe tells what it costs, and which lines of libraries that is. */
static void lines_tell_what_they_cost(void **state) {
    (void)state;
    need_browser();
    show("quickstart.html");
    act("window.facts = vitc.facts(vitc.state.model), window.hot = facts.slowest(1, 0)[0], 0");
    holds("Math.abs(facts.lines().flatMap(f => [...f.values()]).reduce((sum, line) => sum + "
          "line.own.seconds, 0) / "
          "facts.time().whole - 1) < 0.01");
    act("document.querySelector('#panel-recipe [data-line=\"0:' + hot.line + '\"]').click(), 0");
    holds("vitc.state.selected.kind === 'line' && vitc.state.selected.id === '0:' + hot.line");
    holds("document.querySelector('#panel-recipe .marked').dataset.line === '0:' + hot.line");
    holds("document.getElementById('panel-details').innerText.includes(vitc.units.percent(facts.share(hot."
          "all.seconds)))");
    holds("document.getElementById('panel-details').innerText.includes('estimated by the cost model, not "
          "timed')");
    act("document.querySelector('#panel-recipe .recipe-body').focus(), 0");
    must(browser_key(browser, "ArrowDown") && browser_key(browser, "Enter"));
    holds("vitc.state.selected.kind === 'line' && vitc.state.selected.id !== '0:' + hot.line");
    act("document.querySelector('#panel-recipe .file-tab').click(), 0");
    holds("document.querySelectorAll('#panel-recipe .hot-line').length > 4");
    picture("quickstart_lines");
    no_complaint();
}

/* The page and the text divide the time alike: every line has the seconds that --cost tells of it, by phase. */
static void lines_cost_what_the_text_says(void **state) {
    (void)state;
    need_browser();
    int status =
        system(VITC_BINARY " inspect " SOURCE_DIR "/models/quickstart.yaml --cost --format=json >" FOLDER
                           "/pages/cost.json");
    assert_int_equal(status, 0);
    json_t *cost = json_load_file(FOLDER "/pages/cost.json", 0, NULL);
    json_t *lines = json_object_get(json_object_get(cost, "cost"), "lines"), *line;
    assert_true(json_array_size(lines) > 5);
    show("quickstart.html");
    act("window.near = (a, b) => Math.abs(a - b) <= 1e-6 * Math.abs(b) + 1e-12, window.lineNamed = name => "
        "vitc.facts(vitc.state.model).lines().flatMap(f => [...f.values()]).find(line => "
        "vitc.state.model.files[line.file].name + ':' + line.line === name), 0");
    size_t i;
    json_array_foreach(lines, i, line) {
        static const char *const keys[] = {"seconds", "forward", "gradient", "update", "own_seconds"};
        double value[5];
        for (size_t k = 0; k < 5; k++) value[k] = json_number_value(json_object_get(line, keys[k]));
        char expression[500];
        snprintf(
            expression, sizeof expression,
            "((line, wanted) => [line.all.seconds, ...line.all.phases, line.own.seconds].every((s, i) => "
            "near(s, wanted[i])))(lineNamed('%s'), [%.12g, %.12g, %.12g, %.12g, %.12g])",
            json_string_value(json_object_get(line, "position")), value[0], value[1], value[2], value[3],
            value[4]);
        holds(expression);
    }
    json_decref(cost);
}

/* Amounts are written in the page as in the text. */
static void amounts_are_those_of_the_text(void **state) {
    (void)state;
    need_browser();
    static const double amounts[] = {
        0, 1, 41, 999, 999.6, 1000, 12346, 67829760, 8.72e9, 7363583960442.0, 3e-9, 0.000261, 0.0383, 38.6};
    Arena *arena = arena_new();
    show("quickstart.html");
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        double x = amounts[i];
        char expression[600];
        snprintf(
            expression, sizeof expression,
            "(u => [u.bytes(%.17g), u.flops(%.17g), u.seconds(%.17g), u.percent(%.17g / 1e4)].join() === "
            "'%s,%s,%s,%s')(vitc.units)",
            floor(x), floor(x), x, x, amount_bytes(arena, floor(x)), amount_flops(arena, floor(x)),
            amount_seconds(arena, x), amount_share(arena, x, 1e4));
        holds(expression);
    }
    arena_free(arena);
}

/* Why a value of the arena lies there. */
static void values_tell_why(void **state) {
    (void)state;
    need_browser();
    show("quickstart.html");
    act("(m => vitc.reveal({kind: 'value', id: m.places.number[vitc.arenaItems(m).find(i => "
        "m.string(m.places.use[i]) === 'kept')]}))(vitc.state.model), vitc.showPanel('why'), 0");
    holds("(t => t.includes('Its life') && t.includes('It is stored, "
          "'))(document.getElementById('panel-why').innerText)");
    holds("document.querySelectorAll('#panel-why .life .stage').length > 1");
    act("document.querySelector('#panel-why .life .stage:last-of-type').click(), 0");
    holds("vitc.state.selected.kind === 'pass'");
    no_complaint();
}

/* The code of a kernel is coloured, searched, and leads to lines. */
static void kernels_show_their_code(void **state) {
    (void)state;
    need_browser();
    show("quickstart.html");
    act("vitc.select({kind: 'kernel', id: "
        "vitc.state.model.kernels.flops.indexOf(Math.max(...vitc.state.model.kernels.flops))}), "
        "vitc.showPanel('code'), 0");
    holds("document.querySelectorAll('#panel-code .code-line .t-call').length > 5");
    holds("document.querySelectorAll('#panel-code .position a').length > 0");
    act("(find => {find.value = 'ret'; find.dispatchEvent(new "
        "Event('input'));})(document.querySelector('#panel-code "
        "input')), 0");
    holds("document.querySelector('#panel-code .marked').textContent.includes('ret')");
    act("document.querySelector('#panel-code input').value = 'yaml', 0");
    act("document.querySelectorAll('#panel-code .switches button')[1].click(), 0");
    holds("document.querySelector('#panel-code .marked.position a').textContent.includes('.yaml:')");
    picture("quickstart_code");
    act("document.querySelector('#panel-code .position a').click(), 0");
    holds("vitc.state.selected.kind === 'line'");
    no_complaint();
}

/* Every chart draws, and its keys select. */
static void charts_draw_and_select(void **state) {
    (void)state;
    need_browser();
    static const char *const charts[] = {"arena", "timeline", "roofline"};
    show("quickstart.html");
    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++) {
        char expression[500];
        snprintf(expression, sizeof expression,
                 "vitc.select(null), vitc.showPanel('%s'), window.canvas = document.querySelector('#panel-%s "
                 "canvas'), 0",
                 charts[i], charts[i]);
        act(expression);
        holds("canvas.width > 300 && new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, "
              "canvas.width, "
              "canvas.height).data.buffer)).size > 8");
        act("canvas.focus(), 0");
        must(browser_key(browser, "ArrowRight") && browser_key(browser, "ArrowRight") &&
             browser_key(browser, "Enter"));
        holds("vitc.state.selected !== null && !canvas.nextSibling.hidden");
        snprintf(expression, sizeof expression, "quickstart_%s", charts[i]);
        picture(expression);
    }
    no_complaint();
}

/* With a profile the numbers are those of its file, and the page says so. */
static void times_of_a_profile(void **state) {
    (void)state;
    need_browser();
    int status =
        system(VITC_BINARY " bench " SOURCE_DIR "/models/quickstart.yaml --steps 2 --profile=" FOLDER
                           "/pages/profile.json >/dev/null 2>&1 && " VITC_BINARY " inspect " SOURCE_DIR
                           "/models/quickstart.yaml --format=html --force --profile=" FOLDER
                           "/pages/profile.json -o " FOLDER "/pages/profile.html");
    assert_int_equal(status, 0);
    json_t *profile = json_load_file(FOLDER "/pages/profile.json", 0, NULL);
    const json_t *call = json_array_get(json_object_get(profile, "calls"), 0),
                 *steps = json_object_get(call, "seconds");
    double a = json_number_value(json_array_get(steps, 0)), b = json_number_value(json_array_get(steps, 1));
    char expression[300];
    show("profile.html");
    snprintf(expression, sizeof expression,
             "Math.abs(vitc.facts(vitc.state.model).kernelSeconds(%d) - %.17g) < 1e-12",
             (int)json_integer_value(json_object_get(call, "kernel")) - 1,
             a < b ? a : b); /* the median of two is the lower */
    holds(expression);
    act("vitc.select({kind: 'kernel', id: 0}), vitc.showPanel('timeline'), 0");
    holds("document.getElementById('panel-details').innerText.includes('measured (profile.json, 2 steps')");
    holds("document.getElementById('panel-timeline').innerText.includes('of it between kernels')");
    picture("quickstart_profile");
    act("document.querySelectorAll('#panel-timeline .chart-head button')[1].click(), 0");
    holds("document.getElementById('panel-details').innerText.includes('estimated by the cost model')");
    json_decref(profile);
    no_complaint();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tests_of_the_viewer),
        cmocka_unit_test(a_page_of_vitc),
        cmocka_unit_test(the_pointer_opens_groups),
        cmocka_unit_test(keys_search_and_move),
        cmocka_unit_test(the_slider_shows_what_passes_did),
        cmocka_unit_test(numbers_are_those_of_the_module),
        cmocka_unit_test(links_lead_back_and_forth),
        cmocka_unit_test(lines_tell_what_they_cost),
        cmocka_unit_test(lines_cost_what_the_text_says),
        cmocka_unit_test(amounts_are_those_of_the_text),
        cmocka_unit_test(values_tell_why),
        cmocka_unit_test(kernels_show_their_code),
        cmocka_unit_test(charts_draw_and_select),
        cmocka_unit_test(times_of_a_profile),
        cmocka_unit_test(a_large_step),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
