/* The plan of a function in the text form: kernels, chains, barriers, copies, places.
 *
 * Statements are recorded until all functions have been read. Then kernels are derived from their nodes; marks and
 * offsets are taken from the text, and what the text states of facts that follow from the nodes is checked. */
#include "ir/text/parser.h"

#include <string.h>

/* What the text states of one kernel; a Loc with line 0: that part was left out. */
typedef struct {
    Loc loc;
    ValueId first, last; /* its nodes, but for reads of states between them */
    size_t n_nodes;
    Loc kind_loc, reads_loc, stores_loc;
    const char *kind;
    Domain domain;
    int first_inner; /* the loop behind the bar in "[197 | 384]"; the rank: there is no bar */
    ValueId *reads;
    size_t n_reads, reads_capacity;
    ValueId *stores;
    size_t n_stores, stores_capacity;
    bool again, single, barrier;
    uint32_t lane, after;
    Loc prologue_loc; /* of `prologue again` */
} KernelText;

typedef struct {
    Loc loc;
    Chain chain; /* of the kernels as they stand */
} ChainText;

typedef struct {
    Loc loc;
    ValueId value;
    bool from_stage, barrier, single;
    uint32_t lane, after;
    int64_t from;
    Place to;
    const char *output; /* its name, if that is where it goes */
} CopyText;

typedef struct {
    ValueId value;
    PlaceText text;
} PlacedText;

/* Index maps of a value that a kernel computes or reads. */
typedef struct {
    size_t kernel;
    ValueId value;
    Cursor at;
} AccessText;

typedef struct PlanText {
    Func *func;
    KernelText *kernels;
    size_t n_kernels, kernels_capacity;
    ChainText *chains;
    size_t n_chains, chains_capacity;
    CopyText *copies;
    size_t n_copies, copies_capacity;
    PlacedText *places;
    size_t n_places, places_capacity;
    AccessText *accesses; /* kernel by kernel */
    size_t n_accesses, accesses_capacity;
    bool in_kernel, in_chain, barrier;
    uint32_t after;             /* of the barrier: as Kernel.after */
    Loc barrier_loc, loose_loc; /* of the last barrier; of a node of no kernel */
    bool laid_out, has_barriers;
    int64_t arena_bytes, block_bytes;
} PlanText;

void plan_text_begin(Parser *p) {
    p->plan = ARENA_NEW(p->arena, PlanText);
    p->plan->func = p->func;
    ARENA_PUSH(p->arena, p->plans, p->n_plans, p->plans_capacity, p->plan);
}

static bool end_plain_line(Parser *p) {
    const char *scope;
    Loc loc;
    return parser_end_line(p, &scope, &loc);
}

/* ---- the function's own line ------------------------------------------------------------------------------------- */

static bool take_bytes(Parser *p, const char *word, bool *given, int64_t *bytes) {
    if (!parser_accept_word(p, word)) return true;
    *given = true;
    return parser_expect(p, '=') && parser_take_int(p, bytes) &&
           (*bytes >= 0 || parser_fail(p, p->at, "%s of negative size", word));
}

bool plan_text_take_room(Parser *p) {
    PlanText *plan = p->plan;
    bool blocks = false;
    if (!take_bytes(p, "arena", &plan->laid_out, &plan->arena_bytes)) return false;
    if (!take_bytes(p, "block", &blocks, &plan->block_bytes)) return false;
    if (blocks && !plan->laid_out) return parser_fail(p, p->at, "block = BYTES goes with arena = BYTES");
    plan->has_barriers = parser_accept_word(p, "barriers");
    if (plan->has_barriers && !plan->laid_out)
        return parser_fail(p, p->at, "barriers go with arena = BYTES: they follow from where values lie");
    return true;
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static int find_output(const Func *func, const char *name) {
    for (size_t i = 0; i < func->n_outputs; i++)
        if (strcmp(func->outputs[i].name, name) == 0) return (int)i;
    return -1;
}

static void add_access(Parser *p, size_t kernel, ValueId value, Cursor at) {
    PlanText *plan = p->plan;
    AccessText said = {kernel, value, at};
    ARENA_PUSH(p->arena, plan->accesses, plan->n_accesses, plan->accesses_capacity, said);
}

void plan_text_add_node(Parser *p, const NodeText *node) {
    PlanText *plan = p->plan;
    ValueId id = node->id;
    if (id == FAILED) return;
    if (node->place.loc.line) {
        PlacedText placed = {id, node->place};
        ARENA_PUSH(p->arena, plan->places, plan->n_places, plan->places_capacity, placed);
    }
    if (node->over.at) add_access(p, plan->n_kernels - 1, id, node->over);
    if (!plan->in_kernel) {
        if (!plan->loose_loc.line) plan->loose_loc = node->loc;
        return;
    }
    KernelText *kernel = &plan->kernels[plan->n_kernels - 1];
    if (kernel->n_nodes++ == 0) kernel->first = id;
    kernel->last = id;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

static bool take_values(Parser *p, ValueId **values, size_t *n, size_t *capacity) {
    do {
        ValueId value = FAILED;
        if (!parser_take_value(p, &value)) return false;
        ARENA_PUSH(p->arena, *values, *n, *capacity, value);
    } while (parser_accept(p, ','));
    return true;
}

/* %x, %w over [i1, i0]: what the kernel after those so far reads. */
static bool take_reads(Parser *p, KernelText *kernel) {
    do {
        ValueId value = FAILED;
        if (!parser_take_value(p, &value)) return false;
        ARENA_PUSH(p->arena, kernel->reads, kernel->n_reads, kernel->reads_capacity, value);
        if (!parser_accept_word(p, "over")) continue;
        add_access(p, p->plan->n_kernels, value, parser_cursor(p));
        if (!parser_skip_accesses(p)) return false;
    } while (parser_accept(p, ','));
    return true;
}

/* Over %a, %b: values that are defined further on. */
static bool skip_values(Parser *p) {
    do {
        parser_skip_spaces(p);
        if (!parser_expect(p, '%')) return false;
        if (!parser_take_name(p, "value")) return false;
    } while (parser_accept(p, ','));
    return true;
}

/* product [197 x 384], rows [197 | 384] */
static bool take_loops(Parser *p, KernelText *kernel) {
    static const char *const kinds[] = {"loops", "rows", "column", "product", "pack", "function"};
    parser_skip_spaces(p);
    Loc loc = parser_loc(p, p->at);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !kernel->kind; i++)
        if (parser_accept_word(p, kinds[i])) kernel->kind = kinds[i];
    if (!kernel->kind) return true;
    kernel->kind_loc = loc;
    if (!parser_expect(p, '[')) return false;
    kernel->first_inner = -1;
    for (bool more = !parser_accept(p, ']'); more;) {
        if (parser_accept(p, '|')) kernel->first_inner = kernel->domain.rank;
        if (kernel->domain.rank == DOMAIN_MAX) return parser_fail(p, p->at, "more than %d loops", DOMAIN_MAX);
        if (!parser_take_int(p, &kernel->domain.extent[kernel->domain.rank])) return false;
        kernel->domain.rank++;
        parser_skip_spaces(p);
        more = parser_accept_word(p, "x") || *p->at == '|';
    }
    return kernel->domain.rank == 0 || parser_expect(p, ']');
}

/* Behind `single`: the number of the thread, from 1; the first where there is none. */
static bool take_lane(Parser *p, uint32_t *lane) {
    int64_t number = 1;
    parser_skip_spaces(p);
    const char *start = p->at;
    if (*p->at >= '0' && *p->at <= '9' && !parser_take_int(p, &number)) return false;
    if (number < 1 || number > LANES)
        return parser_fail(p, start, "single kernels are of threads 1 to %d", LANES);
    *lane = (uint32_t)number - 1;
    return true;
}

/* , again, prologue again, single 2 */
static bool take_marks(Parser *p, KernelText *kernel) {
    while (parser_accept(p, ',')) {
        parser_skip_spaces(p);
        Loc loc = parser_loc(p, p->at);
        if (parser_accept_word(p, "again"))
            kernel->again = true;
        else if (parser_accept_word(p, "single")) {
            kernel->single = true;
            if (!take_lane(p, &kernel->lane)) return false;
        } else if (parser_accept_word(p, "prologue") && parser_accept_word(p, "again"))
            kernel->prologue_loc = loc;
        else
            return parser_fail(p, p->at, "expected again, prologue again or single");
    }
    return true;
}

/* kernel 12 product [197 x 384], again reads %x, %b over [i1] stores %41 {; all but the brace may be left out. *stores:
 * where these stand. */
static bool take_header(Parser *p, KernelText *kernel, Cursor *stores) {
    int64_t number;
    parser_skip_spaces(p);
    const char *start = p->at;
    if (*p->at >= '0' && *p->at <= '9') {
        if (!parser_take_int(p, &number)) return false;
        if (number != (int64_t)p->plan->n_kernels + 1)
            return parser_fail(p, start, "this is kernel %zu", p->plan->n_kernels + 1);
    }
    if (!take_loops(p, kernel) || !take_marks(p, kernel)) return false;
    if (parser_accept_word(p, "reads")) {
        kernel->reads_loc = parser_loc(p, p->at);
        if (!take_reads(p, kernel)) return false;
    }
    if (parser_accept_word(p, "stores")) {
        kernel->stores_loc = parser_loc(p, p->at);
        *stores = parser_cursor(p);
        if (!skip_values(p)) return false;
    }
    return parser_expect(p, '{') && end_plain_line(p);
}

/* Statements up to the closing brace. */
static bool take_nodes(Parser *p) {
    while (parser_find_statement(p)) {
        if (parser_accept(p, '}')) return true;
        if (*p->at != '%') return parser_fail(p, p->at, "expected %%name = operator or '}' in a kernel");
        uint32_t line = p->line;
        NodeText node;
        if (!parser_take_node(p, &node) && p->line == line) parser_next_line(p);
        plan_text_add_node(p, &node);
        if (p->errors >= PARSER_ERRORS) return false;
    }
    return parser_fail(p, p->at, "the kernel is not closed with '}'");
}

static bool take_kernel(Parser *p, Loc loc) {
    PlanText *plan = p->plan;
    KernelText kernel = {.loc = loc, .barrier = plan->barrier, .after = plan->after};
    Cursor stores = {0};
    plan->barrier = false;
    if (!take_header(p, &kernel, &stores)) return false;
    ARENA_PUSH(p->arena, plan->kernels, plan->n_kernels, plan->kernels_capacity, kernel);
    plan->in_kernel = true;
    bool good = take_nodes(p);
    plan->in_kernel = false;
    if (!good) return false;
    KernelText *made = &plan->kernels[plan->n_kernels - 1];
    if (made->n_nodes == 0 && p->errors == 0) return parser_fail_at(p, loc, "a kernel without nodes");
    Cursor end = parser_cursor(p);
    if (made->stores_loc.line) {
        parser_go_to(p, stores);
        good = take_values(p, &made->stores, &made->n_stores, &made->stores_capacity);
        parser_go_to(p, end);
    }
    return good && end_plain_line(p);
}

/* ---- chains, barriers, copies ------------------------------------------------------------------------------------ */

/* chain {units = N, size = N} { kernels } */
static bool take_chain(Parser *p, Loc loc) {
    PlanText *plan = p->plan;
    int64_t units, size;
    if (plan->in_chain) return parser_fail_at(p, loc, "a chain inside a chain");
    if (!parser_expect(p, '{') || !parser_accept_word(p, "units"))
        return parser_fail(p, p->at, "expected chain {units = N, size = N} {");
    if (!parser_expect(p, '=') || !parser_take_int(p, &units) || !parser_expect(p, ',')) return false;
    if (!parser_accept_word(p, "size")) return parser_fail(p, p->at, "expected size = N");
    if (!parser_expect(p, '=') || !parser_take_int(p, &size)) return false;
    if (units < 1 || size < 1 || size > units)
        return parser_fail(p, p->at, "a chain of less than one unit, or blocks of more than all");
    if (!parser_expect(p, '}') || !parser_expect(p, '{') || !end_plain_line(p)) return false;
    ChainText chain = {loc, {(uint32_t)plan->n_kernels, 0, units, size}};
    plan->in_chain = true;
    bool closed = false, barrier = plan->barrier;
    while (!closed && parser_find_statement(p)) {
        if ((closed = parser_accept(p, '}'))) break;
        Loc at = parser_loc(p, p->at);
        plan->barrier = barrier;
        barrier = false;
        bool good = parser_accept_word(p, "kernel")
                        ? take_kernel(p, at)
                        : parser_fail(p, p->at, "expected kernel or '}' in a chain");
        if (!good) break;
    }
    plan->in_chain = false;
    if (!closed) return p->errors == 0 ? parser_fail(p, p->at, "the chain is not closed with '}'") : false;
    if (plan->n_kernels == chain.chain.first) return parser_fail_at(p, loc, "a chain without kernels");
    chain.chain.last = (uint32_t)plan->n_kernels - 1;
    ARENA_PUSH(p->arena, plan->chains, plan->n_chains, plan->chains_capacity, chain);
    return end_plain_line(p);
}

/* copy %w to stage(0); copy %w from stage(0) to state(v), single */
static bool take_copy(Parser *p, Loc loc) {
    PlanText *plan = p->plan;
    CopyText copy = {.loc = loc, .barrier = plan->barrier, .after = plan->after};
    const char *output;
    plan->barrier = false;
    if (!parser_take_value(p, &copy.value)) return false;
    if (parser_accept_word(p, "from")) {
        copy.from_stage = true;
        if (!parser_accept_word(p, "stage") || !parser_take_offset(p, &copy.from))
            return parser_fail(p, p->at, "expected stage(BYTES)");
    }
    if (!parser_accept_word(p, "to"))
        return parser_fail(p, p->at, "expected to state(NAME), output(NAME) or stage(BYTES)");
    if (!parser_take_target(p, &copy.to, &output)) return false;
    copy.output = output;
    if (parser_accept(p, ',')) {
        if (!parser_accept_word(p, "single")) return parser_fail(p, p->at, "expected single");
        copy.single = true;
        if (!take_lane(p, &copy.lane)) return false;
    }
    ARENA_PUSH(p->arena, plan->copies, plan->n_copies, plan->copies_capacity, copy);
    return end_plain_line(p);
}

/* barrier; barrier 12 */
static bool take_barrier(Parser *p, Loc loc) {
    PlanText *plan = p->plan;
    int64_t steps = (int64_t)(plan->n_kernels + plan->n_copies), after = steps;
    if (plan->barrier) return parser_fail_at(p, loc, "two barriers in a row");
    parser_skip_spaces(p);
    const char *start = p->at;
    if (*p->at >= '0' && *p->at <= '9' && !parser_take_int(p, &after)) return false;
    if (start != p->at && (after < 1 || after > steps))
        return parser_fail(p, start, "no kernel or copy of that number comes before");
    plan->barrier = true;
    plan->after = (uint32_t)after;
    plan->barrier_loc = loc;
    return end_plain_line(p);
}

bool plan_text_take(Parser *p, bool *is_one) {
    parser_skip_spaces(p);
    Loc loc = parser_loc(p, p->at);
    *is_one = true;
    if (parser_accept_word(p, "kernel")) return take_kernel(p, loc);
    if (parser_accept_word(p, "chain")) return take_chain(p, loc);
    if (parser_accept_word(p, "barrier")) return take_barrier(p, loc);
    if (parser_accept_word(p, "copy")) return take_copy(p, loc);
    *is_one = false;
    return false;
}

/* ---- the plan made ----------------------------------------------------------------------------------------------- */

static void map_values(ValueId *values, size_t n, const ValueId *map) {
    for (size_t i = 0; i < n; i++)
        if (values[i] != FAILED) values[i] = map[values[i]];
}

void plan_text_renumber(Parser *p, const ValueId *map) {
    PlanText *plan = p->plan;
    for (size_t k = 0; k < plan->n_kernels; k++) {
        KernelText *kernel = &plan->kernels[k];
        map_values(&kernel->first, 1, map);
        map_values(&kernel->last, 1, map);
        map_values(kernel->reads, kernel->n_reads, map);
        map_values(kernel->stores, kernel->n_stores, map);
    }
    for (size_t i = 0; i < plan->n_copies; i++) map_values(&plan->copies[i].value, 1, map);
    for (size_t i = 0; i < plan->n_places; i++) map_values(&plan->places[i].value, 1, map);
    for (size_t i = 0; i < plan->n_accesses; i++) map_values(&plan->accesses[i].value, 1, map);
}

static bool same_values(const ValueId *a, size_t n, const ValueId *b, size_t m) {
    return n == m && (n == 0 || memcmp(a, b, sizeof *a * n) == 0);
}

/* What is said of a kernel against what its nodes make of it. */
static bool check_facts(Parser *p, const KernelText *text, const Kernel *kernel) {
    const Domain *is = &kernel->domain, *said = &text->domain;
    if (text->kind && strcmp(text->kind, kernel_kind_name(kernel)) != 0)
        return parser_fail_at(p, text->kind_loc, "its nodes make a kernel of kind %s",
                              kernel_kind_name(kernel));
    int inner = kernel->kind == KERNEL_LOOP && kernel->rows && kernel->first_inner < is->rank
                    ? kernel->first_inner
                    : -1;
    if (text->kind && (is->rank != said->rank ||
                       memcmp(is->extent, said->extent, sizeof *is->extent * (size_t)is->rank) != 0 ||
                       text->first_inner != inner))
        return parser_fail_at(p, text->kind_loc, "its nodes make other loops");
    if (text->reads_loc.line && !same_values(text->reads, text->n_reads, kernel->reads, kernel->n_reads))
        return parser_fail_at(p, text->reads_loc, "its nodes read other values, or in another order");
    if (text->stores_loc.line && !same_values(text->stores, text->n_stores, kernel->stores, kernel->n_stores))
        return parser_fail_at(p, text->stores_loc,
                              "it stores other values: what others read, outputs and updates");
    if (text->prologue_loc.line && !kernel->prologue)
        return parser_fail_at(p, text->prologue_loc, "it has no prologue");
    return true;
}

static bool lay_kernels(Parser *p, const PlanText *text) {
    Plan *plan = text->func->plan;
    for (size_t k = 0; k < text->n_kernels; k++) {
        const KernelText *from = &text->kernels[k];
        Kernel *to = &plan->kernels[k];
        if (!check_facts(p, from, to)) return false;
        to->again = from->again;
        if (from->prologue_loc.line) to->prologue->again = true;
        to->single = from->single;
        to->lane = from->lane;
        to->barrier = from->barrier;
        to->after = from->after;
    }
    for (size_t i = 0; i < text->n_chains; i++)
        ARENA_PUSH(p->arena, plan->chains, plan->n_chains, plan->chains_capacity, text->chains[i].chain);
    plan->laid_out = text->laid_out;
    plan->has_barriers = text->has_barriers;
    plan->arena_bytes = text->arena_bytes;
    plan->block_bytes = text->block_bytes;
    return true;
}

/* The index maps that are said, against those of the kernels made. */
static bool check_accesses(Parser *p, const PlanText *text) {
    bool good = true;
    Cursor end = parser_cursor(p);
    for (size_t i = 0; i < text->n_accesses && good;) {
        size_t k = text->accesses[i].kernel;
        Arena *arena = arena_new();
        KernelAccesses all = accesses_of(arena, text->func, &text->func->plan->kernels[k]);
        for (; i < text->n_accesses && text->accesses[i].kernel == k && good; i++) {
            parser_go_to(p, text->accesses[i].at);
            good = parser_check_accesses(p, &all, text->accesses[i].value);
        }
        arena_free(arena);
    }
    parser_go_to(p, end);
    return good;
}

/* The number of an output that is known by name. */
static bool find_target(Parser *p, const Func *func, Loc loc, const char *output, Place *place) {
    if (!output) return true;
    int i = find_output(func, output);
    if (i < 0) return parser_fail_at(p, loc, "no output '%s'", output);
    place->index = (uint32_t)i;
    return true;
}

static bool lay_place(Parser *p, const PlanText *text, PlacedText *placed) {
    Place *is = &text->func->plan->places[placed->value], *said = &placed->text.place;
    if (!find_target(p, text->func, placed->text.loc, placed->text.output, said)) return false;
    bool block = said->kind == PLACE_BLOCK && is->kind == PLACE_ARENA;
    bool numbered = said->kind == PLACE_STATE || said->kind == PLACE_OUTPUT;
    if (!block && (said->kind != is->kind || (numbered && said->index != is->index)))
        return parser_fail_at(p, placed->text.loc, "it does not lie there, but in %s", PLACE_NAMES[is->kind]);
    is->kind = said->kind;
    if (!numbered) is->offset = said->offset;
    return true;
}

static bool lay_copies(Parser *p, PlanText *text) {
    Plan *plan = text->func->plan;
    plan_find_copies(p->arena, text->func);
    for (size_t i = 0; i < text->n_copies; i++) {
        CopyText *said = &text->copies[i];
        if (i == plan->n_copies)
            return parser_fail_at(p, said->loc, "outputs and updates need no such copy here");
        PlaceCopy *is = &plan->copies[i];
        if (!find_target(p, text->func, said->loc, said->output, &said->to)) return false;
        bool same = is->value == said->value && is->to.kind == said->to.kind &&
                    is->to.index == said->to.index && is->to.offset == said->to.offset &&
                    said->from_stage == (is->from.kind == PLACE_STAGE) &&
                    (!said->from_stage || said->from == is->from.offset);
        if (!same) return parser_fail_at(p, said->loc, "outputs and updates need no such copy here");
        is->barrier = said->barrier;
        is->after = said->after;
        is->single = said->single;
        is->lane = said->lane;
    }
    if (text->n_copies && text->n_copies < plan->n_copies)
        return parser_fail_at(p, text->copies[0].loc, "outputs and updates need %zu copies, not %zu",
                              plan->n_copies, text->n_copies);
    return true;
}

static bool make_plan(Parser *p, PlanText *text) {
    NodeSpan *spans = ARENA_ARRAY(p->arena, NodeSpan, text->n_kernels + 1);
    if (text->loose_loc.line)
        return parser_fail_at(p, text->loose_loc, "a node of no kernel, in a module of kernels");
    for (size_t k = 0; k < text->n_kernels; k++) {
        spans[k] = (NodeSpan){text->kernels[k].first, text->kernels[k].last};
        const char *fault = kernel_fault(text->func, spans[k].first, spans[k].last);
        if (fault) return parser_fail_at(p, text->kernels[k].loc, "a node of it %s", fault);
    }
    plan_derive(text->func, spans, text->n_kernels);
    if (!lay_kernels(p, text) || !check_accesses(p, text)) return false;
    for (size_t i = 0; i < text->n_places; i++)
        if (!lay_place(p, text, &text->places[i])) return false;
    return lay_copies(p, text);
}

/* Whether the text says anything of kernels. */
static bool has_plan(const PlanText *text) {
    return text->n_kernels || text->laid_out || text->n_places || text->n_copies || text->n_accesses;
}

void plan_text_finish(Parser *p) {
    bool any = false;
    for (size_t f = 0; f < p->n_plans; f++) {
        any = any || has_plan(p->plans[f]);
        if (p->plans[f]->barrier) parser_fail_at(p, p->plans[f]->barrier_loc, "a barrier before nothing");
    }
    if (!any || p->errors > 0) return;
    if (!module_sizes(p->module, p->diags)) { /* beyond, nothing below overflows */
        p->errors++;
        return;
    }
    for (size_t f = 0; f < p->n_plans; f++)
        if (!make_plan(p, p->plans[f])) return;
}
