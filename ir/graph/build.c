/* Building modules and functions: states, emission through the table. */
#include "ir/ir.h"
#include "ir/base/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- modules and states -------------------------------------------------------------------------------------- */

/* The names of states, kept beside the public fields. */
typedef struct {
    Module module;
    Names names;
} ModuleImpl;

/* A function's reads of states (state -> node), its inputs by name, its updates by state. */
typedef struct {
    Func func;
    ValueId *reads;
    size_t n_reads;
    Names inputs;
    ValueId *sources; /* input -> its node when it was added */
    size_t n_sources, sources_capacity;
    uint32_t *updated; /* state -> its update when it was added; IR_NONE: never */
    size_t n_updated;
} FuncImpl;

uint32_t module_call_site(Module *module, Loc loc, uint32_t caller) {
    Site none = {{0, 0, 0}, 0, 0, 0};
    if (module->n_sites == 0)
        ARENA_PUSH(module->arena, module->sites, module->n_sites, module->sites_capacity, none);
    uint32_t first = module->sites[caller].first, number = (uint32_t)module->n_sites;
    for (uint32_t i = first; i; i = module->sites[i].next) {
        Loc at = module->sites[i].loc;
        if (at.file == loc.file && at.line == loc.line && at.col == loc.col) return i;
    }
    Site site = {loc, caller, 0, first};
    ARENA_PUSH(module->arena, module->sites, module->n_sites, module->sites_capacity, site);
    module->sites[caller].first = number;
    return number;
}

Module *module_new(Arena *arena, Diags *diags, const char *name) {
    ModuleImpl *impl = ARENA_NEW(arena, ModuleImpl);
    impl->module = (Module){.arena = arena, .diags = diags, .name = arena_strdup(arena, name)};
    return &impl->module;
}

uint32_t module_add_state(Module *module, State state) {
    ModuleImpl *impl = (ModuleImpl *)module;
    assert(module_find_state(module, state.name) < 0);
    state.name = arena_strdup(module->arena, state.name);
    ARENA_PUSH(module->arena, module->states, module->n_states, module->states_capacity, state);
    names_set(module->arena, &impl->names, state.name, (uint32_t)module->n_states - 1);
    return (uint32_t)module->n_states - 1;
}

int64_t module_find_state(const Module *module, const char *name) {
    uint32_t state = names_find(&((const ModuleImpl *)module)->names, name);
    return state == NAMES_NONE ? -1 : (int64_t)state;
}

Func *module_add_func(Module *module, const char *name) {
    FuncImpl *impl = ARENA_NEW(module->arena, FuncImpl);
    impl->func.module = module;
    impl->func.name = arena_strdup(module->arena, name);
    impl->func.origin = IR_NONE;
    impl->func.precision = PRECISION_COUNT;
    ARENA_PUSH(module->arena, module->funcs, module->n_funcs, module->funcs_capacity, &impl->func);
    return &impl->func;
}

Func *module_add_body(Module *module, const char *name) {
    Func *body = module_add_func(module, arena_printf(module->arena, "%s.%zu", name, module->n_funcs));
    body->body = true;
    return body;
}

Func *module_find_func(const Module *module, const char *name) {
    for (size_t f = 0; f < module->n_funcs; f++)
        if (strcmp(module->funcs[f]->name, name) == 0) return module->funcs[f];
    return NULL;
}

uint32_t func_index(const Func *func) {
    uint32_t f = 0;
    while (func->module->funcs[f] != func) f++;
    return f;
}

Precision func_precision(const Func *func) {
    return func->precision == PRECISION_COUNT ? func->module->precision : func->precision;
}

/* ---- emission ------------------------------------------------------------------------------------------------- */

static ValueId push_node(Func *func, Node node) {
    Arena *arena = func->module->arena;
    ARENA_PUSH(arena, func->nodes, func->count, func->capacity, node);
    return (ValueId)(func->count - 1);
}

const Attr *attrs_copy(Arena *arena, OpKind op, const void *attrs) {
    const OpInfo *info = op_info(op);
    const Attr *slots = attrs;
    Attr *own = info->n_attrs ? ARENA_ARRAY(arena, Attr, info->n_attrs) : NULL;
    for (int a = 0; a < info->n_attrs; a++) { /* but the bytes that say nothing */
        const Attr *from = slots ? &slots[a] : &info->attrs[a].value;
        switch (info->attrs[a].kind) {
        case ATTR_INT:
        case ATTR_FUNC: own[a].i = from->i; break;
        case ATTR_REAL: own[a].f = from->f; break;
        case ATTR_BOOL: own[a].b = from->b; break;
        case ATTR_INTS: own[a].ints = from->ints; break;
        case ATTR_DTYPE: own[a].dtype = from->dtype; break;
        case ATTR_PRECISION: own[a].precision = from->precision; break;
        }
    }
    return own;
}

ValueId func_emit(Func *func, OpKind op, const ValueId *operands, int n, const void *attrs) {
    const OpInfo *info = op_info(op);
    const Type *types[64];
    const Type **x = n <= 64 ? types : ARENA_ARRAY(func->module->arena, const Type *, n);
    for (int o = 0; o < n; o++) {
        if (operands[o] == IR_NONE) return IR_NONE;
        x[o] = func_type(func, operands[o]);
    }
    Node node = {.op = (uint16_t)op, .n_operands = (uint16_t)n, .scope = func->scope, .loc = func->loc};
    node.site = func->site;
    node.number = func->next_number;
    node.origin = func->origin;
    if (n > UINT16_MAX) {
        snprintf(func->error, sizeof func->error, "%s: more than %d operands", info->name, UINT16_MAX);
        return IR_NONE;
    }
    Arena *arena = func->module->arena;
    node.attrs = attrs_copy(arena, op, attrs);
    if (!op_infer(op, x, n, node.attrs, &node.type, func->error, sizeof func->error)) return IR_NONE;
    if (n) {
        ValueId *copy = ARENA_ARRAY(arena, ValueId, n);
        memcpy(copy, operands, sizeof *copy * (size_t)n);
        node.operands = copy;
    }
    func->next_number++;
    return push_node(func, node);
}

ValueId func_copy(Func *func, const Node *node, const ValueId *operands) {
    Node copy = *node;
    if (copy.n_operands) {
        ValueId *own = ARENA_ARRAY(func->module->arena, ValueId, copy.n_operands);
        memcpy(own, operands, sizeof *own * copy.n_operands);
        copy.operands = own;
    }
    if (op_is_source((OpKind)copy.op)) return push_node(func, copy);
    if (copy.number == IR_NONE) copy.number = func->next_number;
    if (copy.number >= func->next_number) func->next_number = copy.number + 1;
    return push_node(func, copy);
}

static ValueId push_source(Func *func, OpKind op, int64_t index, Type type) {
    Attr *attr = ARENA_NEW(func->module->arena, Attr);
    attr->i = index;
    Node node = {.op = (uint16_t)op, .attrs = attr, .type = type, .number = IR_NONE, .origin = IR_NONE};
    return push_node(func, node);
}

ValueId func_add_input(Func *func, const char *name, Type type) {
    FuncImpl *impl = (FuncImpl *)func;
    Arena *arena = func->module->arena;
    Input input = {arena_strdup(arena, name), type};
    uint32_t index = (uint32_t)func->n_inputs;
    ARENA_PUSH(arena, func->inputs, func->n_inputs, func->inputs_capacity, input);
    names_set(arena, &impl->inputs, input.name, index);
    ValueId id = push_source(func, OP_input, index, type);
    if (impl->n_sources > index) impl->n_sources = index; /* its inputs were dropped, and are added again */
    ARENA_PUSH(arena, impl->sources, impl->n_sources, impl->sources_capacity, id);
    return id;
}

ValueId func_find_input(const Func *func, const char *name) {
    const FuncImpl *impl = (const FuncImpl *)func;
    uint32_t input = names_find(&impl->inputs, name);
    if (input >= func->n_inputs || strcmp(func->inputs[input].name, name) != 0) return IR_NONE;
    ValueId id = impl->sources[input]; /* until a rewrite moves it */
    if (id < func->count && func->nodes[id].op == OP_input && source_attrs(&func->nodes[id])->index == input)
        return id;
    for (id = 0; id < func->count; id++)
        if (func->nodes[id].op == OP_input && source_attrs(&func->nodes[id])->index == input) return id;
    return IR_NONE;
}

ValueId func_read_state(Func *func, uint32_t state) {
    FuncImpl *impl = (FuncImpl *)func;
    if (state >= impl->n_reads) {
        size_t n = 2 * func->module->n_states; /* more may be added between reads */
        ValueId *reads = ARENA_ARRAY(func->module->arena, ValueId, n);
        for (size_t s = 0; s < n; s++) reads[s] = s < impl->n_reads ? impl->reads[s] : IR_NONE;
        impl->reads = reads;
        impl->n_reads = n;
    }
    ValueId read = impl->reads[state];
    if (read < func->count && func->nodes[read].op == OP_state &&
        source_attrs(&func->nodes[read])->index == state)
        return read;
    return impl->reads[state] = push_source(func, OP_state, state, func->module->states[state].type);
}

void func_add_output(Func *func, const char *name, ValueId value) {
    func_add_output_as(func, name, value, OUTPUT_VALUE);
}

void func_add_output_as(Func *func, const char *name, ValueId value, OutputRole role) {
    Output output = {arena_strdup(func->module->arena, name), value, role};
    ARENA_PUSH(func->module->arena, func->outputs, func->n_outputs, func->outputs_capacity, output);
}

/* Passes may have dropped updates since, which moved the others. */
static Update *find_update(const Func *func, uint32_t state) {
    const FuncImpl *impl = (const FuncImpl *)func;
    size_t at = state < impl->n_updated ? impl->updated[state] : IR_NONE;
    if (at == IR_NONE) return NULL;
    if (at < func->n_updates && func->updates[at].state == state) return &func->updates[at];
    for (size_t i = 0; i < func->n_updates; i++)
        if (func->updates[i].state == state) return &func->updates[i];
    return NULL;
}

ValueId func_find_update(const Func *func, uint32_t state) {
    const Update *update = find_update(func, state);
    return update ? update->value : IR_NONE;
}

void func_add_update(Func *func, uint32_t state, ValueId value) {
    FuncImpl *impl = (FuncImpl *)func;
    Update *known = find_update(func, state), update = {state, value};
    if (known) {
        known->value = value;
        return;
    }
    if (state >= impl->n_updated) {
        size_t before = impl->n_updated;
        impl->updated = arena_grow(func->module->arena, impl->updated, &impl->n_updated, (size_t)state + 1,
                                   sizeof *impl->updated);
        for (size_t s = before; s < impl->n_updated; s++) impl->updated[s] = IR_NONE;
    }
    impl->updated[state] = (uint32_t)func->n_updates;
    ARENA_PUSH(func->module->arena, func->updates, func->n_updates, func->updates_capacity, update);
}

/* ---- short forms ------------------------------------------------------------------------------------------------ */

static Ints ints_of(int n, const int64_t *v) {
    Ints ints = {.n = n};
    for (int i = 0; i < n && i < IR_MAX_RANK; i++) ints.v[i] = v[i];
    return ints;
}

ValueId ir_unary(Func *func, OpKind op, ValueId x) {
    return func_emit(func, op, &x, 1, NULL);
}

ValueId ir_binary(Func *func, OpKind op, ValueId a, ValueId b) {
    return func_emit(func, op, (ValueId[]){a, b}, 2, NULL);
}

ValueId ir_select(Func *func, ValueId condition, ValueId a, ValueId b) {
    return func_emit(func, OP_select, (ValueId[]){condition, a, b}, 3, NULL);
}

ValueId ir_constant(Func *func, double value, DType dtype) {
    return func_emit(func, OP_constant, NULL, 0, &(ConstantAttrs){.value = value, .dtype = dtype});
}

ValueId ir_iota(Func *func, int rank, const int64_t *shape, int axis, DType dtype) {
    return func_emit(func, OP_iota, NULL, 0,
                     &(IotaAttrs){.shape = ints_of(rank, shape), .axis = axis, .dtype = dtype});
}

ValueId ir_cast(Func *func, ValueId x, DType dtype) {
    if (x == IR_NONE || func_type(func, x)->dtype == dtype) return x;
    return func_emit(func, OP_cast, &x, 1, &(CastAttrs){.dtype = dtype});
}

ValueId ir_gelu(Func *func, ValueId x, bool approximate) {
    return func_emit(func, OP_gelu, &x, 1, &(GeluAttrs){.approximate = approximate});
}

ValueId ir_reduce(Func *func, OpKind op, ValueId x, int n_axes, const int64_t *axes, bool keep) {
    return func_emit(func, op, &x, 1, &(ReduceAttrs){.axes = ints_of(n_axes, axes), .keep = keep});
}

ValueId ir_matmul(Func *func, ValueId a, ValueId b, bool ta, bool tb) {
    return func_emit(func, OP_matmul, (ValueId[]){a, b}, 2, &(MatmulAttrs){.ta = ta, .tb = tb});
}

ValueId ir_pack(Func *func, ValueId x, bool tb, PanelShape panel, Precision precision) {
    return func_emit(
        func, OP_pack, &x, 1,
        &(PackAttrs){.panel = panel.columns, .rows = panel.rows, .tb = tb, .precision = precision});
}

ValueId ir_layernorm(Func *func, ValueId x, ValueId w, ValueId b, double eps) {
    return func_emit(func, OP_layernorm, (ValueId[]){x, w, b}, 3, &(LayernormAttrs){.eps = eps});
}

ValueId ir_reshape(Func *func, ValueId x, int rank, const int64_t *shape) {
    if (x == IR_NONE) return x;
    Type type = type_make((DType)func_type(func, x)->dtype, rank, shape);
    if (type_equal(&type, func_type(func, x))) return x;
    return func_emit(func, OP_reshape, &x, 1, &(ShapeAttrs){.shape = ints_of(rank, shape)});
}

ValueId ir_transpose(Func *func, ValueId x, const int64_t *perm) {
    if (x == IR_NONE) return x;
    return func_emit(func, OP_transpose, &x, 1,
                     &(TransposeAttrs){.perm = ints_of(func_type(func, x)->rank, perm)});
}

ValueId ir_broadcast(Func *func, ValueId x, int rank, const int64_t *shape) {
    return func_emit(func, OP_broadcast, &x, 1, &(ShapeAttrs){.shape = ints_of(rank, shape)});
}

ValueId ir_slice(Func *func, ValueId x, const int64_t *start, const int64_t *limit, const int64_t *step) {
    if (x == IR_NONE) return x;
    int n = func_type(func, x)->rank;
    SliceAttrs attrs = {.start = ints_of(n, start), .limit = ints_of(n, limit), .step = ints_of(n, step)};
    return func_emit(func, OP_slice, &x, 1, &attrs);
}

ValueId ir_pad(Func *func, ValueId x, const int64_t *low, const int64_t *high, double value) {
    if (x == IR_NONE) return x;
    int n = func_type(func, x)->rank;
    return func_emit(func, OP_pad, &x, 1,
                     &(PadAttrs){.low = ints_of(n, low), .high = ints_of(n, high), .value = value});
}

ValueId ir_concat(Func *func, int n, const ValueId *values, int axis) {
    return func_emit(func, OP_concat, values, n, &(ConcatAttrs){.axis = axis});
}

ValueId ir_gather(Func *func, ValueId x, ValueId index, int batch) {
    return func_emit(func, OP_gather, (ValueId[]){x, index}, 2, &(IndexedAttrs){.batch = batch});
}
