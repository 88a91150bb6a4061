/* The view of a module: see listing.h. */
#include "inspect/text/listing.h"
#include "inspect/amounts.h"
#include "inspect/outline.h"
#include "inspect/phases.h"
#include "inspect/positions.h"
#include "inspect/text/state_sums.h"
#include "ir/loop.h"
#include "ir/plan/cost.h"
#include "ir/text/text.h"

#include <math.h>
#include <string.h>

enum { INDENT = 4 }; /* of statements of a function */

typedef struct {
    const Inspection *inspection;
    const ListingOptions *options;
    View *view;
    Arena *arena;
    Positions positions;
    const Func *func;
    const Outline *outline;  /* of the values that are listed now */
    const ValueId *first;    /* by group: its first value, with those within */
    const uint32_t *kernels; /* by group: how many, with those within; NULL without a plan */
    const uint32_t *updates; /* by value: the first update to it, + 1; 0: none */
    const uint32_t *more;    /* by update: the next to the same value, + 1 */
    const char *under;       /* the scope of the heading that lines are under */
    bool headed;             /* the last line was a heading */
} Listing;

static const char *plural(double n) {
    return n == 1 ? "" : "s";
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

static void end_line(Listing *l, int indent) {
    view_end(l->view, indent, LOOK_PLAIN);
    l->headed = false;
}

static void put_heading(Listing *l, const char *text) {
    if (!l->headed) fputc('\n', l->view->out);
    view_line(l->view, INDENT, LOOK_HEADING, "// %s", text);
    l->headed = true;
}

/* What the line's comment is: where the value comes from, as far as the heading does not say it. */
static void put_origin(Listing *l, const char *scope, Loc loc) {
    FILE *line = l->view->line;
    const char *position = positions_text(l->arena, &l->positions, loc);
    bool told = !scope || (l->under && strcmp(scope, l->under) == 0);
    if (told && !*position) return;
    view_mark(l->view);
    fputs("// ", line);
    if (!told) fputs(scope, line);
    if (*position) fprintf(line, "%s(%s)", told ? "" : " ", position);
}

static void put_node(Listing *l, ValueId id, int indent) {
    const Node *node = func_node(l->func, id);
    text_node(l->view->line, l->func, id);
    put_origin(l, node->scope, node->loc);
    end_line(l, indent);
    if (l->func->plan) return;
    for (uint32_t u = l->updates[id]; u; u = l->more[u - 1]) {
        text_update(l->view->line, l->func, u - 1);
        end_line(l, indent);
    }
}

/* "29.8 GFLOP, 45.1 MB; behind a barrier; in blocks of 2 of 128, kernels 12 to 19" */
static void put_kernel_facts(Listing *l, uint32_t k) {
    const Plan *plan = l->func->plan;
    KernelCost cost = kernel_cost(l->func, &plan->kernels[k]);
    const Chain *chain = plan_chain(plan, k);
    FILE *line = l->view->line;
    view_mark(l->view);
    fprintf(line, "// %s%s%s", cost.flops > 0 ? amount_flops(l->arena, cost.flops) : "",
            cost.flops > 0 ? ", " : "", amount_bytes(l->arena, cost.bytes));
    if (plan->kernels[k].barrier || (chain && chain->first == k && plan->kernels[chain->first].barrier))
        fputs("; behind a barrier", line);
    if (chain)
        fprintf(line, "; kernels %u to %u by blocks: %lld of %lld", chain->first + 1, chain->last + 1,
                (long long)chain->size, (long long)chain->units);
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* "91 operators in 12 kernels, 97.9 GFLOP" */
static const char *extent(Listing *l, uint32_t n, uint32_t kernels, double flops) {
    const char *in = l->func->plan ? arena_printf(l->arena, " in %u kernel%s", kernels, plural(kernels)) : "";
    return arena_printf(l->arena, "%s operator%s%s, %s", amount_count(l->arena, n), plural(n), in,
                        amount_flops(l->arena, flops));
}

static const char *group_extent(Listing *l, uint32_t g) {
    const OutlineGroup *group = &l->outline->groups[g];
    return extent(l, group->n_all, l->kernels ? l->kernels[g] : 0, group->flops);
}

static void put_group_heading(Listing *l, uint32_t g) {
    const OutlineGroup *group = &l->outline->groups[g];
    const char *alike = group->run_size > 1 ? arena_printf(l->arena, "%u alike, each ", group->run_size) : "";
    put_heading(l, arena_printf(l->arena, "%s: %s%s", outline_title(l->arena, l->outline, g), alike,
                                group_extent(l, g)));
    l->under = group->scope;
}

/* The values of a group from number i of them on that come before `end`; the number of the first that does not. */
static uint32_t put_own(Listing *l, uint32_t g, uint32_t i, ValueId end) {
    const OutlineGroup *group = &l->outline->groups[g];
    const ValueId *values = &l->outline->values[group->first_own];
    const Plan *plan = l->func->plan;
    if (i < group->n_own && values[i] < end && strcmp(l->under, group->scope) != 0) {
        put_heading(l, *group->scope ? arena_printf(l->arena, "%s, further", group->scope) : "in no module");
        l->under = group->scope;
    }
    while (i < group->n_own && values[i] < end) {
        if (!plan) {
            put_node(l, values[i++], INDENT);
            continue;
        }
        uint32_t k = plan->kernel_of[values[i]];
        text_kernel(l->view->line, l->func, k);
        fputs(" {", l->view->line);
        put_kernel_facts(l, k);
        end_line(l, INDENT);
        for (; i < group->n_own && plan->kernel_of[values[i]] == k; i++) put_node(l, values[i], INDENT + 2);
        view_line(l->view, INDENT, LOOK_PLAIN, "}");
    }
    return i;
}

/* A group that holds another and nothing else needs no heading; the last part of a path tells all. */
static bool only_leads_on(const Outline *outline, uint32_t g) {
    const OutlineGroup *group = &outline->groups[g];
    return group->n_own == 0 && group->first_child != IR_NONE &&
           outline->groups[group->first_child].next_sibling == IR_NONE;
}

static void put_group(Listing *l, uint32_t g) {
    const Outline *outline = l->outline;
    uint32_t own = 0;
    if (g != OUTLINE_ROOT && !only_leads_on(outline, g)) put_group_heading(l, g);
    for (uint32_t child = outline->groups[g].first_child; child != IR_NONE;
         child = outline->groups[child].next_sibling) {
        if (!outline->groups[child].run_size) continue; /* as the first of its run */
        own = put_own(l, g, own, l->first[child]);
        put_group(l, child);
    }
    put_own(l, g, own, IR_NONE);
}

/* By group, what follows from the groups within; children stand behind their parents. */
static void measure_groups(Listing *l) {
    const Outline *outline = l->outline;
    const Plan *plan = l->func->plan;
    ValueId *first = ARENA_ARRAY(l->arena, ValueId, outline->count + 1);
    uint32_t *kernels = ARENA_ARRAY(l->arena, uint32_t, outline->count + 1);
    for (uint32_t g = (uint32_t)outline->count; g-- > 0;) {
        const OutlineGroup *group = &outline->groups[g];
        const ValueId *values = &outline->values[group->first_own];
        ValueId own = group->n_own ? values[0] : IR_NONE;
        first[g] = IR_NONE;
        for (uint32_t c = group->first_child; c != IR_NONE; c = outline->groups[c].next_sibling) {
            if (first[c] < first[g]) first[g] = first[c];
            kernels[g] += kernels[c];
        }
        if (own < first[g]) first[g] = own;
        for (uint32_t i = 0; plan && i < group->n_own; i++)
            kernels[g] += i == 0 || plan->kernel_of[values[i]] != plan->kernel_of[values[i - 1]];
    }
    l->first = first;
    l->kernels = plan ? kernels : NULL;
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

/* Whether a value is in a module that is asked for. Literals are anyone's. */
static bool is_wanted(const Listing *l, ValueId id) {
    const Node *node = func_node(l->func, id);
    if (!l->options->only) return true;
    return !(l->func->plan && op_is_literal((OpKind)node->op)) && only_matches(l->options->only, node->scope);
}

/* By value: 1 + the phase that it is listed in, with all of its kernel; 0: it is not. */
static uint8_t *choose_values(const Listing *l) {
    const Func *func = l->func;
    const uint8_t *phases = phases_of(l->inspection, func);
    uint8_t *chosen = ARENA_ARRAY(l->arena, uint8_t, func->count + 1);
    for (ValueId id = 0; id < func->count; id++)
        if (!op_is_source((OpKind)func->nodes[id].op) && is_wanted(l, id)) chosen[id] = 1 + phases[id];
    for (uint32_t k = 0; func->plan && k < func->plan->n_kernels; k++) {
        const Kernel *kernel = &func->plan->kernels[k];
        bool any = false;
        for (ValueId id = kernel->first; id <= kernel->last; id++) any |= chosen[id] != 0;
        uint8_t phase = any ? 1 + phases[kernel_cost(func, kernel).named] : 0;
        for (ValueId id = kernel->first; id <= kernel->last; id++) chosen[id] = phase;
    }
    return chosen;
}

/* The updates of each value. */
static void find_updates(Listing *l) {
    const Func *func = l->func;
    uint32_t *first = ARENA_ARRAY(l->arena, uint32_t, func->count + 1);
    uint32_t *more = ARENA_ARRAY(l->arena, uint32_t, func->n_updates + 1);
    for (size_t i = func->n_updates; i-- > 0;) {
        ValueId value = func->updates[i].value;
        more[i] = first[value];
        first[value] = (uint32_t)i + 1;
    }
    l->updates = first;
    l->more = more;
}

/* Makes a phase's outline the one that is listed; false: the phase has no values. */
static bool begin_phase(Listing *l, Phase phase, const uint8_t *chosen) {
    const Func *func = l->func;
    uint8_t *now = ARENA_ARRAY(l->arena, uint8_t, func->count + 1);
    bool any = false;
    for (ValueId id = 0; id < func->count; id++) any |= now[id] = chosen[id] == 1 + phase;
    if (!any) return false;
    l->outline =
        outline_make(l->arena, func, &(OutlineOptions){.chosen = now, .kernels = func->plan != NULL});
    measure_groups(l);
    l->under = "";
    return true;
}

/* "// forward: 202 operators, 31.8 MFLOP: encoder 19.5 MFLOP, decoder 11.9 MFLOP", the largest modules first. */
static void put_overview(Listing *l, Phase phase) {
    enum { MOST = 5 };
    const OutlineGroup *groups = l->outline->groups;
    const char *modules = "";
    double last = INFINITY; /* those of as many FLOPs or more are told */
    for (int told = 0; told < MOST; told++) {
        uint32_t next = IR_NONE;
        for (uint32_t c = groups[OUTLINE_ROOT].first_child; c != IR_NONE; c = groups[c].next_sibling)
            if (groups[c].flops < last && groups[c].flops > 0 &&
                (next == IR_NONE || groups[c].flops > groups[next].flops))
                next = c;
        if (next == IR_NONE) break;
        last = groups[next].flops;
        modules = arena_printf(l->arena, "%s%s %s %s", modules, told ? "," : ":", groups[next].name,
                               amount_flops(l->arena, last));
    }
    view_line(l->view, INDENT, LOOK_COMMENT, "// %s: %s%s", PHASE_NAMES[phase], group_extent(l, OUTLINE_ROOT),
              modules);
}

/* Outputs; updates whose value is none of a node; copies. */
static void put_results(Listing *l) {
    const Func *func = l->func;
    for (size_t i = 0; func->plan && i < func->plan->n_copies; i++) {
        text_copy(l->view->line, func, &func->plan->copies[i]);
        end_line(l, INDENT);
    }
    for (size_t i = 0; i < func->n_outputs; i++) {
        text_output(l->view->line, func, i);
        end_line(l, INDENT);
    }
    for (size_t i = 0; !func->plan && i < func->n_updates; i++) {
        if (!op_is_source((OpKind)func->nodes[func->updates[i].value].op)) continue;
        text_update(l->view->line, func, i);
        end_line(l, INDENT);
    }
}

static void put_func(Listing *l, const Func *func) {
    l->func = func;
    find_updates(l);
    const uint8_t *chosen = choose_values(l);
    text_signature(l->view->line, func);
    fputs(" {", l->view->line);
    view_end(l->view, 2, LOOK_PLAIN);
    int phases = 0;
    for (Phase phase = 0; phase < N_PHASES; phase++) phases += begin_phase(l, phase, chosen);
    for (Phase phase = 0; phases > 1 && phase < N_PHASES; phase++)
        if (begin_phase(l, phase, chosen)) put_overview(l, phase);
    l->headed = phases < 2;
    for (Phase phase = 0; phase < N_PHASES; phase++) {
        if (!begin_phase(l, phase, chosen)) continue;
        if (phases > 1) put_heading(l, arena_printf(l->arena, "==== %s ====", PHASE_NAMES[phase]));
        put_group(l, OUTLINE_ROOT);
    }
    if (!l->options->only && func->count > func->n_inputs) fputc('\n', l->view->out);
    if (!l->options->only) put_results(l);
    view_line(l->view, 2, LOOK_PLAIN, "}");
}

/* A function, behind the bodies of its loops. */
static void put_with_bodies(Listing *l, const Func *func, bool *done) {
    uint32_t f = func_index(func);
    if (done[f]) return;
    done[f] = true;
    for (ValueId id = 0; id < func->count; id++)
        if (func->nodes[id].op == OP_loop) put_with_bodies(l, loop_body(func, &func->nodes[id]), done);
    put_func(l, func);
}

/* ---- the module -------------------------------------------------------------------------------------------------- */

static void put_sums(Listing *l) {
    const Module *module = l->inspection->module;
    size_t n;
    const StateSum *sums = state_sums(l->arena, module, &n);
    int64_t elements = 0, bytes = 0;
    for (size_t i = 0; i < n; i++) {
        elements += sums[i].elements;
        bytes += sums[i].bytes;
    }
    view_line(l->view, 2, LOOK_COMMENT, "// %zu states, %s elements, %s", module->n_states,
              amount_count(l->arena, (double)elements), amount_bytes(l->arena, (double)bytes));
    for (size_t i = 0; i < n; i++) { /* not by view_line: columns are aligned */
        const StateSum *sum = &sums[i];
        fprintf(l->view->out, "%s  //   %-9s %-28s %5lld tensor%s %9s  %9s", l->view->colour ? "\033[2m" : "",
                ROLE_NAMES[sum->role], *sum->module ? sum->module : "-", (long long)sum->tensors,
                sum->tensors == 1 ? " " : "s", amount_count(l->arena, (double)sum->elements),
                amount_bytes(l->arena, (double)sum->bytes));
        if (sum->frozen) fprintf(l->view->out, ", %lld frozen", (long long)sum->frozen);
        fputs(l->view->colour ? "\033[0m\n" : "\n", l->view->out);
    }
}

static void put_states(Listing *l) {
    const Module *module = l->inspection->module;
    const ListingOptions *options = l->options;
    if (!options->states && !options->only && module->n_states) put_sums(l);
    for (size_t s = 0; options->states && s < module->n_states; s++) {
        const State *state = &module->states[s];
        if (!state_group_has(options->states, state)) continue;
        if (options->only && !only_matches(options->only, state->name)) continue;
        text_state(l->view->line, module, state);
        put_origin(l, NULL, state->loc);
        view_end(l->view, 2, LOOK_PLAIN);
    }
}

/* What this is, and how to see more. */
static void put_head(Listing *l) {
    const Inspection *inspection = l->inspection;
    const Stages *stages = inspection->stages;
    const Func *func = inspection->func;
    int last = (int)stages->count - 1, all = stages_in(stages->list) - 1;
    const char *stage = last == all ? "all passes" : stages->stages[last].label;
    double flops = 0, n = 0, params = 0, tensors = 0;
    for (ValueId id = 0; id < func->count; id++) {
        n += !op_is_source((OpKind)func->nodes[id].op);
        flops += node_flops(func, func_node(func, id));
    }
    for (size_t s = 0; s < inspection->module->n_states; s++) {
        const State *state = &inspection->module->states[s];
        if (state->role != ROLE_PARAM) continue;
        params += (double)type_elements(&state->type);
        tensors++;
    }
    l->func = func;
    view_line(l->view, 0, LOOK_COMMENT, "// %s @%s after %s: %s", inspection->recipe, func->name,
              last == 0 ? "the frontend, before any pass" : stage,
              extent(l, (uint32_t)n, func->plan ? (uint32_t)func->plan->n_kernels : 0, flops));
    if (inspection->written.all > 0)
        view_line(l->view, 0, LOOK_COMMENT, "// %s as written: %s",
                  amount_flops(l->arena, inspection->written.all),
                  amount_left_out(l->arena, flops, inspection->written.all));
    view_line(l->view, 0, LOOK_COMMENT, "// %s parameters in %s tensors; for %s",
              amount_count(l->arena, params), amount_count(l->arena, tensors), inspection->target);
    if (l->options->only) view_line(l->view, 0, LOOK_COMMENT, "// only modules %s", l->options->only);
    view_line(l->view, 0, LOOK_COMMENT,
              LISTING_MARK "what is alike is shown once. --full: all of it; --only='PATTERN': some modules; "
                           "--after=PASS: another stage; --passes: what they did");
}

void listing_text(const Inspection *inspection, const ListingOptions *options, View *view) {
    const Module *module = inspection->module;
    Listing l = {.inspection = inspection, .options = options, .view = view, .arena = inspection->arena};
    l.positions = positions_make(l.arena, inspection->diags);
    put_head(&l);
    text_module(view->line, module);
    fputs(" {", view->line);
    view_end(view, 0, LOOK_PLAIN);
    put_states(&l);
    bool *done = ARENA_ARRAY(l.arena, bool, module->n_funcs + 1);
    if (!options->all_functions) put_with_bodies(&l, inspection->func, done);
    for (size_t f = 0; options->all_functions && f < module->n_funcs; f++)
        put_with_bodies(&l, module->funcs[f], done);
    view_line(view, 0, LOOK_PLAIN, "}");
}

char *listing_full(const Inspection *inspection, const Func *only, size_t *size) {
    Positions positions = positions_make(inspection->arena, inspection->diags);
    TextStyle style = {.files = positions.names, .n_files = positions.count + 1, .only = only};
    return module_print_as(inspection->module, &style, size);
}
