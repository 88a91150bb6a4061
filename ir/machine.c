/* Machines: see machine.h. */
#include "ir/machine.h"

#include <string.h>

/* What is usual, of one core of a server with vectors of 512 bits. Peaks are those of fp32: products of bf16 take no
 * longer. */
#define CORE_PEAK 100e9
#define BANDWIDTH 20e9
#define SHARED_BANDWIDTH 30e9
#define PACKING 2e9
#define CALL 0.3e-6
#define BARRIER 4.7e-6
enum { OWN_CACHE = 1 << 20, OWN_CACHES_SHARED = 16 };

Machine machine_with_usual(const Machine *known) {
    Machine usual = {.cores = known->cores ? known->cores : 1,
                     .own_cache = known->own_cache ? known->own_cache : OWN_CACHE,
                     .bandwidth = BANDWIDTH,
                     .shared_bandwidth = SHARED_BANDWIDTH,
                     .packing = PACKING,
                     .call = CALL,
                     .barrier = BARRIER};
    usual.shared_cache =
        usual.own_cache > INT64_MAX / OWN_CACHES_SHARED ? INT64_MAX : OWN_CACHES_SHARED * usual.own_cache;
    for (int p = 0; p < PRECISION_COUNT; p++) usual.peak[p] = (double)usual.cores * CORE_PEAK;
    Machine machine = *known;
    machine_fill(&machine, &usual);
    return machine;
}

/* Beside an FMA of f32: instructions that take pairs of bf16 do twice the work (vdpbf16ps, bfmmla), tile registers,
 * which take many along K, sixteen times (AMX: 1024 FLOP a cycle; two FMAs of 512 bits: 64). */
static double times_fma(int rows) {
    enum { TILE_ROWS = 16 };
    return rows >= TILE_ROWS ? 16 : rows > 1 ? 2 : 1;
}

double machine_report_peak(const Machine *known, Precision precision) {
    if (known->peak[precision] > 0) return known->peak[precision];
    return machine_with_usual(known).peak[precision] * times_fma(known->panel[precision].rows);
}

double machine_core_peak(const Machine *machine, Precision precision) {
    return machine->peak[precision] / (double)machine->cores;
}

/* ---- facts by name ----------------------------------------------------------------------------------------------- */

#define OF_ALL(field) offsetof(Machine, field), 0
#define OF_EACH(array, field) offsetof(Machine, array[0] field), sizeof((Machine *)0)->array[0]
enum { MOST_PANEL = 1024, MOST_CORES = 1 << 20 };
#define MOST_RATE ((int64_t)1 << 60)

const MachineFact machine_facts[] = {
    {"cache", "a cache", FACT_INT64, OF_ALL(own_cache), INT64_MAX, 0},
    {"cores", "cores", FACT_INT64, OF_ALL(cores), MOST_CORES, 0},
    {"panel", "a panel", FACT_INT, OF_EACH(panel, .columns), MOST_PANEL, 0},
    {"rows", "rows", FACT_INT, OF_EACH(panel, .rows), MOST_PANEL, 1},
    {"tile", "a tile", FACT_INT, OF_EACH(tile, .rows), MOST_PANEL, 0},
    {"by", "columns", FACT_INT, OF_EACH(tile, .columns), MOST_PANEL, 0},
    {"shared_cache", "a cache", FACT_INT64, OF_ALL(shared_cache), INT64_MAX, 0},
    {"peak", "a peak", FACT_REAL, OF_EACH(peak, ), MOST_RATE, 0},
    {"bandwidth", "a bandwidth", FACT_REAL, OF_ALL(bandwidth), MOST_RATE, 0},
    {"shared_bandwidth", "a bandwidth", FACT_REAL, OF_ALL(shared_bandwidth), MOST_RATE, 0},
    {"packing", "packing", FACT_REAL, OF_ALL(packing), MOST_RATE, 0},
    {"call", "a call", FACT_REAL, OF_ALL(call), 1, 0},
    {"barrier", "a barrier", FACT_REAL, OF_ALL(barrier), 1, 0},
};
const int n_machine_facts = sizeof machine_facts / sizeof *machine_facts;

static const void *at(const Machine *machine, const MachineFact *fact, Precision precision) {
    return (const char *)machine + fact->offset + fact->by_precision * precision;
}

int64_t machine_whole(const Machine *machine, const MachineFact *fact, Precision precision) {
    const void *value = at(machine, fact, precision);
    return fact->kind == FACT_INT ? *(const int *)value : *(const int64_t *)value;
}

double machine_real(const Machine *machine, const MachineFact *fact, Precision precision) {
    return *(const double *)at(machine, fact, precision);
}

void machine_set_whole(Machine *machine, const MachineFact *fact, Precision precision, int64_t value) {
    void *to = (void *)at(machine, fact, precision);
    if (fact->kind == FACT_INT)
        *(int *)to = (int)value;
    else
        *(int64_t *)to = value;
}

void machine_set_real(Machine *machine, const MachineFact *fact, Precision precision, double value) {
    *(double *)at(machine, fact, precision) = value;
}

static void copy(Machine *to, Precision to_precision, const Machine *from, Precision from_precision,
                 const MachineFact *fact) {
    static const size_t size[] = {
        [FACT_INT] = sizeof(int), [FACT_INT64] = sizeof(int64_t), [FACT_REAL] = sizeof(double)};
    memcpy((void *)at(to, fact, to_precision), at(from, fact, from_precision), size[fact->kind]);
}

static bool is_known(const Machine *machine, const MachineFact *fact, Precision precision) {
    return fact->kind == FACT_REAL ? machine_real(machine, fact, precision) != 0
                                   : machine_whole(machine, fact, precision) != 0;
}

void machine_fill(Machine *machine, const Machine *other) {
    for (int i = 0; i < n_machine_facts; i++)
        for (Precision p = 0; p < PRECISION_COUNT; p++)
            if (!is_known(machine, &machine_facts[i], p)) copy(machine, p, other, p, &machine_facts[i]);
}

void machine_move_precision(Machine *machine, Precision from, Precision to) {
    if (from == to) return;
    const Machine before = *machine;
    for (int i = 0; i < n_machine_facts; i++) {
        if (!machine_facts[i].by_precision) continue;
        copy(machine, to, &before, from, &machine_facts[i]);
        copy(machine, from, &(Machine){0}, from, &machine_facts[i]);
    }
}
