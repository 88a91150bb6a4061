/* What a recipe amounts to: see recipe_report.h. */
#include "frontend/recipe/catalog.h"
#include "inspect/amounts.h"
#include "ir/plan/plan.h"
#include "driver/report/recipe_report.h"
#include "ir/text/text.h"

#include <string.h>

static double count_role(const Module *module, StateRole role) {
    double n = 0;
    for (size_t s = 0; s < module->n_states; s++)
        if (module->states[s].role == role) n += (double)type_elements(&module->states[s].type);
    return n;
}

/* Elements of the parameters that a step gives new values. */
static double count_trained(const Module *module, const Func *step) {
    double n = 0;
    for (size_t i = 0; step && i < step->n_updates; i++) {
        const State *state = &module->states[step->updates[i].state];
        if (state->role == ROLE_PARAM) n += (double)type_elements(&state->type);
    }
    return n;
}

static void add_notes(Arena *arena, RecipeReport *r, const Recipe *recipe) {
    r->notes = ARENA_ARRAY(arena, RecipeNotes, recipe->n_notes + 1);
    for (size_t i = 0; i < recipe->n_notes; i++) {
        const RecipeNote *note = &recipe->notes[i];
        size_t k = 0;
        while (k < r->n_notes && strcmp(r->notes[k].name, note->name) != 0) k++;
        if (k == r->n_notes)
            r->notes[r->n_notes++] = (RecipeNotes){
                .name = note->name, .notes = ARENA_ARRAY(arena, const RecipeNote *, recipe->n_notes)};
        r->notes[k].notes[r->notes[k].count++] = note;
    }
}

/* "web (75 %), photos (25 %): 8 images a step" */
static const char *stream_text(Arena *arena, const VtProgram *plan, const VtStream *stream) {
    const char *text = "";
    double sum = 0;
    for (int i = 0; i < stream->n_sources; i++) sum += plan->sources[stream->first_source + i].weight;
    for (int i = 0; i < stream->n_sources; i++) {
        const VtSource *source = &plan->sources[stream->first_source + i];
        text = arena_printf(arena, "%s%s%s", text, i ? ", " : "", source->name);
        if (stream->n_sources > 1)
            text = arena_printf(arena, "%s (%.3g %%)", text, 100 * source->weight / sum);
    }
    if (stream->repeat > 1) text = arena_printf(arena, "%s, %d times each", text, stream->repeat);
    return arena_printf(arena, "%s: %lld images a step%s%s", text, (long long)stream->batch,
                        stream->pair < 0 ? "" : ", those that go with ",
                        stream->pair < 0 ? "" : plan->streams[stream->pair].name);
}

static void add_data(Arena *arena, RecipeReport *r, const VtProgram *plan) {
    r->data = ARENA_ARRAY(arena, const char *, (size_t)plan->n_streams + 1);
    for (int s = 0; s < plan->n_streams && plan->sources[0].name[0]; s++)
        r->data[r->n_data++] = stream_text(arena, plan, &plan->streams[s]);
}

static void add_inputs(Arena *arena, RecipeReport *r, const VtProgram *plan) {
    r->inputs = ARENA_ARRAY(arena, RecipeInput, (size_t)plan->n_inputs + 1);
    for (int i = 0; i < plan->n_inputs; i++) {
        const VtTensor *t = &plan->inputs[i].tensor;
        int draw = plan->inputs[i].source == VT_SOURCE_DRAW ? plan->inputs[i].index : -1;
        if (draw >= 0 && plan->draws[draw].kind == catalog_find(SAMPLERS, "key"))
            continue;                                              /* made on the device */
        if (plan->inputs[i].source == VT_SOURCE_SETTING) continue; /* made of settings */
        Type type = type_make((DType)t->dtype, t->rank, t->dim);
        r->inputs[r->n_inputs++] = (RecipeInput){.name = t->name, .type = type_text(arena, &type)};
    }
}

static void add_settings(Arena *arena, RecipeReport *r, const VtProgram *plan) {
    r->settings = ARENA_ARRAY(arena, const char *, (size_t)plan->n_settings + 1);
    for (int i = 0; i < plan->n_settings; i++) r->settings[r->n_settings++] = plan->settings[i].key;
}

static void add_step(Arena *arena, RecipeReport *r, const Func *step) {
    r->has_step = true;
    r->flops = flop_count(step);
    r->arena = (double)plan_room(step);
    r->memory_limit = step->module->memory_limit;
    r->remat = remat_report(arena, step);
    r->operators = step->count;
}

RecipeReport recipe_report(Arena *arena, const Recipe *recipe, FlopCount written) {
    const Module *module = recipe->module;
    const Func *step = module_find_func(module, "step");
    double trained = count_trained(module, step);
    RecipeReport r = {.name = recipe->plan.name,
                      .about = recipe->about,
                      .trained = trained,
                      .frozen = count_role(module, ROLE_PARAM) - trained,
                      .ema = count_role(module, ROLE_EMA),
                      .optimizer = count_role(module, ROLE_OPTIMIZER),
                      .batch = recipe->plan.train.batch,
                      .repeat = recipe->plan.n_streams ? recipe->plan.streams[0].repeat : 1,
                      .epochs = recipe->plan.train.epochs};
    for (size_t s = 0; s < module->n_states; s++) r.states += (double)type_bytes(&module->states[s].type);
    add_notes(arena, &r, recipe);
    add_data(arena, &r, &recipe->plan);
    add_inputs(arena, &r, &recipe->plan);
    if (step) add_settings(arena, &r, &recipe->plan);
    if (step) add_step(arena, &r, step);
    r.written = written;
    r.left_out = amount_left_out(arena, r.flops.all, written.all);
    return r;
}
