/* Which numbers of the recipe settings may change, once all functions have been elaborated: the others become the
 * constants they are, and the plan says what is left. */
#include "frontend/elaborate/step.h"
#include "frontend/recipe/knob.h"
#include "frontend/recipe/scalars.h"

#include <math.h>
#include <string.h>

/* The scalar that a node is an input of; 0: it is none. */
static uint32_t scalar_of_input(const Evaluator *e, const Func *func, const Node *node) {
    double value;
    if (!setting_value(e, func, node, &value)) return 0;
    const char *name = func->inputs[source_attrs(node)->index].name;
    return (uint32_t)e->inputs[names_find(&e->input_names, name)].index;
}

void fold_settings(Evaluator *e, Func *func) {
    bool any = false;
    for (ValueId id = 0; id < func->count; id++) {
        uint32_t scalar = scalar_of_input(e, func, func_node(func, id));
        any = any || (scalar && scalars_fixed(e->recipe, scalar));
    }
    if (!any) return;
    Rebuild rebuild = rebuild_begin(func);
    for (ValueId id = 0; id < rebuild.n_old; id++) {
        const Node *node = &rebuild.old[id];
        const char *name = node->op == OP_input ? rebuild.inputs[source_attrs(node)->index].name : NULL;
        uint32_t input = name ? names_find(&e->input_names, name) : NAMES_NONE;
        bool setting = input != NAMES_NONE && e->inputs[input].source == VT_SOURCE_SETTING;
        func->loc = node->loc;
        if (setting && scalars_fixed(e->recipe, (uint32_t)e->inputs[input].index))
            rebuild.map[id] =
                ir_constant(func, e->recipe->scalars->items[e->inputs[input].index - 1].value, DT_F64);
        else
            rebuild_node(&rebuild, id);
    }
    func->loc = (Loc){0, 0, 0};
    rebuild_end(&rebuild);
}

/* ---- the plan ---------------------------------------------------------------------------------------------------- */

typedef struct {
    Evaluator *e;
    Scalars *scalars;
    int32_t *setting; /* of each candidate: its number among the settings; -1: it is none */
    int32_t *scalar;  /* of each scalar, from 1: its number in the plan; -1: it is not there */
} Choice;

static void narrow(VtSetting *to, const VtSetting *by) {
    if (by->least > to->least) to->least = by->least, to->least_excluded = by->least_excluded;
    if (by->most < to->most) to->most = by->most, to->most_excluded = by->most_excluded;
    to->whole = to->whole || by->whole;
    to->extent = to->extent || by->extent;
    to->sets |= by->sets;
}

/* An option that is a knob is that one's setting, as long as both may change. */
static int leader(const Scalars *s, size_t i) {
    const Candidate *c = &s->candidates[i];
    bool follows = c->follows >= 0 && !c->fixed && !s->candidates[c->follows].fixed;
    return follows ? c->follows : (int)i;
}

static const VtSetting *choose_settings(Choice *p, const VtInput *inputs, int n_inputs, int32_t *n) {
    Scalars *s = p->scalars;
    bool *used = ARENA_ARRAY(p->e->arena, bool, s->n_candidates + 1);
    VtSetting *settings = ARENA_ARRAY(p->e->arena, VtSetting, s->n_candidates + 1);
    for (int i = 0; i < n_inputs; i++)
        if (inputs[i].source == VT_SOURCE_SETTING) scalars_leaves(s, (uint32_t)inputs[i].index, used);
    for (size_t i = 0; i < s->n_candidates; i++) {
        const Candidate *c = &s->candidates[i];
        int to = leader(s, i);
        used[to] = used[to] || used[i] || c->setting.sets;
        if (to != (int)i) narrow(&s->candidates[to].setting, &c->setting);
    }
    *n = 0;
    for (size_t i = 0; i < s->n_candidates; i++) {
        bool own = leader(s, i) == (int)i && used[i] && !s->candidates[i].fixed;
        p->setting[i] = own ? *n : -1;
        if (own) settings[(*n)++] = s->candidates[i].setting;
    }
    for (size_t i = 0; i < s->n_candidates; i++) p->setting[i] = p->setting[leader(s, i)];
    return settings;
}

/* Whether some setting may change it. */
static bool changes(const Choice *p, uint32_t scalar) {
    bool *leaves = ARENA_ARRAY(p->e->arena, bool, p->scalars->n_candidates + 1), any = false;
    scalars_leaves(p->scalars, scalar, leaves);
    for (size_t i = 0; i < p->scalars->n_candidates; i++) any = any || (leaves[i] && p->setting[i] >= 0);
    return any;
}

/* The scalar that a candidate is where it is not given, if it is a setting and that may change; 0: none. */
static uint32_t made_of_others(const Choice *p, size_t candidate) {
    uint32_t made = (uint32_t)p->scalars->candidates[candidate].setting.made;
    return made && p->setting[candidate] >= 0 && changes(p, made) ? made : 0;
}

/* The scalars from 1 that `needed` marks, and what they are made of. */
static const VtScalar *choose_scalars(Choice *p, bool *needed, int32_t *n) {
    const Scalars *s = p->scalars;
    VtScalar *scalars = ARENA_ARRAY(p->e->arena, VtScalar, s->count + 1);
    for (size_t i = s->count; i > 0; i--) {
        const VtScalar *item = &s->items[i - 1];
        if (!needed[i]) continue;
        if (item->op >= VT_SCALAR_OPERATOR) needed[item->a] = needed[item->b] = needed[item->c] = true;
        if (item->op == VT_SCALAR_SETTING) needed[made_of_others(p, (size_t)item->a)] = true;
    }
    needed[0] = false;
    *n = 0;
    for (size_t i = 1; i <= s->count; i++) {
        if (!needed[i]) continue;
        VtScalar made = s->items[i - 1];
        if (made.op == VT_SCALAR_SETTING && p->setting[made.a] < 0) made.op = VT_SCALAR_NUMBER;
        if (made.op == VT_SCALAR_NUMBER) made.a = 0;
        if (made.op == VT_SCALAR_SETTING) made.a = p->setting[made.a];
        if (made.op >= VT_SCALAR_OPERATOR) {
            made.a = p->scalar[made.a];
            made.b = made.b ? p->scalar[made.b] : 0;
            made.c = made.c ? p->scalar[made.c] : 0;
        }
        p->scalar[i] = *n;
        scalars[(*n)++] = made;
    }
    return scalars;
}

/* Says in the plan what a setting is made of. */
static void follow(const Choice *p, size_t candidate, VtSetting *settings) {
    uint32_t made = made_of_others(p, candidate);
    settings[p->setting[candidate]].made = made ? p->scalar[made] + 1 : 0;
}

static const VtCondition *make_conditions(Choice *p, const bool *kept, int32_t *n) {
    const Scalars *s = p->scalars;
    VtCondition *conditions = ARENA_ARRAY(p->e->arena, VtCondition, s->n_demands + 1);
    *n = 0;
    for (size_t i = 0; i < s->n_demands; i++) {
        const Demand *demand = &s->demands[i];
        if (!kept[i]) continue;
        int32_t *values = ARENA_ARRAY(p->e->arena, int32_t, demand->n_values + 1);
        for (size_t v = 0; v < demand->n_values; v++) values[v] = p->scalar[demand->values[v]];
        conditions[(*n)++] =
            (VtCondition){demand->text, p->scalar[demand->holds], (int32_t)demand->n_values, values};
    }
    return conditions;
}

void plan_settings(Evaluator *e, VtInput *inputs, int n_inputs, VtProgram *plan) {
    Scalars *s = e->recipe->scalars;
    Choice p = {.e = e, .scalars = s};
    p.setting = ARENA_ARRAY(e->arena, int32_t, s->n_candidates + 1);
    p.scalar = ARENA_ARRAY(e->arena, int32_t, s->count + 1);
    plan->settings = choose_settings(&p, inputs, n_inputs, &plan->n_settings);
    bool *needed = ARENA_ARRAY(e->arena, bool, s->count + 1),
         *kept = ARENA_ARRAY(e->arena, bool, s->n_demands + 1);
    for (int i = 0; i < n_inputs; i++)
        if (inputs[i].source == VT_SOURCE_SETTING) needed[inputs[i].index] = true;
    for (size_t i = 0; i < s->n_demands; i++) {
        const Demand *demand = &s->demands[i];
        kept[i] = changes(&p, demand->holds);
        for (size_t v = 0; kept[i] && v < demand->n_values; v++) needed[demand->values[v]] = true;
        if (kept[i]) needed[demand->holds] = true;
    }
    for (size_t i = 0; i < s->n_candidates; i++) needed[made_of_others(&p, i)] = true;
    plan->scalars = choose_scalars(&p, needed, &plan->n_scalars);
    for (size_t i = 0; i < s->n_candidates; i++)
        if (p.setting[i] >= 0 && leader(s, i) == (int)i) follow(&p, i, (VtSetting *)plan->settings);
    plan->conditions = make_conditions(&p, kept, &plan->n_conditions);
    for (int i = 0; i < n_inputs; i++)
        if (inputs[i].source == VT_SOURCE_SETTING) inputs[i].index = p.scalar[inputs[i].index];
}

/* ---- knobs ------------------------------------------------------------------------------------------------------- */

/* "mine.yaml:93: q = log_softmax(z / temperature)" */
static const char *place_text(const ParsedRecipe *r, Loc at) {
    const char *path = diags_source_name(r->diags, at.file), *line = recipe_text_of(r, at.file);
    if (!path) return "the command line";
    const char *text = arena_printf(r->arena, "%s:%u", path, at.line);
    if (!line) return text;
    for (uint32_t i = 1; i < at.line && line; i++) line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
    if (!line) return text;
    line += strspn(line, " ");
    return arena_printf(r->arena, "%s: %.*s", text, (int)strcspn(line, "\r\n"), line);
}

static const char *why_fixed(const ParsedRecipe *r, const Knob *knob, const Candidate *candidate) {
    static const char *const kinds[] = {
        [KNOB_BOOL] = "it is true or false", [KNOB_STRING] = "it is a word", [KNOB_LIST] = "it is a list"};
    if (!candidate) return kinds[knob->type];
    if (!candidate->fixed && candidate->decided.line) return place_text(r, candidate->decided);
    if (!candidate->fixed) return "nothing reads it";
    return candidate->why ? candidate->why : place_text(r, candidate->at);
}

void list_knobs(const Evaluator *e, Recipe *out) {
    const ParsedRecipe *r = e->recipe;
    RecipeKnob *knobs = ARENA_ARRAY(e->arena, RecipeKnob, r->n_knobs + 1);
    for (size_t i = 0; i < r->n_knobs; i++) {
        const Knob *knob = &r->knobs[i];
        const Candidate *candidate =
            knob->scalar ? &r->scalars->candidates[r->scalars->items[knob->scalar - 1].a] : NULL;
        bool set = false;
        for (int s = 0; s < out->plan.n_settings; s++)
            set = set || strcmp(out->plan.settings[s].key, knob->name) == 0;
        knobs[i] = (RecipeKnob){.name = knob->name,
                                .value = knob_value_text(r, knob),
                                .help = knob->help ? knob->help : "",
                                .fixed = !set,
                                .why = set ? "" : why_fixed(r, knob, candidate)};
    }
    out->knobs = knobs;
    out->n_knobs = r->n_knobs;
}
