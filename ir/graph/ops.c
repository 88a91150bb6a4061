/* The operator table in memory: ops.def with its attribute specifications parsed. */
#include "ir/ir.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static OpInfo TABLE[OP_COUNT] = {
#define OP(name, lo, hi, attributes, loop, shape, grad, cost, doc)                                           \
    {#name, lo, hi, 0, {{0}}, LOOP_##loop, cost, doc},
#include "ir/ops.def"
#undef OP
};

static const char *const SPECS[OP_COUNT] = {
#define OP(name, lo, hi, attributes, ...) attributes,
#include "ir/ops.def"
#undef OP
};

static const struct {
    const char *name;
    AttrKind kind;
} KINDS[] = {
    {"int", ATTR_INT}, {"real", ATTR_REAL}, {"bool", ATTR_BOOL}, {"ints", ATTR_INTS}, {"dtype", ATTR_DTYPE}};

static Attr default_value(AttrKind kind, const char *text) {
    Attr value = {0};
    if (kind == ATTR_INT) value.i = strtoll(text, NULL, 10);
    if (kind == ATTR_REAL) value.f = strtod(text, NULL);
    if (kind == ATTR_BOOL) value.b = strcmp(text, "true") == 0;
    for (int d = 0; kind == ATTR_DTYPE && d < DT_COUNT; d++)
        if (strcmp(text, dtype_name((DType)d)) == 0) value.i = d;
    return value;
}

enum { LONGEST_SPEC = 96 };
static char specs[OP_COUNT][LONGEST_SPEC]; /* cut into words: keys lie in it */

/* "key:kind=default …" */
static void parse_specs(OpInfo *info, char *spec) {
    for (char *word; (word = strtok_r(spec, " ", &spec));) {
        char *kind = strchr(word, ':');
        AttrSpec *attr = &info->attrs[info->n_attrs++];
        *kind++ = '\0';
        char *value = strchr(kind, '=');
        if (value) *value++ = '\0';
        attr->key = word;
        for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
            if (strcmp(kind, KINDS[i].name) == 0) attr->kind = KINDS[i].kind;
        attr->has_default = value != NULL;
        if (value) attr->value = default_value(attr->kind, value);
    }
}

__attribute__((constructor)) static void parse_table(void) {
    for (int op = 0; op < OP_COUNT; op++) {
        assert(strlen(SPECS[op]) < LONGEST_SPEC);
        strcpy(specs[op], SPECS[op]);
        parse_specs(&TABLE[op], specs[op]);
    }
}

const OpInfo *op_info(OpKind op) {
    return &TABLE[op];
}

int op_find(const char *name) {
    for (int op = 0; op < OP_COUNT; op++)
        if (strcmp(TABLE[op].name, name) == 0) return op;
    return -1;
}
