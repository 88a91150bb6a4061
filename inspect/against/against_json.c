/* Two recipes side by side as JSON: see against_json.h. */
#include "inspect/against/against_json.h"
#include "inspect/report/report_json.h"

static const char *const UNITS[] = {
    [UNIT_COUNT] = "count", [UNIT_BYTES] = "bytes", [UNIT_FLOPS] = "FLOPs", [UNIT_SECONDS] = "seconds"};

static json_t *side(const AgainstTable *table, const AgainstRow *row, int which) {
    if (!row->in[which]) return json_null();
    json_t *object = report_object();
    report_put(object, "count", json_integer(row->counts[which]));
    report_put(object, "value", table->valued ? report_number(row->values[which]) : json_null());
    report_put(object, "types", report_text(row->texts[which]));
    return object;
}

static json_t *table_json(const AgainstTable *table) {
    json_t *object = report_object(), *rows = report_array();
    for (size_t i = 0; i < table->n_rows; i++) {
        json_t *row = report_object();
        report_put(row, "name", report_text(table->rows[i].name));
        report_put(row, "first", side(table, &table->rows[i], 0));
        report_put(row, "second", side(table, &table->rows[i], 1));
        report_add(rows, row);
    }
    report_put(object, "same", json_integer((json_int_t)table->n_same));
    report_put(object, "rows", rows);
    return object;
}

json_t *against_json(const AgainstReport *r, const char *const names[2]) {
    json_t *object = report_object(), *recipes = report_array(), *totals = report_array();
    json_t *settings = report_array();
    for (int which = 0; which < 2; which++) report_add(recipes, report_text(names[which]));
    for (size_t i = 0; i < r->n_settings; i++) {
        json_t *setting = report_object();
        report_put(setting, "key", report_text(r->settings[i].key));
        report_put(setting, "first", report_text(r->settings[i].texts[0]));
        report_put(setting, "second", report_text(r->settings[i].texts[1]));
        report_add(settings, setting);
    }
    for (size_t i = 0; i < r->n_totals; i++) {
        json_t *total = report_object();
        report_put(total, "name", report_text(r->totals[i].name));
        report_put(total, "unit", report_text(UNITS[r->totals[i].unit]));
        report_put(total, "first", report_number(r->totals[i].values[0]));
        report_put(total, "second", report_number(r->totals[i].values[1]));
        report_add(totals, total);
    }
    report_put(object, "recipes", recipes);
    report_put(object, "function", report_text(r->function));
    report_put(object, "settings", settings);
    report_put(object, "totals", totals);
    for (int t = 0; t < N_AGAINST; t++) report_put(object, r->tables[t].name, table_json(&r->tables[t]));
    return object;
}
