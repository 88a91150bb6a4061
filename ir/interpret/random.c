/* The meaning of `random`: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers, SC 2011), as in
 * runtime/base/rng.c. */
#include "ir/interpret/eval.h"

bool eval_random(Eval *eval) {
    for (int64_t i = 0; i < type_elements(&eval->node->type); i++) {
        uint32_t word = (uint32_t)(int64_t)eval->x[0][i], x[5];
        for (int o = 0; o < 5; o++) x[o] = (uint32_t)(int64_t)eval->x[o + 1][0];
        uint32_t key[2] = {x[0], x[1]}, c[4] = {word / 4, x[2], x[3], x[4]};
        for (int round = 0; round < 10; round++) {
            uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
            uint32_t c1 = c[1], c3 = c[3];
            c[0] = (uint32_t)(b >> 32) ^ c1 ^ key[0];
            c[1] = (uint32_t)b;
            c[2] = (uint32_t)(a >> 32) ^ c3 ^ key[1];
            c[3] = (uint32_t)a;
            key[0] += 0x9E3779B9u;
            key[1] += 0xBB67AE85u;
        }
        eval->y[i] = (double)(int32_t)(c[word % 4] ^ 0x80000000u); /* in order: the least is the least i32 */
    }
    return true;
}
