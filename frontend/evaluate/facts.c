/* Knobs as values, and what expressions may ask of a network that is the encoder of another recipe. */
#include "frontend/evaluate/evaluator.h"

#include <string.h>

Value knob_value(Evaluator *e, const Knob *knob) {
    Value list;
    switch (knob->type) {
    case KNOB_INT:
    case KNOB_REAL: {
        Value number = value_number(knob->number, knob->type == KNOB_INT);
        number.scalar = knob->scalar;
        return number;
    }
    case KNOB_BOOL: return value_bool(knob->truth);
    case KNOB_STRING: return (Value){.kind = V_STRING, .text = knob->text};
    default:
        list = value_list(e, knob->loc, V_LIST, knob->count);
        for (size_t i = 0; i < list.count; i++)
            list.items[i] = value_number(knob->list[i], knob->list_is_int);
        return close_list(e, knob->loc, list);
    }
}

static const View *view_of(const ParsedRecipe *r) {
    for (size_t i = 0; r->embed_view && i < r->n_views; i++)
        if (strcmp(r->views[i].name, r->embed_view) == 0) return &r->views[i];
    return NULL;
}

static Value record_of(Evaluator *e, Loc loc, size_t n) {
    Value record = value_list(e, loc, V_RECORD, n);
    record.names = ARENA_ARRAY(e->arena, const char *, n + 1);
    return record;
}

static Value knobs_of(Evaluator *e, Loc loc, const ParsedRecipe *r) {
    Value record = record_of(e, loc, r->n_knobs);
    for (size_t i = 0; record.kind != V_POISON && i < record.count; i++) {
        record.names[i] = r->knobs[i].name;
        record.items[i] = knob_value(e, &r->knobs[i]);
    }
    return close_list(e, loc, record);
}

Value encoder_fact(Evaluator *e, const Expr *at, const Definition *network) {
    const ParsedRecipe *r = network->recipe;
    const View *view = view_of(r);
    if (strcmp(at->text, "knobs") == 0) return knobs_of(e, at->loc, r);
    if (strcmp(at->text, "view") != 0)
        return name_error(
            e, at->loc, "network %s has `view` (its size and channels) and `knobs`, those of '%s'; not '%s'",
            network->signature.name, r->name, at->text);
    Value record = record_of(e, at->loc, 2);
    if (record.kind == V_POISON || !view) return (Value){0};
    record.names[0] = "size";
    record.names[1] = "channels";
    record.items[0] = value_number(view->size, true);
    record.items[1] = value_number(view->channels, true);
    return close_list(e, at->loc, record);
}
