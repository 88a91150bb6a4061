/* Whether what a run has learned is made of numbers: NaN and infinities in its states. */
#include "runtime/program/finite.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/program/instance.h"
#include "runtime/threads/team.h"

#include <math.h>
#include <string.h>

typedef struct {
    const VtInstance *instance;
    const VtProgram *program;
    int first_state; /* the first that holds one; n_states: none */
} Scan;

/* All bits of the exponent set: NaN or infinite. Integers are always finite. The rows of one loop become vectors. */
static bool share_is_finite(const char *data, int dtype, int64_t from, int64_t to) {
    uint64_t bad = 0;
    if (dtype == VT_F64)
        for (int64_t i = from; i < to; i++) {
            uint64_t bits;
            memcpy(&bits, data + 8 * i, 8);
            bad |= (bits & UINT64_C(0x7ff0000000000000)) == UINT64_C(0x7ff0000000000000);
        }
    if (dtype == VT_F32)
        for (int64_t i = from; i < to; i++) {
            uint32_t bits;
            memcpy(&bits, data + 4 * i, 4);
            bad |= (bits & 0x7f800000u) == 0x7f800000u;
        }
    if (dtype == VT_BF16)
        for (int64_t i = from; i < to; i++) {
            uint16_t bits;
            memcpy(&bits, data + 2 * i, 2);
            bad |= (bits & 0x7f80u) == 0x7f80u;
        }
    return bad == 0;
}

static void scan_share(void *user, int thread, int threads) {
    Scan *scan = user;
    for (int s = 0; s < scan->program->n_states; s++) {
        const VtTensor *tensor = &scan->program->states[s].tensor;
        int64_t n = vt_elements(tensor);
        if (scan->program->states[s].role == VT_ROLE_DERIVED) continue;
        if (share_is_finite(vt_instance_state(scan->instance, s), tensor->dtype, n * thread / threads,
                            n * (thread + 1) / threads))
            continue;
        int first = __atomic_load_n(&scan->first_state, __ATOMIC_RELAXED);
        while (s < first && !__atomic_compare_exchange_n(&scan->first_state, &first, s, false,
                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
        return;
    }
}

static double value_of(const void *data, int dtype, int64_t i) {
    if (dtype == VT_F64) return ((const double *)data)[i];
    uint32_t bits = 0;
    float value;
    if (dtype == VT_BF16) bits = (uint32_t)((const uint16_t *)data)[i] << 16;
    if (dtype == VT_F32) memcpy(&bits, (const float *)data + i, sizeof bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool vt_states_finite(const VtInstance *instance, const VtProgram *program, VtError *error) {
    Scan scan = {.instance = instance, .program = program, .first_state = program->n_states};
    vt_parallel(scan_share, &scan);
    if (scan.first_state == program->n_states) return true;
    const VtTensor *tensor = &program->states[scan.first_state].tensor;
    const void *data = vt_instance_state(instance, scan.first_state);
    int64_t n = vt_elements(tensor), bad = 0;
    for (int64_t i = 0; i < n; i++) bad += !isfinite(value_of(data, tensor->dtype, i));
    return vt_fail(error, 1, "%lld of the %lld values of state '%s' are NaN or infinite", (long long)bad,
                   (long long)n, tensor->name);
}

double vt_largest_parameter(const VtInstance *instance, const VtProgram *program, const char **name) {
    double largest = 0;
    *name = "";
    for (int s = 0; s < program->n_states; s++) {
        const VtTensor *tensor = &program->states[s].tensor;
        const void *data = vt_instance_state(instance, s);
        if (program->states[s].role != VT_ROLE_PARAM) continue;
        for (int64_t i = 0; i < vt_elements(tensor); i++) {
            double value = fabs(value_of(data, tensor->dtype, i));
            if (!(value > largest)) continue;
            largest = value;
            *name = tensor->name;
        }
    }
    return largest;
}
