/* Elementary functions in vector IR: see vecmath.h. Range reduction, then a polynomial; exp, log, sin and cos use the
 * minimax coefficients of Cephes (Moshier 1992), erf and tanh a weighted Chebyshev fit of our own. */
#include "codegen/emit/vecmath.h"

#include <stdbool.h>
#include <string.h>

static LLVMContextRef context_of(LLVMBuilderRef b) {
    return LLVMGetTypeContext(LLVMTypeOf(LLVMGetBasicBlockParent(LLVMGetInsertBlock(b))));
}

static LLVMModuleRef module_of(LLVMBuilderRef b) {
    return LLVMGetGlobalParent(LLVMGetBasicBlockParent(LLVMGetInsertBlock(b)));
}

static bool is_vector(LLVMTypeRef type) {
    return LLVMGetTypeKind(type) == LLVMVectorTypeKind;
}

static LLVMValueRef spread(LLVMTypeRef type, LLVMValueRef scalar) {
    if (!is_vector(type)) return scalar;
    LLVMValueRef lanes[64];
    unsigned n = LLVMGetVectorSize(type);
    for (unsigned i = 0; i < n; i++) lanes[i] = scalar;
    return LLVMConstVector(lanes, n);
}

static LLVMValueRef real(LLVMValueRef like, double value) {
    LLVMTypeRef type = LLVMTypeOf(like);
    return spread(type, LLVMConstReal(is_vector(type) ? LLVMGetElementType(type) : type, value));
}

static LLVMTypeRef int_type(LLVMValueRef like) {
    LLVMTypeRef type = LLVMTypeOf(like), i32 = LLVMInt32TypeInContext(LLVMGetTypeContext(type));
    return is_vector(type) ? LLVMVectorType(i32, LLVMGetVectorSize(type)) : i32;
}

static LLVMValueRef integer(LLVMValueRef like, int64_t value) {
    LLVMTypeRef type = int_type(like);
    LLVMTypeRef i32 = is_vector(type) ? LLVMGetElementType(type) : type;
    return spread(type, LLVMConstInt(i32, (unsigned long long)value, true));
}

static LLVMValueRef call(LLVMBuilderRef b, const char *name, LLVMValueRef *args, unsigned n) {
    LLVMTypeRef type = LLVMTypeOf(args[0]);
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef callee = LLVMGetIntrinsicDeclaration(module_of(b), id, &type, 1);
    return LLVMBuildCall2(b, LLVMIntrinsicGetType(LLVMGetTypeContext(type), id, &type, 1), callee, args, n,
                          "");
}

static LLVMValueRef fma_(LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y, LLVMValueRef z) {
    return call(b, "llvm.fmuladd", (LLVMValueRef[]){x, y, z}, 3);
}

/* c[0] + c[1] x + … */
static LLVMValueRef polynomial(LLVMBuilderRef b, LLVMValueRef x, const double *c, int n) {
    LLVMValueRef y = real(x, c[n - 1]);
    for (int i = n - 2; i >= 0; i--) y = fma_(b, y, x, real(x, c[i]));
    return y;
}

static LLVMValueRef choose(LLVMBuilderRef b, LLVMRealPredicate p, LLVMValueRef x, LLVMValueRef y,
                           LLVMValueRef yes, LLVMValueRef no) {
    return LLVMBuildSelect(b, LLVMBuildFCmp(b, p, x, y, ""), yes, no, "");
}

static LLVMValueRef absolute(LLVMBuilderRef b, LLVMValueRef x) {
    return call(b, "llvm.fabs", &x, 1);
}

static LLVMValueRef with_sign(LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef sign) {
    return call(b, "llvm.copysign", (LLVMValueRef[]){x, sign}, 2);
}

/* x rounded to an integer by adding 1.5·2^23, for |x| < 2^22; *as_int: the same as an i32. */
static LLVMValueRef round_small(LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef *as_int) {
    const double magic = 12582912.0;
    LLVMValueRef shifted = LLVMBuildFAdd(b, x, real(x, magic), "");
    LLVMValueRef bits = LLVMBuildBitCast(b, shifted, int_type(x), "");
    *as_int = LLVMBuildSub(b, bits, integer(x, 0x4b400000), "");
    return LLVMBuildFSub(b, shifted, real(x, magic), "");
}

/* 2^n for an integer vector n in -126..127. */
static LLVMValueRef power_of_two(LLVMBuilderRef b, LLVMValueRef n, LLVMValueRef like) {
    LLVMValueRef bits = LLVMBuildShl(b, LLVMBuildAdd(b, n, integer(like, 127), ""), integer(like, 23), "");
    return LLVMBuildBitCast(b, bits, LLVMTypeOf(like), "");
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* table[the low four bits of each lane of `index`] */
static LLVMValueRef look_up(FunctionBuilder *fb, const double *table, LLVMValueRef index) {
    LLVMTypeRef f32 = LLVMFloatTypeInContext(fb->context);
    LLVMValueRef lanes[TABLE_ENTRIES];
    for (int i = 0; i < TABLE_ENTRIES; i++) lanes[i] = LLVMConstReal(f32, table[i]);
    return fb->target->tables->look_up(fb, LLVMConstVector(lanes, TABLE_ENTRIES), index);
}

/* A scalar goes through the same instructions as vectors, so that both have the same bits. */
static LLVMValueRef on_vectors(FunctionBuilder *fb, LLVMValueRef x,
                               LLVMValueRef (*f)(FunctionBuilder *fb, LLVMValueRef x)) {
    if (is_vector(LLVMTypeOf(x))) return f(fb, x);
    LLVMValueRef y = f(fb, build_splat(fb, TABLE_ENTRIES, x));
    return LLVMBuildExtractElement(fb->builder, y,
                                   LLVMConstInt(LLVMInt32TypeInContext(fb->context), 0, false), "");
}

/* factor·x, rounded by adding `magic` and taking it away; *bits: their low ones count it. */
static LLVMValueRef round_to_piece(LLVMBuilderRef b, LLVMValueRef x, double factor, double magic,
                                   LLVMValueRef *bits) {
    LLVMValueRef shifted = fma_(b, x, real(x, factor), real(x, magic));
    *bits = LLVMBuildBitCast(b, shifted, int_type(x), "");
    return LLVMBuildFSub(b, shifted, real(x, magic), "");
}

/* 2^(i/16) */
static const double POWERS[TABLE_ENTRIES] = {
    1,          1.04427373, 1.09050775, 1.13878858, 1.18920708, 1.24185777, 1.29683959, 1.35425556,
    1.41421354, 1.47682619, 1.54221082, 1.61049032, 1.68179286, 1.75625217, 1.8340081,  1.91520655};

/* 2^(i/16)·e^r, |r| <= log(2)/32, times a power of two by the instruction for it, which rounds denormal results right.
 * */
static LLVMValueRef exp_by_table(FunctionBuilder *fb, LLVMValueRef x) {
    static const double rests[TABLE_ENTRIES] = {0,
                                                4.62854679e-08,
                                                -1.19921575e-08,
                                                4.72978208e-08,
                                                3.19341815e-08,
                                                3.62105723e-08,
                                                -3.09907229e-08,
                                                -7.47521334e-09,
                                                1.71142709e-08,
                                                -3.04768335e-08,
                                                5.23333421e-09,
                                                6.10759177e-09,
                                                -1.4719606e-08,
                                                -5.25879518e-09,
                                                -6.12825968e-09,
                                                5.14060927e-09}; /* of their rounding, relative */
    LLVMBuilderRef b = fb->builder;
    LLVMValueRef bits;
    x = choose(b, LLVMRealOGT, x, real(x, 89), real(x, 89), x); /* NaN stays */
    x = choose(b, LLVMRealOLT, x, real(x, -105), real(x, -105), x);
    LLVMValueRef n = round_to_piece(b, x, 1.44269504088896341, 786432.0, &bits); /* 1.5·2^19: in sixteenths */
    LLVMValueRef r = fma_(b, n, real(x, -0.69314718246459961), x);
    r = fma_(b, n, real(x, 1.904654299957768e-9), r);
    LLVMValueRef y = fma_(b, fma_(b, r, real(x, 0.1666686216), real(x, 0.5000097749)), r, real(x, 1));
    LLVMValueRef power = look_up(fb, POWERS, bits);
    y = fma_(b, power, fma_(b, y, r, look_up(fb, rests, bits)), power);
    return fb->target->tables->scale(fb, y, n);
}

/* The same with a parabola in sixteenths of the exponent. */
static LLVMValueRef exp_by_table_bf16(FunctionBuilder *fb, LLVMValueRef x) {
    LLVMBuilderRef b = fb->builder;
    LLVMValueRef bits;
    x = choose(b, LLVMRealOGT, x, real(x, 88.3), real(x, 88.3), x); /* NaN stays */
    x = choose(b, LLVMRealOLT, x, real(x, -87), real(x, -87), x);
    LLVMValueRef n = round_to_piece(b, x, 1.44269504088896341, 786432.0, &bits);
    LLVMValueRef f = fma_(b, x, real(x, 1.44269504088896341), LLVMBuildFNeg(b, n, ""));
    LLVMValueRef y = LLVMBuildFMul(b, fma_(b, f, real(x, 0.2402265), real(x, 0.6931472)), f, "");
    LLVMValueRef power = look_up(fb, POWERS, bits);
    return fb->target->tables->scale(fb, fma_(b, power, y, power), n);
}

/* erf by polynomials of |x| in 16 pieces around multiples of 65/256, through Chebyshev's points; the first is x·G(|x|),
 * so that small results keep their digits. From 3.92 on it is 1. */
static LLVMValueRef erf_of_pieces(FunctionBuilder *fb, LLVMValueRef x, const double (*c)[TABLE_ENTRIES],
                                  int degree) {
    const double piece = 65.0 / 256, magic = 12582912.0, end = 3.92;
    LLVMBuilderRef b = fb->builder;
    LLVMValueRef bits, t = absolute(b, x);
    t = choose(b, LLVMRealOGT, t, real(x, end), real(x, end), t); /* NaN stays */
    LLVMValueRef n = round_to_piece(b, t, 1 / piece, magic, &bits);
    LLVMValueRef r = fma_(b, n, real(x, -piece), t), y = look_up(fb, c[degree], bits);
    for (int i = degree - 1; i >= 0; i--) y = fma_(b, y, r, look_up(fb, c[i], bits));
    return with_sign(b, y, x);
}

static LLVMValueRef erf_by_table(FunctionBuilder *fb, LLVMValueRef x) {
    static const double c[6][TABLE_ENTRIES] = {
        {0, 0.28046301, 0.527338445, 0.718623817, 0.849086046, 0.927408159, 0.968796372, 0.988047481,
         0.995929182, 0.998769462, 0.999670327, 0.999921799, 0.999983609, 0.99999696, 0.999999523,
         0.99999994},
        {1.12837923, 1.05792964, 0.871890604, 0.631641567, 0.402237773, 0.225163758, 0.110794343, 0.047922574,
         0.0182207469, 0.00608969759, 0.00178907579, 0.000462024793, 0.000104883053, 2.09290229e-05,
         3.67109942e-06, 5.66057679e-07},
        {2.13117204e-07, -0.268608987, -0.442749709, -0.481129527, -0.408523619, -0.285855561, -0.168790951,
         -0.0851760358, -0.0370108671, -0.0139154699, -0.00454219012, -0.00129020563, -0.000319474668,
         -6.90513261e-05, -1.30410026e-05, -2.15413547e-06},
        {-0.376139253, -0.307172239, -0.140739396, 0.033775568, 0.142522559, 0.166877404, 0.134494871,
         0.0849500373, 0.0440457724, 0.0191701818, 0.00709280791, 0.00224863878, 0.000614106306,
         0.00014501976, 2.96945273e-05, 5.27703651e-06},
        {0.000256127474, 0.127548873, 0.182122141, 0.146900892, 0.0639470071, -0.0101210717, -0.0457372479,
         -0.0469108559, -0.0324016139, -0.0173377376, -0.00755421259, -0.00274571311, -0.000844104274,
         -0.000221422219, -4.98566624e-05, -9.64711035e-06},
        {0.111087814, 0.078715682, 0.00512941414, -0.0546301343, -0.0683247074, -0.0445912145, -0.0123287234,
         0.00785890874, 0.0130364299, 0.0100200279, 0.00549429888, 0.00236790814, 0.000834487146,
         0.000245507312, 6.10520656e-05, 1.33590975e-05}};
    return erf_of_pieces(fb, x, c, 5);
}

static LLVMValueRef erf_by_table_bf16(FunctionBuilder *fb, LLVMValueRef x) {
    static const double c[4][TABLE_ENTRIES] = {
        {0, 0.280458868, 0.527332544, 0.718619049, 0.84908396, 0.927408457, 0.968797863, 0.98804903,
         0.995930254, 0.998769999, 0.999670565, 0.999921918, 0.999983609, 0.99999696, 0.999999523,
         0.99999994},
        {1.12838054, 1.05792713, 0.871890485, 0.631643355, 0.402239978, 0.225165203, 0.110794738,
         0.0479223207, 0.0182203241, 0.00608937209, 0.00178889744, 0.000461947988, 0.000104856001,
         2.09210684e-05, 3.66912286e-06, 5.64155755e-07},
        {-0.000186782054, -0.266552627, -0.439813644, -0.478761494, -0.407493085, -0.286019057, -0.16952841,
         -0.0859322324, -0.0375330821, -0.0141948555, -0.00466389908, -0.00133443472, -0.000333069096,
         -7.2616589e-05, -1.38435889e-05, -2.29721445e-06},
        {-0.373069137, -0.305903316, -0.140656829, 0.0328947864, 0.141421124, 0.166158676, 0.134296253,
         0.085076794, 0.0442559309, 0.0193316825, 0.00718135014, 0.00228679273, 0.000627550296,
         0.000148974359, 3.06777765e-05, 5.6818717e-06}};
    return erf_of_pieces(fb, x, c, 3);
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

LLVMValueRef vecmath_exp(FunctionBuilder *fb, LLVMValueRef x) {
    if (fb->target->tables) return on_vectors(fb, x, exp_by_table);
    LLVMBuilderRef b = fb->builder;
    static const double c[] = {1,
                               1,
                               5.0000001201e-1,
                               1.6666665459e-1,
                               4.1665795894e-2,
                               8.3334519073e-3,
                               1.3981999507e-3,
                               1.9875691500e-4};
    x = choose(b, LLVMRealOGT, x, real(x, 89), real(x, 89), x); /* NaN stays */
    x = choose(b, LLVMRealOLT, x, real(x, -105), real(x, -105), x);
    LLVMValueRef n, rounded = round_small(b, LLVMBuildFMul(b, x, real(x, 1.44269504088896341), ""), &n);
    LLVMValueRef r = fma_(b, rounded, real(x, -0.693359375), x);
    r = fma_(b, rounded, real(x, 2.12194440054690583e-4), r);
    LLVMValueRef y = polynomial(b, r, c, 8);
    LLVMValueRef half =
        LLVMBuildAShr(b, n, integer(x, 1), ""); /* in two factors: either is a normal number */
    y = LLVMBuildFMul(b, y, power_of_two(b, half, x), "");
    return LLVMBuildFMul(b, y, power_of_two(b, LLVMBuildSub(b, n, half, ""), x), "");
}

LLVMValueRef vecmath_log(FunctionBuilder *fb, LLVMValueRef x) {
    LLVMBuilderRef b = fb->builder;
    static const double c[] = {3.3333331174e-1,  -2.4999993993e-1, 2.0000714765e-1,
                               -1.6668057665e-1, 1.4249322787e-1,  -1.2420140846e-1,
                               1.1676998740e-1,  -1.1514610310e-1, 7.0376836292e-2};
    LLVMValueRef tiny = LLVMBuildFCmp(b, LLVMRealOLT, x, real(x, 1.17549435e-38), "");
    LLVMValueRef v = LLVMBuildSelect(b, tiny, LLVMBuildFMul(b, x, real(x, 8388608.0), ""), x, "");
    LLVMValueRef bits = LLVMBuildBitCast(b, v, int_type(x), "");
    LLVMValueRef shifted = LLVMBuildSub(b, bits, integer(x, 0x3f3504f3), ""); /* mantissa in [√½, √2) */
    LLVMValueRef power = LLVMBuildAShr(b, shifted, integer(x, 23), "");
    LLVMValueRef mantissa = LLVMBuildSub(b, bits, LLVMBuildShl(b, power, integer(x, 23), ""), "");
    LLVMValueRef t = LLVMBuildFSub(b, LLVMBuildBitCast(b, mantissa, LLVMTypeOf(x), ""), real(x, 1), "");
    LLVMValueRef exponent = LLVMBuildSIToFP(b, power, LLVMTypeOf(x), "");
    exponent = LLVMBuildFSub(b, exponent, LLVMBuildSelect(b, tiny, real(x, 23), real(x, 0), ""), "");
    LLVMValueRef z = LLVMBuildFMul(b, t, t, "");
    LLVMValueRef y = LLVMBuildFMul(b, LLVMBuildFMul(b, polynomial(b, t, c, 9), t, ""), z, "");
    y = fma_(b, exponent, real(x, -2.12194440e-4), y);
    y = fma_(b, z, real(x, -0.5), y);
    y = LLVMBuildFAdd(b, t, y, "");
    y = fma_(b, exponent, real(x, 0.693359375), y);
    y = choose(b, LLVMRealOEQ, x, real(x, __builtin_inf()), x, y);
    y = choose(b, LLVMRealOEQ, x, real(x, 0), real(x, -__builtin_inf()), y);
    y = choose(b, LLVMRealOLT, x, real(x, 0), real(x, __builtin_nan("")), y);
    return choose(b, LLVMRealUNO, x, x, x, y);
}

/* sin (quarter 0) and cos (quarter 1): x = n·π/2 + r with |r| <= π/4. */
static LLVMValueRef sine(LLVMBuilderRef b, LLVMValueRef x, int quarter) {
    static const double s[] = {-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4};
    static const double c[] = {4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5};
    LLVMValueRef n, rounded = round_small(b, LLVMBuildFMul(b, x, real(x, 0.63661977236758134), ""), &n);
    LLVMValueRef r = fma_(b, rounded, real(x, -1.5703125), x);
    r = fma_(b, rounded, real(x, -4.83751296997e-4), r);
    r = fma_(b, rounded, real(x, -7.54978995489e-8), r);
    LLVMValueRef z = LLVMBuildFMul(b, r, r, "");
    LLVMValueRef sin_ = fma_(b, LLVMBuildFMul(b, polynomial(b, z, s, 3), z, ""), r, r);
    LLVMValueRef cos_ = fma_(b, z, real(x, -0.5), real(x, 1));
    cos_ = fma_(b, LLVMBuildFMul(b, polynomial(b, z, c, 3), z, ""), z, cos_);
    n = LLVMBuildAdd(b, n, integer(x, quarter), "");
    LLVMValueRef odd = LLVMBuildICmp(b, LLVMIntNE, LLVMBuildAnd(b, n, integer(x, 1), ""), integer(x, 0), "");
    LLVMValueRef negative =
        LLVMBuildICmp(b, LLVMIntNE, LLVMBuildAnd(b, n, integer(x, 2), ""), integer(x, 0), "");
    LLVMValueRef y = LLVMBuildSelect(b, odd, cos_, sin_, "");
    return LLVMBuildSelect(b, negative, LLVMBuildFNeg(b, y, ""), y, "");
}

LLVMValueRef vecmath_sin(FunctionBuilder *fb, LLVMValueRef x) {
    LLVMBuilderRef b = fb->builder;
    return choose(b, LLVMRealOEQ, x, real(x, 0), x, sine(b, x, 0)); /* -0 stays */
}
LLVMValueRef vecmath_cos(FunctionBuilder *fb, LLVMValueRef x) {
    LLVMBuilderRef b = fb->builder;
    return sine(b, x, 1);
}

/* A polynomial in x² below 0.625, else 1 - 2 / (e^2|x| + 1). */
LLVMValueRef vecmath_tanh(FunctionBuilder *fb, LLVMValueRef x) {
    LLVMBuilderRef b = fb->builder;
    static const double c[] = {0.9999999956252364,   -0.33333253471729013, 0.13330957287990766,
                               -0.05370706757587364, 0.020544905349428957, -0.0056076887162693385};
    LLVMValueRef a = absolute(b, x), one = real(x, 1);
    LLVMValueRef near = LLVMBuildFMul(b, x, polynomial(b, LLVMBuildFMul(b, x, x, ""), c, 6), "");
    LLVMValueRef twice = vecmath_exp(fb, LLVMBuildFAdd(b, a, a, ""));
    LLVMValueRef far =
        LLVMBuildFSub(b, one, LLVMBuildFDiv(b, real(x, 2), LLVMBuildFAdd(b, twice, one, ""), ""), "");
    return choose(b, LLVMRealOLT, a, real(x, 0.625), near, with_sign(b, far, x));
}

/* x·P(x²) below 0.92, else 1 - e^Q(|x|), Q a fit of log erfc on [0.9, 4]. */
LLVMValueRef vecmath_erf(FunctionBuilder *fb, LLVMValueRef x) {
    if (fb->target->tables) return on_vectors(fb, x, erf_by_table);
    LLVMBuilderRef b = fb->builder;
    static const double p[] = {1.1283791670829895,    -0.37612638719950736,  0.11283787265051559,
                               -0.026865766021072775, 0.005222145306010894,  -0.000850294256162789,
                               0.0001142358133463769, -1.018232752962125e-05};
    static const double q[] = {0.0003345408585664133, -1.1303176681087364,    -0.6316259987302947,
                               -0.11033814926395187,  0.02662273826690882,    -0.004859320457206568,
                               0.0006282396329214494, -5.217785978380592e-05, 2.3078012366835386e-06,
                               -3.163541146064587e-08};
    LLVMValueRef a = absolute(b, x);
    LLVMValueRef near = LLVMBuildFMul(b, x, polynomial(b, LLVMBuildFMul(b, x, x, ""), p, 8), "");
    LLVMValueRef t = choose(b, LLVMRealOGT, a, real(x, 4), real(x, 4), a);
    LLVMValueRef far = LLVMBuildFSub(b, real(x, 1), vecmath_exp(fb, polynomial(b, t, q, 10)), "");
    return choose(b, LLVMRealOLT, a, real(x, 0.92), near, with_sign(b, far, x));
}

/* e^x / (1 + e^x) below 0, so that small results keep their digits. */
LLVMValueRef vecmath_sigmoid(FunctionBuilder *fb, LLVMValueRef x) {
    LLVMBuilderRef b = fb->builder;
    LLVMValueRef one = real(x, 1), t = vecmath_exp(fb, LLVMBuildFNeg(b, absolute(b, x), ""));
    LLVMValueRef upper = choose(b, LLVMRealOLT, x, real(x, 0), t, one);
    return LLVMBuildFDiv(b, upper, LLVMBuildFAdd(b, one, t, ""), "");
}

LLVMValueRef vecmath_exp_bf16(FunctionBuilder *fb, LLVMValueRef x) {
    if (fb->target->tables) return on_vectors(fb, x, exp_by_table_bf16);
    LLVMBuilderRef b = fb->builder;
    static const double c[] = {0.9999992614265725, 0.6931218143085529, 0.2402474485948583,
                               0.05591786385170985, 0.009570101879592403}; /* 2^x on [-½, ½] */
    LLVMValueRef z = LLVMBuildFMul(b, x, real(x, 1.44269504088896341), "");
    z = choose(b, LLVMRealOGT, z, real(x, 127.49), real(x, 127.49), z); /* NaN stays */
    z = choose(b, LLVMRealOLT, z, real(x, -125.5), real(x, -125.5), z);
    LLVMValueRef n, rounded = round_small(b, z, &n);
    LLVMValueRef y = polynomial(b, LLVMBuildFSub(b, z, rounded, ""), c, 5);
    LLVMValueRef bits = LLVMBuildBitCast(b, y, int_type(x), "");
    bits = LLVMBuildAdd(b, bits, LLVMBuildShl(b, n, integer(x, 23), ""), "");
    return choose(b, LLVMRealUNO, x, x, x, LLVMBuildBitCast(b, bits, LLVMTypeOf(x), ""));
}

/* 1 - (a1 t + a2 t² + a3 t³)·e^-x², t = 1 / (1 + p|x|) */
LLVMValueRef vecmath_erf_bf16(FunctionBuilder *fb, LLVMValueRef x) {
    if (fb->target->tables) return on_vectors(fb, x, erf_by_table_bf16);
    LLVMBuilderRef b = fb->builder;
    static const double c[] = {0.3480242, -0.0958798, 0.7478556};
    LLVMValueRef power = vecmath_exp_bf16(fb, LLVMBuildFNeg(b, LLVMBuildFMul(b, x, x, ""), ""));
    LLVMValueRef one = real(x, 1), t = fma_(b, absolute(b, x), real(x, 0.47047), one);
    t = LLVMBuildFDiv(b, one, t, "");
    LLVMValueRef tail = LLVMBuildFMul(b, LLVMBuildFMul(b, polynomial(b, t, c, 3), t, ""), power, "");
    return with_sign(b, LLVMBuildFSub(b, one, tail, ""), x);
}

LLVMValueRef vecmath_libm(FunctionBuilder *fb, const char *name, LLVMValueRef x) {
    LLVMBuilderRef b = fb->builder;
    LLVMTypeRef type = LLVMTypeOf(x), element = is_vector(type) ? LLVMGetElementType(type) : type;
    LLVMTypeRef signature = LLVMFunctionType(element, &element, 1, false);
    LLVMValueRef callee = LLVMGetNamedFunction(module_of(b), name);
    if (!callee) callee = LLVMAddFunction(module_of(b), name, signature);
    if (!is_vector(type)) return LLVMBuildCall2(b, signature, callee, &x, 1, "");
    LLVMValueRef result = LLVMGetPoison(type);
    LLVMTypeRef i32 = LLVMInt32TypeInContext(context_of(b));
    for (unsigned i = 0; i < LLVMGetVectorSize(type); i++) {
        LLVMValueRef at = LLVMConstInt(i32, i, false), lane = LLVMBuildExtractElement(b, x, at, "");
        lane = LLVMBuildCall2(b, signature, callee, &lane, 1, "");
        result = LLVMBuildInsertElement(b, result, lane, at, "");
    }
    return result;
}
