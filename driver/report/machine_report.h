/* What this machine is: its processor, cores, caches and memory, as the system tells. */
#ifndef VITC_DRIVER_REPORT_MACHINE_REPORT_H
#define VITC_DRIVER_REPORT_MACHINE_REPORT_H

#include "ir/base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    int level;
    const char *kind; /* "Data", "Instruction", "Unified" */
    int64_t bytes;
    int shared_by; /* logical processors; 0: not known */
} CacheFact;

enum { MOST_CACHES = 16 };
typedef struct {
    const char *system;    /* "Debian GNU/Linux 12 (bookworm), Linux 6.1.0 x86_64" */
    const char *processor; /* as it calls itself; "": not known */
    int cores, affinity;   /* that are on; that this process may run on */
    double quota;          /* of processor time, in cores; 0: none */
    CacheFact caches[MOST_CACHES];
    int n_caches;
    double memory, free, limit; /* bytes; limit: of the control group, 0: none */
} MachineReport;

MachineReport machine_report(Arena *arena);
void machine_text(const MachineReport *report, FILE *out);

/* Bytes that can be had without others losing theirs: what the system has free, and the control group has left. */
double machine_free_memory(void);

#endif
