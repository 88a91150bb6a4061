/* Fuzz target: any bytes as a pickle of CIFAR. What reads can be looked at to its last value. */
#include "runtime/runtime.h"
#include "runtime/datasets/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t sum = 0;
    VtError error;
    Pickle pickle;
    if (!pickle_read(&pickle, data, (int64_t)size, "fuzz", &error)) return 0;
    const PickleValue *root = &pickle.values[pickle.root];
    pickle_get(&pickle, root, "labels");
    for (int32_t i = 0; i < pickle.count; i++) {
        const PickleValue *value = &pickle.values[i];
        int64_t rows, columns;
        const uint8_t *bytes = pickle_array(&pickle, value, &rows, &columns);
        if (bytes) sum += bytes[rows * columns - 1];
        if (value->kind == PICKLE_TEXT && value->size) sum += value->text[value->size - 1];
        for (int32_t k = 0; k < value->count; k++) sum += pickle_item(&pickle, value, k)->kind;
    }
    pickle_free(&pickle);
    if (sum == UINT64_MAX) __builtin_trap(); /* never: so that all is looked at */
    return 0;
}
