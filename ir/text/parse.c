/* The text form of modules, read (docs/ir.md). One pass over the text, a statement a line; after an error the rest
 * of the line is skipped and reading goes on, so that one run shows all errors of a text. */
#include "ir/text/parser.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- states ------------------------------------------------------------------------------------------------------ */

static int find_word(const char *const *words, int n, const char *word) {
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0) return i;
    return -1;
}

static bool take_key_real(Parser *p, const char *key, double *out) {
    if (!parser_accept_word(p, key)) return parser_fail(p, p->at, "expected %s = number", key);
    return parser_expect(p, '=') && parser_take_real(p, out);
}

static bool take_init(Parser *p, State *state) {
    parser_skip_spaces(p);
    const char *names[6], *start = p->at;
    for (int i = 0; i < 6; i++) names[i] = INIT_TEXTS[i].name;
    char *word = parser_take_word(p);
    int init = word ? find_word(names, 6, word) : -1;
    if (init < 0)
        return parser_fail(
            p, start, "expected an initialiser: constant, normal, trunc_normal, uniform, copy, function");
    state->init = (InitKind)init;
    if (!parser_expect(p, '(')) return false;
    if (init == INIT_COPY) {
        if (!parser_expect(p, '%')) return false;
        start = p->at;
        char *name = parser_take_name(p, "state");
        int64_t from = name ? module_find_state(p->module, name) : -1;
        if (name && from < 0) return parser_fail(p, start, "no state '%s' comes before this", name);
        if (!name) return false;
        state->copy_of = (uint32_t)from;
    }
    const InitText *text = &INIT_TEXTS[init];
    if (text->a && !take_key_real(p, text->a, &state->a)) return false;
    if (text->b && !(parser_expect(p, ',') && take_key_real(p, text->b, &state->b))) return false;
    return parser_expect(p, ')');
}

/* "grid(1, 0)": rows before and after those of the grid. */
static bool take_grid(Parser *p, State *state) {
    double before, after;
    if (!parser_expect(p, '(') || !parser_take_real(p, &before) || !parser_expect(p, ',') ||
        !parser_take_real(p, &after) || !parser_expect(p, ')'))
        return false;
    if (!(before >= 0 && before < 1 << 20 && after >= 0 && after < 1 << 20))
        return parser_fail(p, p->at, "a grid has from 0 to 2^20 rows before and after it");
    state->grid = true;
    state->before = (uint32_t)before;
    state->after = (uint32_t)after;
    return true;
}

/* state %name : type = init(…), role = param, decay, frozen, grid(1, 0) */
static bool parse_state(Parser *p) {
    State state = {0};
    const char *scope, *start;
    if (!parser_expect(p, '%')) return false;
    start = p->at;
    if (!(state.name = parser_take_name(p, "state"))) return false;
    if (module_find_state(p->module, state.name) >= 0)
        return parser_fail(p, start, "two states are named '%s'", state.name);
    if (!parser_expect(p, ':') || !parser_take_type(p, &state.type) || !parser_expect(p, '=') ||
        !take_init(p, &state))
        return false;
    if (!parser_expect(p, ',') || !parser_accept_word(p, "role") || !parser_expect(p, '='))
        return parser_fail(p, p->at, "expected role = …");
    parser_skip_spaces(p);
    start = p->at;
    char *word = parser_take_word(p);
    int role = word ? find_word(ROLE_NAMES, ROLE_COUNT, word) : -1;
    if (role < 0) return parser_fail(p, start, "expected a role: param, ema, optimizer, buffer, counter");
    state.role = (StateRole)role;
    while (parser_accept(p, ',')) {
        if (parser_accept_word(p, "decay"))
            state.decay = true;
        else if (parser_accept_word(p, "frozen"))
            state.frozen = true;
        else if (!parser_accept_word(p, "grid"))
            return parser_fail(p, p->at, "expected decay, frozen or grid");
        else if (!take_grid(p, &state))
            return false;
    }
    if (!parser_end_line(p, &scope, &state.loc)) return false;
    module_add_state(p->module, state);
    return true;
}

/* ---- functions and the module ------------------------------------------------------------------------------------ */

/* ", role = loss" behind an output; without it, it is a value. */
static bool take_output_role(Parser *p, OutputRole *out) {
    *out = OUTPUT_VALUE;
    if (!parser_accept(p, ',')) return true;
    if (!parser_accept_word(p, "role") || !parser_expect(p, '='))
        return parser_fail(p, p->at, "expected role = …");
    parser_skip_spaces(p);
    const char *start = p->at;
    char *word = parser_take_word(p);
    int role = word ? find_word(OUTPUT_ROLE_NAMES, OUTPUT_ROLE_COUNT, word) : -1;
    if (role < 0) return parser_fail(p, start, "expected a role: value, loss, objective, shown");
    *out = (OutputRole)role;
    return true;
}

static bool parse_output(Parser *p) {
    const char *scope;
    Loc loc;
    ValueId value;
    OutputRole role;
    char *name = parser_take_name(p, "output");
    if (!name || !parser_expect(p, '=') || !parser_take_value(p, &value) || !take_output_role(p, &role) ||
        !parser_end_line(p, &scope, &loc))
        return false;
    if (value != FAILED) func_add_output_as(p->func, name, value, role);
    return true;
}

static bool parse_update(Parser *p) {
    const char *scope, *start;
    Loc loc;
    ValueId value;
    parser_skip_spaces(p);
    start = p->at;
    char *name = parser_take_name(p, "state");
    if (!name) return false;
    int64_t state = module_find_state(p->module, name);
    if (state < 0) return parser_fail(p, start, "no state '%s'", name);
    if (func_find_update(p->func, (uint32_t)state) != IR_NONE)
        return parser_fail(p, start, "state '%s' is updated twice", name);
    if (!parser_expect(p, '=') || !parser_take_value(p, &value) || !parser_end_line(p, &scope, &loc))
        return false;
    if (value != FAILED) func_add_update(p->func, (uint32_t)state, value);
    return true;
}

static bool parse_inputs(Parser *p) {
    if (!parser_expect(p, '(')) return false;
    if (parser_accept(p, ')')) return true;
    do {
        Type type;
        if (!parser_expect(p, '%')) return false;
        const char *start = p->at;
        if (isdigit((unsigned char)*start)) return parser_fail(p, start, "an input is named, not numbered");
        char *name = parser_take_name(p, "input");
        if (!name || !parser_expect(p, ':') || !parser_take_type(p, &type)) return false;
        if (parser_value_named(p, name) != IR_NONE)
            return parser_fail(p, start, "%%%s is defined twice", name);
        parser_define(p, name, func_add_input(p->func, name, type));
    } while (parser_accept(p, ','));
    return parser_expect(p, ')');
}

static bool parse_line(Parser *p) {
    if (*p->at == '%') {
        NodeText node;
        bool good = parser_take_node(p, &node);
        plan_text_add_node(p, &node);
        return good;
    }
    if (parser_accept_word(p, "output")) return parse_output(p);
    if (parser_accept_word(p, "update")) return parse_update(p);
    bool of_plan, good = plan_text_take(p, &of_plan);
    if (of_plan) return good;
    return parser_fail(p, p->at, "expected %%name = operator, kernel, output, update or '}'");
}

/* The statements up to the closing brace. */
static void parse_body(Parser *p) {
    const char *scope;
    Loc loc;
    while (p->errors < PARSER_ERRORS && parser_find_statement(p)) {
        if (parser_accept(p, '}')) {
            if (!parser_end_line(p, &scope, &loc)) parser_next_line(p);
            return;
        }
        uint32_t line = p->line;
        if (!parse_line(p) && p->line == line) parser_next_line(p);
    }
    if (p->errors < PARSER_ERRORS) parser_fail(p, p->at, "the function is not closed with '}'");
}

/* Values that have names in the text get the numbers after those that it gives. */
static void number_named(Func *func) {
    for (ValueId id = 0; id < func->count; id++) {
        Node *node = &func->nodes[id];
        if (!op_is_source((OpKind)node->op) && node->number == IR_NONE) node->number = func->next_number++;
    }
}

/* Moves reads of states, made where a name was first met, before all else: they must not part a kernel. */
static void sources_first(Parser *p) {
    Rewrite rewrite = rewrite_begin(p->func);
    for (ValueId id = 0; id < rewrite.n_old; id++)
        if (rewrite.old[id].op == OP_state) rewrite_copy(&rewrite, id);
    for (ValueId id = 0; id < rewrite.n_old; id++) rewrite_copy(&rewrite, id);
    rewrite_end(&rewrite);
    plan_text_renumber(p, rewrite.map);
}

/* precision = NAME: the function's own. */
static bool take_own_precision(Parser *p) {
    return !parser_accept_word(p, "precision") ||
           (parser_expect(p, '=') && parser_take_precision(p, &p->func->precision));
}

/* func @name(%input : type, …) precision = name arena = bytes block = bytes barriers { */
static void parse_func(Parser *p, bool body) {
    const char *scope, *start = p->at;
    Loc loc;
    char *name = parser_expect(p, '@') ? parser_take_name(p, "function") : NULL;
    if (name && module_find_func(p->module, name))
        parser_fail(p, start, "two functions are named '%s'", name);
    p->func = module_add_func(p->module, name ? name : "");
    p->func->body = body;
    parser_forget_values(p);
    bool good = name && parse_inputs(p);
    plan_text_begin(p);
    good = good && take_own_precision(p) && plan_text_take_room(p);
    good = good && parser_expect(p, '{') && parser_end_line(p, &scope, &loc);
    if (!good) parser_next_line(p);
    parse_body(p);
    number_named(p->func);
    if (p->errors == 0) sources_first(p);
    func_made_for(p->func, NULL);
}

/* "= N" of what is a whole number from 1 to `most`. */
static bool take_whole(Parser *p, const char *what, int64_t most, int64_t *number) {
    if (!parser_expect(p, '=') || !parser_take_int(p, number))
        return parser_fail(p, p->at, "expected a whole number");
    if (*number < 1) return parser_fail(p, p->at, "%s of less than 1", what);
    if (*number > most) return parser_fail(p, p->at, "%s of more than %lld", what, (long long)most);
    return true;
}

/* A fact of the machine. */
static bool take_fact(Parser *p, const MachineFact *fact) {
    Machine *machine = &p->module->machine;
    int64_t whole;
    double real;
    if (fact->kind != FACT_REAL) {
        if (!take_whole(p, fact->what, fact->most, &whole)) return false;
        machine_set_whole(machine, fact, 0, whole);
        return true;
    }
    if (!parser_expect(p, '=') || !parser_take_real(p, &real))
        return parser_fail(p, p->at, "expected a number");
    if (!(real > 0 && real <= (double)fact->most))
        return parser_fail(p, p->at, "%s is more than 0 and at most %lld", fact->what, (long long)fact->most);
    machine_set_real(machine, fact, 0, real);
    return true;
}

/* One of target(batch = N, precision = NAME, memory = BYTES, FACT = N, …); facts of one precision go to the first
 * for now. */
static bool parse_target_word(Parser *p) {
    if (parser_accept_word(p, "batch")) return take_whole(p, "a batch", INT64_MAX, &p->module->batch);
    if (parser_accept_word(p, "memory")) return take_whole(p, "memory", INT64_MAX, &p->module->memory_limit);
    for (int i = 0; i < n_machine_facts; i++)
        if (parser_accept_word(p, machine_facts[i].name)) return take_fact(p, &machine_facts[i]);
    if (!parser_accept_word(p, "precision") || !parser_expect(p, '='))
        return parser_fail(
            p, p->at,
            "expected target(batch = N, precision = NAME, memory = BYTES, cache = BYTES, cores = N, panel = "
            "COLUMNS, rows = N, tile = ROWS, by = COLUMNS, …)");
    return parser_take_precision(p, &p->module->precision);
}

/* target(…), of any of the words. */
static bool parse_target(Parser *p) {
    if (!parser_expect(p, '(')) return false;
    do {
        if (!parse_target_word(p)) return false;
    } while (parser_accept(p, ','));
    PanelShape *panel = &p->module->machine.panel[0];
    TileShape *tile = &p->module->machine.tile[0];
    if (panel->columns == 0 || panel->rows == 0) panel->rows = panel->columns != 0;
    if (!tile->rows != !tile->columns || tile->columns == 1)
        return parser_fail(p, p->at, "expected tile = ROWS and by = COLUMNS, two or more");
    machine_move_precision(&p->module->machine, 0, p->module->precision);
    return parser_expect(p, ')');
}

/* module @name target(…) { */
static bool parse_header(Parser *p) {
    const char *scope;
    Loc loc;
    if (!parser_find_statement(p)) return parser_fail(p, p->at, "an empty text: expected module @name {");
    if (!parser_accept_word(p, "module") || !parser_expect(p, '@'))
        return parser_fail(p, p->at, "expected module @name {");
    char *name = parser_take_name(p, "module");
    if (!name) return false;
    p->module->name = name;
    if (parser_accept_word(p, "target") && !parse_target(p)) return false;
    return parser_expect(p, '{') && parser_end_line(p, &scope, &loc);
}

static void parse_module(Parser *p) {
    const char *scope;
    Loc loc;
    if (!parse_header(p)) return;
    while (p->errors < PARSER_ERRORS && parser_find_statement(p)) {
        if (parser_accept(p, '}')) {
            if (parser_end_line(p, &scope, &loc) && parser_find_statement(p))
                parser_fail(p, p->at, "text after the end of the module");
            return;
        }
        if (parser_accept_word(p, "func"))
            parse_func(p, false);
        else if (parser_accept_word(p, "body"))
            parse_func(p, true);
        else if (!(parser_accept_word(p, "state")
                       ? parse_state(p)
                       : parser_fail(p, p->at, "expected state, func, body or the closing '}'")))
            parser_next_line(p);
    }
    if (p->errors < PARSER_ERRORS) parser_fail(p, p->at, "the module is not closed with '}'");
}

/* The first byte that is not UTF-8 (or is NUL), or NULL. */
static const char *find_bad_byte(const char *text, size_t size) {
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = c == 0                  ? 0
                   : c < 0x80              ? 1
                   : c >= 0xc2 && c < 0xe0 ? 2
                   : c >= 0xe0 && c < 0xf0 ? 3
                   : c >= 0xf0 && c < 0xf5 ? 4
                                           : 0;
        if (n == 0 || n > size - i) return text + i;
        for (size_t k = 1; k < n; k++)
            if (((unsigned char)text[i + k] & 0xc0) != 0x80) return text + i;
        i += n;
    }
    return NULL;
}

Module *module_parse(Arena *arena, Diags *diags, const char *name, const char *text, size_t size) {
    Parser p = {.arena = arena, .diags = diags, .line = 1};
    const char *bad = find_bad_byte(text, size);
    if (bad) {
        diag_error(diags, (Loc){0, 0, 0}, "%s: byte %zu is not UTF-8 text", name, (size_t)(bad - text));
        return NULL;
    }
    text = arena_strndup(arena, text, size);
    p.file = diags_add_source(diags, name, text, size);
    p.module = module_new(arena, diags, "");
    p.at = p.line_start = text;
    parse_module(&p);
    if (p.errors == 0) plan_text_finish(&p);
    return p.errors == 0 && module_verify(p.module, diags) ? p.module : NULL;
}
