/* The validator of JSON that other tests use (schema.h): what holds, what does not and where; and the schemas of
 * docs/schemas/ themselves. */
#include "tests/driver/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glob.h>
#include <stdint.h>
#include <string.h>

/* `message`: what the error says; NULL: the value holds. */
typedef struct {
    const char *schema, *value, *message;
} Case;

static const Case CASES[] = {
    {"true", "1", NULL},
    {"false", "1", "nothing may be here"},
    {"{}", "[1, null]", NULL},
    {"{'type': 'integer'}", "3", NULL},
    {"{'type': 'integer'}", "3.0", NULL},
    {"{'type': 'integer'}", "3.5", "integer was expected, not number"},
    {"{'type': 'number'}", "3", NULL},
    {"{'type': 'number'}", "'3'", "number was expected, not string"},
    {"{'type': 'boolean'}", "false", NULL},
    {"{'type': ['string', 'null']}", "null", NULL},
    {"{'type': ['string', 'null']}", "{}", "object is none of its types"},
    {"{'enum': ['a', 1]}", "1.0", NULL},
    {"{'enum': ['a', 1]}", "'b'", "\"b\" is none of its values"},
    {"{'const': 'x-1'}", "'x-1'", NULL},
    {"{'const': 'x-1'}", "'x-2'", "\"x-1\" was expected"},
    {"{'properties': {'a': {'type': 'string'}}}", "{'a': 'x', 'b': 2}", NULL},
    {"{'properties': {'a': {'type': 'string'}}}", "{'a': 1}", "/a: string was expected, not integer"},
    {"{'properties': {'a': false}}", "7", NULL},
    {"{'required': ['a', 'b']}", "{'a': 1}", "there is no \"b\""},
    {"{'properties': {'a': {}}, 'additionalProperties': false}", "{'a': 1}", NULL},
    {"{'properties': {'a': {}}, 'additionalProperties': false}", "{'c': 1}", "\"c\" is no member of it"},
    {"{'additionalProperties': {'type': 'null'}}", "{'c': 1}", "/c: null was expected, not integer"},
    {"{'propertyNames': {'pattern': '^[a-z]+$'}}", "{'c': 1}", NULL},
    {"{'propertyNames': {'pattern': '^[a-z]+$'}}", "{'C': 1}", "/C: \"C\" does not match ^[a-z]+$"},
    {"{'minProperties': 1}", "{}", "0 members are fewer than 1"},
    {"{'items': {'type': 'integer'}}", "[1, 2, 'x']", "/2: integer was expected, not string"},
    {"{'prefixItems': [{'type': 'string'}], 'items': {'type': 'integer'}}", "['x', 1, 2]", NULL},
    {"{'prefixItems': [{'type': 'string'}], 'items': false}", "['x', 1]", "/1: nothing may be here"},
    {"{'prefixItems': [{'type': 'string'}, {}]}", "[1]", "/0: string was expected, not integer"},
    {"{'minItems': 2}", "[1]", "1 elements are fewer than 2"},
    {"{'maxItems': 2}", "[1, 2, 3]", "3 elements are more than 2"},
    {"{'minimum': 0}", "-1", "-1 is below 0"},
    {"{'minimum': 0}", "0", NULL},
    {"{'maximum': 1}", "1.5", "1.5 is above 1"},
    {"{'exclusiveMinimum': 0}", "0", "0 is not above 0"},
    {"{'exclusiveMaximum': 1}", "1", "1 is not below 1"},
    {"{'minLength': 1}", "''", "\"\" is too short"},
    {"{'maxLength': 2}", "'äö'", NULL},
    {"{'maxLength': 2}", "'abc'", "\"abc\" is too long"},
    {"{'pattern': '^%[0-9]+$'}", "'%12'", NULL},
    {"{'$ref': '#/$defs/n', '$defs': {'n': {'type': 'null'}}}", "1", "null was expected, not integer"},
    {"{'items': {'$ref': '#'}, 'type': 'array'}", "[[], [[]]]", NULL},
    {"{'items': {'$ref': '#'}, 'type': 'array'}", "[[], [1]]", "/1/0: array was expected, not integer"},
    {"{'allOf': [{'minimum': 0}, {'maximum': 1}]}", "2", "2 is above 1"},
    {"{'anyOf': [{'type': 'null'}, {'minimum': 3}]}", "5", NULL},
    {"{'anyOf': [{'type': 'null'}, {'minimum': 3}]}", "2", "2 is below 3"},
    {"{'oneOf': [{'minimum': 0}, {'maximum': 1}]}", "0.5", "2 schemas of oneOf hold"},
    {"{'oneOf': [{'minimum': 2}, {'maximum': 1}]}", "0.5", NULL},
    {"{'not': {'type': 'null'}}", "null", "what it must not be"},
    {"{'a': [{'b': 1}], 'title': 'x'}", "1", "the schema has 'a', which is no keyword here"},
};

/* Single quotes for double ones. */
static json_t *read_json(const char *text) {
    char copy[512];
    size_t length = strlen(text);
    assert_true(length < sizeof copy);
    for (size_t i = 0; i <= length; i++) copy[i] = text[i] == '\'' ? '"' : text[i];
    json_t *value = json_loads(copy, JSON_DECODE_ANY, NULL);
    if (!value) fail_msg("no JSON: %s", text);
    return value;
}

static void test_cases(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char error[256];
        json_t *schema = read_json(CASES[i].schema), *value = read_json(CASES[i].value);
        bool good = schema_holds(schema, value, error, sizeof error);
        if (good != !CASES[i].message || (!good && strcmp(error, CASES[i].message) != 0))
            fail_msg("%s, %s: %s", CASES[i].schema, CASES[i].value, good ? "holds" : error);
        json_decref(schema);
        json_decref(value);
    }
}

static void test_bad_schemas(void **state) {
    static const char *const cases[][2] = {
        {"3", "a schema was expected"},
        {"{'type': 'int'}", "/type: it is not what this keyword is given"},
        {"{'properties': {'a': {'requires': []}}}", "/properties/a/requires: no keyword here"},
        {"{'items': {'$ref': '#/$defs/a'}}", "/items/$ref: there is no #/$defs/a"},
        {"{'items': {'$ref': 'other.json'}}", "/items/$ref: there is no other.json"},
        {"{'minItems': -1}", "/minItems: it is not what this keyword is given"},
        {"{'anyOf': []}", "/anyOf: a list of schemas was expected"},
        {"{'required': [1]}", "/required: it is not what this keyword is given"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char error[256];
        json_t *schema = read_json(cases[i][0]);
        assert_false(schema_is_good(schema, error, sizeof error));
        assert_string_equal(error, cases[i][1]);
        json_decref(schema);
    }
}

/* A message longer than there is room for ends with NUL. */
static void test_little_room(void **state) {
    (void)state;
    char error[8];
    json_t *schema = read_json("{'type': 'integer'}"), *value = read_json("'x'");
    assert_false(schema_holds(schema, value, error, sizeof error));
    assert_string_equal(error, "integer");
    assert_false(schema_holds(schema, value, NULL, 0));
    json_decref(schema);
    json_decref(value);
}

static void test_schemas_of_docs(void **state) {
    glob_t found;
    (void)state;
    assert_int_equal(glob(SOURCE_DIR "/docs/schemas/*.schema.json", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char error[256];
        json_error_t problem;
        json_t *schema = json_load_file(found.gl_pathv[i], JSON_REJECT_DUPLICATES, &problem);
        if (!schema) fail_msg("%s:%d: %s", found.gl_pathv[i], problem.line, problem.text);
        if (!schema_is_good(schema, error, sizeof error)) fail_msg("%s: %s", found.gl_pathv[i], error);
        assert_string_equal(json_string_value(json_object_get(schema, "$schema")),
                            "https://json-schema.org/draft/2020-12/schema");
        assert_true(json_is_string(json_object_get(schema, "title")));
        json_decref(schema);
    }
    globfree(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_bad_schemas),
        cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_schemas_of_docs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
