/* Values that are made and told apart without an evaluator. */
#include "frontend/evaluate/value.h"

#include <math.h>

Value value_number(double x, bool is_int) {
    return (Value){.kind = is_int && fabs(x) <= 0x1p53 ? V_INT : V_REAL, .number = x};
}
Value value_bool(bool x) {
    return (Value){.kind = V_BOOL, .number = x};
}
Value value_none(void) {
    return (Value){.kind = V_NONE};
}
bool is_number(const Value *v) {
    return v->kind == V_INT || v->kind == V_REAL || v->kind == V_BOOL;
}
bool is_tensor(const Value *v) {
    return v->kind == V_TENSOR || v->kind == V_STATE;
}
bool is_list(const Value *v) {
    return v->kind == V_LIST || v->kind == V_TUPLE;
}
