/* One kernel's code: see kernel_code.h. */
#include "inspect/explain/kernel_code.h"
#include "inspect/explain/parts.h"
#include "ir/loop.h"

#include <string.h>

/* Why a kernel has no code of its own. */
static const char *no_code(const Explainer *x, uint32_t k) {
    const Func *func = x->inspection->func;
    const Kernel *kernel = &func->plan->kernels[k];
    const Node *node = func_node(func, kernel->last);
    if (node->op == OP_loop)
        return arena_printf(x->arena,
                            "kernel %u is a loop: its code is that of the kernels of @%s (--function %s)",
                            k + 1, loop_body(func, node)->name, loop_body(func, node)->name);
    if (func->body) return arena_printf(x->arena, "kernel %u of @%s is never called", k + 1, func->name);
    return arena_printf(x->arena,
                        "kernel %u (%s) is a function in C of the runtime: no code is generated for it",
                        k + 1, op_info((OpKind)node->op)->name);
}

static void find_same(const Explainer *x, KernelCode *out) {
    size_t n = x->inspection->func->plan->n_kernels;
    uint32_t *same = ARENA_ARRAY(x->arena, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++)
        if (out->texts.text_of[x->history->func][i] == 0) same[out->n_same++] = i + 1;
    out->same = same;
}

static void find_values(const Explainer *x, uint32_t k, KernelCode *out) {
    const Func *func = x->inspection->func;
    const Kernel *kernel = &func->plan->kernels[k];
    ValueLine *values = ARENA_ARRAY(x->arena, ValueLine, kernel->last - kernel->first + 1);
    for (ValueId id = kernel->first; id <= kernel->last; id++)
        if (!op_is_literal((OpKind)func_node(func, id)->op))
            values[out->n_values++] = part_value(x, func_node(func, id)->number);
    out->values = values;
}

bool kernel_code(const Explainer *x, uint32_t k, const char *target, bool assembly, KernelCode *out,
                 const char **why) {
    char error[512];
    const Func *func = x->inspection->func;
    KernelTextsRequest request = {.target_features = target,
                                  .llvm = !assembly,
                                  .assembly = assembly,
                                  .kernel = &func->plan->kernels[k],
                                  .files = x->positions.names,
                                  .n_files = x->positions.count + 1};
    *out = (KernelCode){.kernel = k + 1, .assembly = assembly};
    if (!codegen_kernel_texts(x->inspection->module, &request, &out->texts, error, sizeof error)) {
        *why = arena_strdup(x->arena, error);
        return false;
    }
    if (out->texts.n_kernels == 0) {
        *why = no_code(x, k);
        kernel_texts_free(&out->texts);
        return false;
    }
    out->name = kernel_name(x->arena, func, x->costs->kernels[k].named);
    out->target = out->texts.target;
    find_same(x, out);
    find_values(x, k, out);
    return true;
}

void kernel_code_free(KernelCode *code) {
    kernel_texts_free(&code->texts);
}

void kernel_code_text(const KernelCode *code, FILE *out) {
    const char *mark = code->assembly ? "#" : ";";
    enum { MOST = 12 };
    fprintf(out, "%s kernel %u: %s\n%s for %s", mark, code->kernel, code->name, mark, code->target);
    if (code->n_same > 1) {
        fprintf(out, "; the same code serves %zu kernels:", code->n_same);
        for (size_t i = 0; i < code->n_same && i < MOST; i++)
            fprintf(out, "%s %u", i ? "," : "", code->same[i]);
        if (code->n_same > MOST) fputs(", …", out);
    }
    fprintf(out, "\n%s it computes\n", mark);
    for (size_t i = 0; i < code->n_values; i++)
        fprintf(out, "%s   %-20s %%%u = %s %s%s%s\n", mark, code->values[i].at, code->values[i].number,
                code->values[i].op, code->values[i].type, *code->values[i].scope ? "  " : "",
                code->values[i].scope);
    for (int i = 0; i < code->texts.n_texts; i++) {
        const KernelText *text = &code->texts.texts[i];
        if (i)
            fprintf(out, "\n%s called by it: %s\n", mark, text->name);
        else
            fputc('\n', out);
        fputs(code->assembly ? text->assembly : text->llvm, out);
    }
}
