/* Bodies of product kernels: a matrix product (gemm.c) or an attention, with the kernel's loops as its epilogue. */
#include "codegen/gemm/gemm.h"
#include "codegen/kernels/attention.h"
#include "codegen/kernels/block_reduction.h"
#include "codegen/kernels/epilogue.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/prologue.h"

/* The loops of one dimension of an operand. */
static GemmNest nest_of(const Strided *strided, int dim) {
    GemmNest nest = {0};
    for (int i = 0; i < strided->n_loops; i++) {
        if (strided->loops[i].dim != dim) continue;
        nest.extent[nest.n] = strided->loops[i].extent;
        nest.stride[nest.n++] = strided->loops[i].stride;
    }
    return nest;
}

/* Of an operand that is windows of an image; `lines`: the dimension of which its lines are. NULL: strides say all. */
static const GemmNests *nests_of(Emitter *e, const Strided *strided, int lines, int along) {
    if (!strided->n_loops) return NULL;
    GemmNests *nests = ARENA_NEW(e->arena, GemmNests);
    *nests = (GemmNests){nest_of(strided, lines), nest_of(strided, along)};
    return nests;
}

static GemmShape shape_of(Emitter *e, const Node *node, ValueId *a_base, ValueId *b_base) {
    ValueId views[KERNEL_VIEWS];
    int n_views, rank = node->type.rank;
    Strided a = kernel_operand(e->func, node, 0, views, &n_views);
    Strided b = kernel_operand(e->func, node, 1, views, &n_views);
    bool ta = matmul_attrs(node)->ta, tb = matmul_attrs(node)->tb;
    const Type *ta_type = func_type(e->func, node->operands[0]);
    GemmShape shape = {.m = node->type.dim[rank - 2], .n = node->type.dim[rank - 1], .n_batch = rank - 2};
    shape.k = ta_type->dim[ta ? rank - 2 : rank - 1];
    for (int i = 0; i < rank - 2; i++) {
        shape.batch[i] = node->type.dim[i];
        shape.a_batch[i] = a.stride[i];
        shape.b_batch[i] = b.stride[i];
    }
    shape.a_row = a.stride[ta ? rank - 1 : rank - 2];
    shape.a_col = a.stride[ta ? rank - 2 : rank - 1];
    shape.symmetric = matmul_attrs(node)->symmetric;
    shape.b_packed = matmul_attrs(node)->panel > 0;
    shape.b_row = b.stride[tb ? rank - 1 : rank - 2];
    shape.b_col = b.stride[tb ? rank - 2 : rank - 1];
    shape.a_dtype = func_type(e->func, a.base)->dtype;
    shape.b_dtype = func_type(e->func, b.base)->dtype;
    shape.precision = matmul_attrs(node)->precision;
    shape.a_nests = nests_of(e, &a, ta ? rank - 1 : rank - 2, ta ? rank - 2 : rank - 1);
    shape.b_nests = nests_of(e, &b, tb ? rank - 2 : rank - 1, tb ? rank - 1 : rank - 2);
    shape.a_offset = a.offset;
    shape.b_offset = b.offset;
    if (e->fb->chain) shape.block = chain_share(e->fb->chain, shape.m);
    shape.grain = emit_block_grain(e);
    *a_base = a.base;
    *b_base = b.base;
    return shape;
}

static AttentionOperand attention_operand(Emitter *e, const Node *node, int operand, const Type *result) {
    AttentionOperand x = {.dtype = DT_F32};
    ValueId views[KERNEL_VIEWS];
    int n_views, rank = result->rank;
    if (operand >= node->n_operands) return x;
    Strided strided = kernel_operand(e->func, node, operand, views, &n_views);
    const Type *type = func_type(e->func, node->operands[operand]);
    for (int k = 0; k < rank - 2; k++) x.batch[k] = type->dim[k] == 1 ? 0 : strided.stride[k];
    x.row = strided.stride[rank - 2];
    x.col = strided.stride[rank - 1];
    x.offset = strided.offset;
    x.dtype = func_type(e->func, strided.base)->dtype;
    x.pointer = emit_pointer(e, strided.base, false);
    return x;
}

static AttentionShape attention_shape(Emitter *e, const Node *node) {
    const Type *q = func_type(e->func, node->operands[0]);
    static const AttentionKind KINDS[OP_COUNT] = {[OP_attention] = ATTENTION,
                                                  [OP_attention_grad] = ATTENTION_GRAD,
                                                  [OP_attention_query_grad] = ATTENTION_QUERY_GRAD,
                                                  [OP_attention_key_grad] = ATTENTION_KEY_GRAD,
                                                  [OP_attention_bias_grad] = ATTENTION_BIAS_GRAD};
    AttentionShape s = {.kind = KINDS[node->op],
                        .precision = attention_attrs(node)->precision,
                        .scale = attention_attrs(node)->scale,
                        .m = q->dim[q->rank - 2],
                        .n = func_type(e->func, node->operands[1])->dim[q->rank - 2],
                        .d = q->dim[q->rank - 1],
                        .n_batch = q->rank - 2};
    int bias = product_factors(node);
    s.has_bias = node->n_operands > bias;
    for (int k = 0; k < s.n_batch; k++) {
        s.batch[k] = q->dim[k];
        s.bias_batch[k] = s.has_bias ? func_type(e->func, node->operands[bias])->dim[k] : 1;
    }
    s.q = attention_operand(e, node, 0, q);
    s.k = attention_operand(e, node, 1, q);
    s.v = attention_operand(e, node, 2, q);
    if (s.kind != ATTENTION) s.dy = attention_operand(e, node, 3, q);
    if (s.has_bias) s.bias = attention_operand(e, node, bias, q);
    return s;
}

static int64_t emit_matmul(Emitter *e, const Node *node) {
    FunctionBuilder *fb = e->fb;
    TileShape tile = target_tile(fb->target, matmul_attrs(node)->precision);
    Epilogue *epilogue = epilogue_begin(e, tile.rows, tile.columns);
    LLVMValueRef c = matmul_attrs(node)->symmetric ? NULL : epilogue_plain(epilogue);
    ValueId a, b;
    GemmShape shape = shape_of(e, node, &a, &b);
    LLVMValueRef b_pointer = emit_pointer(e, b, false), a_pointer = NULL;
    if (e->kernel->prologue) {
        shape.prologue = prologue_emit;
        shape.prologue_user = prologue_begin(e);
    } else
        a_pointer = emit_pointer(e, a, false);
    LLVMValueRef scratch = emit_scratch(e);
    gemm_emit(fb, &shape, a_pointer, b_pointer, c, scratch, c ? NULL : epilogue_emit,
              c ? NULL : epilogue_prefetch, epilogue);
    return gemm_scratch_bytes(fb, &shape, !c);
}

int64_t emit_product_kernel(Emitter *e) {
    FunctionBuilder *fb = e->fb;
    const Node *node = func_node(e->func, e->kernel->core);
    if (node->op == OP_matmul) return emit_matmul(e, node);
    Epilogue *epilogue = epilogue_begin(e, 0, 0);
    AttentionShape shape = attention_shape(e, node);
    LLVMValueRef scratch = emit_scratch(e);
    attention_emit(fb, &shape, scratch, epilogue_emit, epilogue_prefetch, epilogue);
    return attention_scratch_bytes(fb, &shape);
}
