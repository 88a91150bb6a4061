/* Masks of whole blocks with random places and aspect ratios, on grids of h rows and w columns. */
#ifndef VITC_RUNTIME_PROGRAM_BLOCK_MASKS_H
#define VITC_RUNTIME_PROGRAM_BLOCK_MASKS_H

#include "runtime/base/rng.h"

#include <stdbool.h>

typedef struct {
    int64_t h, w, wanted, least, most; /* entries to set in all; of a block */
    double aspect[2];                  /* height / width, log-uniform between the two */
    bool exact;                        /* single entries make up what blocks leave */
} AreaMask;

/* Sets all h · w entries of `out` to 0 or 1: at most `wanted` to 1, with `exact` just as many (all if there are fewer).
 * Bao et al. 2022 (BEiT), blockwise masking. */
void area_mask(const AreaMask *mask, VtRng *rng, float *out);

typedef struct {
    int64_t h, w;
} BlockSize;

/* A block of a share of the entries uniform in `scale`, and an aspect uniform in `aspect`: at least one entry, at most
 * the grid. Assran et al. 2023 (I-JEPA), multi-block masking. */
BlockSize block_size(VtRng *rng, int64_t h, int64_t w, const double scale[2], const double aspect[2]);
/* A block of that size at a random place: 1 in it, 0 elsewhere. */
void random_block(VtRng *rng, int64_t h, int64_t w, BlockSize size, float *out);

/* A box of 1 of the grid's aspect and a share of its area, its sides cut to whole entries, around any entry; what is
 * outside the grid is cut off. Yun et al. 2019 (CutMix), as PyTorch Image Models has it. */
void cut_box(VtRng *rng, int64_t h, int64_t w, double share, float *out);

typedef struct {
    int64_t h, w;       /* of the grid, in cells */
    int64_t cell;       /* pixels along a side of a cell: sides of blocks are drawn in pixels */
    double least, most; /* share of the cells to cover: uniform between the two */
    double largest;     /* side of a block, as a share of the grid's: below it */
} Cover;

/* Covers the grid with blocks, one after another, until as many cells are covered as a share says that is drawn first
 * (Atito et al. 2021, as their code draws them: a side uniform in whole pixels from `cell` on and rounded to cells,
 * half ones to even; corners before the last row and column; what has no room is cut off). out[i]: 0 where cell i is
 * not covered, else 1 + j, where j is a cell: i itself, or with `moved` the one whose content moves here if each block
 * is copied, as it is placed, from a random place of the same grid. Where the blocks are too small to reach the share,
 * fewer are covered. */
void cover_blocks(const Cover *cover, VtRng *rng, bool moved, int32_t *out);

#endif
