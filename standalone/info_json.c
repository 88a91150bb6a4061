/* info --json: the same for programs to read. */
#include "runtime/base/dtype.h"
#include "runtime/files/json.h"
#include "runtime/machine/choose.h"
#include "standalone/info.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What could not be made is left out, and noted. */
typedef struct {
    bool failed;
} Json;

static void put(Json *j, json_t *object, const char *key, json_t *value) {
    if (!value || json_object_set_new(object, key, value) != 0) j->failed = true;
}

static void add(Json *j, json_t *array, json_t *value) {
    if (!value || json_array_append_new(array, value) != 0) j->failed = true;
}

static json_t *number(double x) {
    if (!isfinite(x)) return json_null();
    return x == floor(x) && fabs(x) < 1e15 ? json_integer((json_int_t)x) : json_real(x);
}

static json_t *tensor(Json *j, const VtTensor *t) {
    char type[TENSOR_TEXT];
    json_t *o = json_object();
    put(j, o, "name", json_string(t->name));
    put(j, o, "type", json_string(tensor_type(t, type)));
    put(j, o, "bytes", json_integer((json_int_t)vt_bytes(t)));
    return o;
}

static json_t *settings(Json *j, const VtProgram *p) {
    json_t *all = json_array();
    for (int i = 0; i < p->n_settings; i++) {
        const VtSetting *s = &p->settings[i];
        json_t *o = json_object();
        put(j, o, "key", json_string(s->key));
        put(j, o, "value", number(s->value));
        put(j, o, "least", number(s->least));
        put(j, o, "most", number(s->most));
        put(j, o, "least_excluded", json_boolean(s->least_excluded));
        put(j, o, "most_excluded", json_boolean(s->most_excluded));
        put(j, o, "whole", json_boolean(s->whole));
        put(j, o, "follows_others", json_boolean(s->made));
        put(j, o, "help", json_string(s->help));
        add(j, all, o);
    }
    return all;
}

static json_t *fixed(Json *j) {
    json_t *all = json_object();
    for (int i = 0; i < vt_built.n_knobs; i++)
        if (vt_built.knobs[i].fixed)
            put(j, all, vt_built.knobs[i].name, json_string(vt_built.knobs[i].value));
    return all;
}

static json_t *targets(Json *j, const VtVariant *chosen) {
    json_t *all = json_array();
    for (int i = 0; i < vt_built.n_variants; i++) {
        const VtVariant *v = &vt_built.variants[i];
        char why[128] = "";
        bool runs = vt_variant_runs(v, why, sizeof why);
        json_t *o = json_object();
        put(j, o, "target", json_string(v->target));
        put(j, o, "features", json_string(v->features));
        put(j, o, "machine", json_string(v->machine));
        put(j, o, "chosen", json_boolean(v == chosen));
        put(j, o, "runs", json_boolean(runs));
        if (!runs) put(j, o, "why", json_string(why));
        add(j, all, o);
    }
    return all;
}

static json_t *functions(Json *j, const VtProgram *p) {
    json_t *all = json_array();
    for (int f = 0; f < p->n_functions; f++) {
        const VtFunction *function = &p->functions[f];
        json_t *o = json_object(), *in = json_array(), *out = json_array();
        put(j, o, "name", json_string(function->name));
        put(j, o, "kernels", json_integer(function->n_calls));
        put(j, o, "arena", json_integer(function->arena_bytes));
        put(j, o, "scratch", json_integer(function->scratch_bytes + function->block_bytes));
        for (int i = 0; i < function->n_inputs; i++)
            add(j, in, tensor(j, &p->inputs[function->inputs[i]].tensor));
        for (int i = 0; i < function->n_outputs; i++) add(j, out, tensor(j, &function->outputs[i].tensor));
        put(j, o, "inputs", in);
        put(j, o, "outputs", out);
        add(j, all, o);
    }
    return all;
}

static json_t *states(Json *j, const VtProgram *p) {
    json_t *all = json_array();
    for (int s = 0; s < p->n_states; s++) {
        json_t *o = tensor(j, &p->states[s].tensor);
        put(j, o, "role", json_string(role_name(p->states[s].role)));
        add(j, all, o);
    }
    return all;
}

static json_t *memory(Json *j, const VtProgram *p) {
    ProgramMemory m = program_memory(p);
    json_t *o = json_object();
    put(j, o, "states", json_integer((json_int_t)m.states));
    put(j, o, "arena", json_integer((json_int_t)m.arena));
    put(j, o, "outputs", json_integer((json_int_t)m.outputs));
    put(j, o, "thread", json_integer((json_int_t)m.thread));
    return o;
}

int info_json(const VtVariant *chosen, const char *damage) {
    Json j = {.failed = false};
    const VtProgram *p = (chosen ? chosen : &vt_built.variants[0])->program;
    json_t *o = json_object();
    put(&j, o, "name", json_string(vt_built.name));
    put(&j, o, "vitc", json_string(vt_built.version));
    put(&j, o, "llvm", json_string(vt_built.llvm));
    put(&j, o, "abi", json_integer(vt_built.abi));
    put(&j, o, "recipe_sha256", json_string(vt_built.recipe_hash));
    put(&j, o, "damaged", damage[0] ? json_string(damage) : json_false());
    put(&j, o, "batch", json_integer(p->train.batch));
    put(&j, o, "targets", targets(&j, chosen));
    put(&j, o, "settings", settings(&j, p));
    put(&j, o, "fixed", fixed(&j));
    put(&j, o, "memory", memory(&j, p));
    put(&j, o, "functions", functions(&j, p));
    put(&j, o, "states", states(&j, p));
    char *text = j.failed ? NULL : vt_json_text(o, JSON_INDENT(2));
    json_decref(o);
    if (!text) return fail(1, "out of memory");
    puts(text);
    free(text);
    return 0;
}
