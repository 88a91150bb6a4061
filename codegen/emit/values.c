/* A value of a kernel from its operands: see emit.h. */
#include "codegen/emit/bf16.h"
#include "codegen/emit/elementwise.h"
#include "codegen/emit/emit.h"
#include "ir/plan/canonical.h"

#include <assert.h>

/* ---- what is known ----------------------------------------------------------------------------------------------- */

static void remember(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard,
                     LLVMValueRef result) {
    Emitted entry = {value, *access, guard, result};
    ARENA_PUSH(e->arena, e->memo.items, e->memo.count, e->memo.capacity, entry);
}

void emit_remember(Emitter *e, ValueId value, const Access *access, LLVMValueRef result) {
    remember(e, value, access, NULL, result);
}

LLVMValueRef emit_recall(const Emitter *e, ValueId value, const Access *access, LLVMValueRef guard) {
    for (size_t i = e->memo.count; i-- > 0;)
        if (e->memo.items[i].value == value && (!e->memo.items[i].guard || e->memo.items[i].guard == guard) &&
            access_equal(&e->memo.items[i].access, access, e->kernel->domain.rank))
            return e->memo.items[i].result;
    return NULL;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static LLVMValueRef constant_of(Emitter *e, double value, DType dtype) {
    LLVMTypeRef type = build_type(e->fb, dtype);
    LLVMValueRef real = dtype_is_float(dtype) ? LLVMConstReal(type, value) : NULL;
    if (dtype == DT_BF16) return bf16_rounded(e->fb, real);
    return real ? real : LLVMConstInt(type, (unsigned long long)(int64_t)value, true);
}

/* A literal (node_is_literal, ir/plan/plan.h), loaded once before all loops. */
static LLVMValueRef literal_of(Emitter *e, ValueId value) {
    LLVMTypeRef type = build_type(e->fb, (DType)func_node(e->func, value)->type.dtype);
    int64_t number = 0;
    for (ValueId id = e->called->first; id < value; id++) number += node_is_literal(func_node(e->func, id));
    LLVMValueRef from = emit_pointer(e, IR_NONE, false), index = build_i64(e->fb, number);
    BuilderPlace before = build_entry_begin(e->fb);
    LLVMValueRef load = LLVMBuildLoad2(e->fb->builder, type,
                                       LLVMBuildGEP2(e->fb->builder, type, from, &index, 1, ""), "literal");
    LLVMSetAlignment(load, 4);
    build_entry_end(e->fb, before);
    return load;
}

static LLVMValueRef emit_constant(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard) {
    (void)access, (void)guard;
    const Node *node = func_node(e->func, value);
    if (node_is_literal(node)) return literal_of(e, value);
    return constant_of(e, constant_attrs(node)->value, node->type.dtype);
}

static LLVMValueRef emit_iota(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard) {
    (void)guard;
    const Node *node = func_node(e->func, value);
    int axis = (int)iota_attrs(node)->axis;
    if (axis < 0) axis += node->type.rank;
    return emit_converted(e->fb, emit_axis_index(e, access, axis), DT_I64, node->type.dtype);
}

/* ---- operands ---------------------------------------------------------------------------------------------------- */

static LLVMValueRef emit_operand(Emitter *e, const Node *node, int operand, const Access *access,
                                 LLVMValueRef guard) {
    DomainSplit split;
    Access of_operand;
    AccessResult result =
        access_operand(e->func, node, operand, &e->kernel->domain, access, &of_operand, &split);
    if (result == ACCESS_OK) return emit_value(e, node->operands[operand], &of_operand, guard);
    /* A reshape that is no index map over these loops: the same linear index, in memory. */
    return emit_load(e, node->operands[operand], &node->type, access, guard);
}

static LLVMValueRef emit_view(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard) {
    return emit_operand(e, func_node(e->func, value), 0, access, guard);
}

static LLVMValueRef emit_elementwise(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard) {
    const Node *node = func_node(e->func, value);
    Elements elements = {.fb = e->fb,
                         .node = node,
                         .from = func_type(e->func, node->operands[0])->dtype,
                         .bf16_only = emit_needs_bf16_only(e, value)};
    bool vector = false;
    for (int o = 0; o < node->n_operands; o++) {
        elements.x[o] = emit_operand(e, node, o, access, guard);
        vector = vector || build_is_vector(elements.x[o]);
    }
    for (int o = 0; vector && o < node->n_operands; o++) elements.x[o] = emit_splat(e, elements.x[o]);
    return emit_elements(&elements);
}

/* ---- choices: pad and concat ------------------------------------------------------------------------------------- */

static LLVMValueRef both(Emitter *e, LLVMValueRef a, LLVMValueRef b) {
    if (!a || !b) return a ? a : b;
    if (build_is_vector(a) != build_is_vector(b)) a = emit_splat(e, a), b = emit_splat(e, b);
    return LLVMBuildAnd(e->fb->builder, a, b, "");
}

static LLVMValueRef choose(Emitter *e, LLVMValueRef condition, LLVMValueRef a, LLVMValueRef b) {
    if (build_is_vector(condition) || build_is_vector(a) || build_is_vector(b)) {
        a = emit_splat(e, a);
        b = emit_splat(e, b);
    }
    return LLVMBuildSelect(e->fb->builder, condition, a, b, "");
}

/* Whether the index along axis k lies in [low, high). */
static LLVMValueRef in_range(Emitter *e, const Access *access, int k, int64_t low, int64_t high,
                             int64_t size) {
    LLVMValueRef index = emit_axis_index(e, access, k), inside = NULL;
    LLVMValueRef at_low = build_i64(e->fb, low), at_high = build_i64(e->fb, high);
    if (build_is_vector(index)) at_low = emit_splat(e, at_low), at_high = emit_splat(e, at_high);
    if (low > 0) inside = LLVMBuildICmp(e->fb->builder, LLVMIntSGE, index, at_low, "");
    if (high < size) inside = both(e, inside, LLVMBuildICmp(e->fb->builder, LLVMIntSLT, index, at_high, ""));
    return inside;
}

/* A choice that is the same for all lanes is made by branches: only what is chosen is computed. What a branch leaves
 * behind is forgotten with it. */
enum { MOST_BRANCHES = 64 };
typedef struct {
    LLVMBasicBlockRef after, ends[MOST_BRANCHES];
    LLVMValueRef values[MOST_BRANCHES];
    unsigned n;
    bool uniform; /* of the value chosen */
    Scope scope;
} Branches;

static void add_branch(Emitter *e, Branches *b, LLVMValueRef value) {
    b->values[b->n] = b->uniform ? value : emit_splat(e, value);
    b->ends[b->n++] = LLVMGetInsertBlock(e->fb->builder);
    LLVMBuildBr(e->fb->builder, b->after);
}

static LLVMValueRef end_branches(Emitter *e, Branches *b) {
    LLVMMoveBasicBlockAfter(b->after, LLVMGetInsertBlock(e->fb->builder));
    LLVMPositionBuilderAtEnd(e->fb->builder, b->after);
    LLVMValueRef phi = LLVMBuildPhi(e->fb->builder, LLVMTypeOf(b->values[0]), "");
    LLVMAddIncoming(phi, b->values, b->ends, b->n);
    emit_scope_end(e, b->scope);
    return phi;
}

/* Operand `operand` where the condition holds, in a branch of its own; the builder is then where it does not. */
static void branch_for(Emitter *e, Branches *b, const Node *node, int operand, const Access *access,
                       LLVMValueRef guard, LLVMValueRef condition) {
    LLVMBasicBlockRef yes = build_block(e->fb, "inside"), no = build_block(e->fb, "outside");
    LLVMBuildCondBr(e->fb->builder, condition, yes, no);
    LLVMPositionBuilderAtEnd(e->fb->builder, yes);
    add_branch(e, b, emit_operand(e, node, operand, access, guard));
    emit_scope_end(e, b->scope);
    LLVMPositionBuilderAtEnd(e->fb->builder, no);
}

static LLVMValueRef emit_pad(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard) {
    const Node *node = func_node(e->func, value);
    const Type *type = func_type(e->func, node->operands[0]);
    LLVMValueRef inside = NULL, border = constant_of(e, pad_attrs(node)->value, node->type.dtype);
    for (int k = 0; k < type->rank; k++) {
        int64_t low = pad_attrs(node)->low.v[k];
        if (type->dim[k] != node->type.dim[k])
            inside = both(e, inside, in_range(e, access, k, low, low + type->dim[k], node->type.dim[k]));
    }
    if (!inside) return emit_operand(e, node, 0, access, guard);
    if (build_is_vector(inside)) {
        LLVMValueRef x = emit_operand(e, node, 0, access, both(e, guard, inside));
        return choose(e, inside, x, border);
    }
    Branches b = {.after = build_block(e->fb, "padded"),
                  .uniform = emit_is_uniform(e, access),
                  .scope = emit_scope_begin(e)};
    branch_for(e, &b, node, 0, access, guard, inside);
    add_branch(e, &b, border);
    return end_branches(e, &b);
}

static LLVMValueRef emit_concat(Emitter *e, ValueId id, const Access *access, LLVMValueRef guard) {
    const Node *node = func_node(e->func, id);
    int axis = (int)concat_attrs(node)->axis, n = node->n_operands;
    if (axis < 0) axis += node->type.rank;
    int64_t start = 0, size = node->type.dim[axis];
    LLVMValueRef value = NULL;
    Branches b = {.uniform = emit_is_uniform(e, access), .scope = emit_scope_begin(e)};
    for (int o = 0; o < n; o++) {
        int64_t end = start + func_type(e->func, node->operands[o])->dim[axis];
        LLVMValueRef inside = in_range(e, access, axis, start, end, size);
        bool branches = n <= MOST_BRANCHES && (b.after || (inside && !build_is_vector(inside)));
        if (branches && !b.after) b.after = build_block(e->fb, "joined");
        if (branches && o + 1 < n)
            branch_for(e, &b, node, o, access, guard, inside);
        else if (branches)
            add_branch(e, &b, emit_operand(e, node, o, access, guard));
        else {
            LLVMValueRef x = emit_operand(e, node, o, access, both(e, guard, inside));
            value = value ? choose(e, inside, x, value) : x;
        }
        start = end;
    }
    return b.after ? end_branches(e, &b) : value;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* How a kernel's loops compute a value, by the loop and kernel columns of its operator's row. What is not computed
 * there has no rule: reductions are known before they are wanted, sources and the others lie in memory. */
typedef LLVMValueRef ValueRule(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard);

#define RULE_ELEMENTWISE_LOOPS(name) [OP_##name] = emit_elementwise,
#define RULE_MOVE_VIEW(name) [OP_##name] = emit_view,
#define RULE_MOVE_CHOICE(name) [OP_##name] = emit_##name,
#define RULE_SOURCE_LOOPS(name) [OP_##name] = emit_##name,
#define RULE_REDUCE_LOOPS(name)
#define RULE_REDUCE_BLOCKS(name)
#define RULE_ROW_NONE(name)
#define RULE_MATMUL_PRODUCT(factors) RULE_NONE
#define RULE_NONE(name)
#define RULE_MOVE_PACK(name)
#define RULE_MOVE_FUNCTION(name)
#define RULE_MOVE_NONE(name)
#define RULE_SOURCE_NONE(name)
#define RULE_OTHER_FUNCTION(name)
#define RULE_OTHER_NONE(name)
#define RULE_OTHER_BODY(name)

static ValueRule *const VALUE_RULES[OP_COUNT] = {
#define OP(name, lo, hi, attrs, loop, kernel, ...) RULE_##loop##_##kernel(name)
#include "ir/ops.def"
};

LLVMValueRef emit_value(Emitter *e, ValueId value, const Access *access, LLVMValueRef guard) {
    LLVMValueRef known = emit_recall(e, value, access, guard);
    if (known) return known;
    const Node *node = func_node(e->func, value);
    LLVMValueRef result;
    if (emit_is_inside(e, value)) {
        assert(VALUE_RULES[node->op]);
        LLVMMetadataRef before = positions_set(e->fb->positions, e->fb->builder, node->loc);
        result = VALUE_RULES[node->op](e, value, access, guard);
        positions_restore(e->fb->positions, e->fb->builder, before);
    } else
        result = emit_load(e, value, &node->type, access, guard);
    remember(e, value, access, guard, result);
    return result;
}
