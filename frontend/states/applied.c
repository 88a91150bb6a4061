/* Values of an application: which one returned them, and where they are known. */
#include "frontend/states/states.h"

bool known_in_loop(const Loop *inner, const Loop *outer) {
    while (outer && inner && inner != outer) inner = inner->outer;
    return inner == outer || !outer;
}

/* Lists are copied, since others may hold them. */
Value mark_application(Evaluator *e, Value result, size_t application) {
    result.application = (uint16_t)application;
    bool nests = is_list(&result) || result.kind == V_RECORD;
    if (!nests || !result.count || !spend(e, e->func->loc, result.count)) return result;
    Value *items = ARENA_ARRAY(e->arena, Value, result.count);
    for (size_t i = 0; i < result.count; i++) items[i] = mark_application(e, result.items[i], application);
    result.items = items;
    return result;
}
