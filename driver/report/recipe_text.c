/* What a recipe amounts to, as lines: see recipe_text.h. */
#include "driver/report/recipe_text.h"
#include "runtime/runtime.h"

#include <string.h>

/* "tokens  65 (student), 17 (student)": a line a name. */
static void put_notes(const RecipeReport *r, FILE *out) {
    char shown[256];
    for (size_t i = 0; i < r->n_notes; i++) {
        fprintf(out, "  %-12s", vt_show_name(r->notes[i].name, shown, sizeof shown));
        for (size_t k = 0; k < r->notes[i].count; k++) {
            const RecipeNote *note = r->notes[i].notes[k];
            fprintf(out, "%s %g", k ? "," : "", note->value);
            if (note->network) fprintf(out, " (%s)", note->network);
        }
        fputc('\n', out);
    }
}

static void put_step(const RecipeReport *r, FILE *out) {
    double each = 1 / (double)r->batch / 1e9;
    fprintf(out, "  FLOPs        %.3f G an image and step (%.3f G in matrix products)\n", r->flops.all * each,
            r->flops.products * each);
    fprintf(out, "  as written   %.3f G (%.3f G): %s\n", r->written.all * each, r->written.products * each,
            r->left_out);
    fprintf(out, "  memory       %.1f MB: %.1f MB state, %.1f MB between kernels\n",
            (r->states + r->arena) / 1e6, r->states / 1e6, r->arena / 1e6);
    if (r->memory_limit) fprintf(out, "  limit        %.1f MB\n", (double)r->memory_limit / 1e6);
    if (r->remat.kernels)
        fprintf(out, "  again        %d kernels run again, %.1f MB not kept, %.2f%% more FLOPs\n",
                r->remat.kernels, (double)r->remat.bytes / 1e6, remat_percent(&r->remat));
    fprintf(out, "  operators    %zu in the step after all passes\n", r->operators);
}

/* "settings  base_lr, train.epochs": on lines of a terminal's width. */
static void put_settings(const RecipeReport *r, FILE *out) {
    enum { WIDTH = 100 };
    size_t used = 0;
    for (int i = 0; i < r->n_settings; i++) {
        bool begins = i == 0 || used + strlen(r->settings[i]) > WIDTH;
        if (begins && i) fputs(",\n", out);
        used = begins ? 15 : used;
        used += (size_t)fprintf(out, "%s%s", begins ? i ? "               " : "  settings     " : ", ",
                                r->settings[i]);
    }
    if (r->n_settings) fputc('\n', out);
}

void recipe_text(const RecipeReport *r, FILE *out) {
    char shown[4096];
    fprintf(out, "%s: ok\n", vt_show_name(r->name, shown, sizeof shown));
    if (r->about) fprintf(out, "  %s\n", vt_show_text(r->about, shown, sizeof shown));
    fprintf(out, "  parameters   %.0f trained, %.0f frozen, %.0f EMA, %.0f optimiser state\n", r->trained,
            r->frozen, r->ema, r->optimizer);
    fprintf(out, "  batch        %lld images, %g epochs", (long long)r->batch, r->epochs);
    if (r->repeat > 1) fprintf(out, ", each image %lld times running", (long long)r->repeat);
    fprintf(out, "\n");
    put_notes(r, out);
    for (int i = 0; i < r->n_data; i++) fprintf(out, "  data         %s\n", r->data[i]);
    for (int i = 0; i < r->n_inputs; i++)
        fprintf(out, "  input        %s : %s\n", vt_show_name(r->inputs[i].name, shown, sizeof shown),
                r->inputs[i].type);
    put_settings(r, out);
    if (r->has_step) put_step(r, out);
}

void labels_text(const Recipe *recipe, FILE *out) {
    char shown[4096];
    for (size_t i = 0; i < recipe->n_labels; i++) {
        const RecipeLabel *label = &recipe->labels[i];
        fprintf(out, "  label        %s %s : %s\n", label->network,
                vt_show_name(label->label, shown, sizeof shown), label->value);
    }
}

void recipe_knobs_text(const Recipe *recipe, FILE *out) {
    char shown[4096];
    for (size_t i = 0; i < recipe->n_knobs; i++) {
        const RecipeKnob *knob = &recipe->knobs[i];
        fprintf(out, "  knob         %s = %s: %s%s\n", knob->name,
                vt_show_name(knob->value, shown, sizeof shown), knob->fixed ? "fixed by " : "a setting",
                knob->fixed ? knob->why : "");
    }
}
