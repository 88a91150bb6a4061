/* JSON values of reports. Memory that runs out ends the process with a message, as in an arena: nothing is left out. */
#ifndef VITC_INSPECT_REPORT_REPORT_JSON_H
#define VITC_INSPECT_REPORT_REPORT_JSON_H

#include "inspect/positions.h"

#include <jansson.h>
#include <stdio.h>

json_t *report_object(void);
json_t *report_array(void);
json_t *report_text(const char *text); /* NULL: null; where it is no UTF-8, '?' for each byte beyond ASCII */
json_t *report_number(double number);  /* null where it is not finite; whole ones without a point */
json_t *report_position(const Positions *positions, Loc loc); /* "lib/nn.yaml:7"; null for no place */
/* Both take the value over. */
void report_put(json_t *object, const char *key, json_t *value);
void report_add(json_t *array, json_t *value);
/* A line a member or element; takes the value over. */
void report_write(json_t *value, FILE *out);

#endif
