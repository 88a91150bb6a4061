/* What is known of the machine that a program is for: what passes weigh costs with, and what code is made to fit.
 *
 * There is one owner of these facts, Module.machine. Codegen fills in what the target and the host say
 * (codegen_machine), the text form and the command line may say more or other things, and what nobody says has a usual
 * value, here and nowhere else. */
#ifndef VITC_IR_MACHINE_H
#define VITC_IR_MACHINE_H

#include "ir/precision.h"
#include <stddef.h>
#include <stdint.h>

/* How the target's products want their second operand packed: see operator `pack`. */
typedef struct {
    int columns; /* of a panel; 0: nothing is to be packed beforehand */
    int rows;    /* along K come in whole multiples; 1: f32 one by one, else pairs of bf16 */
} PanelShape;

/* Rows and columns of the tiles that the target's products finish at a time; 0: not known. */
typedef struct {
    int rows, columns;
} TileShape;

enum { MACHINE_WIDEST_PANEL = 64 }; /* columns, of products of any target */

/* Zero: not known. */
typedef struct {
    int64_t cores;        /* that threads may run on */
    int64_t own_cache;    /* bytes of the largest cache that each core has of its own (L2) */
    int64_t shared_cache; /* bytes of the cache that cores share (L3) */
    /* Floating point operations a second in matrix products, of all cores together. */
    double peak[PRECISION_COUNT];
    double bandwidth;        /* bytes a second from memory; one core alone nearly reaches it */
    double shared_bandwidth; /* bytes a second from the shared cache, of one core */
    double packing;          /* f32 elements a second that one core packs into panels */
    double call,
        barrier; /* seconds: of calling a kernel for a share of its work; of a barrier of all threads */
    /* Without usual values: unknown means that weights are not packed, and that no sums begin in tiles. */
    PanelShape panel[PRECISION_COUNT];
    TileShape tile[PRECISION_COUNT];
} Machine;

/* A copy in which unknown facts have their usual values; panels and tiles stay unknown. */
Machine machine_with_usual(const Machine *known);
/* What reports take a peak to be: the known one, else the usual one of the products that the machine's panels tell of.
 * Passes weigh with machine_with_usual, in which products of bf16 take as long as those of fp32. */
double machine_report_peak(const Machine *known, Precision precision);
/* Unknown facts of *machine are taken from `other`. */
void machine_fill(Machine *machine, const Machine *other);
/* Moves the facts about products (peak, panel, tile) of one precision to another. */
void machine_move_precision(Machine *machine, Precision from, Precision to);
/* Peak of one core. */
double machine_core_peak(const Machine *machine, Precision precision);

/* A fact as the text form names it: " target(…, cores = 2, …)". */
typedef enum { FACT_INT, FACT_INT64, FACT_REAL } FactKind;
typedef struct {
    const char *name, *what; /* "cores"; "a cache", for messages */
    FactKind kind;
    size_t offset;       /* in Machine */
    size_t by_precision; /* bytes from a precision's to that of the next; 0: it is the same for all */
    int64_t most;        /* that the text form takes */
    int64_t silent;      /* a value that the printer leaves out; 0: only "not known" is left out */
} MachineFact;

extern const MachineFact machine_facts[];
extern const int n_machine_facts;

/* Whole facts and reals, as their kind is. */
int64_t machine_whole(const Machine *machine, const MachineFact *fact, Precision precision);
double machine_real(const Machine *machine, const MachineFact *fact, Precision precision);
void machine_set_whole(Machine *machine, const MachineFact *fact, Precision precision, int64_t value);
void machine_set_real(Machine *machine, const MachineFact *fact, Precision precision, double value);

#endif
