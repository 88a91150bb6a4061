/* Affine index maps: where, inside a kernel's loops, an element of a value lies.
 *
 * A fused kernel runs over a Domain of loops. The Access of a value says, for each of its dimensions, the
 * index as an affine function of the loop indices: index[k] = offset[k] + sum_i coef[k][i] * loop[i].
 * Broadcasts, reshapes, transposes, slices, pads and concats only change the map, so that they cost nothing
 * inside a kernel. Used by the pass `fuse` to decide what fits into one kernel, and by codegen to address it:
 * both must agree, hence one file. */
#ifndef VITC_IR_ACCESS_H
#define VITC_IR_ACCESS_H

#include "ir/ir.h"

#define DOMAIN_MAX 10

/* A nest of loops, outermost first: loop i counts from 0 to extent[i] - 1. */
typedef struct {
    int rank;
    int64_t extent[DOMAIN_MAX];
} Domain;

typedef struct {
    int rank; /* of the value */
    int64_t offset[IR_MAX_RANK];
    int64_t coef[IR_MAX_RANK][DOMAIN_MAX];
} Access;

/* A change of the domain that makes an operand's access expressible: loop `dim` is split in two, of which the inner
 * one has extent `inner`. */
typedef struct {
    int dim;
    int64_t inner;
} DomainSplit;

typedef enum {
    ACCESS_OK,
    ACCESS_SPLIT, /* affine once the domain is split as *split says: then ask again */
    ACCESS_NONE,  /* not affine over this domain */
} AccessResult;

Domain domain_of(const Type *type);
int64_t domain_size(const Domain *domain);
int64_t domain_stride(const Domain *domain, int loop); /* product of the extents of all loops inside it */
Access access_identity(const Type *type);
bool access_equal(const Access *a, const Access *b, int domain_rank);

/* Access of operand `operand` of `node`, given the node's own. Defined for elementwise operators and for
 * reshape, transpose, slice, broadcast, windows, pad and concat (for the last two only where the index is in range).
 * Reductions: access_reduced. */
AccessResult access_operand(const Func *func, const Node *node, int operand, const Domain *domain,
                            const Access *access, Access *out, DomainSplit *split);

/* Access of the operand of a reduction over trailing axes: the other axes as in the result's `access`; the reduced
 * axes run along the loops first_inner..domain->rank-1, whose extents must have the product of the reduced sizes. */
AccessResult access_reduced(const Func *func, const Node *node, const Domain *domain, int first_inner,
                            const Access *access, Access *out, DomainSplit *split);

void domain_split(Domain *domain, const DomainSplit *split);
void access_split(Access *access, const Domain *before, const DomainSplit *split);

/* The linear (row-major element) index: *offset + sum_i coef[i] * loop[i]. Size-1 dimensions count as index
 * 0. */
void access_linear(const Type *type, const Access *access, const Domain *domain, int64_t *offset,
                   int64_t coef[DOMAIN_MAX]);

/* Whether the loops that the access uses visit each element of the value exactly once. */
bool access_covers(const Type *type, const Access *access, const Domain *domain);

#endif
