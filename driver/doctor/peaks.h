/* What this machine reaches, measured in tenths of a second: the most that a product, and what reads memory, can do. */
#ifndef VITC_DRIVER_PEAKS_H
#define VITC_DRIVER_PEAKS_H

#include "runtime/built.h"

#include <stddef.h>

/* FLOP a second of a micro-kernel on panels that its caches hold, on so many threads; 0: no memory for the panels. */
double peak_flops(const VtMicro *micro, int threads);
/* Bytes a second that so many threads read, of a block of so many bytes, which caches shall not hold; 0: no memory. */
double peak_bandwidth(int threads, size_t bytes);

#endif
