/* The text form of modules, read (docs/ir.md). One pass over the text, a statement a line; after an error the rest of the
 * line is skipped and reading goes on, so that one run shows all errors of a text. */
#include "ir/text/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ERRORS = 20,
    MAX_OPERANDS = UINT16_MAX,
    MAX_NUMBER = 1 << 24,
};
#define FAILED (IR_NONE - 1) /* a value whose definition was refused: its uses are not told again */

typedef struct {
    char *name;
    ValueId value; /* + 1; 0: free */
} Slot;

typedef struct {
    Arena *arena;
    Diags *diags;
    Module *module;
    Func *func;
    const char *at, *line_start;
    uint32_t file, line;
    int errors;
    Slot *slots; /* named values of the function */
    size_t n_slots, n_named;
    ValueId *numbered; /* value + 1 of %N */
    size_t numbered_capacity;
    struct {
        const char *name;
        uint32_t file;
    } files[16]; /* of the origins met last */
    size_t n_files;
} Parser;

/* ---- characters and words ------------------------------------------------------------------------------------------ */

static bool fail(Parser *p, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool fail(Parser *p, const char *at, const char *format, ...) {
    char message[600];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    diag_error(p->diags, (Loc){p->file, p->line, (uint32_t)(at - p->line_start) + 1}, "%s", message);
    p->errors++;
    return false;
}

static void skip_spaces(Parser *p) {
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r') p->at++;
}

static bool accept(Parser *p, char c) {
    skip_spaces(p);
    if (*p->at != c) return false;
    p->at++;
    return true;
}

static bool expect(Parser *p, char c) {
    if (accept(p, c)) return true;
    if (*p->at == '\n' || !*p->at) return fail(p, p->at, "expected '%c' before the end of the line", c);
    return fail(p, p->at, "expected '%c'", c);
}

/* The word at the cursor, if it is `word`. */
static bool accept_word(Parser *p, const char *word) {
    skip_spaces(p);
    size_t n = strlen(word);
    if (strncmp(p->at, word, n) != 0 || text_is_name_char(p->at[n])) return false;
    p->at += n;
    return true;
}

/* A run of name characters; NULL if there is none. */
static char *take_word(Parser *p) {
    skip_spaces(p);
    const char *start = p->at;
    while (text_is_name_char(*p->at)) p->at++;
    return p->at > start ? arena_strndup(p->arena, start, (size_t)(p->at - start)) : NULL;
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef", *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* "…" with \", \\ and \xNN; NULL and no message if it is not closed on this line. */
static char *take_quoted(Parser *p) {
    const char *end = p->at + 1;
    while (*end && *end != '\n' && *end != '"') end += *end == '\\' && end[1] && end[1] != '\n' ? 2 : 1;
    if (*end != '"') return NULL;
    char *name = arena_alloc(p->arena, (size_t)(end - p->at) + 1), *to = name;
    for (const char *c = p->at + 1; c < end; c++) {
        if (*c == '\\' && c[1] == 'x') {
            int high = hex_digit(c[2]), low = high < 0 ? -1 : hex_digit(c[3]);
            if (low < 0 || high > 7 || high + low == 0 || c + 3 >= end) return NULL;
            *to++ = (char)(high * 16 + low);
            c += 3;
        } else {
            if (*c == '\\') c++;
            *to++ = *c;
        }
    }
    p->at = end + 1;
    return name;
}

static char *take_name(Parser *p, const char *what) {
    skip_spaces(p);
    const char *start = p->at;
    char *name = *p->at == '"' ? take_quoted(p) : take_word(p);
    if (!name) fail(p, start, *start == '"' ? "unfinished name of a %s" : "expected the name of a %s", what);
    return name;
}

static bool take_int(Parser *p, int64_t *out) {
    skip_spaces(p);
    char *end;
    errno = 0;
    long long value = strtoll(p->at, &end, 10);
    if (end == p->at || isspace((unsigned char)*p->at)) return fail(p, p->at, "expected a whole number");
    if (errno || text_is_name_char(*end)) return fail(p, p->at, "not a whole number of 64 bits");
    p->at = end;
    *out = value;
    return true;
}

static bool take_real(Parser *p, double *out) {
    skip_spaces(p);
    char *end;
    double value = strtod(p->at, &end);
    if (end == p->at || isspace((unsigned char)*p->at)) return fail(p, p->at, "expected a number");
    if (text_is_name_char(*end)) return fail(p, p->at, "not a number");
    p->at = end;
    *out = value;
    return true;
}

static bool take_dtype(Parser *p, DType *out) {
    skip_spaces(p);
    const char *start = p->at;
    while (isalnum((unsigned char)*p->at)) p->at++;
    for (int d = 0; d < DT_COUNT; d++) {
        size_t n = strlen(dtype_name((DType)d));
        if ((size_t)(p->at - start) == n && strncmp(start, dtype_name((DType)d), n) == 0) {
            *out = (DType)d;
            return true;
        }
    }
    return fail(p, start, "expected an element type: f32, f64, bf16, i32, i64 or bool");
}

/* f32, f32[2x3] */
static bool take_type(Parser *p, Type *out) {
    DType dtype;
    if (!take_dtype(p, &dtype)) return false;
    *out = type_scalar(dtype);
    if (*p->at != '[') return true;
    do {
        const char *start = ++p->at;
        char *end;
        errno = 0;
        long long size = isdigit((unsigned char)*start) ? strtoll(start, &end, 10) : 0;
        if (size < 1 || errno) return fail(p, start, "expected a size of 1 or more");
        if (out->rank == IR_MAX_RANK) return fail(p, start, "more than %d axes", IR_MAX_RANK);
        out->dim[out->rank++] = size;
        if (!type_fits(out))
            return fail(p, start, "too large a type: at most 2^%d elements", IR_MAX_ELEMENTS_LOG2);
        p->at = end;
    } while (*p->at == 'x');
    return expect(p, ']');
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

static uint32_t file_number(Parser *p, const char *name) {
    for (size_t i = 0; i < p->n_files; i++)
        if (strcmp(p->files[i].name, name) == 0) return p->files[i].file;
    uint32_t file = diags_add_source(p->diags, name, "", 0);
    size_t room = sizeof p->files / sizeof *p->files;
    size_t slot = p->n_files < room ? p->n_files++ : file % room;
    p->files[slot].name = arena_strdup(p->arena, name);
    p->files[slot].file = file;
    return file;
}

/* "(file:line:col)"; a comment of another form says nothing. */
static bool take_place(Parser *p, Loc *loc) {
    p->at++;
    char *file = *p->at == '"' ? take_quoted(p) : take_word(p), *end;
    if (!file || *p->at != ':') return false;
    unsigned long line = strtoul(p->at + 1, &end, 10);
    if (*end != ':') return false;
    unsigned long col = strtoul(end + 1, &end, 10);
    if (*end != ')' || line > UINT32_MAX || col > UINT32_MAX) return false;
    p->at = end + 1;
    *loc = (Loc){file_number(p, file), (uint32_t)line, (uint32_t)col};
    return true;
}

/* After "//": "scope (file:line:col)", either part alone too. */
static void take_origin(Parser *p, const char **scope, Loc *loc) {
    char *name = NULL;
    Loc place = {0, 0, 0};
    skip_spaces(p);
    bool good = true;
    if (*p->at != '(' && *p->at != '\n' && *p->at) {
        name = *p->at == '"' ? take_quoted(p) : take_word(p);
        good = name != NULL;
    }
    skip_spaces(p);
    if (good && *p->at == '(') good = take_place(p, &place);
    skip_spaces(p);
    if (good && (*p->at == '\n' || !*p->at)) {
        *scope = name;
        *loc = place;
    }
    while (*p->at && *p->at != '\n') p->at++;
}

static void next_line(Parser *p) {
    while (*p->at && *p->at != '\n') p->at++;
    if (!*p->at) return;
    p->line_start = ++p->at;
    p->line++;
}

/* Nothing more may stand on the line but where the statement comes from. */
static bool end_line(Parser *p, const char **scope, Loc *loc) {
    skip_spaces(p);
    if (p->at[0] == '/' && p->at[1] == '/') {
        p->at += 2;
        take_origin(p, scope, loc);
    }
    if (*p->at && *p->at != '\n') return fail(p, p->at, "unexpected text at the end of a statement");
    next_line(p);
    return true;
}

/* To the next line that holds more than a comment; false at the end of the text. */
static bool find_statement(Parser *p) {
    for (;; next_line(p)) {
        skip_spaces(p);
        if (!*p->at) return false;
        if (*p->at != '\n' && !(p->at[0] == '/' && p->at[1] == '/')) return true;
    }
}

/* ---- values ----------------------------------------------------------------------------------------------------------- */

static Slot *find_slot(Parser *p, const char *name) {
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++) h = (h ^ (unsigned char)*c) * 0x100000001b3u;
    size_t at = (size_t)(h ^ h >> 29) & (p->n_slots - 1);
    while (p->slots[at].value && strcmp(p->slots[at].name, name) != 0) at = (at + 1) & (p->n_slots - 1);
    return &p->slots[at];
}

static void define_name(Parser *p, char *name, ValueId value) {
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
static ValueId value_named(Parser *p, const char *name) {
    Slot *slot = p->n_slots ? find_slot(p, name) : NULL;
    if (slot && slot->value) return slot->value - 1;
    int64_t state = module_find_state(p->module, name);
    return state < 0 ? IR_NONE : func_read_state(p->func, (uint32_t)state);
}

/* False if there is no such value; FAILED is one whose definition was refused. */
static bool take_value(Parser *p, ValueId *out) {
    if (!expect(p, '%')) return false;
    const char *start = p->at;
    int64_t number = number_of(p);
    if (number >= 0) {
        bool known = (size_t)number < p->numbered_capacity && p->numbered[number];
        *out = known ? p->numbered[number] - 1 : IR_NONE;
    } else {
        char *name = take_name(p, "value");
        if (!name) return false;
        *out = value_named(p, name);
    }
    return *out != IR_NONE ||
           fail(p, start - 1, "no value %%%.*s is defined before this", (int)(p->at - start), start);
}

/* ---- states ----------------------------------------------------------------------------------------------------------- */

static int find_word(const char *const *words, int n, const char *word) {
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0) return i;
    return -1;
}

static bool take_key_real(Parser *p, const char *key, double *out) {
    if (!accept_word(p, key)) return fail(p, p->at, "expected %s = number", key);
    return expect(p, '=') && take_real(p, out);
}

static bool take_init(Parser *p, State *state) {
    skip_spaces(p);
    const char *names[6], *start = p->at;
    for (int i = 0; i < 6; i++) names[i] = INIT_TEXTS[i].name;
    char *word = take_word(p);
    int init = word ? find_word(names, 6, word) : -1;
    if (init < 0)
        return fail(p, start,
                    "expected an initialiser: constant, normal, trunc_normal, uniform, copy, function");
    state->init = (InitKind)init;
    if (!expect(p, '(')) return false;
    if (init == INIT_COPY) {
        if (!expect(p, '%')) return false;
        start = p->at;
        char *name = take_name(p, "state");
        int64_t from = name ? module_find_state(p->module, name) : -1;
        if (name && from < 0) return fail(p, start, "no state '%s' comes before this", name);
        if (!name) return false;
        state->copy_of = (uint32_t)from;
    }
    const InitText *text = &INIT_TEXTS[init];
    if (text->a && !take_key_real(p, text->a, &state->a)) return false;
    if (text->b && !(expect(p, ',') && take_key_real(p, text->b, &state->b))) return false;
    return expect(p, ')');
}

/* state %name : type = init(…), role = param, decay, frozen */
static bool parse_state(Parser *p) {
    State state = {0};
    const char *scope, *start;
    if (!expect(p, '%')) return false;
    start = p->at;
    if (!(state.name = take_name(p, "state"))) return false;
    if (module_find_state(p->module, state.name) >= 0)
        return fail(p, start, "two states are named '%s'", state.name);
    if (!expect(p, ':') || !take_type(p, &state.type) || !expect(p, '=') || !take_init(p, &state))
        return false;
    if (!expect(p, ',') || !accept_word(p, "role") || !expect(p, '='))
        return fail(p, p->at, "expected role = …");
    skip_spaces(p);
    start = p->at;
    char *word = take_word(p);
    int role = word ? find_word(ROLE_NAMES, ROLE_COUNT, word) : -1;
    if (role < 0) return fail(p, start, "expected a role: param, ema, optimizer, buffer, counter");
    state.role = (StateRole)role;
    while (accept(p, ',')) {
        if (accept_word(p, "decay"))
            state.decay = true;
        else if (accept_word(p, "frozen"))
            state.frozen = true;
        else
            return fail(p, p->at, "expected decay or frozen");
    }
    if (!end_line(p, &scope, &state.loc)) return false;
    module_add_state(p->module, state);
    return true;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------ */

static bool take_ints(Parser *p, Ints *ints) {
    if (!expect(p, '[')) return false;
    ints->n = 0;
    if (accept(p, ']')) return true;
    do {
        if (ints->n == IR_MAX_RANK) return fail(p, p->at, "more than %d numbers", IR_MAX_RANK);
        if (!take_int(p, &ints->v[ints->n])) return false;
        ints->n++;
    } while (accept(p, ','));
    return expect(p, ']');
}

static bool take_precision(Parser *p, Precision *precision) {
    skip_spaces(p);
    const char *start = p->at, *word = take_word(p);
    return (word && precision_find(word, precision)) ||
           fail(p, start, "expected a precision: fp32, bf16 or bf16x3");
}

static bool take_attr(Parser *p, AttrKind kind, Attr *attr) {
    switch (kind) {
    case ATTR_INT: return take_int(p, &attr->i);
    case ATTR_REAL: return take_real(p, &attr->f);
    case ATTR_INTS: return take_ints(p, &attr->ints);
    case ATTR_BOOL:
        attr->b = accept_word(p, "true");
        return attr->b || accept_word(p, "false") || fail(p, p->at, "expected true or false");
    case ATTR_DTYPE: return take_dtype(p, &attr->dtype);
    case ATTR_PRECISION: return take_precision(p, &attr->precision);
    }
    return false;
}

static bool take_pair(Parser *p, const OpInfo *info, Attr attrs[OP_MAX_ATTRS], bool given[OP_MAX_ATTRS]) {
    skip_spaces(p);
    const char *start = p->at, *key = take_word(p);
    int a = 0;
    while (key && a < info->n_attrs && strcmp(info->attrs[a].key, key) != 0) a++;
    if (!key || a == info->n_attrs)
        return fail(p, start, "%s has no attribute '%s'", info->name, key ? key : "");
    if (given[a]) return fail(p, start, "'%s' is given twice", key);
    given[a] = true;
    return expect(p, '=') && take_attr(p, info->attrs[a].kind, &attrs[a]);
}

/* {key = value, …}: defaults for what is not given. */
static bool take_attrs(Parser *p, const OpInfo *info, Attr attrs[OP_MAX_ATTRS]) {
    bool given[OP_MAX_ATTRS] = {false};
    for (int a = 0; a < info->n_attrs; a++) attrs[a] = info->attrs[a].value;
    if (accept(p, '{')) {
        do {
            if (!take_pair(p, info, attrs, given)) return false;
        } while (accept(p, ','));
        if (!expect(p, '}')) return false;
    }
    for (int a = 0; a < info->n_attrs; a++)
        if (!given[a] && !info->attrs[a].has_default)
            return fail(p, p->at, "%s needs %s = …", info->name, info->attrs[a].key);
    return true;
}

/* [cluster = 3, again, local, offset = 4096] */
static bool take_plan(Parser *p, int64_t *cluster, int64_t *offset, bool *again, bool *local) {
    if (!accept(p, '[')) return true;
    do {
        bool *mark = accept_word(p, "again") ? again : accept_word(p, "local") ? local : NULL;
        if (mark) {
            *mark = true;
            continue;
        }
        bool is_cluster = accept_word(p, "cluster");
        if (!is_cluster && !accept_word(p, "offset"))
            return fail(p, p->at, "expected cluster, again, local or offset");
        int64_t *number = is_cluster ? cluster : offset;
        if (!expect(p, '=') || !take_int(p, number)) return false;
        if (*number < 0 || (is_cluster && *number >= UINT32_MAX)) return fail(p, p->at, "out of range");
    } while (accept(p, ','));
    return expect(p, ']');
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
    int64_t cluster, offset;
    bool again, local;
    const char *scope;
    Loc loc;
} Statement;

static bool take_operator(Parser *p, Statement *st) {
    skip_spaces(p);
    st->op_at = p->at;
    char *word = take_word(p);
    st->op = word ? op_find(word) : -1;
    if (!word) return fail(p, st->op_at, "expected an operator");
    if (st->op >= 0 && !op_is_source((OpKind)st->op)) return true;
    if (st->op >= 0) return fail(p, st->op_at, "inputs and states are used by name");
    const char *names[OP_COUNT];
    for (int op = 0; op < OP_COUNT; op++) names[op] = op_info((OpKind)op)->name;
    const char *near = diag_nearest(word, names, OP_COUNT);
    return fail(p, st->op_at, near ? "no operator '%s'; did you mean '%s'?" : "no operator '%s'", word, near);
}

/* op %a, %b {…} : type [plan]  // origin */
static bool take_statement(Parser *p, Statement *st) {
    *st = (Statement){.offset = -1};
    if (!take_operator(p, st)) return false;
    skip_spaces(p);
    if (*p->at == '%') do {
            ValueId value = FAILED;
            if (!take_value(p, &value)) return false;
            st->hollow = st->hollow || value == FAILED;
            if (st->n == MAX_OPERANDS) return fail(p, p->at, "more than %d operands", MAX_OPERANDS);
            ARENA_PUSH(p->arena, st->operands, st->n, st->capacity, value);
        } while (accept(p, ','));
    if (!take_attrs(p, op_info((OpKind)st->op), st->attrs)) return false;
    st->typed = accept(p, ':');
    if (st->typed && !take_type(p, &st->type)) return false;
    return take_plan(p, &st->cluster, &st->offset, &st->again, &st->local);
}

static ValueId emit_statement(Parser *p, const Statement *st) {
    if (st->hollow) return FAILED;
    p->func->scope = st->scope;
    p->func->loc = st->loc;
    ValueId id = func_emit(p->func, (OpKind)st->op, st->operands, (int)st->n, st->attrs);
    if (id == IR_NONE) {
        fail(p, st->op_at, "%s", p->func->error);
        return FAILED;
    }
    if (st->typed && !type_equal(&st->type, func_type(p->func, id))) {
        fail(p, st->op_at, "the type given is %s, that of the result %s", type_text(p->arena, &st->type),
             type_text(p->arena, func_type(p->func, id)));
        return FAILED;
    }
    p->func->nodes[id].cluster = (uint32_t)st->cluster;
    p->func->nodes[id].offset = st->offset;
    p->func->nodes[id].again = st->again;
    p->func->nodes[id].local = st->local;
    return id;
}

/* %name = statement. Whatever comes of it, the name is known from here on. */
static bool parse_node(Parser *p) {
    const char *start = ++p->at;
    int64_t number = number_of(p);
    char *name = number < 0 ? take_name(p, "value") : NULL;
    if (number < 0 && !name) return false;
    bool again = number >= 0
                     ? (size_t)number < p->numbered_capacity && p->numbered[number]
                     : (p->n_slots && find_slot(p, name)->value) || module_find_state(p->module, name) >= 0;
    if (again) return fail(p, start - 1, "%%%.*s is defined twice", (int)(p->at - start), start);
    Statement st;
    bool good = expect(p, '=') && take_statement(p, &st);
    const char *line_start = p->line_start;
    uint32_t line = p->line;
    good = good && end_line(p, &st.scope, &st.loc);
    ValueId value = FAILED;
    if (good) { /* messages about the statement belong to its line */
        const char *next = p->line_start;
        uint32_t next_number = p->line;
        p->line_start = line_start;
        p->line = line;
        value = emit_statement(p, &st);
        p->line_start = next;
        p->line = next_number;
    }
    if (number >= 0)
        define_number(p, number, value);
    else
        define_name(p, name, value);
    return good;
}

/* ---- functions and the module ------------------------------------------------------------------------------------------ */

/* ", role = loss" behind an output; without it, it is a value. */
static bool take_output_role(Parser *p, OutputRole *out) {
    *out = OUTPUT_VALUE;
    if (!accept(p, ',')) return true;
    if (!accept_word(p, "role") || !expect(p, '=')) return fail(p, p->at, "expected role = …");
    skip_spaces(p);
    const char *start = p->at;
    char *word = take_word(p);
    int role = word ? find_word(OUTPUT_ROLE_NAMES, OUTPUT_ROLE_COUNT, word) : -1;
    if (role < 0) return fail(p, start, "expected a role: value, loss, objective, shown");
    *out = (OutputRole)role;
    return true;
}

static bool parse_output(Parser *p) {
    const char *scope;
    Loc loc;
    ValueId value;
    OutputRole role;
    char *name = take_name(p, "output");
    if (!name || !expect(p, '=') || !take_value(p, &value) || !take_output_role(p, &role) ||
        !end_line(p, &scope, &loc))
        return false;
    if (value != FAILED) func_add_output_as(p->func, name, value, role);
    return true;
}

static bool parse_update(Parser *p) {
    const char *scope, *start;
    Loc loc;
    ValueId value;
    skip_spaces(p);
    start = p->at;
    char *name = take_name(p, "state");
    if (!name) return false;
    int64_t state = module_find_state(p->module, name);
    if (state < 0) return fail(p, start, "no state '%s'", name);
    if (func_find_update(p->func, (uint32_t)state) != IR_NONE)
        return fail(p, start, "state '%s' is updated twice", name);
    if (!expect(p, '=') || !take_value(p, &value) || !end_line(p, &scope, &loc)) return false;
    if (value != FAILED) func_add_update(p->func, (uint32_t)state, value);
    return true;
}

/* chain FIRST to LAST {units = N, size = N} */
static bool parse_chain(Parser *p) {
    const char *scope;
    Loc loc;
    int64_t first, last, units, size;
    if (!take_int(p, &first)) return false;
    if (!accept_word(p, "to")) return fail(p, p->at, "expected chain FIRST to LAST {units = N, size = N}");
    if (!take_int(p, &last) || !expect(p, '{')) return false;
    if (!accept_word(p, "units")) return fail(p, p->at, "expected units = N");
    if (!expect(p, '=') || !take_int(p, &units) || !expect(p, ',')) return false;
    if (!accept_word(p, "size")) return fail(p, p->at, "expected size = N");
    if (!expect(p, '=') || !take_int(p, &size)) return false;
    if (first < 1 || last < first || last >= UINT32_MAX || units < 1 || size < 1)
        return fail(p, p->at, "out of range");
    Chain chain = {(uint32_t)first, (uint32_t)last, units, size};
    ARENA_PUSH(p->arena, p->func->chains, p->func->n_chains, p->func->chains_capacity, chain);
    return expect(p, '}') && end_line(p, &scope, &loc);
}

static bool parse_inputs(Parser *p) {
    if (!expect(p, '(')) return false;
    if (accept(p, ')')) return true;
    do {
        Type type;
        if (!expect(p, '%')) return false;
        const char *start = p->at;
        if (isdigit((unsigned char)*start)) return fail(p, start, "an input is named, not numbered");
        char *name = take_name(p, "input");
        if (!name || !expect(p, ':') || !take_type(p, &type)) return false;
        if (value_named(p, name) != IR_NONE) return fail(p, start, "%%%s is defined twice", name);
        define_name(p, name, func_add_input(p->func, name, type));
    } while (accept(p, ','));
    return expect(p, ')');
}

static bool parse_line(Parser *p) {
    if (*p->at == '%') return parse_node(p);
    if (accept_word(p, "output")) return parse_output(p);
    if (accept_word(p, "update")) return parse_update(p);
    if (accept_word(p, "chain")) return parse_chain(p);
    return fail(p, p->at, "expected %%name = operator, chain, output, update or '}'");
}

/* The statements up to the closing brace. */
static void parse_body(Parser *p) {
    const char *scope;
    Loc loc;
    while (p->errors < MAX_ERRORS && find_statement(p)) {
        if (accept(p, '}')) {
            if (!end_line(p, &scope, &loc)) next_line(p);
            return;
        }
        uint32_t line = p->line;
        if (!parse_line(p) && p->line == line) next_line(p);
    }
    if (p->errors < MAX_ERRORS) fail(p, p->at, "the function is not closed with '}'");
}

/* Moves reads of states, made where a name was first met, before all else: they must not part a cluster. */
static void sources_first(Func *func) {
    int64_t arena_bytes = func->arena_bytes, block_bytes = func->block_bytes;
    size_t n_chains = func->n_chains;
    Rewrite rewrite = rewrite_begin(func);
    for (ValueId id = 0; id < rewrite.n_old; id++)
        if (rewrite.old[id].op == OP_state) rewrite_copy(&rewrite, id);
    for (ValueId id = 0; id < rewrite.n_old; id++) {
        ValueId made = rewrite_copy(&rewrite, id);
        func->nodes[made].offset = rewrite.old[id].offset;
        func->nodes[made].local = rewrite.old[id].local;
    }
    rewrite_end(&rewrite);
    func->arena_bytes = arena_bytes;
    func->block_bytes = block_bytes;
    func->n_chains = n_chains;
}

/* arena = bytes, block = bytes: any of them */
static bool take_room(Parser *p, const char *word, int64_t *bytes) {
    if (!accept_word(p, word)) return true;
    return expect(p, '=') && take_int(p, bytes) &&
           (*bytes >= 0 || fail(p, p->at, "%s of negative size", word));
}

/* func @name(%input : type, …) arena = bytes block = bytes { */
static void parse_func(Parser *p) {
    const char *scope, *start = p->at;
    Loc loc;
    char *name = expect(p, '@') ? take_name(p, "function") : NULL;
    if (name && module_find_func(p->module, name)) fail(p, start, "two functions are named '%s'", name);
    p->func = module_add_func(p->module, name ? name : "");
    p->slots = NULL;
    p->numbered = NULL;
    p->n_slots = p->n_named = p->numbered_capacity = 0;
    bool good = name && parse_inputs(p);
    good =
        good && take_room(p, "arena", &p->func->arena_bytes) && take_room(p, "block", &p->func->block_bytes);
    good = good && expect(p, '{') && end_line(p, &scope, &loc);
    if (!good) next_line(p);
    parse_body(p);
    if (p->errors == 0) sources_first(p->func);
    p->func->scope = NULL;
    p->func->loc = (Loc){0, 0, 0};
}

/* "= N" of what is a whole number from 1 to `most`. */
static bool take_whole(Parser *p, const char *what, int64_t most, int64_t *number) {
    if (!expect(p, '=') || !take_int(p, number)) return fail(p, p->at, "expected a whole number");
    if (*number < 1) return fail(p, p->at, "%s of less than 1", what);
    if (*number > most) return fail(p, p->at, "%s of more than %lld", what, (long long)most);
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
    if (!expect(p, '=') || !take_real(p, &real)) return fail(p, p->at, "expected a number");
    if (!(real > 0 && real <= (double)fact->most))
        return fail(p, p->at, "%s is more than 0 and at most %lld", fact->what, (long long)fact->most);
    machine_set_real(machine, fact, 0, real);
    return true;
}

/* One of target(batch = N, precision = NAME, memory = BYTES, FACT = N, …); facts of one precision go to the first for now. */
static bool parse_target_word(Parser *p) {
    if (accept_word(p, "batch")) return take_whole(p, "a batch", INT64_MAX, &p->module->batch);
    if (accept_word(p, "memory")) return take_whole(p, "memory", INT64_MAX, &p->module->memory_limit);
    for (int i = 0; i < n_machine_facts; i++)
        if (accept_word(p, machine_facts[i].name)) return take_fact(p, &machine_facts[i]);
    if (!accept_word(p, "precision") || !expect(p, '='))
        return fail(
            p, p->at,
            "expected target(batch = N, precision = NAME, memory = BYTES, cache = BYTES, cores = N, panel = "
            "COLUMNS, rows = N, tile = ROWS, by = COLUMNS, …)");
    return take_precision(p, &p->module->precision);
}

/* target(…), of any of the words. */
static bool parse_target(Parser *p) {
    if (!expect(p, '(')) return false;
    do {
        if (!parse_target_word(p)) return false;
    } while (accept(p, ','));
    PanelShape *panel = &p->module->machine.panel[0];
    TileShape *tile = &p->module->machine.tile[0];
    if (panel->columns == 0 || panel->rows == 0) panel->rows = panel->columns != 0;
    if (!tile->rows != !tile->columns || tile->columns == 1)
        return fail(p, p->at, "expected tile = ROWS and by = COLUMNS, two or more");
    machine_move_precision(&p->module->machine, 0, p->module->precision);
    return expect(p, ')');
}

/* module @name target(…) { */
static bool parse_header(Parser *p) {
    const char *scope;
    Loc loc;
    if (!find_statement(p)) return fail(p, p->at, "an empty text: expected module @name {");
    if (!accept_word(p, "module") || !expect(p, '@')) return fail(p, p->at, "expected module @name {");
    char *name = take_name(p, "module");
    if (!name) return false;
    p->module->name = name;
    if (accept_word(p, "target") && !parse_target(p)) return false;
    return expect(p, '{') && end_line(p, &scope, &loc);
}

static void parse_module(Parser *p) {
    const char *scope;
    Loc loc;
    if (!parse_header(p)) return;
    while (p->errors < MAX_ERRORS && find_statement(p)) {
        if (accept(p, '}')) {
            if (end_line(p, &scope, &loc) && find_statement(p))
                fail(p, p->at, "text after the end of the module");
            return;
        }
        if (accept_word(p, "func"))
            parse_func(p);
        else if (!(accept_word(p, "state") ? parse_state(p)
                                           : fail(p, p->at, "expected state, func or the closing '}'")))
            next_line(p);
    }
    if (p->errors < MAX_ERRORS) fail(p, p->at, "the module is not closed with '}'");
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
    return p.errors == 0 && module_verify(p.module, diags) ? p.module : NULL;
}
