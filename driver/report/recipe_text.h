/* What a recipe amounts to, as lines: vitc check. */
#ifndef VITC_DRIVER_REPORT_RECIPE_TEXT_H
#define VITC_DRIVER_REPORT_RECIPE_TEXT_H

#include "driver/report/recipe_report.h"

#include <stdio.h>

void recipe_text(const RecipeReport *report, FILE *out);
void recipe_knobs_text(const Recipe *recipe, FILE *out); /* which are settings, and what fixes the others */
void labels_text(const Recipe *recipe, FILE *out);       /* what `.at` can read, a line each */

#endif
