/* The graph at a stage as JSON: vitc inspect --format=json (docs/schemas/inspect-graph.schema.json).
 *
 *   recipe stage target batch
 *   states: {count elements bytes sums: [{role module tensors frozen elements bytes}]
 *     listed: [{name type role init decay frozen bytes file line}]}
 *   functions: [{name body arena block
 *     inputs: [{name type bytes}], outputs: [{name role value}], updates: [{state value}]
 *     groups: [{scope parent operators own flops run run_size}]
 *     nodes: [{value op operands attrs type bytes flops scope group phase origin file line col kernel place}]
 *     kernels: [{number kind loops reads stores flops bytes again single barrier chain}]}]
 *
 * Values are called as in the text: "%12", "%net.weight". scope "": none; origin, file, kernel, place, chain, arena,
 * block: null where there is none; lines and columns count from 1, kernels too. parent, group, run: numbers of groups
 * from 0, the root; run: the first of the siblings in a row that are alike, run_size: of that one how many, else 0. */
#ifndef VITC_INSPECT_TEXT_GRAPH_JSON_H
#define VITC_INSPECT_TEXT_GRAPH_JSON_H

#include "inspect/text/listing.h"

#include <jansson.h>

/* options: states that are listed (none unless they are named), modules whose nodes are told, all functions. */
json_t *graph_json(const Inspection *inspection, const ListingOptions *options);

#endif
