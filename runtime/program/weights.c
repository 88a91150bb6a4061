/* Initial values from files: see weights.h. */
#include "runtime/program/weights.h"
#include "runtime/base/dtype.h"
#include "runtime/files/safetensors.h"
#include "runtime/program/grid.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NONE = -1, SHOWN = 4 /* names of a list */ };

typedef struct {
    const VtWeights *weights;
    VtTensorFile *file;
    int *entry;  /* of each state, in the file; NONE: it is not there */
    bool *taken; /* of each tensor of the file, or it is not to be missed */
} Part;

struct VtInitialWeights {
    const VtState *states;
    int n_states, n;
    Part *parts;
};

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Whether `name` is what the pattern says, with one star at most; *rest: what the star stands for, *size bytes. */
static bool matches(const char *pattern, const char *name, const char **rest, size_t *size) {
    const char *star = strchr(pattern, '*');
    if (!star) return strcmp(pattern, name) == 0;
    size_t before = (size_t)(star - pattern), after = strlen(star + 1), n = strlen(name);
    if (n < before + after || strncmp(pattern, name, before) != 0 || strcmp(star + 1, name + n - after) != 0)
        return false;
    *rest = name + before;
    *size = n - before - after;
    return true;
}

const char *vt_renamed(const VtRename *rules, int n, const char *name, char *out, size_t size) {
    for (int i = 0; i < n; i++) {
        const char *rest = "", *to = rules[i].to, *star = strchr(to, '*');
        size_t length = 0;
        if (!matches(rules[i].from, name, &rest, &length)) continue;
        if (!star) return to;
        snprintf(out, size, "%.*s%.*s%s", (int)(star - to), to, (int)length, rest, star + 1);
        return out;
    }
    return name;
}

/* The name of a state within the target: "fc.weight" of "encoder.fc.weight"; NULL: it is no state of the target. */
static const char *name_in(const VtWeights *w, const VtState *state) {
    const char *name = state->tensor.name;
    size_t n = w->target ? strlen(w->target) : 0;
    if (state->role != VT_ROLE_PARAM && state->role != VT_ROLE_EMA && state->role != VT_ROLE_BUFFER)
        return NULL;
    if (!w->target) return name;
    if (strncmp(name, w->target, n) != 0) return NULL;
    return name[n] == '.' ? name + n + 1 : name[n] ? NULL : name;
}

/* Whether `only` takes the state. */
static bool is_wanted(const VtWeights *w, const VtState *state) {
    const char *name = name_in(w, state);
    bool some = false, taken = false;
    for (int i = 0; name && i < w->n_only; i++) {
        const char *pattern = w->only[i];
        bool out = *pattern == '!';
        bool here =
            fnmatch(pattern + out, name, 0) == 0 || fnmatch(pattern + out, state->tensor.name, 0) == 0;
        if (out && here) return false;
        some = some || !out;
        taken = taken || (here && !out);
    }
    return name && (!some || taken);
}

/* The state that a tensor is for, by its full name or by that in the target. */
static int state_of(const VtInitialWeights *all, const VtWeights *w, const char *name) {
    int found = NONE;
    for (int s = 0; s < all->n_states; s++) {
        const char *within = name_in(w, &all->states[s]);
        if (!within) continue;
        if (strcmp(all->states[s].tensor.name, name) == 0) return s;
        if (strcmp(within, name) == 0) found = s;
    }
    return found;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

typedef struct {
    int64_t tables, width;    /* how many tables; values of a place */
    int64_t rows[2], edge[2]; /* of the file; here */
} Regrid;

/* Whether a table of the file is one for another grid. */
static bool regrid(const VtState *state, const VtTensor *have, Regrid *out) {
    const VtTensor *want = &state->tensor;
    int axis = want->rank - 2;
    if (!state->grid || axis < 0 || have->rank != want->rank || want->dtype != VT_F32) return false;
    *out = (Regrid){.tables = 1, .width = want->dim[axis + 1]};
    for (int k = 0; k < want->rank; k++) {
        if (k != axis && have->dim[k] != want->dim[k]) return false;
        if (k < axis) out->tables *= want->dim[k];
    }
    for (int i = 0; i < 2; i++) {
        out->rows[i] = i ? want->dim[axis] : have->dim[axis];
        out->edge[i] = vt_grid_edge(out->rows[i] - state->before - state->after);
    }
    return out->edge[0] > 0 && out->edge[1] > 0;
}

static bool same_shape(const VtTensor *a, const VtTensor *b) {
    bool same = a->rank == b->rank;
    for (int k = 0; same && k < a->rank; k++) same = a->dim[k] == b->dim[k];
    return same || (vt_elements(a) == 1 && vt_elements(b) == 1);
}

static const char *shape_text(const VtTensor *t, char *out, size_t size) {
    size_t n = (size_t)snprintf(out, size, "[");
    for (int k = 0; k < t->rank && n < size; k++)
        n += (size_t)snprintf(out + n, size - n, "%s%lld", k ? "x" : "", (long long)t->dim[k]);
    if (n < size) snprintf(out + n, size - n, "]");
    return out;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* A list of names that ends when it is long. */
typedef struct {
    char text[600];
    int n;
} List;

static void list_add(List *list, const char *name) {
    size_t used = strlen(list->text);
    if (list->n++ < SHOWN)
        snprintf(list->text + used, sizeof list->text - used, "%s%.120s", used ? ", " : "", name);
}

static const char *list_end(List *list) {
    size_t used = strlen(list->text);
    if (list->n > SHOWN)
        snprintf(list->text + used, sizeof list->text - used, " and %d more", list->n - SHOWN);
    return list->text;
}

/* What a checkpoint of vitc has that no other run begins with. */
static bool is_progress(const Part *p, const char *name) {
    return vt_tensors_metadata(p->file, "vitc") &&
           (strcmp(name, "step") == 0 || !strncmp(name, "optimizer.", 10));
}

static bool find_entries(const VtInitialWeights *all, Part *p, VtError *error) {
    const VtWeights *w = p->weights;
    char text[1024];
    for (int i = 0; i < vt_tensors_count(p->file); i++) {
        const char *there = vt_tensors_name(p->file, i),
                   *name = vt_renamed(w->rules, w->n_rules, there, text, sizeof text);
        int s = state_of(all, w, name);
        p->taken[i] = s != NONE || is_progress(p, there); /* what `only` leaves out is not missed either */
        if (s == NONE || !is_wanted(w, &all->states[s])) continue;
        if (p->entry[s] != NONE)
            return vt_fail(error, 2, "%s: both '%s' and '%s' would be '%s' here", w->path,
                           vt_tensors_name(p->file, p->entry[s]), there, all->states[s].tensor.name);
        p->entry[s] = i;
    }
    return true;
}

static bool none_fits(const VtInitialWeights *all, const Part *p, VtError *error) {
    const VtWeights *w = p->weights;
    List here = {.n = 0}, there = {.n = 0};
    for (int s = 0; s < all->n_states; s++)
        if (is_wanted(w, &all->states[s])) list_add(&here, all->states[s].tensor.name);
    for (int i = 0; i < vt_tensors_count(p->file); i++) list_add(&there, vt_tensors_name(p->file, i));
    if (here.n == 0 && w->n_only)
        return vt_fail(error, 2, "%s: `only` matches no tensor%s%s of this recipe", w->path,
                       w->target ? " of " : "", w->target ? w->target : "");
    return vt_fail(
        error, 2,
        "%s: none of its tensors is wanted%s%s: it has %s; here there are %s. A map of names there to "
        "names here (rename) brings them together",
        w->path, w->target ? " in " : "", w->target ? w->target : "", there.n ? list_end(&there) : "none",
        here.n ? list_end(&here) : "none");
}

static bool check_shapes(const VtInitialWeights *all, const Part *p, VtError *error) {
    char wrong[700] = "", a[128], b[128];
    int n = 0, taken = 0;
    for (int s = 0; s < all->n_states; s++) {
        const VtState *state = &all->states[s];
        VtTensor have;
        Regrid unused;
        if (p->entry[s] == NONE) continue;
        taken++;
        vt_tensors_type(p->file, p->entry[s], &have);
        if (same_shape(&state->tensor, &have) || regrid(state, &have, &unused)) continue;
        size_t used = strlen(wrong);
        if (++n <= SHOWN)
            snprintf(wrong + used, sizeof wrong - used, "%s%.100s is %s there, %s here", used ? "; " : "",
                     state->tensor.name, shape_text(&have, a, sizeof a),
                     shape_text(&state->tensor, b, sizeof b));
    }
    if (taken == 0) return none_fits(all, p, error);
    if (n == 0) return true;
    return vt_fail(error, 2, "%s: %d of %d tensors have another shape: %s. `only: '!NAME'` leaves one out",
                   p->weights->path, n, taken, wrong);
}

static bool open_part(const VtInitialWeights *all, Part *p, VtError *error) {
    if (!(p->file = vt_tensors_open(p->weights->path, error))) return false;
    p->entry = malloc(sizeof *p->entry * ((size_t)all->n_states + 1));
    p->taken = calloc((size_t)vt_tensors_count(p->file) + 1, sizeof *p->taken);
    if (!p->entry || !p->taken) return vt_fail(error, 1, "out of memory");
    for (int s = 0; s < all->n_states; s++) p->entry[s] = NONE;
    return find_entries(all, p, error) && check_shapes(all, p, error);
}

const char *vt_weights_place(const VtWeights *w) {
    const char *slash = strrchr(w->path, '/');
    bool moved = slash && w->hash && access(w->path, F_OK) != 0 && access(slash + 1, F_OK) == 0;
    return moved ? slash + 1 : w->path;
}

VtInitialWeights *vt_weights_open(const VtState *states, int n_states, const VtWeights *weights, int n,
                                  VtError *error) {
    VtInitialWeights *all = calloc(1, sizeof *all);
    bool good = all && (all->parts = calloc((size_t)n + 1, sizeof *all->parts));
    if (!good) vt_fail(error, 1, "out of memory");
    if (all) {
        all->states = states;
        all->n_states = n_states;
    }
    for (int i = 0; good && i < n; i++) {
        all->parts[all->n++].weights = &weights[i];
        good = open_part(all, &all->parts[i], error);
    }
    if (good) return all;
    vt_weights_close(all);
    return NULL;
}

void vt_weights_close(VtInitialWeights *all) {
    for (int i = 0; all && i < all->n; i++) {
        vt_tensors_close(all->parts[i].file);
        free(all->parts[i].entry);
        free(all->parts[i].taken);
    }
    if (all) free(all->parts);
    free(all);
}

int vt_weights_files(const VtInitialWeights *all) {
    return all->n;
}

void vt_weights_describe(const VtInitialWeights *all, int file, char *text, size_t size) {
    const Part *p = &all->parts[file];
    List missing = {.n = 0}, left = {.n = 0};
    int taken = 0, resized = 0, out = 0;
    for (int s = 0; s < all->n_states; s++) {
        const VtState *state = &all->states[s];
        VtTensor have;
        bool here = p->entry[s] != NONE;
        if (here) vt_tensors_type(p->file, p->entry[s], &have);
        taken += here;
        resized += here && !same_shape(&state->tensor, &have);
        out += name_in(p->weights, state) && !is_wanted(p->weights, state);
        if (!here && is_wanted(p->weights, state) && state->init != VT_INIT_COPY)
            list_add(&missing, state->tensor.name);
    }
    for (int i = 0; i < vt_tensors_count(p->file); i++)
        if (!p->taken[i]) list_add(&left, vt_tensors_name(p->file, i));
    char counted[128] = "", listed[1400] = "";
    if (resized) snprintf(counted, sizeof counted, ", %d resized to another grid", resized);
    size_t used = strlen(counted);
    if (out) snprintf(counted + used, sizeof counted - used, ", %d left out by `only`", out);
    if (missing.n) snprintf(listed, sizeof listed, "; not in it: %s", list_end(&missing));
    used = strlen(listed);
    if (left.n) snprintf(listed + used, sizeof listed - used, "; not used of it: %s", list_end(&left));
    snprintf(text, size, "%s%s%d of %d tensors from %s%s%s", p->weights->target ? p->weights->target : "",
             p->weights->target ? ": " : "", taken, taken + missing.n, p->weights->path, counted, listed);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Head and tail of each table as they are, the places between them interpolated. */
static bool read_grid(const Part *p, const VtState *state, int entry, const Regrid *g, float *out,
                      VtError *error) {
    int64_t n[2] = {g->rows[0] * g->width, g->rows[1] * g->width}, before = state->before * g->width,
            after = state->after * g->width;
    float *in = malloc(sizeof *in * (size_t)(g->tables * n[0]) + 1);
    if (!in) return vt_fail(error, 1, "out of memory");
    bool good = vt_tensors_read(p->file, entry, VT_F32, in, error);
    for (int64_t t = 0; good && t < g->tables; t++) {
        const float *from = in + t * n[0];
        float *to = out + t * n[1];
        memcpy(to, from, sizeof *to * (size_t)before);
        memcpy(to + n[1] - after, from + n[0] - after, sizeof *to * (size_t)after);
        good = vt_grid_resize(from + before, g->edge[0], to + before, g->edge[1], g->width, error);
    }
    free(in);
    return good;
}

static bool is_finite(const VtTensor *t, const void *data) {
    if (t->dtype != VT_F32 && t->dtype != VT_F64) return true;
    for (int64_t i = 0; i < vt_elements(t); i++)
        if (!isfinite(t->dtype == VT_F32 ? ((const float *)data)[i] : ((const double *)data)[i]))
            return false;
    return true;
}

static bool read_state(const Part *p, const VtState *state, int entry, void *out, VtError *error) {
    VtTensor have;
    Regrid g;
    vt_tensors_type(p->file, entry, &have);
    bool same = same_shape(&state->tensor, &have);
    bool good = same ? vt_tensors_read(p->file, entry, state->tensor.dtype, out, error)
                     : regrid(state, &have, &g) && read_grid(p, state, entry, &g, out, error);
    if (good && !is_finite(&state->tensor, out))
        return vt_fail(error, 2, "%s: tensor '%s' has values that are NaN or infinite", p->weights->path,
                       vt_tensors_name(p->file, entry));
    return good;
}

bool vt_weights_read(const VtInitialWeights *all, void *const *states, bool *loaded, VtError *error) {
    for (int i = 0; i < all->n; i++)
        for (int s = 0; s < all->n_states; s++) {
            int entry = all->parts[i].entry[s];
            if (entry == NONE) continue;
            if (!read_state(&all->parts[i], &all->states[s], entry, states[s], error)) return false;
            loaded[s] = true;
        }
    return true;
}
