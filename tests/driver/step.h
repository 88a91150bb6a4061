/* For tests: one training step of a compiled program. */
#ifndef VITC_TESTS_DRIVER_STEP_H
#define VITC_TESTS_DRIVER_STEP_H

#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* Inputs of all functions as drawn, fed and, for views, of normal numbers; labels and indices are 0. */
static inline void **step_inputs(const VtProgram *p) {
    void **inputs = calloc((size_t)p->n_inputs + 1, sizeof *inputs);
    for (int i = 0; i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        assert_int_equal(posix_memalign(&inputs[i], 64, vt_bytes(&input->tensor) + 64), 0);
        memset(inputs[i], 0, vt_bytes(&input->tensor));
        if (input->source == VT_SOURCE_DRAW)
            vt_draw_fill(&p->draws[input->index], &input->tensor, 1, 1, inputs[i]);
        const double *scalar = vt_feed_scalar(p, i, &(double){10});
        if (scalar) *(double *)inputs[i] = *scalar;
        VtRng rng = {.seed = (uint64_t)i};
        for (int64_t k = 0; input->source == VT_SOURCE_VIEW && k < vt_elements(&input->tensor); k++)
            ((float *)inputs[i])[k] = (float)vt_rng_normal(&rng);
    }
    return inputs;
}

static inline void step_inputs_free(const VtProgram *p, void **inputs) {
    for (int i = 0; i < p->n_inputs; i++) free(inputs[i]);
    free(inputs);
}

/* One step from the initial state on these inputs: all states after it, one after another; malloc'ed. */
static inline char *one_step(const VtProgram *p, size_t *size) {
    VtError error;
    VtInstance *instance = vt_instance_new(p, &error);
    assert_non_null(instance);
    assert_true(vt_instance_init(instance, 3, &error));
    void **inputs = step_inputs(p);
    assert_true(vt_instance_run(instance, "step", inputs, &error));
    *size = 0;
    for (int s = 0; s < p->n_states; s++) *size += vt_bytes(&p->states[s].tensor);
    char *all = malloc(*size), *at = all;
    for (int s = 0; s < p->n_states; s++) {
        memcpy(at, vt_instance_state(instance, s), vt_bytes(&p->states[s].tensor));
        at += vt_bytes(&p->states[s].tensor);
    }
    step_inputs_free(p, inputs);
    vt_instance_free(instance);
    return all;
}

#endif
