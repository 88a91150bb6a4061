/* The operator reference, docs/ops.md, written from the operator table: it says what the table says, no more. */
#include "ir/ir.h"
#include "ir/base/stream.h"

#include <ctype.h>

static const struct {
    const char *shape, *grad, *kernel;
} RULES[OP_COUNT] = {
#define GRAD_rule(name) #name
#define GRAD_zero "zero"
#define GRAD_none "none"
#define OP(name, lo, hi, attributes, loop, kernel, traits, shape, grad, ...) {#shape, GRAD_##grad, #kernel},
#include "ir/ops.def"
};

static const struct {
    LoopClass loop;
    const char *title, *text;
} SECTIONS[] = {
    {LOOP_SOURCE, "Sources",
     "Values from outside, and constants. Inputs and states are used by name in the text form."},
    {LOOP_ELEMENTWISE, "Elementwise",
     "Each element of the result from the elements of the operands at the same index; shapes broadcast as\n"
     "NumPy's do: aligned at the last axis, sizes equal or 1."},
    {LOOP_REDUCE, "Reductions", "Over the axes given, in index order."},
    {LOOP_ROW, "Rows",
     "Whole rows along the last axis. The pass `expand` writes them in terms of the above."},
    {LOOP_MATMUL, "Contraction", "Products over one axis."},
    {LOOP_MOVE, "Moves", "Elements at other places; none is computed."},
    {LOOP_OTHER, "Others", "With loops of their own."},
};

static const char *const COSTS[] = {[COST_ELEMENTS] = "",
                                    [COST_OPERANDS] = " (operands)",
                                    [COST_TERMS] = " (terms)",
                                    [COST_TAPS] = " (taps)",
                                    [COST_SCORES] = " (scores)"};

const char *loop_class_title(LoopClass loop) {
    for (size_t s = 0; s < sizeof SECTIONS / sizeof *SECTIONS; s++)
        if (SECTIONS[s].loop == loop) return SECTIONS[s].title;
    return "";
}

const char *attr_default_text(Arena *arena, const AttrSpec *spec) {
    if (!spec->has_default) return spec->key;
    switch (spec->kind) {
    case ATTR_INT: return arena_printf(arena, "%s = %lld", spec->key, (long long)spec->value.i);
    case ATTR_REAL: return arena_printf(arena, "%s = %g", spec->key, spec->value.f);
    case ATTR_BOOL: return arena_printf(arena, "%s = %s", spec->key, spec->value.b ? "true" : "false");
    case ATTR_DTYPE: return arena_printf(arena, "%s = %s", spec->key, dtype_name(spec->value.dtype));
    case ATTR_PRECISION:
        return arena_printf(arena, "%s = %s", spec->key, precision_name(spec->value.precision));
    case ATTR_INTS: return arena_printf(arena, "%s = []", spec->key);
    case ATTR_FUNC: break;
    }
    return spec->key;
}

static void print_row(Arena *arena, FILE *out, OpKind op) {
    const OpInfo *info = op_info(op);
    fprintf(out, "| `%s` | ", info->name);
    if (info->max_operands < 0)
        fprintf(out, "%d or more | ", info->min_operands);
    else
        fprintf(out, "%d | ", info->min_operands);
    for (int a = 0; a < info->n_attrs; a++) {
        fprintf(out, "%s`%s` %s", a ? ", " : "", attr_default_text(arena, &info->attrs[a]),
                ATTR_KIND_NAMES[info->attrs[a].kind]);
    }
    const char *quote = *info->recipe ? "`" : "";
    fprintf(out, " | %s%s%s | ", quote, info->recipe, quote);
    for (const char *c = RULES[op].kernel; *c; c++) fputc(tolower((unsigned char)*c), out);
    fprintf(out, " | %s | %s | %g%s | ", RULES[op].shape, RULES[op].grad, info->cost, COSTS[info->cost_unit]);
    for (const char *c = info->doc; *c; c++) {
        if (*c == '|') fputc('\\', out);
        fputc(*c, out);
    }
    fputs(" |\n", out);
}

char *ops_doc(void) {
    TextStream stream;
    FILE *out = stream_begin(&stream);
    Arena *arena = arena_new();
    fputs("# Operators\n\n"
          "Written by `vitc help ops --markdown` from `ir/ops.def`. An attribute without a default must be "
          "given.\n"
          "*Recipe*: its name in recipes, if the operator alone is one. *Kernel*: how kernels compute it\n"
          "(the head of the table says what the words mean). *Shape* and *gradient* name the rules in\n"
          "`ir/graph/shape.c` and `passes/graph/autodiff_rules.c`; `zero`: no gradient flows to the\n"
          "operands; `none`: it cannot be differentiated here, and `autodiff` refuses a loss that depends\n"
          "on it. *Cost* is in FLOPs an element of the result; (operands): of the operands; (terms): for\n"
          "each product that is added up, (taps): of a convolution; (scores): for each element of the\n"
          "first operand, times the second's rows.\n",
          out);
    for (size_t s = 0; s < sizeof SECTIONS / sizeof *SECTIONS; s++) {
        fprintf(out, "\n## %s\n%s\n\n", SECTIONS[s].title, SECTIONS[s].text);
        fputs("| operator | operands | attributes | recipe | kernel | shape | gradient | cost | meaning |\n"
              "|---|---|---|---|---|---|---|---|---|\n",
              out);
        for (int op = 0; op < OP_COUNT; op++)
            if (op_info((OpKind)op)->loop == SECTIONS[s].loop) print_row(arena, out, (OpKind)op);
    }
    arena_free(arena);
    return stream_end(&stream, NULL);
}
