/* What a recipe amounts to, as JSON: see recipe_json.h. */
#include "driver/report/recipe_json.h"
#include "inspect/report/report_json.h"

static json_t *parameters(const RecipeReport *r) {
    json_t *object = report_object();
    report_put(object, "trained", report_number(r->trained));
    report_put(object, "frozen", report_number(r->frozen));
    report_put(object, "ema", report_number(r->ema));
    report_put(object, "optimizer", report_number(r->optimizer));
    return object;
}

static json_t *notes(const RecipeReport *r) {
    json_t *array = report_array();
    for (size_t i = 0; i < r->n_notes; i++)
        for (size_t k = 0; k < r->notes[i].count; k++) {
            const RecipeNote *note = r->notes[i].notes[k];
            json_t *object = report_object();
            report_put(object, "name", report_text(note->name));
            report_put(object, "network", report_text(note->network));
            report_put(object, "value", report_number(note->value));
            report_add(array, object);
        }
    return array;
}

static json_t *texts(const char *const *items, int n) {
    json_t *array = report_array();
    for (int i = 0; i < n; i++) report_add(array, report_text(items[i]));
    return array;
}

static json_t *inputs(const RecipeReport *r) {
    json_t *array = report_array();
    for (int i = 0; i < r->n_inputs; i++) {
        json_t *object = report_object();
        report_put(object, "name", report_text(r->inputs[i].name));
        report_put(object, "type", report_text(r->inputs[i].type));
        report_add(array, object);
    }
    return array;
}

static json_t *flops(const FlopCount *count) {
    json_t *object = report_object();
    report_put(object, "all", report_number(count->all));
    report_put(object, "products", report_number(count->products));
    return object;
}

/* Of a step; null where the recipe has none. */
static json_t *step(const RecipeReport *r) {
    if (!r->has_step) return json_null();
    json_t *object = report_object(), *again = report_object();
    report_put(object, "flops", flops(&r->flops));
    report_put(object, "flops_as_written", flops(&r->written));
    report_put(object, "states", report_number(r->states));
    report_put(object, "arena", report_number(r->arena));
    report_put(object, "limit", r->memory_limit ? json_integer(r->memory_limit) : json_null());
    report_put(again, "kernels", json_integer(r->remat.kernels));
    report_put(again, "bytes", json_integer(r->remat.bytes));
    report_put(again, "flops", report_number(r->remat.flops));
    report_put(object, "again", again);
    report_put(object, "operators", json_integer((json_int_t)r->operators));
    return object;
}

static json_t *all_knobs(const Recipe *recipe) {
    json_t *array = report_array();
    for (size_t i = 0; i < recipe->n_knobs; i++) {
        const RecipeKnob *knob = &recipe->knobs[i];
        json_t *object = report_object();
        report_put(object, "name", report_text(knob->name));
        report_put(object, "value", report_text(knob->value));
        report_put(object, "fixed_by", knob->fixed ? report_text(knob->why) : json_null());
        report_add(array, object);
    }
    return array;
}

static json_t *all_labels(const Recipe *recipe) {
    json_t *array = report_array();
    for (size_t i = 0; i < recipe->n_labels; i++) {
        json_t *object = report_object();
        report_put(object, "network", report_text(recipe->labels[i].network));
        report_put(object, "label", report_text(recipe->labels[i].label));
        report_put(object, "value", report_text(recipe->labels[i].value));
        report_add(array, object);
    }
    return array;
}

json_t *recipe_json(const RecipeReport *r, const Recipe *recipe, bool knobs, bool labels) {
    json_t *object = report_object();
    report_put(object, "recipe", report_text(r->name));
    report_put(object, "about", report_text(r->about));
    report_put(object, "parameters", parameters(r));
    report_put(object, "batch", json_integer(r->batch));
    report_put(object, "repeat", json_integer(r->repeat));
    report_put(object, "epochs", report_number(r->epochs));
    report_put(object, "notes", notes(r));
    report_put(object, "data", texts(r->data, r->n_data));
    report_put(object, "inputs", inputs(r));
    report_put(object, "settings", texts(r->settings, r->n_settings));
    report_put(object, "step", step(r));
    if (knobs) report_put(object, "knobs", all_knobs(recipe));
    if (labels) report_put(object, "labels", all_labels(recipe));
    return object;
}
