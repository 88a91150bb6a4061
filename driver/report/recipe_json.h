/* What a recipe amounts to as JSON: vitc check --format=json (docs/schemas/check.schema.json). */
#ifndef VITC_DRIVER_REPORT_RECIPE_JSON_H
#define VITC_DRIVER_REPORT_RECIPE_JSON_H

#include "driver/report/recipe_report.h"

#include <jansson.h>

/* knobs, labels: with all of the recipe's. The caller owns the value. */
json_t *recipe_json(const RecipeReport *report, const Recipe *recipe, bool knobs, bool labels);

#endif
