/* Values and nodes of the text form, read: names and numbers of values, places, "%name = operator …". */
#include "ir/text/parser.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPERANDS = UINT16_MAX, MAX_NUMBER = 1 << 24 };

/* ---- values ------------------------------------------------------------------------------------------------------ */

static Slot *find_slot(Parser *p, const char *name) {
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++) h = (h ^ (unsigned char)*c) * 0x100000001b3u;
    size_t at = (size_t)(h ^ h >> 29) & (p->n_slots - 1);
    while (p->slots[at].value && strcmp(p->slots[at].name, name) != 0) at = (at + 1) & (p->n_slots - 1);
    return &p->slots[at];
}

void parser_define(Parser *p, char *name, ValueId value) {
    if (p->n_named * 2 >= p->n_slots) {
        Slot *old = p->slots;
        size_t n = p->n_slots;
        p->n_slots = n ? n * 2 : 256;
        p->slots = ARENA_ARRAY(p->arena, Slot, p->n_slots);
        for (size_t i = 0; i < n; i++)
            if (old[i].value) *find_slot(p, old[i].name) = old[i];
        p->n_named = 0;
        for (size_t i = 0; i < p->n_slots; i++) p->n_named += p->slots[i].value != 0;
    }
    *find_slot(p, name) = (Slot){name, value + 1};
    p->n_named++;
}

/* "%12" as a number; -1 for a name. */
static int64_t number_of(Parser *p) {
    char *end;
    if (!isdigit((unsigned char)*p->at)) return -1;
    unsigned long number = strtoul(p->at, &end, 10);
    if (text_is_name_char(*end) || number > MAX_NUMBER) return -1;
    p->at = end;
    return (int64_t)number;
}

static void define_number(Parser *p, int64_t number, ValueId value) {
    while ((size_t)number >= p->numbered_capacity)
        p->numbered =
            arena_grow(p->arena, p->numbered, &p->numbered_capacity, (size_t)number + 1, sizeof *p->numbered);
    p->numbered[number] = value + 1;
}

/* The value that a name stands for: of this function, or a state read; IR_NONE: neither. */
ValueId parser_value_named(Parser *p, const char *name) {
    Slot *slot = p->n_slots ? find_slot(p, name) : NULL;
    if (slot && slot->value) return slot->value - 1;
    int64_t state = module_find_state(p->module, name);
    return state < 0 ? IR_NONE : func_read_state(p->func, (uint32_t)state);
}

/* False if there is no such value; FAILED is one whose definition was refused. */
bool parser_take_value(Parser *p, ValueId *out) {
    if (!parser_expect(p, '%')) return false;
    const char *start = p->at;
    int64_t number = number_of(p);
    if (number >= 0) {
        bool known = (size_t)number < p->numbered_capacity && p->numbered[number];
        *out = known ? p->numbered[number] - 1 : IR_NONE;
    } else {
        char *name = parser_take_name(p, "value");
        if (!name) return false;
        *out = parser_value_named(p, name);
    }
    return *out != IR_NONE ||
           parser_fail(p, start - 1, "no value %%%.*s is defined before this", (int)(p->at - start), start);
}

void parser_forget_values(Parser *p) {
    p->slots = NULL;
    p->numbered = NULL;
    p->n_slots = p->n_named = p->numbered_capacity = 0;
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

/* (64), or nothing: an offset is not known yet. */
bool parser_take_offset(Parser *p, int64_t *offset) {
    *offset = -1;
    if (!parser_accept(p, '(')) return true;
    const char *start = p->at;
    if (!parser_take_int(p, offset)) return false;
    return (*offset >= 0 || parser_fail(p, start, "an offset of less than 0")) && parser_expect(p, ')');
}

/* arena(64), block(64), stage(64), state(NAME), output(NAME). Outputs come last in a function: their names are kept. */
bool parser_take_target(Parser *p, Place *place, const char **output) {
    parser_skip_spaces(p);
    const char *start = p->at;
    static const PlaceKind kinds[] = {PLACE_ARENA, PLACE_BLOCK, PLACE_STAGE, PLACE_STATE, PLACE_OUTPUT};
    *output = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!parser_accept_word(p, PLACE_NAMES[kinds[i]])) continue;
        *place = (Place){.kind = kinds[i]};
        if (kinds[i] != PLACE_STATE && kinds[i] != PLACE_OUTPUT) return parser_take_offset(p, &place->offset);
        if (!parser_expect(p, '(')) return false;
        start = p->at;
        char *name = parser_take_name(p, PLACE_NAMES[kinds[i]]);
        if (!name) return false;
        if (kinds[i] == PLACE_OUTPUT) {
            *output = name;
            return parser_expect(p, ')');
        }
        int64_t state = module_find_state(p->module, name);
        if (state < 0) return parser_fail(p, start, "no state '%s'", name);
        place->index = (uint32_t)state;
        return parser_expect(p, ')');
    }
    return parser_fail(p, start, "expected a place: arena, block, stage, state(NAME) or output(NAME)");
}

static bool take_place(Parser *p, PlaceText *out) {
    *out = (PlaceText){0};
    if (!parser_accept_word(p, "at")) return true;
    parser_skip_spaces(p);
    out->loc = parser_loc(p, p->at);
    return parser_take_target(p, &out->place, &out->output);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static bool take_ints(Parser *p, Ints *ints) {
    if (!parser_expect(p, '[')) return false;
    ints->n = 0;
    if (parser_accept(p, ']')) return true;
    do {
        if (ints->n == IR_MAX_RANK) return parser_fail(p, p->at, "more than %d numbers", IR_MAX_RANK);
        if (!parser_take_int(p, &ints->v[ints->n])) return false;
        ints->n++;
    } while (parser_accept(p, ','));
    return parser_expect(p, ']');
}

/* @name of a body that stands before this function. */
static bool take_body(Parser *p, int64_t *number) {
    if (!parser_expect(p, '@')) return false;
    const char *start = p->at;
    char *name = parser_take_name(p, "body");
    if (!name) return false;
    for (size_t f = 0; f < p->module->n_funcs; f++)
        if (p->module->funcs[f]->body && p->module->funcs[f] != p->func &&
            strcmp(p->module->funcs[f]->name, name) == 0) {
            *number = (int64_t)f;
            return true;
        }
    return parser_fail(p, start, "no body '%s' comes before this", name);
}

static bool take_attr(Parser *p, AttrKind kind, Attr *attr) {
    switch (kind) {
    case ATTR_INT: return parser_take_int(p, &attr->i);
    case ATTR_REAL: return parser_take_real(p, &attr->f);
    case ATTR_INTS: return take_ints(p, &attr->ints);
    case ATTR_BOOL:
        attr->b = parser_accept_word(p, "true");
        return attr->b || parser_accept_word(p, "false") || parser_fail(p, p->at, "expected true or false");
    case ATTR_DTYPE: return parser_take_dtype(p, &attr->dtype);
    case ATTR_PRECISION: return parser_take_precision(p, &attr->precision);
    case ATTR_FUNC: return take_body(p, &attr->i);
    }
    return false;
}

static bool take_pair(Parser *p, const OpInfo *info, Attr attrs[OP_MAX_ATTRS], bool given[OP_MAX_ATTRS]) {
    parser_skip_spaces(p);
    const char *start = p->at, *key = parser_take_word(p);
    int a = 0;
    while (key && a < info->n_attrs && strcmp(info->attrs[a].key, key) != 0) a++;
    if (!key || a == info->n_attrs)
        return parser_fail(p, start, "%s has no attribute '%s'", info->name, key ? key : "");
    if (given[a]) return parser_fail(p, start, "'%s' is given twice", key);
    given[a] = true;
    return parser_expect(p, '=') && take_attr(p, info->attrs[a].kind, &attrs[a]);
}

/* {key = value, …}: defaults for what is not given. */
static bool take_attrs(Parser *p, const OpInfo *info, Attr attrs[OP_MAX_ATTRS]) {
    bool given[OP_MAX_ATTRS] = {false};
    for (int a = 0; a < info->n_attrs; a++) attrs[a] = info->attrs[a].value;
    if (parser_accept(p, '{')) {
        do {
            if (!take_pair(p, info, attrs, given)) return false;
        } while (parser_accept(p, ','));
        if (!parser_expect(p, '}')) return false;
    }
    for (int a = 0; a < info->n_attrs; a++)
        if (!given[a] && !info->attrs[a].has_default)
            return parser_fail(p, p->at, "%s needs %s = …", info->name, info->attrs[a].key);
    return true;
}

typedef struct {
    int op;
    const char *op_at; /* in the text */
    ValueId *operands;
    size_t n, capacity;
    bool hollow; /* an operand's definition was refused */
    Attr attrs[OP_MAX_ATTRS];
    bool typed;
    Type type;
    Cursor over;
    PlaceText place;
    const char *scope;
    Loc loc;
} Statement;

static bool take_operator(Parser *p, Statement *st) {
    parser_skip_spaces(p);
    st->op_at = p->at;
    char *word = parser_take_word(p);
    st->op = word ? op_find(word) : -1;
    if (!word) return parser_fail(p, st->op_at, "expected an operator");
    if (st->op >= 0 && !op_is_source((OpKind)st->op)) return true;
    if (st->op >= 0) return parser_fail(p, st->op_at, "inputs and states are used by name");
    const char *names[OP_COUNT];
    for (int op = 0; op < OP_COUNT; op++) names[op] = op_info((OpKind)op)->name;
    const char *near = diag_nearest(word, names, OP_COUNT);
    return parser_fail(p, st->op_at, near ? "no operator '%s'; did you mean '%s'?" : "no operator '%s'", word,
                       near);
}

/* op %a, %b {…} : type over [i0] at place  // origin */
static bool take_statement(Parser *p, Statement *st) {
    *st = (Statement){0};
    if (!take_operator(p, st)) return false;
    parser_skip_spaces(p);
    if (*p->at == '%') do {
            ValueId value = FAILED;
            if (!parser_take_value(p, &value)) return false;
            st->hollow = st->hollow || value == FAILED;
            if (st->n == MAX_OPERANDS) return parser_fail(p, p->at, "more than %d operands", MAX_OPERANDS);
            ARENA_PUSH(p->arena, st->operands, st->n, st->capacity, value);
        } while (parser_accept(p, ','));
    if (!take_attrs(p, op_info((OpKind)st->op), st->attrs)) return false;
    st->typed = parser_accept(p, ':');
    if (st->typed && !parser_take_type(p, &st->type)) return false;
    if (parser_accept_word(p, "over")) {
        st->over = parser_cursor(p);
        if (!parser_skip_accesses(p)) return false;
    }
    return take_place(p, &st->place);
}

/* `number`: of the value; -1: it has a name, and is numbered at the end of the function. */
static ValueId emit_statement(Parser *p, const Statement *st, int64_t number) {
    if (st->hollow) return FAILED;
    uint32_t next = p->func->next_number;
    p->func->scope = st->scope;
    p->func->loc = st->loc;
    ValueId id = func_emit(p->func, (OpKind)st->op, st->operands, (int)st->n, st->attrs);
    if (id == IR_NONE) {
        parser_fail(p, st->op_at, "%s", p->func->error);
        return FAILED;
    }
    if (st->typed && !type_equal(&st->type, func_type(p->func, id))) {
        parser_fail(p, st->op_at, "the type given is %s, that of the result %s",
                    type_text(p->arena, &st->type), type_text(p->arena, func_type(p->func, id)));
        return FAILED;
    }
    p->func->nodes[id].number = number < 0 ? IR_NONE : (uint32_t)number;
    p->func->next_number = number < (int64_t)next ? next : (uint32_t)number + 1;
    return id;
}

/* %name = statement. Whatever comes of it, the name is known from here on. */
bool parser_take_node(Parser *p, NodeText *node) {
    *node = (NodeText){.id = FAILED};
    const char *start = ++p->at;
    int64_t number = number_of(p);
    char *name = number < 0 ? parser_take_name(p, "value") : NULL;
    if (number < 0 && !name) return false;
    bool again = number >= 0
                     ? (size_t)number < p->numbered_capacity && p->numbered[number]
                     : (p->n_slots && find_slot(p, name)->value) || module_find_state(p->module, name) >= 0;
    if (again) return parser_fail(p, start - 1, "%%%.*s is defined twice", (int)(p->at - start), start);
    Statement st;
    bool good = parser_expect(p, '=') && take_statement(p, &st);
    const char *line_start = p->line_start;
    uint32_t line = p->line;
    good = good && parser_end_line(p, &st.scope, &st.loc);
    ValueId value = FAILED;
    if (good) { /* messages about the statement belong to its line */
        const char *next = p->line_start;
        uint32_t next_number = p->line;
        p->line_start = line_start;
        p->line = line;
        value = emit_statement(p, &st, number);
        *node = (NodeText){value, st.place, st.over, parser_loc(p, st.op_at)};
        p->line_start = next;
        p->line = next_number;
    }
    if (number >= 0)
        define_number(p, number, value);
    else
        parser_define(p, name, value);
    return good;
}
