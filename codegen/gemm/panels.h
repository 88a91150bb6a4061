/* Packed panels of both sides of a product, and products of one panel with one, for any precision: what gemm.c and attention.c are
 * made of. Side A holds panels of mr lines, side B of nr; where operands are split into three bf16, panels of the second and the third follow. */
#ifndef VITC_CODEGEN_PANELS_H
#define VITC_CODEGEN_PANELS_H

#include "codegen/gemm/micro.h"
#include "codegen/gemm/pack.h"

typedef struct {
    Micro micro;
    int parts;     /* 3: operands are split */
    UnitKind unit; /* of the first part */
} Panels;

Panels panels_choose(const Target *target, Precision precision);

/* Room for panels of `lines` lines (a multiple of the panel's) by k, both parts. In units of four bytes. */
int64_t panels_room(const Panels *p, int64_t lines, int64_t k);

/* A side of a product in memory: element k of line i lies at from[i·across + k·along]. */
typedef struct {
    DType dtype; /* DT_F32 or DT_BF16 */
    int64_t across, along;
} Lines;

/* Packs panels of lines 0..count-1 (i64), k elements each, to `to`. `rest`: units from a panel to its second part, and
 * from there to its third, where operands are split. Panel number i begins at unit i·width·units(k). */
void panels_pack(FunctionBuilder *fb, const Panels *p, bool side_b, const Lines *lines, LLVMValueRef from,
                 LLVMValueRef count, LLVMValueRef k, LLVMValueRef to, int64_t rest);
/* The same for one panel, whose lines begin at `from`. */
void panels_pack_one(FunctionBuilder *fb, const Panels *p, bool side_b, const Lines *lines, LLVMValueRef from,
                     LLVMValueRef count, LLVMValueRef k, LLVMValueRef to, int64_t rest);

/* A panel, and the distance to its second part, and from there to the third. */
typedef struct {
    LLVMValueRef at;
    int64_t rest;
} Panel;

/* tile[rows][nr] = a·b, or += if `accumulate`; vectors: of columns that are wanted. */
void panels_multiply(FunctionBuilder *fb, const Panels *p, int rows, int vectors, Panel a, Panel b,
                     LLVMValueRef units, LLVMValueRef tile, bool accumulate);

LLVMTypeRef panels_element(const FunctionBuilder *fb, DType dtype); /* of `Lines` in memory */

#endif
