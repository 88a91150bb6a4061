/* JSON Schema, draft 2020-12, as far as docs/schemas/ uses it: whether a text is what its schema says.
 *
 * Keywords: type, enum, const; properties, required, additionalProperties, propertyNames, minProperties; items,
 * prefixItems, minItems, maxItems; minimum, maximum, exclusiveMinimum, exclusiveMaximum; minLength, maxLength, pattern
 * (POSIX extended); $ref to a place of the same schema ("#", "#/$defs/name"); allOf, anyOf, oneOf, not. Words for
 * people ($schema, $id, $comment, title, description, examples, default, $defs) mean nothing. Any other keyword is
 * refused, so that no rule of a schema is passed over. */
#ifndef VITC_TESTS_DRIVER_SCHEMA_H
#define VITC_TESTS_DRIVER_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether `value` is what `schema` says; if not, `error` says where in the value and what was expected there. */
bool schema_holds(const json_t *schema, const json_t *value, char *error, size_t size);
/* Whether the schema itself is one: keywords are known, and what they are given is of their kind; each $ref names a
 * place. */
bool schema_is_good(const json_t *schema, char *error, size_t size);

/* For tests: fails unless `text` is JSON, one value and nothing behind it, that docs/schemas/NAME.schema.json
 * describes. */
void assert_schema(const char *name, const char *text);
/* The same of a value. */
void assert_schema_of(const char *name, const json_t *value);

#endif
