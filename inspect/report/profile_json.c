/* What a timed run of steps showed as JSON: see profile_json.h. */
#include "inspect/report/profile_json.h"
#include "inspect/report/report_json.h"

json_t *bench_json(const BenchReport *r) {
    json_t *object = report_object();
    report_put(object, "recipe", report_text(r->recipe));
    report_put(object, "target", report_text(r->target));
    report_put(object, "steps", json_integer(r->steps));
    report_put(object, "threads", json_integer(r->threads));
    report_put(object, "best", report_number(r->best));
    report_put(object, "median", report_number(r->median));
    report_put(object, "images", report_number(r->images));
    report_put(object, "product_flops", report_number(r->flops));
    return object;
}

static json_t *roofline(const ProfileReport *r) {
    static const char *const from[] = {
        [ROOF_GIVEN] = "given", [ROOF_MEASURED] = "measured", [ROOF_UNKNOWN] = "unknown"};
    json_t *object = report_object();
    report_put(object, "flops", report_number(r->roofline.flops));
    report_put(object, "flops_from", report_text(from[r->peak]));
    report_put(object, "bytes", report_number(r->roofline.bytes));
    report_put(object, "bytes_from", report_text(from[r->bandwidth]));
    return object;
}

json_t *profile_json(const ProfileReport *r) {
    json_t *object = report_object(), *kernels = report_array();
    report_put(object, "seconds", report_number(r->seconds));
    report_put(object, "roofline", roofline(r));
    for (int i = 0; i < r->n_kernels; i++) {
        const ProfileKernel *k = &r->kernels[i];
        json_t *kernel = report_object();
        report_put(kernel, "name", report_text(k->name));
        report_put(kernel, "calls", json_integer(k->calls));
        report_put(kernel, "seconds", report_number(k->seconds));
        report_put(kernel, "flops", report_number(k->flops));
        report_put(kernel, "bytes", report_number(k->bytes));
        report_put(kernel, "limit", report_text(roofline_limit(&r->roofline, k->flops, k->bytes)));
        report_put(kernel, "limit_seconds",
                   report_number(roofline_seconds(&r->roofline, k->flops, k->bytes)));
        report_add(kernels, kernel);
    }
    report_put(object, "kernels", kernels);
    return object;
}
