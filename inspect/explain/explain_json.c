/* Explanations as JSON: see explain_json.h. */
#include "inspect/explain/explain_json.h"
#include "inspect/report/report_json.h"

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static json_t *number_or_null(uint32_t number, uint32_t none) {
    return number == none ? json_null() : json_integer(number);
}

static void put_text(json_t *object, const char *key, const char *text) {
    report_put(object, key, report_text(text));
}

static void put_number(json_t *object, const char *key, double number) {
    report_put(object, key, report_number(number));
}

static json_t *value_line(const ValueLine *value) {
    json_t *object = report_object();
    report_put(object, "number", json_integer(value->number));
    put_text(object, "operator", value->op);
    put_text(object, "type", value->type);
    put_text(object, "scope", value->scope);
    put_text(object, "position", value->at);
    report_put(object, "kernel", number_or_null(value->kernel, 0));
    put_number(object, "seconds", value->seconds);
    return object;
}

static json_t *value_lines(const ValueLine *values, size_t n) {
    json_t *array = report_array();
    for (size_t i = 0; i < n; i++) report_add(array, value_line(&values[i]));
    return array;
}

static json_t *value_or_null(const ValueLine *value) {
    return value ? value_line(value) : json_null();
}

static json_t *texts(const char *const *all, size_t n) {
    json_t *array = report_array();
    for (size_t i = 0; i < n; i++) report_add(array, report_text(all[i]));
    return array;
}

static json_t *quoted(const QuotedLine *line) {
    json_t *object = report_object();
    put_text(object, "position", line->at);
    put_text(object, "text", line->text);
    return object;
}

static json_t *quoted_lines(const QuotedLine *lines, size_t n) {
    json_t *array = report_array();
    for (size_t i = 0; i < n; i++) report_add(array, quoted(&lines[i]));
    return array;
}

static json_t *events(const Event *all, size_t n) {
    static const char *const OUTCOMES[] = {
        [REMARK_DONE] = "done", [REMARK_MISSED] = "missed", [REMARK_NOTED] = "noted"};
    json_t *array = report_array();
    for (size_t i = 0; i < n; i++) {
        json_t *event = report_object();
        put_text(event, "pass", all[i].pass);
        put_text(event, "rule", all[i].rule);
        put_text(event, "outcome", OUTCOMES[all[i].outcome]);
        put_text(event, "text", all[i].text);
        report_put(event, "value", json_integer(all[i].value));
        report_put(event, "other", number_or_null(all[i].other, IR_NONE));
        report_add(array, event);
    }
    return array;
}

static json_t *kernel_facts(const KernelFacts *k) {
    if (k->number == 0) return json_null();
    json_t *object = report_object();
    report_put(object, "number", json_integer(k->number));
    put_text(object, "name", k->name);
    put_text(object, "kind", k->kind);
    put_text(object, "runs", k->runs);
    put_number(object, "times", k->times);
    report_put(object, "again", json_boolean(k->again));
    report_put(object, "single", json_boolean(k->single));
    report_put(object, "barrier", json_boolean(k->barrier));
    report_put(object, "values", json_integer(k->n_values));
    put_number(object, "flops", k->flops);
    put_number(object, "bytes", k->bytes);
    put_number(object, "seconds", k->seconds);
    put_number(object, "share", k->share);
    put_text(object, "limit", k->limit);
    return object;
}

static json_t *place(const PlaceFacts *p) {
    json_t *object = report_object();
    put_text(object, "kind", p->kind);
    put_text(object, "name", p->name);
    report_put(object, "offset", p->offset < 0 ? json_null() : json_integer(p->offset));
    report_put(object, "bytes", json_integer(p->bytes));
    report_put(object, "born", number_or_null(p->born, 0));
    report_put(object, "died", number_or_null(p->died, 0));
    report_put(object, "sharing", value_lines(p->sharing, p->n_sharing));
    return object;
}

/* ---- what is explained ------------------------------------------------------------------------------------------- */

static void put_present(json_t *object, const ValueExplanation *e) {
    put_text(object, "phase", e->phase);
    report_put(object, "kernel", kernel_facts(&e->kernel));
    report_put(object, "place", place(&e->place));
    put_number(object, "flops", e->flops);
    report_put(object, "copies", value_lines(e->copies, e->n_copies));
    report_put(object, "merged", value_lines(e->merged, e->n_merged));
    report_put(object, "gradient", value_or_null(e->gradient));
    report_put(object, "partners", value_lines(e->partners, e->n_partners));
    report_put(object, "operands", value_lines(e->operands, e->n_operands));
    report_put(object, "sources", texts(e->sources, e->n_sources));
    report_put(object, "readers", value_lines(e->readers, e->n_readers));
    report_put(object, "results", texts(e->results, e->n_results));
}

static json_t *value(const ValueExplanation *e) {
    json_t *object = report_object();
    report_put(object, "value", value_line(&e->value));
    put_text(object, "attributes", e->attrs);
    put_text(object, "precision", e->precision);
    put_number(object, "bytes", e->bytes);
    put_text(object, "made_by", e->made_by);
    put_text(object, "gone_by", e->gone_by);
    report_put(object, "lines", quoted_lines(e->lines, e->n_lines));
    report_put(object, "made_for", value_lines(e->made_for, e->n_made_for));
    report_put(object, "events", events(e->events, e->n_events));
    report_put(object, "missed", events(e->missed, e->n_missed));
    if (!e->gone) put_present(object, e);
    if (e->gone) report_put(object, "heir", e->heir ? value(e->heir) : json_null());
    return object;
}

static json_t *companions(const SourceExplanation *e) {
    json_t *array = report_array();
    for (size_t i = 0; i < e->n_companions; i++) {
        const Companion *c = &e->companions[i];
        json_t *object = report_object();
        put_text(object, "name", c->name);
        put_text(object, "type", c->type);
        put_text(object, "kind", c->role);
        put_text(object, "how", c->how);
        report_put(object, "bytes", json_integer(c->bytes));
        report_add(array, object);
    }
    return array;
}

static json_t *source(const SourceExplanation *e) {
    json_t *object = report_object();
    put_text(object, "name", e->name);
    put_text(object, "kind", e->kind);
    put_text(object, "type", e->type);
    report_put(object, "bytes", json_integer(e->bytes));
    put_text(object, "initial", e->init);
    report_put(object, "trained", json_boolean(e->trained));
    report_put(object, "frozen", json_boolean(e->frozen));
    report_put(object, "decay", json_boolean(e->decay));
    report_put(object, "declared", *e->declared.at ? quoted(&e->declared) : json_null());
    report_put(object, "readers", value_lines(e->readers, e->n_readers));
    report_put(object, "gradient", value_or_null(e->gradient));
    report_put(object, "gradient_kernel", kernel_facts(&e->gradient_kernel));
    report_put(object, "updated", json_boolean(e->updated));
    report_put(object, "update", value_or_null(e->update));
    report_put(object, "update_kernel", kernel_facts(&e->update_kernel));
    put_text(object, "update_place", e->update_place);
    report_put(object, "companions", companions(e));
    return object;
}

static json_t *pointers(const KernelPointer *all, size_t n) {
    json_t *array = report_array();
    for (size_t i = 0; i < n; i++) {
        json_t *object = report_object();
        put_text(object, "name", all[i].name);
        put_text(object, "type", all[i].type);
        put_text(object, "place", all[i].place);
        report_put(object, "bytes", json_integer(all[i].bytes));
        report_add(array, object);
    }
    return array;
}

static json_t *kernel(const KernelExplanation *e) {
    json_t *object = report_object();
    report_put(object, "kernel", kernel_facts(&e->kernel));
    put_text(object, "phase", e->phase);
    put_text(object, "prologue", e->prologue);
    report_put(object, "lines", quoted_lines(e->lines, e->n_lines));
    report_put(object, "reads", pointers(e->reads, e->n_reads));
    report_put(object, "stores", pointers(e->stores, e->n_stores));
    report_put(object, "values", value_lines(e->values, e->n_values));
    report_put(object, "events", events(e->events, e->n_events));
    return object;
}

static void put_phases(json_t *object, const double *seconds) {
    for (int p = 0; p < N_PHASES; p++) put_number(object, PHASE_NAMES[p], seconds[p]);
}

static json_t *parts(const GroupPart *all, size_t n, bool kernels) {
    json_t *array = report_array();
    for (size_t i = 0; i < n; i++) {
        json_t *object = report_object();
        put_text(object, kernels ? "name" : "position", all[i].name);
        if (!kernels) put_text(object, "text", all[i].text);
        if (kernels) report_put(object, "first", json_integer(all[i].first));
        if (kernels) put_text(object, "phase", all[i].phase);
        if (kernels) put_text(object, "limit", all[i].limit);
        report_put(object, "count", json_integer(all[i].count));
        put_number(object, "seconds", all[i].seconds);
        report_add(array, object);
    }
    return array;
}

static json_t *callers(const GroupExplanation *e) {
    json_t *array = report_array();
    for (size_t i = 0; i < e->n_callers; i++) {
        json_t *line = quoted(&e->callers[i]);
        put_number(line, "seconds", e->caller_seconds[i]);
        report_add(array, line);
    }
    return array;
}

static json_t *group(const GroupExplanation *e) {
    json_t *object = report_object(), *phases = report_object();
    put_text(object, "what", e->what);
    put_text(object, "name", e->title);
    report_put(object, "line", e->line.at ? quoted(&e->line) : json_null());
    report_put(object, "made", json_integer((json_int_t)e->n_made));
    put_text(object, "bodies", e->bodies);
    put_number(object, "seconds", e->seconds);
    put_number(object, "share", e->share);
    put_number(object, "compute_seconds", e->compute_seconds);
    put_number(object, "flops", e->flops);
    put_phases(phases, e->phase);
    report_put(object, "phases", phases);
    report_put(object, "kernels", parts(e->kernels, e->n_kernels, true));
    report_put(object, "lines", parts(e->lines, e->n_lines, false));
    report_put(object, "callers", callers(e));
    report_put(object, "values", value_lines(e->values, e->n_values));
    return object;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static json_t *answer(const char *recipe, const char *function, const char *asked) {
    json_t *object = report_object();
    put_text(object, "recipe", recipe);
    put_text(object, "function", function);
    put_text(object, "asked", asked);
    return object;
}

json_t *explain_json(const char *asked, const Explanation *e) {
    json_t *object = answer(e->recipe, e->function, asked);
    switch (e->kind) {
    case EXPLAINS_VALUE: report_put(object, "value", value(&e->u.value)); break;
    case EXPLAINS_SOURCE: report_put(object, "source", source(&e->u.source)); break;
    case EXPLAINS_KERNEL: report_put(object, "kernel", kernel(&e->u.kernel)); break;
    case EXPLAINS_GROUP: report_put(object, "group", group(&e->u.group)); break;
    }
    return object;
}

json_t *meanings_json(const Explainer *x, const char *asked, const Meanings *m) {
    json_t *object = answer(x->inspection->recipe, x->inspection->func->name, asked), *array = report_array();
    for (size_t i = 0; i < m->count; i++) {
        const Meaning *it = &m->items[i];
        json_t *meaning = report_object();
        put_text(meaning, "ask", it->ask);
        put_text(meaning, "what", it->what);
        put_number(meaning, "seconds", it->seconds);
        report_put(meaning, "kernel", number_or_null(it->kernel, 0));
        report_add(array, meaning);
    }
    report_put(object, "meanings", array);
    return object;
}

json_t *kernel_code_json(const Explainer *x, const char *asked, const KernelCode *code) {
    json_t *object = answer(x->inspection->recipe, x->inspection->func->name, asked);
    json_t *made = report_object(), *functions = report_array(), *same = report_array();
    report_put(made, "kernel", json_integer(code->kernel));
    put_text(made, "name", code->name);
    put_text(made, "target", code->target);
    put_text(made, "emit", code->assembly ? "asm" : "llvm");
    for (size_t i = 0; i < code->n_same; i++) report_add(same, json_integer(code->same[i]));
    report_put(made, "same", same);
    report_put(made, "values", value_lines(code->values, code->n_values));
    for (int i = 0; i < code->texts.n_texts; i++) {
        const KernelText *text = &code->texts.texts[i];
        json_t *function = report_object();
        put_text(function, "name", text->name);
        put_text(function, "text", code->assembly ? text->assembly : text->llvm);
        report_add(functions, function);
    }
    report_put(made, "functions", functions);
    report_put(object, "code", made);
    return object;
}

json_t *lines_json(const LineCosts *lines) {
    json_t *array = report_array();
    for (size_t i = 0; i < lines->count; i++) {
        const LineCost *l = &lines->lines[i];
        json_t *object = report_object();
        put_text(object, "position", l->at);
        put_text(object, "text", l->text);
        report_put(object, "library", json_boolean(l->library));
        put_number(object, "seconds", l->seconds);
        put_phases(object, l->phase);
        put_number(object, "own_seconds", l->own_seconds);
        put_number(object, "flops", l->flops);
        report_put(object, "values", json_integer((json_int_t)l->values));
        report_add(array, object);
    }
    return array;
}
