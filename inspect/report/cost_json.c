/* What kernels should cost as JSON: see cost_json.h. */
#include "inspect/report/cost_json.h"
#include "inspect/report/report_json.h"

static json_t *roofline(const CostReport *r) {
    json_t *object = report_object();
    report_put(object, "flops", report_number(r->roofline.flops));
    report_put(object, "flops_assumed", json_boolean(r->peak_assumed));
    report_put(object, "bytes", report_number(r->roofline.bytes));
    report_put(object, "bytes_assumed", json_boolean(r->bandwidth_assumed));
    return object;
}

static json_t *measured(const CostReport *r) {
    if (!r->profile) return json_null();
    json_t *object = report_object();
    report_put(object, "file", report_text(r->profile->path));
    report_put(object, "steps", json_integer(r->profile->steps));
    report_put(object, "threads", json_integer(r->profile->threads));
    report_put(object, "step_seconds", report_number(profile_step_seconds(r->profile)));
    report_put(object, "seconds", report_number(r->measured));
    return object;
}

static json_t *sums(const CostReport *r, const CostSum *all, size_t n, bool limits) {
    json_t *array = report_array();
    for (size_t i = 0; i < n; i++) {
        json_t *sum = report_object();
        report_put(sum, "name", report_text(all[i].name));
        if (limits) {
            report_put(sum, "first", all[i].first ? json_integer(all[i].first) : json_null());
            report_put(sum, "value", all[i].value == IR_NONE ? json_null() : json_integer(all[i].value));
            report_put(sum, "position", report_position(&r->positions, all[i].loc));
        }
        report_put(sum, "calls", json_integer(all[i].count));
        report_put(sum, "seconds", report_number(all[i].seconds));
        report_put(sum, "measured", r->profile ? report_number(all[i].measured) : json_null());
        report_put(sum, "flops", report_number(all[i].flops));
        report_put(sum, "bytes", report_number(all[i].bytes));
        if (limits)
            report_put(sum, "limit", report_text(roofline_limit(&r->roofline, all[i].flops, all[i].bytes)));
        report_add(array, sum);
    }
    return array;
}

static json_t *chains(const CostReport *r) {
    json_t *array = report_array();
    for (size_t i = 0; i < r->n_chains; i++) {
        const CostChain *c = &r->chains[i];
        json_t *chain = report_object();
        report_put(chain, "name", report_text(c->name));
        report_put(chain, "count", json_integer((json_int_t)c->count));
        report_put(chain, "kernels", json_integer(c->kernels));
        report_put(chain, "blocks", json_integer(c->blocks));
        report_put(chain, "footprint", json_integer(c->footprint));
        report_put(chain, "saved", report_number(c->saved));
        report_put(chain, "spent", report_number(c->spent));
        report_add(array, chain);
    }
    return array;
}

json_t *cost_json(const CostReport *r) {
    json_t *object = report_object();
    report_put(object, "recipe", report_text(r->recipe));
    report_put(object, "function", report_text(r->function));
    report_put(object, "calls", json_integer((json_int_t)r->calls));
    report_put(object, "flops", report_number(r->flops));
    report_put(object, "bytes", report_number(r->bytes));
    report_put(object, "seconds", report_number(r->seconds));
    report_put(object, "compute_seconds", report_number(r->compute_seconds));
    report_put(object, "measured", measured(r));
    report_put(object, "roofline", roofline(r));
    report_put(object, "kernels", sums(r, r->kernels, r->n_kernels, true));
    report_put(object, "scopes", sums(r, r->scopes, r->n_scopes, false));
    report_put(object, "chains", chains(r));
    return object;
}
