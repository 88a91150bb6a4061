/* Inside attention: what its files share while the code of one operator is emitted. Each uses those before it:
 * attention_scratch.c (where things lie), attention_products.c, attention_softmax.c, attention_gradient.c,
 * attention_emit.c (the forward pass, and what threads share).
 *
 * All works on one matrix of scores at a time, for blocks of queries, of which nr are in work at once: a query in each
 * lane. */
#ifndef VITC_CODEGEN_ATTENTION_WORK_H
#define VITC_CODEGEN_ATTENTION_WORK_H

#include "codegen/gemm/panels.h"
#include "codegen/kernels/attention.h"

/* CHUNK: lines of a transposed result that an epilogue gets at a time. */
enum { CHUNK = 64, MOST_VECTORS = 4 };

/* Where things lie in the scratch, in units of four bytes; term_stride: from a region's first bf16 term to its second,
 * and to its third. */
typedef struct {
    int64_t at, term_stride;
} Region;

/* A side A of tokens: packed, or where it lies; line: its units from token to token then. */
typedef struct {
    LLVMValueRef at;
    int64_t term_stride, line;
} Tokens;

/* Rows from..to-1. */
typedef struct {
    LLVMValueRef from, to;
} Range;

typedef struct Attention Attention;
struct Attention {
    FunctionBuilder *fb;
    const AttentionShape *s;
    Panels p;
    int64_t mr, nr, keys, dims; /* n and d up to whole panels of A */
    int64_t queries;    /* gradients: in a block, whose probabilities and ds are kept in the scratch */
    int64_t matrices;   /* of scores (images by heads); for the bias's gradient, of the bias */
    int64_t rows;       /* the most queries in work at once: nr, or less where there are fewer */
    int lanes, vectors; /* lanes of a vector; vectors in nr */
    bool
        straight; /* results are computed as they are stored, not transposed: not with tile registers or terms */
    LLVMTypeRef vector;
    LLVMValueRef scratch;
    Region k, v, k_dims, v_dims; /* A: lines are keys; keys; dims; dims */
    Region q_lines, dy_lines;    /* B: nr queries */
    Region q_dims, dy_dims;      /* B: lines are dims, along the block's queries */
    Region p_kept, ds_kept;      /* A: lines are keys, along the block's queries */
    Region scores, ds;           /* [keys][nr]: scores, then the probabilities p; dp, then ds */
    Region bias, as_b;           /* [keys][nr]: the bias; scores or ds as a side B */
    Region factors;              /* of each query: 1 / total */
    Region out, turned;          /* [dims][nr]; [nr][CHUNK] */
    Region sums;                 /* tiles of dk, dv, or [queries/nr][keys][nr] of the bias's gradient */
    Tokens k_side, v_side;
    int64_t size;
    LLVMValueRef matrix, block, row; /* in work; the first query of the block, and of those in work */
    LLVMValueRef key;                /* of the softmax */
    LLVMValueRef bias_sums;          /* where the bias's gradient of this block of queries is summed */
    LLVMValueRef most[MOST_VECTORS], total[MOST_VECTORS],
        dot[MOST_VECTORS]; /* stack slots; a query each lane */
    /* Prefetches rows of the next matrix, of queries and of keys, while a product is computed; or NULL. */
    void (*meanwhile)(Attention *t, const Range *queries, const Range *keys);
    GemmEpilogue epilogue;
    GemmPrefetch prefetch; /* or NULL */
    void *user;
};

/* Which gradients are made. */
static inline bool attention_of_queries(const Attention *t) {
    return t->s->kind == ATTENTION_GRAD || t->s->kind == ATTENTION_QUERY_GRAD;
}

static inline bool attention_of_keys(const Attention *t) {
    return t->s->kind == ATTENTION_GRAD || t->s->kind == ATTENTION_KEY_GRAD;
}

static inline int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t round_up(int64_t x, int64_t to) {
    return (x + to - 1) / to * to;
}

/* ---- attention_scratch.c ----------------------------------------------------------------------------------------- */
Attention attention_plan(const Target *target, const AttentionShape *s);
LLVMValueRef attention_region(const Attention *t, const Region *r);                 /* where it begins */
LLVMValueRef attention_at(const Attention *t, const Region *r, LLVMValueRef index); /* element of f32 */
Panel attention_panel(const Attention *t, const Region *r);   /* a side B of one panel */
Tokens attention_packed(const Attention *t, const Region *r); /* a side A of several */
int64_t attention_kept_line(
    const Attention
        *t); /* units of a line of p_kept, ds_kept where they are read straight: [keys][queries] */
int64_t attention_kept_panel(const Attention *t);             /* units of a panel of them where not */
LLVMValueRef attention_load(Attention *t, LLVMValueRef from); /* a vector of queries */
LLVMValueRef attention_real(Attention *t, double value);      /* a number in every lane */
/* Element (row, 0) of the operand's matrix; row may be NULL. */
LLVMValueRef attention_row(Attention *t, const AttentionOperand *x, LLVMValueRef matrix, LLVMValueRef row);

/* ---- attention_products.c ---------------------------------------------------------------------------------------- */
/* A whole matrix whose lines are its columns (dims). */
void attention_pack_dims(Attention *t, bool side_b, const AttentionOperand *x, LLVMValueRef from,
                         LLVMValueRef tokens, const Region *to);
/* A [keys][nr] array as B along the keys; it may be so already. */
Panel attention_as_b(Attention *t, const Region *array);
/* Tokens of k or v as a side A: where they lie, if they do so as units along the dims, or packed. */
Tokens attention_tokens(Attention *t, const AttentionOperand *x, LLVMValueRef matrix, const Region *packed);
/* to[lines][nr] = A·b for a side A of `lines` lines along k. */
void attention_multiply(Attention *t, const Tokens *a, int64_t lines, int64_t k, Panel b, const Region *to);
/* Hands dims of the queries from `row` to the epilogue: those of an array [keys][a_step] times a side B of dims along
 * the keys, times `factor`, or, where that is 0, the query's own. The array is read as a side A as it lies: its product
 * needs no turning, and queries that are not there leave no lanes empty. */
void attention_finish(Attention *t, LLVMValueRef array, int64_t a_step, const Region *b, double factor,
                      LLVMValueRef row, LLVMValueRef count);
/* Hands lines 0..lines-1 of an array [lines][nr], turned, to the epilogue as columns of rows `row`.. of matrix `batch`.
 * */
void attention_finish_turned(Attention *t, LLVMValueRef from, int64_t lines, LLVMValueRef batch,
                             LLVMValueRef row, LLVMValueRef rows);
/* Runs `body` for nr queries at a time from `from` to `to`. The last ones may leave vectors empty: they have code of
 * their own, which computes fewer. */
typedef void (*QueryBody)(Attention *t, LLVMValueRef row, LLVMValueRef count);
void attention_over_queries(Attention *t, LLVMValueRef from, LLVMValueRef to, QueryBody body);
/* scores: k·qᵀ of the queries from `row`. */
void attention_scores(Attention *t, LLVMValueRef matrix, LLVMValueRef row, LLVMValueRef count);
/* Of the gradients: ds becomes dp = v·dyᵀ. */
void attention_score_products(Attention *t, LLVMValueRef matrix, LLVMValueRef row, LLVMValueRef count);

/* ---- attention_softmax.c ----------------------------------------------------------------------------------------- */
/* scores become exponentials of the queries from `row`; most, total and dot of each. */
void attention_softmax(Attention *t, LLVMValueRef matrix, LLVMValueRef row, LLVMValueRef count);
/* scores become p, and ds (dp before) becomes ds; or they are kept. */
void attention_softmax_gradient(Attention *t);
/* Runs `body` for every key and every vector of queries; place: element of a [keys][nr] array. */
typedef void (*KeyBody)(Attention *t, LLVMValueRef place, int vector);
void attention_over_keys(Attention *t, KeyBody body);
void attention_accumulate(Attention *t, LLVMValueRef slot, LLVMValueRef x); /* slot += x */
/* out[line][query] *= factor, or divided by the query's sum where factor is 0. */
void attention_scale(Attention *t, double factor);

/* ---- attention_gradient.c ---------------------------------------------------------------------------------------- */
void attention_gradient(Attention *t, LLVMValueRef matrix);
/* Of one matrix of the bias, rows from..to-1, summed over the matrices it is added to, a block of queries after
 * another. */
void attention_bias_gradient(Attention *t, LLVMValueRef bias_matrix, LLVMValueRef from, LLVMValueRef to);

#endif
