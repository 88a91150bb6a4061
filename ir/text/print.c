/* The text form of modules, written. What module_parse reads back prints the same bytes: reads of states and inputs are
 * not nodes of the text but names, other values have their numbers (Node.number), attributes that equal their default
 * are left out. */
#include "ir/loop.h"
#include "ir/text/accesses.h"
#include "ir/text/text.h"
#include "ir/base/stream.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *const ROLE_NAMES[ROLE_COUNT] = {"param", "ema", "optimizer", "buffer", "counter", "derived"};
const char *const OUTPUT_ROLE_NAMES[OUTPUT_ROLE_COUNT] = {"value", "loss", "objective", "shown"};

const InitText INIT_TEXTS[6] = {
    [INIT_CONSTANT] = {"constant", "value", NULL},
    [INIT_NORMAL] = {"normal", "mean", "std"},
    [INIT_TRUNC_NORMAL] = {"trunc_normal", "mean", "std"},
    [INIT_UNIFORM] = {"uniform", "low", "high"},
    [INIT_COPY] = {"copy", NULL, NULL},
    [INIT_FUNCTION] = {"function", NULL, NULL},
};

bool text_is_name_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-' || c == '/';
}

typedef struct {
    const Module *module;
    FILE *out;
    Arena *arena;
    const KernelAccesses *accesses; /* of the kernel that is printed; NULL: of none */
    const TextStyle *style;
    int indent;
} Printer;

static const TextStyle PLAIN;

static Printer printer(FILE *out, const Module *module) {
    return (Printer){.module = module, .out = out, .style = &PLAIN};
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* A file may start with anything; a name that starts like a number would be read as one. */
static bool is_plain(const char *name, bool any_start) {
    if (!*name || (!any_start && !isalpha((unsigned char)*name) && *name != '_')) return false;
    for (; *name; name++)
        if (!text_is_name_char(*name)) return false;
    return true;
}

static void print_quoted(FILE *out, const char *name) {
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            fprintf(out, "\\x%02x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

static void print_name(FILE *out, const char *name, bool any_start) {
    if (is_plain(name, any_start))
        fputs(name, out);
    else
        print_quoted(out, name);
}

/* The shortest decimal that reads back as the same number. */
static void print_real(FILE *out, double value) {
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fputs(text, out);
}

static void print_type(FILE *out, const Type *type) {
    fputs(dtype_name((DType)type->dtype), out);
    for (int k = 0; k < type->rank; k++) fprintf(out, "%c%lld", k ? 'x' : '[', (long long)type->dim[k]);
    if (type->rank) fputc(']', out);
}

static void print_attr(const Module *module, FILE *out, AttrKind kind, const Attr *attr) {
    switch (kind) {
    case ATTR_INT: fprintf(out, "%lld", (long long)attr->i); return;
    case ATTR_REAL: print_real(out, attr->f); return;
    case ATTR_BOOL: fputs(attr->b ? "true" : "false", out); return;
    case ATTR_DTYPE: fputs(dtype_name(attr->dtype), out); return;
    case ATTR_PRECISION: fputs(precision_name(attr->precision), out); return;
    case ATTR_FUNC:
        fputc('@', out);
        print_name(out, module->funcs[attr->i]->name, false);
        return;
    case ATTR_INTS:
        fputc('[', out);
        for (int i = 0; i < attr->ints.n; i++)
            fprintf(out, "%s%lld", i ? ", " : "", (long long)attr->ints.v[i]);
        fputc(']', out);
    }
}

/* "  // scope (file:line:col)" and the end of the line. */
static void print_origin(Printer *p, const char *scope, Loc loc) {
    const char *file = p->module->diags ? diags_source_name(p->module->diags, loc.file) : NULL;
    if (file && p->style->files && loc.file < p->style->n_files) file = p->style->files[loc.file];
    if (scope || file) fputs("  // ", p->out);
    if (scope) print_name(p->out, scope, false);
    if (file) {
        fputs(scope ? " (" : "(", p->out);
        print_name(p->out, file, true);
        fprintf(p->out, ":%u", loc.line);
        if (loc.col) fprintf(p->out, ":%u", loc.col);
        fputc(')', p->out);
    }
    fputc('\n', p->out);
}

/* ---- the parts of a module --------------------------------------------------------------------------------------- */

static void print_state(Printer *p, const State *state) {
    const InitText *init = &INIT_TEXTS[state->init];
    fputs("state %", p->out);
    print_name(p->out, state->name, false);
    fputs(" : ", p->out);
    print_type(p->out, &state->type);
    fprintf(p->out, " = %s(", init->name);
    if (state->init == INIT_COPY) {
        fputc('%', p->out);
        print_name(p->out, p->module->states[state->copy_of].name, false);
    }
    if (init->a) {
        fprintf(p->out, "%s = ", init->a);
        print_real(p->out, state->a);
    }
    if (init->b) {
        fprintf(p->out, ", %s = ", init->b);
        print_real(p->out, state->b);
    }
    fprintf(p->out, "), role = %s%s%s", ROLE_NAMES[state->role], state->decay ? ", decay" : "",
            state->frozen ? ", frozen" : "");
    if (state->grid) fprintf(p->out, ", grid(%u, %u)", state->before, state->after);
}

static void print_value(Printer *p, const Func *func, ValueId id) {
    const Node *node = func_node(func, id);
    fputc('%', p->out);
    if (node->op == OP_input)
        print_name(p->out, func->inputs[source_attrs(node)->index].name, false);
    else if (node->op == OP_state)
        print_name(p->out, p->module->states[source_attrs(node)->index].name, false);
    else
        fprintf(p->out, "%u", node->number);
}

void text_put_attrs(FILE *out, const Module *module, const Node *node) {
    const OpInfo *info = op_info(node->op);
    int printed = 0;
    for (int a = 0; a < info->n_attrs; a++) {
        const AttrSpec *spec = &info->attrs[a];
        if (spec->has_default && attr_equal(spec->kind, &spec->value, &node->attrs[a])) continue;
        fprintf(out, "%s%s = ", printed++ ? ", " : " {", spec->key);
        print_attr(module, out, spec->kind, &node->attrs[a]);
    }
    if (printed) fputc('}', out);
}

/* " at arena(4096)": where a value lies that its kernel stores. */
static void print_place(Printer *p, const Func *func, const Place *place) {
    fprintf(p->out, "%s", PLACE_NAMES[place->kind]);
    if (place->kind == PLACE_STATE || place->kind == PLACE_OUTPUT) {
        fputc('(', p->out);
        print_name(p->out,
                   place->kind == PLACE_STATE ? p->module->states[place->index].name
                                              : func->outputs[place->index].name,
                   false);
        fputc(')', p->out);
    } else if (place->offset >= 0)
        fprintf(p->out, "(%lld)", (long long)place->offset);
}

static void print_statement(Printer *p, const Func *func, ValueId id) {
    const Node *node = func_node(func, id);
    fprintf(p->out, "%%%u = %s", node->number, op_info(node->op)->name);
    for (int o = 0; o < node->n_operands; o++) {
        fputs(o ? ", " : " ", p->out);
        print_value(p, func, node->operands[o]);
    }
    text_put_attrs(p->out, p->module, node);
    fputs(" : ", p->out);
    print_type(p->out, &node->type);
    if (p->accesses) accesses_print(p->out, p->accesses, id);
    if (func->plan && func->plan->places[id].kind != PLACE_LOOPS) {
        fputs(" at ", p->out);
        print_place(p, func, &func->plan->places[id]);
    }
}

static void print_node(Printer *p, const Func *func, ValueId id) {
    fprintf(p->out, "%*s", p->indent, "");
    print_statement(p, func, id);
    print_origin(p, func_node(func, id)->scope, func_node(func, id)->loc);
}

/* ---- the plan ---------------------------------------------------------------------------------------------------- */

static void print_values(Printer *p, const Func *func, const char *word, const ValueId *values, size_t n,
                         const KernelAccesses *accesses) {
    for (size_t i = 0; i < n; i++) {
        fprintf(p->out, "%s ", i ? "," : word);
        print_value(p, func, values[i]);
        if (accesses) accesses_print(p->out, accesses, values[i]);
    }
}

/* " rows [197 | 384]": loops, and behind the bar those along a row. */
static void print_loops(Printer *p, const Kernel *kernel) {
    fprintf(p->out, " %s [", kernel_kind_name(kernel));
    for (int i = 0; i < kernel->domain.rank; i++) {
        bool inner = kernel->rows && i == kernel->first_inner;
        fprintf(p->out, "%s%lld",
                inner ? (i ? " | " : "| ")
                : i   ? " x "
                      : "",
                (long long)kernel->domain.extent[i]);
    }
    fputc(']', p->out);
}

/* , single 2 */
static void print_single(Printer *p, bool single, uint32_t lane) {
    if (single) fputs(", single", p->out);
    if (single && lane) fprintf(p->out, " %u", lane + 1);
}

/* kernel 12 product [197 x 384], again reads %x, %b over [i1] stores %41 */
static void print_kernel_head(Printer *p, const Func *func, uint32_t k, const KernelAccesses *accesses) {
    const Kernel *kernel = &func->plan->kernels[k];
    fprintf(p->out, "kernel %u", k + 1);
    print_loops(p, kernel);
    if (kernel->again) fputs(", again", p->out);
    if (kernel->prologue && kernel->prologue->again) fputs(", prologue again", p->out);
    print_single(p, kernel->single, kernel->lane);
    print_values(p, func, " reads", kernel->reads, kernel->n_reads, accesses);
    print_values(p, func, " stores", kernel->stores, kernel->n_stores, NULL);
}

static void print_kernel(Printer *p, const Func *func, uint32_t k) {
    const Kernel *kernel = &func->plan->kernels[k];
    KernelAccesses accesses = accesses_of(p->arena, func, kernel);
    fprintf(p->out, "%*s", p->indent, "");
    print_kernel_head(p, func, k, &accesses);
    fputs(" {\n", p->out);
    p->indent += 2;
    p->accesses = &accesses;
    for (ValueId id = kernel->first; id <= kernel->last; id++) print_node(p, func, id);
    p->accesses = NULL;
    p->indent -= 2;
    fprintf(p->out, "%*s}\n", p->indent, "");
}

/* Before step number k: for all that is before it, or for kernel number `after` and what is before that. */
static void print_barrier(Printer *p, bool barrier, uint32_t k, uint32_t after) {
    if (!barrier) return;
    fprintf(p->out, "%*sbarrier", p->indent, "");
    if (after < k) fprintf(p->out, " %u", after);
    fputc('\n', p->out);
}

static void print_kernels(Printer *p, const Func *func) {
    const Plan *plan = func->plan;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const Chain *chain = plan_chain(plan, k);
        print_barrier(p, plan->kernels[k].barrier, k, plan->kernels[k].after);
        if (chain && k == chain->first) {
            fprintf(p->out, "%*s", p->indent, "");
            text_chain(p->out, chain);
            fputs(" {\n", p->out);
            p->indent += 2;
        }
        print_kernel(p, func, k);
        if (!chain || k != chain->last) continue;
        p->indent -= 2;
        fprintf(p->out, "%*s}\n", p->indent, "");
    }
}

/* copy %3 from arena(64) to output(z) */
static void print_copy(Printer *p, const Func *func, const PlaceCopy *copy) {
    fputs("copy ", p->out);
    print_value(p, func, copy->value);
    if (copy->from.kind == PLACE_STAGE) {
        fputs(" from ", p->out);
        print_place(p, func, &copy->from);
    }
    fputs(" to ", p->out);
    print_place(p, func, &copy->to);
    print_single(p, copy->single, copy->lane);
}

static void print_copies(Printer *p, const Func *func) {
    for (size_t i = 0; i < func->plan->n_copies; i++) {
        print_barrier(p, func->plan->copies[i].barrier, (uint32_t)(func->plan->n_kernels + i),
                      func->plan->copies[i].after);
        fprintf(p->out, "%*s", p->indent, "");
        print_copy(p, func, &func->plan->copies[i]);
        fputc('\n', p->out);
    }
}

static void print_output(Printer *p, const Func *func, size_t i) {
    fputs("output ", p->out);
    print_name(p->out, func->outputs[i].name, false);
    fputs(" = ", p->out);
    print_value(p, func, func->outputs[i].value);
    if (func->outputs[i].role) fprintf(p->out, ", role = %s", OUTPUT_ROLE_NAMES[func->outputs[i].role]);
}

static void print_update(Printer *p, const Func *func, size_t i) {
    fputs("update ", p->out);
    print_name(p->out, p->module->states[func->updates[i].state].name, false);
    fputs(" = ", p->out);
    print_value(p, func, func->updates[i].value);
}

static void print_results(Printer *p, const Func *func) {
    for (size_t i = 0; i < func->n_outputs; i++) {
        fputs("    ", p->out);
        print_output(p, func, i);
        fputc('\n', p->out);
    }
    for (size_t i = 0; i < func->n_updates; i++) {
        fputs("    ", p->out);
        print_update(p, func, i);
        fputc('\n', p->out);
    }
}

/* func @step(%x : f32[8]) precision = fp32 arena = 128 barriers */
static void print_signature(Printer *p, const Func *func) {
    const Plan *plan = func->plan;
    fputs(func->body ? "body @" : "func @", p->out);
    print_name(p->out, func->name, false);
    fputc('(', p->out);
    for (size_t i = 0; i < func->n_inputs; i++) {
        fputs(i ? ", %" : "%", p->out);
        print_name(p->out, func->inputs[i].name, false);
        fputs(" : ", p->out);
        print_type(p->out, &func->inputs[i].type);
    }
    fputc(')', p->out);
    if (func->precision != PRECISION_COUNT)
        fprintf(p->out, " precision = %s", precision_name(func->precision));
    if (plan && plan->laid_out) fprintf(p->out, " arena = %lld", (long long)plan->arena_bytes);
    if (plan && plan->block_bytes) fprintf(p->out, " block = %lld", (long long)plan->block_bytes);
    if (plan && plan->has_barriers) fputs(" barriers", p->out);
}

static void print_func(Printer *p, const Func *func) {
    const Plan *plan = func->plan;
    fputs("  ", p->out);
    print_signature(p, func);
    fputs(" {\n", p->out);
    p->indent = 4;
    for (ValueId id = 0; !plan && id < func->count; id++)
        if (!op_is_source(func->nodes[id].op)) print_node(p, func, id);
    if (plan) {
        print_kernels(p, func);
        print_copies(p, func);
    }
    print_results(p, func);
    fputs("  }\n", p->out);
}

/* Bodies of loops before what runs them: a name means what was read before it. */
static void print_with_bodies(Printer *p, const Func *func, bool *printed) {
    uint32_t number = func_index(func);
    if (printed[number]) return;
    printed[number] = true;
    for (ValueId id = 0; id < func->count; id++)
        if (func->nodes[id].op == OP_loop) print_with_bodies(p, loop_body(func, &func->nodes[id]), printed);
    print_func(p, func);
}

/* Between words of target(…): before the first its beginning. */
static void next_word(Printer *p, bool *open, const char *word) {
    fprintf(p->out, "%s%s = ", *open ? ", " : " target(", word);
    *open = true;
}

/* " target(batch = N, precision = NAME, memory = BYTES, cache = BYTES, …)": what says something, and of the machine
 * what is known. */
static void print_target(Printer *p) {
    const Module *module = p->module;
    bool open = false;
    if (module->batch) next_word(p, &open, "batch"), fprintf(p->out, "%lld", (long long)module->batch);
    if (module->precision != PRECISION_FP32)
        next_word(p, &open, "precision"), fputs(precision_name(module->precision), p->out);
    if (module->memory_limit)
        next_word(p, &open, "memory"), fprintf(p->out, "%lld", (long long)module->memory_limit);
    for (int i = 0; i < n_machine_facts; i++) {
        const MachineFact *fact = &machine_facts[i];
        if (fact->kind == FACT_REAL) {
            double value = machine_real(&module->machine, fact, module->precision);
            if (value != 0) next_word(p, &open, fact->name), print_real(p->out, value);
        } else {
            int64_t value = machine_whole(&module->machine, fact, module->precision);
            if (value != 0 && value != fact->silent)
                next_word(p, &open, fact->name), fprintf(p->out, "%lld", (long long)value);
        }
    }
    if (open) fputc(')', p->out);
}

/* Whether a function is printed where one alone is asked for: that one, and those that make states. */
static bool is_asked(const Module *module, const Func *func, const TextStyle *style) {
    if (!style->only || style->only == func) return true;
    for (size_t s = 0; s < module->n_states; s++) {
        const State *state = &module->states[s];
        if (state->init == INIT_FUNCTION && strcmp(func->name, "init") == 0) return true;
        if (state->role == ROLE_DERIVED && strcmp(func->name, "pack") == 0) return true;
    }
    return false;
}

char *module_print_as(const Module *module, const TextStyle *style, size_t *size) {
    TextStream stream;
    Printer p = {.module = module, .out = stream_begin(&stream), .style = style};
    p.arena = arena_new();
    text_module(p.out, module);
    fputs(" {\n", p.out);
    for (size_t s = 0; s < module->n_states; s++) {
        fputs("  ", p.out);
        print_state(&p, &module->states[s]);
        print_origin(&p, NULL, module->states[s].loc);
    }
    bool *printed = ARENA_ARRAY(p.arena, bool, module->n_funcs + 1);
    for (size_t f = 0; f < module->n_funcs; f++)
        if (is_asked(module, module->funcs[f], style)) print_with_bodies(&p, module->funcs[f], printed);
    fputs("}\n", p.out);
    arena_free(p.arena);
    return stream_end(&stream, size);
}

char *module_print(const Module *module, size_t *size) {
    return module_print_as(module, &PLAIN, size);
}

/* ---- parts by themselves ----------------------------------------------------------------------------------------- */

void text_module(FILE *out, const Module *module) {
    Printer p = printer(out, module);
    fputs("module @", out);
    print_name(out, module->name, false);
    print_target(&p);
}

void text_state(FILE *out, const Module *module, const State *state) {
    Printer p = printer(out, module);
    print_state(&p, state);
}

void text_signature(FILE *out, const Func *func) {
    Printer p = printer(out, func->module);
    print_signature(&p, func);
}

void text_value(FILE *out, const Func *func, ValueId id) {
    Printer p = printer(out, func->module);
    print_value(&p, func, id);
}

void text_node(FILE *out, const Func *func, ValueId id) {
    Printer p = printer(out, func->module);
    print_statement(&p, func, id);
}

void text_place(FILE *out, const Func *func, const Place *place) {
    Printer p = printer(out, func->module);
    print_place(&p, func, place);
}

void text_kernel(FILE *out, const Func *func, uint32_t k) {
    Printer p = printer(out, func->module);
    print_kernel_head(&p, func, k, NULL);
}

void text_chain(FILE *out, const Chain *chain) {
    fprintf(out, "chain {units = %lld, size = %lld}", (long long)chain->units, (long long)chain->size);
}

void text_copy(FILE *out, const Func *func, const PlaceCopy *copy) {
    Printer p = printer(out, func->module);
    print_copy(&p, func, copy);
}

void text_output(FILE *out, const Func *func, size_t i) {
    Printer p = printer(out, func->module);
    print_output(&p, func, i);
}

void text_update(FILE *out, const Func *func, size_t i) {
    Printer p = printer(out, func->module);
    print_update(&p, func, i);
}
