/* Amounts as people read them, with three digits: "67.8 MB", "1.23 GFLOP", "4.5 ms". Prefixes are powers of 1000. */
#ifndef VITC_INSPECT_AMOUNTS_H
#define VITC_INSPECT_AMOUNTS_H

#include "ir/base/arena.h"

const char *amount_bytes(Arena *arena, double bytes);
const char *amount_flops(Arena *arena, double flops);
const char *amount_seconds(Arena *arena, double seconds);
const char *amount_count(Arena *arena, double count);              /* "12", "44160", "65.2 M" */
const char *amount_share(Arena *arena, double part, double whole); /* "8.3 %", "below 0.1 %" */

/* Of what was written so much is computed: "7.2 % of it are not computed", "0.2 % more are computed". */
const char *amount_left_out(Arena *arena, double computed, double written);

#endif
