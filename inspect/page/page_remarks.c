/* The remarks of the page's data: what passes told of the function's values, and the rules they followed. */
#include "inspect/page/page_parts.h"

/* With more remarks than these, a page is told fewer of them. */
enum { MOST_REMARKS = 120000 };

static const char *const OUTCOMES[] = {
    [REMARK_DONE] = "done", [REMARK_MISSED] = "missed", [REMARK_NOTED] = "noted"};

static void put_rules(PageWriter *w) {
    JsonText *json = &w->json;
    put_key(json, "rules");
    put_open(json, '[');
    for (int r = 0; r < RULE_COUNT; r++) {
        const RuleInfo *rule = rule_info((Rule)r);
        put_open(json, '{');
        put_key(json, "name");
        put_text(json, rule->name);
        put_key(json, "outcome");
        put_text(json, OUTCOMES[rule->outcome]);
        put_key(json, "text");
        put_text(json, rule->text);
        put_close(json, '}');
    }
    put_close(json, ']');
}

/* What rewriting tells of every value that it makes or drops; versions and origins of values say it too. */
static bool is_bulk(const Remark *remark) {
    return remark->rule == RULE_made || remark->rule == RULE_copied || remark->rule == RULE_became ||
           remark->rule == RULE_dropped;
}

bool page_folds_remarks(const Inspection *inspection) {
    const Remarks *remarks = inspection->module->remarks;
    return remarks && remarks->count > MOST_REMARKS;
}

/* Those of the page's function. */
static const Remark **find_remarks(PageWriter *w, size_t *count) {
    bool fold = page_folds_remarks(w->of);
    const Module *module = w->of->module;
    const Remarks *remarks = module->remarks;
    const Remark **of = ARENA_ARRAY(w->arena, const Remark *, remarks ? remarks->count + 1 : 1);
    *count = 0;
    for (size_t i = 0; remarks && i < remarks->count; i++)
        if (!(fold && is_bulk(&remarks->items[i])) && remarks->items[i].func < module->n_funcs &&
            module->funcs[remarks->items[i].func] == w->of->func)
            of[(*count)++] = &remarks->items[i];
    return of;
}

void page_remarks(PageWriter *w) {
    JsonText *json = &w->json;
    size_t n;
    const Remark **of = find_remarks(w, &n);
    put_rules(w);
    put_key(json, "remarks");
    put_open(json, '{');
    PAGE_COLUMN(w, "rule", n, put_whole(json, of[i]->rule));
    PAGE_COLUMN(w, "pass", n, put_whole(json, of[i]->pass));
    PAGE_COLUMN(w, "value", n, put_whole(json, (int32_t)of[i]->value));
    PAGE_COLUMN(w, "other", n, put_whole(json, (int32_t)of[i]->other));
    PAGE_COLUMN(w, "a", n, put_number(json, of[i]->a));
    PAGE_COLUMN(w, "b", n, put_number(json, of[i]->b));
    PAGE_COLUMN(w, "text", n, put_whole(json, page_string(w, of[i]->text)));
    put_close(json, '}');
}
