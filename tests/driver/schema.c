/* JSON Schema: see schema.h. */
#include "tests/driver/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Place Place;
/* Where a value is in the one that is checked: a member or an element of that of `in`. */
struct Place {
    const Place *in; /* NULL: the value itself */
    const char *key; /* NULL: element `index` */
    size_t index;
};

typedef struct {
    const json_t *root; /* schema that "#" means */
    char *error;
    size_t size;
} Check;

static void put_place(FILE *out, const Place *place) {
    if (!place || !place->in) return;
    put_place(out, place->in);
    if (place->key)
        fprintf(out, "/%s", place->key);
    else
        fprintf(out, "/%zu", place->index);
}

/* Always false. */
__attribute__((format(printf, 3, 4))) static bool wrong(const Check *c, const Place *place,
                                                        const char *format, ...) {
    va_list args;
    if (!c->size) return false;
    FILE *out = fmemopen(c->error, c->size, "w");
    if (!out) return false;
    va_start(args, format);
    if (place->in) {
        put_place(out, place);
        fputs(": ", out);
    }
    vfprintf(out, format, args);
    va_end(args);
    fclose(out);
    c->error[c->size - 1] = '\0';
    return false;
}

static bool holds(const Check *c, const json_t *schema, const json_t *value, const Place *place);

/* ---- what all values have ---------------------------------------------------------------------------------------- */

static bool is_whole(const json_t *value) {
    double number = json_number_value(value);
    return json_is_integer(value) || (json_is_real(value) && isfinite(number) && number == floor(number));
}

static bool is_of(const json_t *value, const char *type) {
    if (strcmp(type, "object") == 0) return json_is_object(value);
    if (strcmp(type, "array") == 0) return json_is_array(value);
    if (strcmp(type, "string") == 0) return json_is_string(value);
    if (strcmp(type, "number") == 0) return json_is_number(value);
    if (strcmp(type, "integer") == 0) return is_whole(value);
    if (strcmp(type, "boolean") == 0) return json_is_boolean(value);
    return strcmp(type, "null") == 0 && json_is_null(value);
}

static const char *type_name(const json_t *value) {
    static const char *const names[] = {
        [JSON_OBJECT] = "object",   [JSON_ARRAY] = "array", [JSON_STRING] = "string",
        [JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean",   [JSON_NULL] = "null"};
    return names[json_typeof(value)];
}

static bool check_type(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    size_t i;
    const json_t *one;
    if (json_is_string(rule))
        return is_of(value, json_string_value(rule)) ||
               wrong(c, place, "%s was expected, not %s", json_string_value(rule), type_name(value));
    json_array_foreach(rule, i, one) if (is_of(value, json_string_value(one))) return true;
    return wrong(c, place, "%s is none of its types", type_name(value));
}

/* 1 and 1.0 are equal numbers. */
static bool equal(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static bool check_enum(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    size_t i;
    const json_t *one;
    json_array_foreach(rule, i, one) if (equal(value, one)) return true;
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    wrong(c, place, "%.60s is none of its values", text);
    free(text);
    return false;
}

static bool check_const(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    if (equal(rule, value)) return true;
    char *text = json_dumps(rule, JSON_ENCODE_ANY | JSON_COMPACT);
    wrong(c, place, "%.60s was expected", text);
    free(text);
    return false;
}

/* ---- objects ----------------------------------------------------------------------------------------------------- */

static bool check_properties(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member) {
        const json_t *schema = json_object_get(rule, key);
        if (schema && !holds(c, schema, member, &(Place){place, key, 0})) return false;
    }
    return true;
}

static bool check_required(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    size_t i;
    const json_t *name;
    json_array_foreach(rule, i, name) if (!json_object_get(value, json_string_value(name))) return wrong(
        c, place, "there is no \"%s\"", json_string_value(name));
    return true;
}

/* Of members that `properties` does not name. */
static bool check_additional(const Check *c, const json_t *schema, const json_t *value, const Place *place) {
    const json_t *rule = json_object_get(schema, "additionalProperties"),
                 *known = json_object_get(schema, "properties");
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member) {
        if (json_object_get(known, key)) continue;
        if (json_is_false(rule)) return wrong(c, place, "\"%s\" is no member of it", key);
        if (!holds(c, rule, member, &(Place){place, key, 0})) return false;
    }
    return true;
}

static bool check_names(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member) {
        json_t *name = json_string(key);
        bool good = holds(c, rule, name, &(Place){place, key, 0});
        json_decref(name);
        if (!good) return false;
    }
    return true;
}

static bool check_least_members(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    return json_object_size(value) >= (size_t)json_integer_value(rule) ||
           wrong(c, place, "%zu members are fewer than %lld", json_object_size(value),
                 (long long)json_integer_value(rule));
}

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

static bool check_first_items(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    for (size_t i = 0; i < json_array_size(rule) && i < json_array_size(value); i++)
        if (!holds(c, json_array_get(rule, i), json_array_get(value, i), &(Place){place, NULL, i}))
            return false;
    return true;
}

/* Of elements behind those that `prefixItems` describes. */
static bool check_items(const Check *c, const json_t *schema, const json_t *value, const Place *place) {
    const json_t *rule = json_object_get(schema, "items");
    size_t first = json_array_size(json_object_get(schema, "prefixItems"));
    for (size_t i = first; i < json_array_size(value); i++)
        if (!holds(c, rule, json_array_get(value, i), &(Place){place, NULL, i})) return false;
    return true;
}

static bool check_least_items(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    return json_array_size(value) >= (size_t)json_integer_value(rule) ||
           wrong(c, place, "%zu elements are fewer than %lld", json_array_size(value),
                 (long long)json_integer_value(rule));
}

static bool check_most_items(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    return json_array_size(value) <= (size_t)json_integer_value(rule) ||
           wrong(c, place, "%zu elements are more than %lld", json_array_size(value),
                 (long long)json_integer_value(rule));
}

/* ---- numbers and texts ------------------------------------------------------------------------------------------- */

static bool check_least(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    double x = json_number_value(value), y = json_number_value(rule);
    return x >= y || wrong(c, place, "%g is below %g", x, y);
}
static bool check_most(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    double x = json_number_value(value), y = json_number_value(rule);
    return x <= y || wrong(c, place, "%g is above %g", x, y);
}
static bool check_above(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    double x = json_number_value(value), y = json_number_value(rule);
    return x > y || wrong(c, place, "%g is not above %g", x, y);
}
static bool check_below(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    double x = json_number_value(value), y = json_number_value(rule);
    return x < y || wrong(c, place, "%g is not below %g", x, y);
}

/* Characters, not bytes. */
static size_t length_of(const json_t *value) {
    size_t n = 0;
    for (const char *c = json_string_value(value); *c; c++) n += (*c & 0xC0) != 0x80;
    return n;
}

static bool check_least_length(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    return length_of(value) >= (size_t)json_integer_value(rule) ||
           wrong(c, place, "\"%.60s\" is too short", json_string_value(value));
}
static bool check_most_length(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    return length_of(value) <= (size_t)json_integer_value(rule) ||
           wrong(c, place, "\"%.60s\" is too long", json_string_value(value));
}

static bool check_pattern(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    regex_t pattern;
    if (regcomp(&pattern, json_string_value(rule), REG_EXTENDED | REG_NOSUB) != 0)
        return wrong(c, place, "\"%s\" is no pattern", json_string_value(rule));
    bool found = regexec(&pattern, json_string_value(value), 0, NULL, 0) == 0;
    regfree(&pattern);
    return found ||
           wrong(c, place, "\"%.60s\" does not match %s", json_string_value(value), json_string_value(rule));
}

/* ---- schemas of schemas ------------------------------------------------------------------------------------------ */

/* "#" or "#/a/b"; NULL: there is no such place. */
static const json_t *target_of(const json_t *root, const char *ref) {
    if (ref[0] != '#' || (ref[1] && ref[1] != '/')) return NULL;
    const json_t *at = root;
    for (const char *part = ref + 1; at && *part == '/';) {
        size_t length = strcspn(++part, "/");
        char name[128];
        if (length >= sizeof name) return NULL;
        snprintf(name, sizeof name, "%.*s", (int)length, part);
        at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10)) : json_object_get(at, name);
        part += length;
    }
    return at;
}

static bool check_ref(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    const json_t *schema = target_of(c->root, json_string_value(rule));
    return schema ? holds(c, schema, value, place)
                  : wrong(c, place, "the schema has no %s", json_string_value(rule));
}

static bool check_all(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    size_t i;
    const json_t *one;
    json_array_foreach(rule, i, one) if (!holds(c, one, value, place)) return false;
    return true;
}

static int count_that_hold(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    int n = 0;
    for (size_t i = 0; i < json_array_size(rule); i++) n += holds(c, json_array_get(rule, i), value, place);
    return n;
}

/* The message is that of the last choice, which says more than that none holds. */
static bool check_any(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    return count_that_hold(c, rule, value, place) > 0;
}

static bool check_one(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    int n = count_that_hold(c, rule, value, place);
    return n == 1 || (n > 1 && wrong(c, place, "%d schemas of oneOf hold", n));
}

static bool check_not(const Check *c, const json_t *rule, const json_t *value, const Place *place) {
    return !holds(c, rule, value, place) || wrong(c, place, "what it must not be");
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* What a keyword is given. */
typedef enum { ANYTHING, TYPES, LIST, NAMES, SCHEMA, SCHEMAS, SCHEMA_MAP, NUMBER, COUNT, TEXT } Given;
enum { OBJECT = 1 << 0, ARRAY = 1 << 1, STRING = 1 << 2, NUMERIC = 1 << 3, ALL = 15 };

typedef struct {
    const char *name;
    Given given;
    int of; /* the kinds of values it is for: others hold */
    bool (*check)(const Check *, const json_t *, const json_t *, const Place *); /* NULL: for people */
    bool whole; /* the check is given the schema, not the keyword's value */
} Keyword;

static const Keyword KEYWORDS[] = {
    {"$schema", TEXT, ALL, NULL, false},
    {"$id", TEXT, ALL, NULL, false},
    {"$comment", TEXT, ALL, NULL, false},
    {"title", TEXT, ALL, NULL, false},
    {"description", TEXT, ALL, NULL, false},
    {"examples", LIST, ALL, NULL, false},
    {"default", ANYTHING, ALL, NULL, false},
    {"$defs", SCHEMA_MAP, ALL, NULL, false},
    {"$ref", TEXT, ALL, check_ref, false},
    {"type", TYPES, ALL, check_type, false},
    {"enum", LIST, ALL, check_enum, false},
    {"const", ANYTHING, ALL, check_const, false},
    {"properties", SCHEMA_MAP, OBJECT, check_properties, false},
    {"required", NAMES, OBJECT, check_required, false},
    {"additionalProperties", SCHEMA, OBJECT, check_additional, true},
    {"propertyNames", SCHEMA, OBJECT, check_names, false},
    {"minProperties", COUNT, OBJECT, check_least_members, false},
    {"prefixItems", SCHEMAS, ARRAY, check_first_items, false},
    {"items", SCHEMA, ARRAY, check_items, true},
    {"minItems", COUNT, ARRAY, check_least_items, false},
    {"maxItems", COUNT, ARRAY, check_most_items, false},
    {"minimum", NUMBER, NUMERIC, check_least, false},
    {"maximum", NUMBER, NUMERIC, check_most, false},
    {"exclusiveMinimum", NUMBER, NUMERIC, check_above, false},
    {"exclusiveMaximum", NUMBER, NUMERIC, check_below, false},
    {"minLength", COUNT, STRING, check_least_length, false},
    {"maxLength", COUNT, STRING, check_most_length, false},
    {"pattern", TEXT, STRING, check_pattern, false},
    {"allOf", SCHEMAS, ALL, check_all, false},
    {"anyOf", SCHEMAS, ALL, check_any, false},
    {"oneOf", SCHEMAS, ALL, check_one, false},
    {"not", SCHEMA, ALL, check_not, false},
};
enum { N_KEYWORDS = sizeof KEYWORDS / sizeof *KEYWORDS };

static int kind_of(const json_t *value) {
    if (json_is_object(value)) return OBJECT;
    if (json_is_array(value)) return ARRAY;
    if (json_is_string(value)) return STRING;
    return json_is_number(value) ? NUMERIC : 0;
}

static const Keyword *find_keyword(const char *name) {
    for (int i = 0; i < N_KEYWORDS; i++)
        if (strcmp(KEYWORDS[i].name, name) == 0) return &KEYWORDS[i];
    return NULL;
}

static bool holds(const Check *c, const json_t *schema, const json_t *value, const Place *place) {
    const char *name;
    json_t *rule;
    if (json_is_boolean(schema)) return json_is_true(schema) || wrong(c, place, "nothing may be here");
    int kind = kind_of(value);
    json_object_foreach((json_t *)schema, name, rule) {
        const Keyword *keyword = find_keyword(name);
        if (!keyword) return wrong(c, place, "the schema has '%s', which is no keyword here", name);
        if (!keyword->check || (keyword->of != ALL && !(keyword->of & kind))) continue;
        if (!keyword->check(c, keyword->whole ? schema : rule, value, place)) return false;
    }
    return true;
}

bool schema_holds(const json_t *schema, const json_t *value, char *error, size_t size) {
    if (size) error[0] = '\0';
    return holds(&(Check){schema, error, size}, schema, value, &(Place){0});
}

/* ---- whether a schema is one ------------------------------------------------------------------------------------- */

static bool is_schema(const Check *c, const json_t *schema, const Place *place);

static bool is_type(const json_t *value) {
    static const char *const types[] = {"object", "array", "string", "number", "integer", "boolean", "null"};
    for (size_t i = 0; json_is_string(value) && i < sizeof types / sizeof *types; i++)
        if (strcmp(json_string_value(value), types[i]) == 0) return true;
    return false;
}

static bool all_of(const json_t *list, bool (*good)(const json_t *)) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!good(json_array_get(list, i))) return false;
    return json_is_array(list);
}

static bool is_text(const json_t *value) {
    return json_is_string(value);
}

/* What holds schemas; each is checked. */
static bool are_schemas(const Check *c, const json_t *value, Given given, const Place *place) {
    size_t i;
    const char *key;
    json_t *one;
    if (given == SCHEMA) return is_schema(c, value, place);
    if (given == SCHEMAS) {
        if (!json_is_array(value) || !json_array_size(value))
            return wrong(c, place, "a list of schemas was expected");
        json_array_foreach(value, i, one) if (!is_schema(c, one, &(Place){place, NULL, i})) return false;
        return true;
    }
    if (!json_is_object(value)) return wrong(c, place, "schemas by name were expected");
    json_object_foreach((json_t *)value, key,
                        one) if (!is_schema(c, one, &(Place){place, key, 0})) return false;
    return true;
}

static bool is_given(const Check *c, const json_t *value, Given given, const Place *place) {
    bool good = true;
    switch (given) {
    case ANYTHING: break;
    case TYPES: good = is_type(value) || all_of(value, is_type); break;
    case LIST: good = json_is_array(value); break;
    case NAMES: good = all_of(value, is_text); break;
    case NUMBER: good = json_is_number(value); break;
    case COUNT: good = json_is_integer(value) && json_integer_value(value) >= 0; break;
    case TEXT: good = json_is_string(value); break;
    case SCHEMA:
    case SCHEMAS:
    case SCHEMA_MAP: return are_schemas(c, value, given, place);
    }
    return good || wrong(c, place, "it is not what this keyword is given");
}

static bool is_schema(const Check *c, const json_t *schema, const Place *place) {
    const char *name;
    json_t *value;
    if (json_is_boolean(schema)) return true;
    if (!json_is_object(schema)) return wrong(c, place, "a schema was expected");
    json_object_foreach((json_t *)schema, name, value) {
        const Keyword *keyword = find_keyword(name);
        Place inside = {place, name, 0};
        if (!keyword) return wrong(c, &inside, "no keyword here");
        if (!is_given(c, value, keyword->given, &inside)) return false;
        if (keyword->check == check_ref && !target_of(c->root, json_string_value(value)))
            return wrong(c, &inside, "there is no %s", json_string_value(value));
    }
    return true;
}

bool schema_is_good(const json_t *schema, char *error, size_t size) {
    if (size) error[0] = '\0';
    return is_schema(&(Check){schema, error, size}, schema, &(Place){0});
}

/* ---- for tests --------------------------------------------------------------------------------------------------- */

void assert_schema_of(const char *name, const json_t *value) {
    char path[512], error[512];
    json_error_t problem;
    snprintf(path, sizeof path, "%s/docs/schemas/%s.schema.json", SOURCE_DIR, name);
    json_t *schema = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
    if (!schema) fail_msg("%s:%d: %s", path, problem.line, problem.text);
    if (!schema_is_good(schema, error, sizeof error)) fail_msg("%s: %s", path, error);
    if (!schema_holds(schema, value, error, sizeof error)) fail_msg("not as %s says: %s", path, error);
    json_decref(schema);
}

void assert_schema(const char *name, const char *text) {
    json_error_t problem;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    if (!value) fail_msg("no JSON: line %d: %s", problem.line, problem.text);
    assert_schema_of(name, value);
    json_decref(value);
}
