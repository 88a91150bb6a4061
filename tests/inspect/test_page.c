/* The page: its data against the module that they are of, and how they get into a file. */
#include "inspect/page/html.h"
#include "inspect/page/pack.h"
#include "inspect/phases.h"
#include "ir/plan/cost.h"
#include "tests/driver/schema.h"
#include "tests/inspect/inspected.h"

#include <libdeflate.h>

#define RECIPE "quickstart.yaml batch=4 width=24 hidden=32 out_dim=16"

/* ---- the data ---------------------------------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    Inspection inspection;
    json_t *data;
} Page;

static json_t *data_of(const Inspection *inspection, const PageOptions *options) {
    size_t size;
    json_error_t error;
    char *text = page_data(inspection, options, &size);
    json_t *data = json_loadb(text, size, 0, &error);
    if (!data) fprintf(stderr, "%s at %d\n", error.text, error.position);
    assert_non_null(data);
    free(text);
    return data;
}

static Page page_of(const char *recipe) {
    Page page = {.arena = arena_new()};
    page.inspection = inspected_recipe(page.arena, recipe, &(InspectionRun){.keep = STAGES_ALL});
    page.data = data_of(&page.inspection, &(PageOptions){.version = "1"});
    return page;
}

static void page_free(Page *page) {
    json_decref(page->data);
    arena_free(page->arena);
}

/* data[group][name]; a dot parts them. */
static json_t *column(const json_t *data, const char *group, const char *name) {
    json_t *found = json_object_get(json_object_get(data, group), name);
    assert_non_null(found);
    return found;
}

static int64_t at(const json_t *data, const char *group, const char *name, size_t i) {
    const json_t *value = json_array_get(column(data, group, name), i);
    assert_true(json_is_number(value));
    return json_is_integer(value) ? json_integer_value(value) : (int64_t)json_real_value(value);
}

static const char *text_at(const json_t *data, const char *group, const char *name, size_t i) {
    return json_string_value(
        json_array_get(json_object_get(data, "strings"), (size_t)at(data, group, name, i)));
}

/* The entry of a value in a stage, or -1. */
static int64_t entry_of(const json_t *data, uint32_t number, int64_t stage) {
    size_t n = json_array_size(column(data, "nodes", "number"));
    for (size_t i = 0; i < n; i++)
        if (at(data, "nodes", "number", i) == number && at(data, "nodes", "first", i) <= stage &&
            stage <= at(data, "nodes", "last", i))
            return (int64_t)i;
    return -1;
}

static void check_value(const Page *page, const Func *func, ValueId id, int64_t stage) {
    const Node *node = func_node(func, id);
    int64_t found = entry_of(page->data, node->number, stage);
    if (found < 0) fail_msg("%%%u is not there at stage %lld", node->number, (long long)stage);
    size_t i = (size_t)found, n = (size_t)at(page->data, "nodes", "operand_end", i);
    assert_int_equal(at(page->data, "nodes", "op", i), node->op);
    assert_string_equal(text_at(page->data, "nodes", "type", i), type_text(page->arena, &node->type));
    assert_string_equal(text_at(page->data, "nodes", "scope", i), node->scope ? node->scope : "");
    assert_int_equal(at(page->data, "nodes", "line", i), node->loc.line);
    const char *file = diags_source_name(page->inspection.diags, node->loc.file), *told = "";
    int64_t number = at(page->data, "nodes", "file", i);
    if (number >= 0)
        told = json_string_value(
            json_object_get(json_array_get(json_object_get(page->data, "files"), (size_t)number), "name"));
    assert_true(number < 0 ? !file
                           : file && strlen(file) >= strlen(told) &&
                                 strcmp(file + strlen(file) - strlen(told), told) == 0);
    assert_int_equal(at(page->data, "nodes", "flops", i), (int64_t)node_flops(func, node));
    assert_int_equal(at(page->data, "nodes", "bytes", i), type_bytes(&node->type));
    for (int o = 0; o < node->n_operands; o++) {
        const Node *x = func_node(func, node->operands[o]);
        int64_t named = at(page->data, "nodes", "operands", n - node->n_operands + (size_t)o);
        if (x->number != IR_NONE) {
            assert_int_equal(named, x->number);
            continue;
        }
        const char *name = x->op == OP_input ? func->inputs[source_attrs(x)->index].name
                                             : func->module->states[source_attrs(x)->index].name;
        assert_string_equal(text_at(page->data, "sources", "name", (size_t)(-1 - named)), name);
    }
}

/* Some values of each stage, and how many there are. */
static void test_values(void **state) {
    Page page = page_of(RECIPE);
    (void)state;
    size_t entries = json_array_size(column(page.data, "nodes", "number"));
    for (size_t s = 0; s < page.inspection.stages->count; s++) {
        const Func *func = inspection_func(&page.inspection, (int)s);
        size_t values = 0, told = 0;
        for (ValueId id = 0; id < func->count; id++) {
            if (op_is_source((OpKind)func->nodes[id].op)) continue;
            if (values++ % 97 == s % 7) check_value(&page, func, id, (int64_t)s);
        }
        for (size_t i = 0; i < entries; i++)
            told += at(page.data, "nodes", "first", i) <= (int64_t)s &&
                    (int64_t)s <= at(page.data, "nodes", "last", i);
        assert_int_equal(told, values);
        const json_t *stage = json_array_get(json_object_get(page.data, "stages"), s);
        assert_int_equal(json_integer_value(json_object_get(stage, "nodes")), values);
    }
    page_free(&page);
}

/* Settings of the command line are no files of their own. */
static void test_settings(void **state) {
    Page page = page_of(RECIPE);
    (void)state;
    json_t *settings = json_object_get(json_object_get(page.data, "about"), "settings"),
           *files = json_object_get(page.data, "files");
    assert_int_equal(json_array_size(settings), 4);
    assert_string_equal(json_string_value(json_array_get(settings, 1)), "width=24");
    for (size_t i = 0; i < json_array_size(files); i++)
        assert_non_null(
            strstr(json_string_value(json_object_get(json_array_get(files, i), "name")), ".yaml"));
    page_free(&page);
}

static void test_kernels(void **state) {
    Page page = page_of(RECIPE);
    const Func *func = page.inspection.func;
    const Plan *plan = func->plan;
    (void)state;
    assert_int_equal(json_array_size(column(page.data, "kernels", "name")), plan->n_kernels + plan->n_copies);
    assert_int_equal(json_array_size(column(page.data, "memory", "live")), plan->n_kernels);
    size_t values = 0, placed = 0;
    for (size_t k = 0; k < plan->n_kernels; k++) {
        const Kernel *kernel = &plan->kernels[k];
        KernelCost cost = kernel_cost(func, kernel);
        assert_string_equal(text_at(page.data, "kernels", "name", k),
                            kernel_name(page.arena, func, cost.named));
        assert_string_equal(text_at(page.data, "kernels", "kind", k), kernel_kind_name(kernel));
        assert_int_equal(at(page.data, "kernels", "flops", k), (int64_t)cost.flops);
        assert_int_equal(at(page.data, "kernels", "bytes", k), (int64_t)cost.bytes);
        for (ValueId id = kernel->first; id <= kernel->last; id++)
            assert_int_equal(at(page.data, "kernels", "values", values++), func->nodes[id].number);
        assert_int_equal(at(page.data, "kernels", "value_end", k), values);
    }
    for (size_t i = 0; i < json_array_size(column(page.data, "places", "number")); i++) {
        ValueId id = value_numbered(func, (uint32_t)at(page.data, "places", "number", i));
        assert_int_equal(at(page.data, "places", "offset", i), plan->places[id].offset);
        placed += plan->places[id].kind == PLACE_ARENA;
    }
    assert_true(placed > 0);
    page_free(&page);
}

/* All indices of a column are below `end`, or -1 where `none`. */
static void check_below(const json_t *data, const char *group, const char *name, int64_t low, size_t end) {
    const json_t *of = column(data, group, name);
    for (size_t i = 0; i < json_array_size(of); i++) {
        int64_t value = json_integer_value(json_array_get(of, i));
        if (value < low || value >= (int64_t)end)
            fail_msg("%s.%s[%zu] is %lld, not below %zu", group, name, i, (long long)value, end);
    }
}

static size_t size_of(const json_t *data, const char *name) {
    return json_array_size(json_object_get(data, name));
}

/* What its schema says, and what that cannot: columns are of equal length, indices of things that are there. */
static void check_sound(const json_t *data) {
    static const char *const groups[] = {"sources", "nodes", "sites", "kernels", "places", "remarks"};
    static const char *const flat[] = {"operands", "values", "reads", "stores"};
    assert_schema_of("inspect-page", data);
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        const char *key;
        json_t *of, *group = json_object_get(data, groups[g]);
        size_t n = json_array_size(json_object_iter_value(json_object_iter(group)));
        json_object_foreach(group, key, of) {
            bool any = false;
            for (size_t f = 0; f < 4; f++) any |= strcmp(key, flat[f]) == 0;
            if (!any && json_array_size(of) != n) fail_msg("%s.%s is of another length", groups[g], key);
        }
    }
    size_t strings = size_of(data, "strings"), files = size_of(data, "files"),
           stages = size_of(data, "stages");
    size_t kernels = json_array_size(column(data, "kernels", "name"));
    static const char *const texts[][2] = {{"sources", "name"}, {"sources", "type"}, {"sources", "role"},
                                           {"nodes", "type"},   {"nodes", "attrs"},  {"nodes", "scope"},
                                           {"kernels", "name"}, {"kernels", "kind"}, {"kernels", "limit"},
                                           {"places", "place"}, {"places", "name"},  {"places", "use"},
                                           {"remarks", "text"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_below(data, texts[i][0], texts[i][1], 0, strings);
    check_below(data, "nodes", "op", 0, size_of(data, "ops"));
    check_below(data, "nodes", "file", -1, files);
    check_below(data, "nodes", "first", 0, stages);
    check_below(data, "nodes", "last", 0, stages);
    check_below(data, "nodes", "site", 0, json_array_size(column(data, "sites", "line")));
    check_below(data, "sites", "caller", 0, json_array_size(column(data, "sites", "line")));
    check_below(data, "remarks", "pass", 0, stages);
    check_below(data, "remarks", "rule", 0, size_of(data, "rules"));
    check_below(data, "places", "born", 0, kernels);
    check_below(data, "places", "died", -1, kernels);
    check_below(data, "kernels", "chain", -1, size_of(data, "chains"));
    int64_t sources = (int64_t)json_array_size(column(data, "sources", "name"));
    check_below(data, "nodes", "operands", -sources, (size_t)INT32_MAX);
    check_below(data, "kernels", "reads", -sources, (size_t)INT32_MAX);
    check_below(data, "kernels", "stores", -sources, (size_t)INT32_MAX);
    assert_int_equal(size_of(data, "alike"), stages);
    for (size_t i = 0; i < json_array_size(column(data, "remarks", "rule"));
         i++) /* copies have new numbers */
        if (at(data, "remarks", "rule", i) == RULE_copied)
            assert_true(at(data, "remarks", "value", i) > at(data, "remarks", "other", i));
}

static void test_sound(void **state) {
    static const char *const recipes[] = {RECIPE, "dino.yaml preset=tiny batch=2",
                                          "mae.yaml preset=tiny batch=2"};
    (void)state;
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        Page page = page_of(recipes[i]);
        check_sound(page.data);
        page_free(&page);
    }
}

/* Stages of a large graph are left out until it is small enough, and it is said. */
static void test_folded(void **state) {
    Page page = page_of(RECIPE);
    (void)state;
    json_t *whole = json_object_get(page.data, "about");
    assert_string_equal(json_string_value(json_object_get(whole, "folded")), "");
    json_t *less = data_of(&page.inspection, &(PageOptions){.version = "1", .most_versions = 4000});
    check_sound(less);
    size_t told = 0, last = page.inspection.stages->count - 1;
    for (size_t s = 0; s <= last; s++)
        told += json_is_true(json_object_get(json_array_get(json_object_get(less, "stages"), s), "kept"));
    const char *expected = arena_printf(
        page.arena, "The graph is large: values are shown at %zu of its %zu stages.", told, last + 1);
    assert_true(told > 0 && told <= last);
    assert_string_equal(json_string_value(json_object_get(json_object_get(less, "about"), "folded")),
                        expected);
    assert_true(json_array_size(column(less, "nodes", "number")) <= 4000 || told == 1);
    const Func *func = page.inspection.func;
    Page folded = {page.arena, page.inspection, less};
    check_value(&folded, func, (ValueId)func->count - 1, (int64_t)last);
    json_decref(less);
    page_free(&page);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static unsigned char *decode_base64(const char *text, size_t n, size_t *size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char *bytes = malloc(n / 4 * 3 + 1);
    *size = 0;
    assert_int_equal(n % 4, 0);
    for (size_t i = 0; i < n; i += 4) {
        unsigned group = 0;
        int digits_here = 0;
        for (size_t k = i; k < i + 4; k++) {
            const char *digit = text[k] == '=' ? digits : strchr(digits, text[k]);
            assert_non_null(digit);
            digits_here += text[k] != '=';
            group = group << 6 | (unsigned)(digit - digits);
        }
        for (int k = 0; k < digits_here - 1; k++) bytes[(*size)++] = (unsigned char)(group >> (16 - 8 * k));
    }
    return bytes;
}

/* malloc'ed. */
static char *unpack(const char *text, size_t n, size_t most, size_t *size) {
    size_t packed_size;
    unsigned char *packed = decode_base64(text, n, &packed_size);
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    char *bytes = malloc(most + 1);
    assert_int_equal(libdeflate_deflate_decompress(decompressor, packed, packed_size, bytes, most, size), 0);
    libdeflate_free_decompressor(decompressor);
    free(packed);
    return bytes;
}

static void test_pack(void **state) {
    (void)state;
    char bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * i * 31 >> 3);
    for (size_t n = 0; n <= sizeof bytes; n += n < 9 ? 1 : 331) {
        size_t length, size;
        char *text = pack_text(bytes, n, &length), *back;
        assert_int_equal(strlen(text), length);
        back = unpack(text, length, sizeof bytes, &size);
        assert_int_equal(size, n);
        assert_memory_equal(back, bytes, n);
        free(back);
        free(text);
    }
}

/* The data that <script id=…> of a page holds, unpacked. */
static json_t *script_of(const char *html, const char *id) {
    char mark[64];
    snprintf(mark, sizeof mark, "id=\"%s\">", id);
    const char *text = strstr(html, mark);
    assert_non_null(text);
    text += strlen(mark);
    size_t size;
    char *json = unpack(text, strcspn(text, "<"), 64 << 20, &size);
    json_t *data = json_loadb(json, size, 0, NULL);
    assert_non_null(data);
    free(json);
    return data;
}

static void test_html(void **state) {
    Page page = page_of("quickstart.yaml");
    char error[512] = "";
    size_t size;
    (void)state;
    char *html = page_html(&page.inspection, &(HtmlOptions){.version = "1"}, &size, error, sizeof error);
    assert_string_equal(error, "");
    assert_non_null(html);
    assert_true(size < 1500000);
    static const char *const outside[] = {"http://", "https://", "<link", " src=", "<!--", "@import"};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        const char *found = strstr(html, outside[i]);
        if (found && !strstr(found, "www.w3.org/")) fail_msg("the page has %.60s", found);
    }
    json_t *step = script_of(html, "step-data"), *code = script_of(html, "code-data");
    check_sound(step);
    size_t codes = size_of(code, "names");
    check_below(step, "kernels", "code", -1, codes);
    assert_int_equal(size_of(code, "llvm"), codes);
    assert_int_equal(size_of(code, "asm"), codes);
    assert_int_equal(size_of(code, "calls"), codes);
    size_t product = 0;
    while (strcmp(text_at(step, "kernels", "kind", product), "product") != 0) product++;
    const char *llvm = json_string_value(
        json_array_get(json_object_get(code, "llvm"), (size_t)at(step, "kernels", "code", product)));
    assert_non_null(strstr(llvm, "define "));
    json_decref(step);
    json_decref(code);
    free(html);
    HtmlOptions small = {.version = "1", .most_code = 1000};
    html = page_html(&page.inspection, &small, &size, error, sizeof error);
    assert_null(strstr(html, "id=\"code-data\">"));
    step = script_of(html, "step-data");
    check_below(step, "kernels", "code", -1, 0);
    const char *folded = json_string_value(json_object_get(json_object_get(step, "about"), "folded"));
    assert_non_null(strstr(folded, "The code of kernels is left out"));
    json_decref(step);
    free(html);
    page_free(&page);
}

/* A recipe's text that ends comments and elements is data like any other. */
static void test_hostile(void **state) {
    static const char text[] = "module @\"</script><!--\" {\n"
                               "  func @\"</title>\"(%x : f32[4]) {\n"
                               "    %0 = exp %x : f32[4]  // \"</script>\" (\"<!--\\x01\":1:1)\n"
                               "    output \"\\\"]\" = %0\n"
                               "  }\n"
                               "}\n";
    char error[512];
    size_t size;
    (void)state;
    Arena *arena = arena_new();
    Inspection inspection = inspected_text(arena, text, &(InspectionRun){.keep = STAGES_ALL, .passes = ""});
    char *html = page_html(&inspection, &(HtmlOptions){.version = "1"}, &size, error, sizeof error);
    assert_non_null(html);
    const char *body = strstr(html, "id=\"step-data\">"), *title = strstr(html, "<title>");
    assert_null(strstr(html, "<!--"));
    assert_int_equal(strncmp(title, "<title>&lt;/script>&lt;!--: &lt;/title> - vitc", 40), 0);
    json_t *data = script_of(body, "step-data");
    assert_string_equal(text_at(data, "nodes", "scope", 0), "</script>");
    check_sound(data);
    json_decref(data);
    free(html);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),  cmocka_unit_test(test_settings),
                                       cmocka_unit_test(test_kernels), cmocka_unit_test(test_sound),
                                       cmocka_unit_test(test_folded),  cmocka_unit_test(test_pack),
                                       cmocka_unit_test(test_html),    cmocka_unit_test(test_hostile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
