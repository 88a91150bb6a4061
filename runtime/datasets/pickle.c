/* Pickles: see pickle.h. A stack machine over plain values (Python's pickletools.py has the opcodes); values are never
 * freed before the end. */
#include "runtime/datasets/pickle.h"
#include "runtime/base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 1 << 24, NO_VALUE = -1 };

typedef struct {
    int32_t *at;
    int32_t count, capacity;
} Numbers;

typedef struct {
    Pickle *p;
    const uint8_t *bytes;
    int64_t size, at;
    Numbers stack, marks, memo;
    const char *why; /* what was wrong */
    char text[160];
} Machine;

static bool wrong(Machine *m, const char *why) {
    if (!m->why) m->why = why;
    return false;
}

static bool push_number(Machine *m, Numbers *numbers, int32_t number) {
    if (numbers->count == numbers->capacity) {
        int32_t capacity = numbers->capacity ? 2 * numbers->capacity : 64;
        int32_t *grown =
            capacity <= 2 * MAX_VALUES ? realloc(numbers->at, sizeof *grown * (size_t)capacity) : NULL;
        if (!grown) return wrong(m, "out of memory");
        numbers->at = grown;
        numbers->capacity = capacity;
    }
    numbers->at[numbers->count++] = number;
    return true;
}

static int32_t new_value(Machine *m, PickleValue value) {
    Pickle *p = m->p;
    if (p->count == p->capacity) {
        int32_t capacity = p->capacity ? 2 * p->capacity : 1024;
        PickleValue *grown =
            capacity <= MAX_VALUES ? realloc(p->values, sizeof *grown * (size_t)capacity) : NULL;
        if (!grown) return wrong(m, "out of memory, or more values than any set has"), NO_VALUE;
        p->values = grown;
        p->capacity = capacity;
    }
    p->values[p->count] = value;
    return p->count++;
}

static bool push(Machine *m, PickleValue value) {
    int32_t number = new_value(m, value);
    return number != NO_VALUE && push_number(m, &m->stack, number);
}

static int32_t pop(Machine *m) {
    int32_t floor = m->marks.count ? m->marks.at[m->marks.count - 1] : 0;
    if (m->stack.count <= floor) return wrong(m, "its stack runs empty"), NO_VALUE;
    return m->stack.at[--m->stack.count];
}

static bool add_item(Machine *m, int32_t container, int32_t item) {
    PickleValue *value = &m->p->values[container];
    if (value->count == value->capacity) {
        int32_t capacity = value->capacity ? 2 * value->capacity : 4;
        int32_t *grown =
            capacity <= MAX_VALUES ? realloc(value->items, sizeof *grown * (size_t)capacity) : NULL;
        if (!grown) return wrong(m, "out of memory");
        value->items = grown;
        value->capacity = capacity;
    }
    value->items[value->count++] = item;
    return true;
}

/* ---- operands ---------------------------------------------------------------------------------------------------- */

static bool read_number(Machine *m, int bytes, int64_t *out) {
    uint64_t value = 0;
    if (m->size - m->at < bytes) return wrong(m, "cut short");
    for (int i = 0; i < bytes; i++) value |= (uint64_t)m->bytes[m->at++] << 8 * i;
    *out = (int64_t)value;
    return true;
}

static bool push_text(Machine *m, int length_bytes) {
    int64_t length;
    if (!read_number(m, length_bytes, &length)) return false;
    if (length < 0 || length > m->size - m->at) return wrong(m, "cut short");
    m->at += length;
    return push(m, (PickleValue){.kind = PICKLE_TEXT, .text = m->bytes + m->at - length, .size = length});
}

static bool push_int(Machine *m, int bytes, bool is_signed) {
    int64_t value;
    if (!read_number(m, bytes, &value)) return false;
    return push(m, (PickleValue){.kind = PICKLE_NUMBER, .number = is_signed ? (int32_t)value : value});
}

static bool push_long(Machine *m) {
    int64_t length, value = 0;
    if (!read_number(m, 1, &length)) return false;
    if (length > 8) return wrong(m, "an integer of more than 64 bits");
    if (!read_number(m, (int)length, &value)) return false;
    if (length > 0 && length < 8 && m->bytes[m->at - 1] & 0x80) value -= (int64_t)1 << 8 * length;
    return push(m, (PickleValue){.kind = PICKLE_NUMBER, .number = value});
}

static bool line_of(Machine *m, const uint8_t **text, int64_t *size) {
    const uint8_t *end = memchr(m->bytes + m->at, '\n', (size_t)(m->size - m->at));
    if (!end) return wrong(m, "cut short");
    *text = m->bytes + m->at;
    *size = end - *text;
    m->at += *size + 1;
    return true;
}

/* ---- what may be asked for --------------------------------------------------------------------------------------- */

static bool is_text(const uint8_t *text, int64_t size, const char *word) {
    return size == (int64_t)strlen(word) && memcmp(text, word, (size_t)size) == 0;
}

static bool push_global(Machine *m, const uint8_t *module, int64_t n, const uint8_t *name, int64_t length) {
    static const char *const known[][2] = {{"numpy.core.multiarray", "_reconstruct"},
                                           {"numpy._core.multiarray", "_reconstruct"},
                                           {"numpy", "ndarray"},
                                           {"numpy", "dtype"},
                                           {"_codecs", "encode"}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (is_text(module, n, known[k][0]) && is_text(name, length, known[k][1]))
            return push(m, (PickleValue){.kind = PICKLE_GLOBAL, .text = name, .size = length});
    snprintf(m->text, sizeof m->text,
             "it asks for '%.*s.%.*s', which no CIFAR file needs, and which is not run", n < 60 ? (int)n : 60,
             (const char *)module, length < 60 ? (int)length : 60, (const char *)name);
    for (char *c = m->text; *c; c++)
        if (*c < ' ' || *c > '~') *c = '?';
    return wrong(m, m->text);
}

static bool read_global(Machine *m) {
    const uint8_t *module, *name;
    int64_t n, length;
    return line_of(m, &module, &n) && line_of(m, &name, &length) && push_global(m, module, n, name, length);
}

static bool stack_global(Machine *m) {
    int32_t name = pop(m), module = pop(m);
    if (name == NO_VALUE || module == NO_VALUE) return false;
    PickleValue a = m->p->values[module], b = m->p->values[name];
    if (a.kind != PICKLE_TEXT || b.kind != PICKLE_TEXT) return wrong(m, "a name that is no text");
    return push_global(m, a.text, a.size, b.text, b.size);
}

/* ---- containers -------------------------------------------------------------------------------------------------- */

/* The values from `from` to the top become items of a container. */
static bool take_items(Machine *m, int32_t container, int32_t from) {
    for (int32_t i = from; i < m->stack.count; i++)
        if (!add_item(m, container, m->stack.at[i])) return false;
    m->stack.count = from;
    return true;
}

static bool pop_mark(Machine *m, int32_t *from) {
    if (m->marks.count == 0) return wrong(m, "a mark is missing");
    *from = m->marks.at[--m->marks.count];
    return true;
}

static bool push_container(Machine *m, PickleKind kind, int32_t items) {
    int32_t floor = m->marks.count ? m->marks.at[m->marks.count - 1] : 0;
    if (m->stack.count - floor < items) return wrong(m, "its stack runs empty");
    int32_t container = new_value(m, (PickleValue){.kind = kind});
    return container != NO_VALUE && take_items(m, container, m->stack.count - items) &&
           push_number(m, &m->stack, container);
}

static bool push_marked(Machine *m, PickleKind kind) {
    int32_t from;
    return pop_mark(m, &from) && push_container(m, kind, m->stack.count - from);
}

/* `n` values (or, below 0, those from the mark on) go into the container below them. */
static bool append(Machine *m, PickleKind kind, int32_t n) {
    int32_t from = m->stack.count - n, floor = m->marks.count ? m->marks.at[m->marks.count - 1] : 0;
    if (n < 0) {
        if (!pop_mark(m, &from)) return false;
        floor = m->marks.count ? m->marks.at[m->marks.count - 1] : 0;
    }
    if (from <= floor || m->p->values[m->stack.at[from - 1]].kind != kind)
        return wrong(m, "items without a list or dictionary for them");
    if (kind == PICKLE_DICT && (m->stack.count - from) % 2) return wrong(m, "a key without a value");
    return take_items(m, m->stack.at[from - 1], from);
}

/* _codecs.encode(text, "latin1"): how Python 3 writes bytes in protocol 2. Of UTF-8 one byte for each character is
 * left. */
static bool push_latin1(Machine *m, const PickleValue *arguments) {
    const PickleValue *text = pickle_item(m->p, arguments, 0), *how = pickle_item(m->p, arguments, 1);
    if (!text || !how || text->kind != PICKLE_TEXT || how->kind != PICKLE_TEXT ||
        !is_text(how->text, how->size, "latin1"))
        return wrong(m, "bytes written in a way that no CIFAR file needs");
    uint8_t *out = malloc((size_t)text->size + 1);
    int64_t n = 0;
    if (!out) return wrong(m, "out of memory");
    for (int64_t i = 0; i < text->size; i++) {
        uint8_t c = text->text[i];
        bool pair = c >= 0xc2 && c <= 0xc3 && i + 1 < text->size && (text->text[i + 1] & 0xc0) == 0x80;
        if (c >= 0x80 && !pair) return free(out), wrong(m, "a character that is no byte");
        out[n++] = pair ? (uint8_t)(c << 6 | (text->text[++i] & 0x3f)) : c;
    }
    if (push(m, (PickleValue){.kind = PICKLE_TEXT, .text = out, .size = n, .owned = out})) return true;
    if (m->p->count == 0 || m->p->values[m->p->count - 1].owned != out) free(out);
    return false;
}

static bool reduce(Machine *m) {
    int32_t arguments = pop(m), callee = pop(m);
    if (arguments == NO_VALUE || callee == NO_VALUE) return false;
    if (m->p->values[callee].kind != PICKLE_GLOBAL || m->p->values[arguments].kind != PICKLE_LIST)
        return wrong(m, "a call of what cannot be called");
    if (is_text(m->p->values[callee].text, m->p->values[callee].size, "encode"))
        return push_latin1(m, &m->p->values[arguments]);
    int32_t object = new_value(m, (PickleValue){.kind = PICKLE_OBJECT});
    return object != NO_VALUE && add_item(m, object, callee) && add_item(m, object, arguments) &&
           push_number(m, &m->stack, object);
}

static bool build(Machine *m) {
    int32_t state = pop(m), object = pop(m);
    if (state == NO_VALUE || object == NO_VALUE) return false;
    if (m->p->values[object].kind != PICKLE_OBJECT || m->p->values[object].count != 2)
        return wrong(m, "a state for what has none");
    return add_item(m, object, state) && push_number(m, &m->stack, object);
}

/* ---- the memo ---------------------------------------------------------------------------------------------------- */

static bool put(Machine *m, int64_t place) {
    if (m->stack.count == 0) return wrong(m, "its stack runs empty");
    if (place < 0 || place >= MAX_VALUES) return wrong(m, "a memo of impossible size");
    while (m->memo.count <= place)
        if (!push_number(m, &m->memo, NO_VALUE)) return false;
    m->memo.at[place] = m->stack.at[m->stack.count - 1];
    return true;
}

static bool put_at(Machine *m, int bytes) {
    int64_t place;
    return read_number(m, bytes, &place) && put(m, place);
}

static bool get_at(Machine *m, int bytes) {
    int64_t place;
    if (!read_number(m, bytes, &place)) return false;
    if (place >= m->memo.count || m->memo.at[place] == NO_VALUE) return wrong(m, "a memo that was not made");
    return push_number(m, &m->stack, m->memo.at[place]);
}

/* ---- opcodes ----------------------------------------------------------------------------------------------------- */

static bool step(Machine *m, uint8_t opcode) {
    int64_t ignored;
    int32_t from;
    switch (opcode) {
    case 0x80: return read_number(m, 1, &ignored); /* PROTO */
    case 0x95: return read_number(m, 8, &ignored); /* FRAME */
    case '(': return push_number(m, &m->marks, m->stack.count);
    case '0': return pop(m) != NO_VALUE;
    case '1':
        if (!pop_mark(m, &from)) return false;
        m->stack.count = from;
        return true;
    case 'N': return push(m, (PickleValue){.kind = PICKLE_NONE});
    case 0x88:
    case 0x89: return push(m, (PickleValue){.kind = PICKLE_NUMBER, .number = opcode == 0x88});
    case 'J': return push_int(m, 4, true);
    case 'K': return push_int(m, 1, false);
    case 'M': return push_int(m, 2, false);
    case 0x8a: return push_long(m);
    case 'U':
    case 'C':
    case 0x8c: return push_text(m, 1);
    case 'T':
    case 'B':
    case 'X': return push_text(m, 4);
    case 0x8d:
    case 0x8e: return push_text(m, 8);
    case ']':
    case ')': return push_container(m, PICKLE_LIST, 0);
    case '}': return push_container(m, PICKLE_DICT, 0);
    case 0x85:
    case 0x86:
    case 0x87: return push_container(m, PICKLE_LIST, opcode - 0x84);
    case 't':
    case 'l': return push_marked(m, PICKLE_LIST);
    case 'd': return push_marked(m, PICKLE_DICT);
    case 'a': return append(m, PICKLE_LIST, 1);
    case 'e': return append(m, PICKLE_LIST, -1);
    case 's': return append(m, PICKLE_DICT, 2);
    case 'u': return append(m, PICKLE_DICT, -1);
    case 'q': return put_at(m, 1);
    case 'r': return put_at(m, 4);
    case 0x94: return put(m, m->memo.count);
    case 'h': return get_at(m, 1);
    case 'j': return get_at(m, 4);
    case 'c': return read_global(m);
    case 0x93: return stack_global(m);
    case 'R': return reduce(m);
    case 'b': return build(m);
    default:
        snprintf(m->text, sizeof m->text, "opcode 0x%02x, which no CIFAR file needs", opcode);
        return wrong(m, m->text);
    }
}

bool pickle_read(Pickle *pickle, const uint8_t *bytes, int64_t size, const char *name, VtError *error) {
    *pickle = (Pickle){0};
    Machine m = {.p = pickle, .bytes = bytes, .size = size};
    int64_t at = 0;
    bool good =
        (size >= 2 && bytes[0] == 0x80 && bytes[1] >= 2) || wrong(&m, "no pickle of protocol 2 or above");
    while (good) {
        at = m.at;
        if (m.at >= size) good = wrong(&m, "cut short");
        if (!good || bytes[m.at] == '.') break;
        m.at++;
        good = step(&m, bytes[at]);
    }
    if (good && m.stack.count == 0) good = wrong(&m, "it holds nothing");
    if (good) pickle->root = m.stack.at[m.stack.count - 1];
    if (!good)
        vt_fail(error, 1, "%s: damaged or no pickle of CIFAR, at byte %lld: %s", name, (long long)at, m.why);
    free(m.stack.at);
    free(m.marks.at);
    free(m.memo.at);
    if (!good) pickle_free(pickle);
    return good;
}

void pickle_free(Pickle *pickle) {
    for (int32_t i = 0; i < pickle->count; i++) {
        free(pickle->values[i].items);
        free(pickle->values[i].owned);
    }
    free(pickle->values);
    *pickle = (Pickle){0};
}

/* ---- what is in it ----------------------------------------------------------------------------------------------- */

const PickleValue *pickle_item(const Pickle *p, const PickleValue *value, int32_t i) {
    return value && i >= 0 && i < value->count ? &p->values[value->items[i]] : NULL;
}

const PickleValue *pickle_get(const Pickle *p, const PickleValue *dict, const char *key) {
    if (!dict || dict->kind != PICKLE_DICT) return NULL;
    for (int32_t i = 0; i + 1 < dict->count; i += 2) {
        const PickleValue *name = pickle_item(p, dict, i);
        if (name->kind == PICKLE_TEXT && is_text(name->text, name->size, key))
            return pickle_item(p, dict, i + 1);
    }
    return NULL;
}

static int64_t number_of(const PickleValue *value) {
    return value && value->kind == PICKLE_NUMBER ? value->number : -1;
}

/* _reconstruct's state: a version, the shape, the dtype, whether columns lie together, the bytes. */
const uint8_t *pickle_array(const Pickle *p, const PickleValue *value, int64_t *rows, int64_t *columns) {
    const PickleValue *callee = pickle_item(p, value, 0), *state = pickle_item(p, value, 2);
    if (!value || value->kind != PICKLE_OBJECT || !is_text(callee->text, callee->size, "_reconstruct") ||
        !state || state->kind != PICKLE_LIST || state->count != 5)
        return NULL;
    const PickleValue *shape = pickle_item(p, state, 1), *dtype = pickle_item(p, state, 2),
                      *data = pickle_item(p, state, 4);
    const PickleValue *type = pickle_item(p, pickle_item(p, dtype, 1), 0);
    *rows = number_of(pickle_item(p, shape, 0));
    *columns = number_of(pickle_item(p, shape, 1));
    bool bytes = dtype->kind == PICKLE_OBJECT && type && type->kind == PICKLE_TEXT &&
                 (is_text(type->text, type->size, "u1") || is_text(type->text, type->size, "|u1"));
    bool plain = shape->kind == PICKLE_LIST && shape->count == 2 && number_of(pickle_item(p, state, 3)) == 0;
    bool whole = data->kind == PICKLE_TEXT && *rows > 0 && *columns > 0 && *rows <= data->size / *columns &&
                 *rows * *columns == data->size;
    return bytes && plain && whole ? data->text : NULL;
}
