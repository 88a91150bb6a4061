/* What several kinds of explanations are made of (explanation.h). */
#ifndef VITC_INSPECT_EXPLAIN_PARTS_H
#define VITC_INSPECT_EXPLAIN_PARTS_H

#include "inspect/explain/explanation.h"

/* A growing list in the explainer's arena. */
typedef struct {
    ValueLine *items;
    size_t count, capacity;
} ValueLines;

ValueLine part_value(const Explainer *x, uint32_t number); /* that was there at some stage */
void part_add_value(const Explainer *x, ValueLines *lines, uint32_t number); /* unless it is there already */
/* A node's own position and those of the calls around it. */
const QuotedLine *part_lines(const Explainer *x, const Node *node, size_t *n);
KernelFacts part_kernel(const Explainer *x, uint32_t kernel); /* from 0 */
PlaceFacts part_place(const Explainer *x, ValueId value);
const char *part_place_text(const Explainer *x, const PlaceFacts *place);
const char *part_precision(const Node *node);
const char *part_attrs_text(const Explainer *x, const Func *func, const Node *node); /* "{tb = true}"; "" */

/* The value that is the gradient of a value (by number) or of a state, as it is called after all passes; IR_NONE: none
 * is known. */
uint32_t part_gradient(const Explainer *x, uint32_t number, uint32_t state);

typedef struct {
    Event *items;
    size_t count, capacity;
} Events;
/* What remarks tell of a value, and where the stages show that it changed; in the order of the passes. */
void part_events(const Explainer *x, uint32_t number, Events *done, Events *missed);

#endif
