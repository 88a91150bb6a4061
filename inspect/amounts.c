/* Amounts as text: see amounts.h. */
#include "inspect/amounts.h"

#include <math.h>
#include <stdbool.h>

/* Of the first unit in which it has at most three digits before the point; */
static const char *amount(Arena *arena, double x, const char *const *units, int n) {
    int unit = 0;
    while (unit + 1 < n && fabs(x) >= 999.5) {
        x /= 1000;
        unit++;
    }
    bool whole = unit == 0 && x == floor(x);
    int digits = whole || fabs(x) >= 99.95 ? 0 : fabs(x) >= 9.995 ? 1 : 2;
    return arena_printf(arena, "%.*f %s", digits, x, units[unit]);
}

const char *amount_bytes(Arena *arena, double bytes) {
    static const char *const UNITS[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    return bytes == 1 ? "1 byte" : amount(arena, bytes, UNITS, 6);
}

const char *amount_flops(Arena *arena, double flops) {
    static const char *const UNITS[] = {"FLOP", "KFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"};
    return amount(arena, flops, UNITS, 6);
}

const char *amount_seconds(Arena *arena, double seconds) {
    static const char *const UNITS[] = {"ns", "µs", "ms", "s"};
    return seconds == 0 ? "0 s" : amount(arena, seconds * 1e9, UNITS, 4);
}

const char *amount_count(Arena *arena, double count) {
    static const char *const UNITS[] = {"M", "G", "T"};
    if (fabs(count) >= 1e6) return amount(arena, count / 1e6, UNITS, 3);
    return arena_printf(arena, "%.*f", count == floor(count) ? 0 : 2, count);
}

const char *amount_share(Arena *arena, double part, double whole) {
    double share = whole > 0 ? 100 * part / whole : 0;
    if (share > 0 && share < 0.05) return "below 0.1 %";
    return arena_printf(arena, "%.1f %%", share);
}

const char *amount_left_out(Arena *arena, double computed, double written) {
    if (computed > written)
        return arena_printf(arena, "%s more are computed", amount_share(arena, computed - written, written));
    if (computed == written) return "all of it is computed";
    return arena_printf(arena, "%s of it are not computed", amount_share(arena, written - computed, written));
}
