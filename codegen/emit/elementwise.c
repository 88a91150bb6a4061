/* Rules of elementwise operators: see elementwise.h. */
#include "codegen/emit/elementwise.h"
#include "codegen/emit/bf16.h"
#include "codegen/emit/vecmath.h"

#include <assert.h>

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define RULE_OF_ELEMENTWISE(do, name)                                                                        \
    do (name)
#define RULE_OF_REDUCE(do, name)
#define RULE_OF_ROW(do, name)
#define RULE_OF_MATMUL(do, name)
#define RULE_OF_MOVE(do, name)
#define RULE_OF_SOURCE(do, name)
#define RULE_OF_OTHER(do, name)

#define DECLARE(name) ElementRule emit_##name;
#define OP(name, lo, hi, attrs, loop, ...) RULE_OF_##loop(DECLARE, name)
#include "ir/ops.def"

LLVMValueRef emit_elements(const Elements *e) {
#define ENTRY(name) [OP_##name] = emit_##name,
#define OP(name, lo, hi, attrs, loop, ...) RULE_OF_##loop(ENTRY, name)
    static ElementRule *const rules[] = {
#include "ir/ops.def"
    };
    assert(rules[e->node->op]); /* another class is no function of elements */
    return rules[e->node->op](e);
}

/* ---- short forms ------------------------------------------------------------------------------------------------- */

static bool is_real(const Elements *e) {
    return dtype_is_float(e->from);
}

static LLVMBuilderRef builder(const Elements *e) {
    return e->fb->builder;
}

static LLVMValueRef zero(const Elements *e) {
    return LLVMConstNull(LLVMTypeOf(e->x[0]));
}

static LLVMValueRef intrinsic(const Elements *e, const char *name, LLVMValueRef x) {
    return build_intrinsic(e->fb, name, LLVMTypeOf(x), &x, 1);
}

/* LLVM may make one fused instruction of a product and a sum. */
static LLVMValueRef contract(LLVMValueRef value) {
    if (LLVMIsAInstruction(value) && LLVMCanValueUseFastMathFlags(value))
        LLVMSetFastMathFlags(value, LLVMFastMathAllowContract);
    return value;
}

/* ---- one operand ------------------------------------------------------------------------------------------------- */

LLVMValueRef emit_neg(const Elements *e) {
    return is_real(e) ? LLVMBuildFNeg(builder(e), e->x[0], "") : LLVMBuildNeg(builder(e), e->x[0], "");
}

LLVMValueRef emit_abs(const Elements *e) {
    if (is_real(e)) return intrinsic(e, "llvm.fabs", e->x[0]);
    LLVMValueRef negative = LLVMBuildICmp(builder(e), LLVMIntSLT, e->x[0], zero(e), "");
    return LLVMBuildSelect(builder(e), negative, LLVMBuildNeg(builder(e), e->x[0], ""), e->x[0], "");
}

LLVMValueRef emit_sign(const Elements *e) {
    LLVMBuilderRef b = builder(e);
    LLVMValueRef x = e->x[0];
    LLVMTypeRef type = LLVMTypeOf(x);
    if (!is_real(e)) {
        LLVMValueRef up = LLVMBuildZExt(b, LLVMBuildICmp(b, LLVMIntSGT, x, zero(e), ""), type, "");
        LLVMValueRef down = LLVMBuildZExt(b, LLVMBuildICmp(b, LLVMIntSLT, x, zero(e), ""), type, "");
        return LLVMBuildSub(b, up, down, "");
    }
    LLVMValueRef one =
        build_intrinsic(e->fb, "llvm.copysign", type, (LLVMValueRef[]){build_real_like(x, 1), x}, 2);
    LLVMValueRef other = LLVMBuildFCmp(b, LLVMRealONE, x, zero(e), "");
    return LLVMBuildSelect(b, other, one, LLVMBuildFMul(b, x, zero(e), ""), ""); /* 0 and NaN stay */
}

LLVMValueRef emit_sqrt(const Elements *e) {
    return intrinsic(e, "llvm.sqrt", e->x[0]);
}

LLVMValueRef emit_rsqrt(const Elements *e) {
    LLVMValueRef root = intrinsic(e, "llvm.sqrt", e->x[0]);
    return LLVMBuildFDiv(builder(e), build_real_like(e->x[0], 1), root, "");
}

LLVMValueRef emit_floor(const Elements *e) {
    return intrinsic(e, "llvm.floor", e->x[0]);
}

LLVMValueRef emit_not(const Elements *e) {
    return LLVMBuildNot(builder(e), e->x[0], "");
}

LLVMValueRef emit_stop_grad(const Elements *e) {
    return e->x[0];
}

LLVMValueRef emit_converted(FunctionBuilder *fb, LLVMValueRef x, DType from, DType to) {
    LLVMBuilderRef b = fb->builder;
    LLVMTypeRef type = build_type(fb, to);
    if (build_is_vector(x)) type = LLVMVectorType(type, LLVMGetVectorSize(LLVMTypeOf(x)));
    if (from == to) return x;
    if (to == DT_BOOL) {
        LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(x));
        return dtype_is_float(from) ? LLVMBuildFCmp(b, LLVMRealUNE, x, zero, "")
                                    : LLVMBuildICmp(b, LLVMIntNE, x, zero, "");
    }
    if (dtype_is_float(to)) {
        x = dtype_is_float(from) ? LLVMBuildFPCast(b, x, type, "")
            : from == DT_BOOL ? LLVMBuildUIToFP(b, x, type, "") /* true is 1, not the -1 of one signed bit */
                              : LLVMBuildSIToFP(b, x, type, "");
        return to == DT_BF16 ? bf16_rounded(fb, x) : x;
    }
    if (dtype_is_float(from)) /* fptosi alone is poison out of range */
        return build_intrinsic2(fb, "llvm.fptosi.sat", (LLVMTypeRef[]){type, LLVMTypeOf(x)}, &x, 1);
    return LLVMBuildIntCast2(b, x, type, from != DT_BOOL, "");
}

LLVMValueRef emit_cast(const Elements *e) {
    return emit_converted(e->fb, e->x[0], e->from, e->node->type.dtype);
}

/* ---- functions of one real: polynomials for f32, for f64 LLVM's or those of the C library ------------------------ */

LLVMValueRef emit_exp(const Elements *e) {
    if (e->from == DT_F64) return intrinsic(e, "llvm.exp", e->x[0]);
    return e->bf16_only ? vecmath_exp_bf16(e->fb, e->x[0]) : vecmath_exp(e->fb, e->x[0]);
}

LLVMValueRef emit_log(const Elements *e) {
    return e->from == DT_F64 ? intrinsic(e, "llvm.log", e->x[0]) : vecmath_log(e->fb, e->x[0]);
}

LLVMValueRef emit_sin(const Elements *e) {
    return e->from == DT_F64 ? intrinsic(e, "llvm.sin", e->x[0]) : vecmath_sin(e->fb, e->x[0]);
}

LLVMValueRef emit_cos(const Elements *e) {
    return e->from == DT_F64 ? intrinsic(e, "llvm.cos", e->x[0]) : vecmath_cos(e->fb, e->x[0]);
}

static LLVMValueRef tanh_of(const Elements *e, LLVMValueRef x) {
    return e->from == DT_F64 ? vecmath_libm(e->fb, "tanh", x) : vecmath_tanh(e->fb, x);
}

LLVMValueRef emit_tanh(const Elements *e) {
    return tanh_of(e, e->x[0]);
}

static LLVMValueRef erf_of(const Elements *e, LLVMValueRef x) {
    if (e->from == DT_F64) return vecmath_libm(e->fb, "erf", x);
    return e->bf16_only ? vecmath_erf_bf16(e->fb, x) : vecmath_erf(e->fb, x);
}

LLVMValueRef emit_erf(const Elements *e) {
    return erf_of(e, e->x[0]);
}

LLVMValueRef emit_sigmoid(const Elements *e) {
    LLVMBuilderRef b = builder(e);
    LLVMValueRef x = e->x[0];
    if (e->from != DT_F64) return vecmath_sigmoid(e->fb, x);
    LLVMValueRef t = intrinsic(e, "llvm.exp", LLVMBuildFNeg(b, x, ""));
    return LLVMBuildFDiv(b, build_real_like(x, 1), LLVMBuildFAdd(b, build_real_like(x, 1), t, ""), "");
}

/* max(x, 0) + log(1 + t), t = e^-|x|. What 1 + t rounds off is made good by the ratio of t to what is left of it. */
LLVMValueRef emit_softplus(const Elements *e) {
    LLVMBuilderRef b = builder(e);
    LLVMValueRef x = e->x[0], one = build_real_like(x, 1);
    bool wide = e->from == DT_F64;
    LLVMValueRef t = LLVMBuildFNeg(b, intrinsic(e, "llvm.fabs", x), "");
    t = wide ? intrinsic(e, "llvm.exp", t) : vecmath_exp(e->fb, t);
    LLVMValueRef u = LLVMBuildFAdd(b, one, t, ""), left = LLVMBuildFSub(b, u, one, "");
    LLVMValueRef log = wide ? intrinsic(e, "llvm.log", u) : vecmath_log(e->fb, u);
    log = LLVMBuildFMul(b, log, LLVMBuildFDiv(b, t, left, ""), "");
    log = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOEQ, left, zero(e), ""), t, log, "");
    return LLVMBuildFAdd(b, build_maximum(e->fb, x, zero(e), true), log, "");
}

/* x·Φ(x), or its approximation 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))). */
LLVMValueRef emit_gelu(const Elements *e) {
    LLVMBuilderRef b = builder(e);
    LLVMValueRef x = e->x[0], t;
    if (gelu_attrs(e->node)->approximate) {
        LLVMValueRef cubic = LLVMBuildFMul(b, LLVMBuildFMul(b, x, x, ""), x, "");
        LLVMValueRef sum = LLVMBuildFAdd(b, x, LLVMBuildFMul(b, cubic, build_real_like(x, 0.044715), ""), "");
        t = tanh_of(e, LLVMBuildFMul(b, sum, build_real_like(x, 0.79788456080286535588), ""));
    } else
        t = erf_of(e, LLVMBuildFMul(b, x, build_real_like(x, 0.70710678118654752440), ""));
    LLVMValueRef half = LLVMBuildFMul(b, x, build_real_like(x, 0.5), "");
    return LLVMBuildFAdd(b, half, LLVMBuildFMul(b, half, t, ""), "");
}

/* ---- two operands ------------------------------------------------------------------------------------------------ */

LLVMValueRef emit_add(const Elements *e) {
    if (is_real(e)) return contract(LLVMBuildFAdd(builder(e), e->x[0], e->x[1], ""));
    return LLVMBuildAdd(builder(e), e->x[0], e->x[1], "");
}

LLVMValueRef emit_sub(const Elements *e) {
    if (is_real(e)) return contract(LLVMBuildFSub(builder(e), e->x[0], e->x[1], ""));
    return LLVMBuildSub(builder(e), e->x[0], e->x[1], "");
}

LLVMValueRef emit_mul(const Elements *e) {
    if (is_real(e)) return contract(LLVMBuildFMul(builder(e), e->x[0], e->x[1], ""));
    return LLVMBuildMul(builder(e), e->x[0], e->x[1], "");
}

/* Integer division and remainder towards minus infinity; by 0 both are 0. The machine traps there, and where the
 * smallest integer is divided by -1, also in lanes that are not used: it divides by 1 instead. */
static LLVMValueRef floor_division(const Elements *e, bool remainder) {
    LLVMBuilderRef b = builder(e);
    LLVMValueRef x = e->x[0], y = e->x[1];
    LLVMTypeRef type = LLVMTypeOf(x);
    LLVMValueRef zero = LLVMConstNull(type), minus_one = LLVMConstAllOnes(type);
    LLVMValueRef one = LLVMConstNeg(minus_one), negative = LLVMBuildICmp(b, LLVMIntEQ, y, minus_one, ""),
                 nothing = LLVMBuildICmp(b, LLVMIntEQ, y, zero, "");
    x = LLVMBuildSelect(b, nothing, zero, LLVMBuildSelect(b, negative, LLVMBuildNeg(b, x, ""), x, ""), "");
    y = LLVMBuildSelect(b, LLVMBuildOr(b, nothing, negative, ""), one, y, "");
    LLVMValueRef quotient = LLVMBuildSDiv(b, x, y, ""), rest = LLVMBuildSRem(b, x, y, "");
    LLVMValueRef inexact = LLVMBuildICmp(b, LLVMIntNE, rest, zero, "");
    LLVMValueRef differ = LLVMBuildICmp(b, LLVMIntSLT, LLVMBuildXor(b, rest, y, ""), zero, "");
    LLVMValueRef down = LLVMBuildAnd(b, inexact, differ, "");
    if (remainder) return LLVMBuildSelect(b, down, LLVMBuildAdd(b, rest, y, ""), rest, "");
    return LLVMBuildAdd(b, quotient, LLVMBuildSExt(b, down, LLVMTypeOf(x), ""), "");
}

LLVMValueRef emit_div(const Elements *e) {
    return is_real(e) ? LLVMBuildFDiv(builder(e), e->x[0], e->x[1], "") : floor_division(e, false);
}

LLVMValueRef emit_rem(const Elements *e) {
    if (!is_real(e)) return floor_division(e, true);
    LLVMBuilderRef b = builder(e);
    LLVMValueRef quotient = intrinsic(e, "llvm.floor", LLVMBuildFDiv(b, e->x[0], e->x[1], ""));
    return LLVMBuildFSub(b, e->x[0], LLVMBuildFMul(b, quotient, e->x[1], ""), "");
}

LLVMValueRef emit_pow(const Elements *e) {
    return build_intrinsic(e->fb, "llvm.pow", LLVMTypeOf(e->x[0]), (LLVMValueRef[]){e->x[0], e->x[1]}, 2);
}

LLVMValueRef emit_max(const Elements *e) {
    return build_maximum(e->fb, e->x[0], e->x[1], true);
}

LLVMValueRef emit_min(const Elements *e) {
    return build_maximum(e->fb, e->x[0], e->x[1], false);
}

LLVMValueRef emit_and(const Elements *e) {
    return LLVMBuildAnd(builder(e), e->x[0], e->x[1], "");
}

LLVMValueRef emit_or(const Elements *e) {
    return LLVMBuildOr(builder(e), e->x[0], e->x[1], "");
}

/* Bools are 0 and 1, of one bit, and so have no sign. */
static LLVMValueRef compare(const Elements *e, LLVMRealPredicate real, LLVMIntPredicate integer,
                            LLVMIntPredicate boolean) {
    if (is_real(e)) return LLVMBuildFCmp(builder(e), real, e->x[0], e->x[1], "");
    return LLVMBuildICmp(builder(e), e->from == DT_BOOL ? boolean : integer, e->x[0], e->x[1], "");
}

LLVMValueRef emit_eq(const Elements *e) {
    return compare(e, LLVMRealOEQ, LLVMIntEQ, LLVMIntEQ);
}

LLVMValueRef emit_ne(const Elements *e) {
    return compare(e, LLVMRealUNE, LLVMIntNE, LLVMIntNE);
}

LLVMValueRef emit_lt(const Elements *e) {
    return compare(e, LLVMRealOLT, LLVMIntSLT, LLVMIntULT);
}

LLVMValueRef emit_le(const Elements *e) {
    return compare(e, LLVMRealOLE, LLVMIntSLE, LLVMIntULE);
}

LLVMValueRef emit_gt(const Elements *e) {
    return compare(e, LLVMRealOGT, LLVMIntSGT, LLVMIntUGT);
}

LLVMValueRef emit_ge(const Elements *e) {
    return compare(e, LLVMRealOGE, LLVMIntSGE, LLVMIntUGE);
}

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

static LLVMValueRef build_integer_like(LLVMTypeRef type, uint64_t number) {
    if (LLVMGetTypeKind(type) != LLVMVectorTypeKind) return LLVMConstInt(type, number, false);
    LLVMValueRef lanes[64];
    unsigned n = LLVMGetVectorSize(type);
    for (unsigned i = 0; i < n; i++) lanes[i] = LLVMConstInt(LLVMGetElementType(type), number, false);
    return LLVMConstVector(lanes, n);
}

/* The high and low 32 bits of the product of unsigned x by `factor`. */
static void multiply_wide(const Elements *e, LLVMValueRef x, uint32_t factor, LLVMValueRef *high,
                          LLVMValueRef *low) {
    LLVMBuilderRef b = builder(e);
    LLVMTypeRef narrow = LLVMTypeOf(x), wide = build_type(e->fb, DT_I64);
    if (build_is_vector(x)) wide = LLVMVectorType(wide, LLVMGetVectorSize(narrow));
    LLVMValueRef product =
        LLVMBuildMul(b, LLVMBuildZExt(b, x, wide, ""), build_integer_like(wide, factor), "");
    *low = LLVMBuildTrunc(b, product, narrow, "");
    *high = LLVMBuildTrunc(b, LLVMBuildLShr(b, product, build_integer_like(wide, 32), ""), narrow, "");
}

/* Ten rounds of Philox 4x32 (Salmon et al. 2011) on (word / 4, x[3], x[4], x[5]); of the four words one is taken. */
LLVMValueRef emit_random(const Elements *e) {
    LLVMBuilderRef b = builder(e);
    LLVMTypeRef type = LLVMTypeOf(e->x[0]);
    LLVMValueRef word = e->x[0], key[2] = {e->x[1], e->x[2]}, two = build_integer_like(type, 2);
    LLVMValueRef c[4] = {LLVMBuildLShr(b, word, two, ""), e->x[3], e->x[4], e->x[5]};
    for (int round = 0; round < 10; round++) {
        LLVMValueRef high[2], low[2];
        multiply_wide(e, c[0], 0xD2511F53u, &high[0], &low[0]);
        multiply_wide(e, c[2], 0xCD9E8D57u, &high[1], &low[1]);
        c[0] = LLVMBuildXor(b, LLVMBuildXor(b, high[1], c[1], ""), key[0], "");
        c[2] = LLVMBuildXor(b, LLVMBuildXor(b, high[0], c[3], ""), key[1], "");
        c[1] = low[1];
        c[3] = low[0];
        key[0] = LLVMBuildAdd(b, key[0], build_integer_like(type, 0x9E3779B9u), "");
        key[1] = LLVMBuildAdd(b, key[1], build_integer_like(type, 0xBB67AE85u), "");
    }
    LLVMValueRef one = build_integer_like(type, 1), zero = LLVMConstNull(type);
    LLVMValueRef odd = LLVMBuildICmp(b, LLVMIntNE, LLVMBuildAnd(b, word, one, ""), zero, "");
    LLVMValueRef upper = LLVMBuildICmp(b, LLVMIntNE, LLVMBuildAnd(b, word, two, ""), zero, "");
    LLVMValueRef low = LLVMBuildSelect(b, odd, c[1], c[0], ""),
                 high = LLVMBuildSelect(b, odd, c[3], c[2], "");
    return LLVMBuildXor(b, LLVMBuildSelect(b, upper, high, low, ""), build_integer_like(type, 0x80000000u),
                        "");
}

/* ---- three operands ---------------------------------------------------------------------------------------------- */

LLVMValueRef emit_select(const Elements *e) {
    return LLVMBuildSelect(builder(e), e->x[0], e->x[1], e->x[2], "");
}
