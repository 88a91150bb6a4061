/* The meaning of sources, and of placeholders, which have none. */
#include "ir/interpret/eval.h"

bool eval_input(Eval *eval) { /* bound by the driver */
    return eval_refuse(eval, "not bound");
}

bool eval_state(Eval *eval) {
    return eval_refuse(eval, "not bound");
}

bool eval_constant(Eval *eval) {
    eval->y[0] = constant_attrs(eval->node)->value;
    return true;
}

bool eval_iota(Eval *eval) {
    const Type *type = &eval->node->type;
    int64_t axis = axis_from_front(iota_attrs(eval->node)->axis, type->rank);
    Walk walk = walk_over(type);
    for (int64_t i = 0; i < type_elements(type); i++, walk_step(&walk)) eval->y[i] = (double)walk.index[axis];
    return true;
}

bool eval_grad(Eval *eval) {
    return eval_refuse(eval, "still present: run the autodiff pass first");
}
