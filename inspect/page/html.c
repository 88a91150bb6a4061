/* The page: see html.h. Data stand in it in base64, so that nothing a recipe says can end the element they are in. */
#include "inspect/page/html.h"
#include "inspect/page/code_data.h"
#include "inspect/page/pack.h"
#include "inspect/page/viewer_strings.h"
#include "ir/base/stream.h"

#include <stdlib.h>
#include <string.h>

/* Of the code, compressed: with more the page would be larger than 3 MB. */
enum { MOST_CODE = 1400000 };

static void write_packed(FILE *out, const char *id, const char *text, size_t n) {
    fprintf(out, "<script type=\"application/octet-stream\" id=\"%s\">", id);
    fwrite(text, 1, n, out);
    fputs("</script>\n", out);
}

/* What the template's marks stand for. */
typedef struct {
    const char *title;
    char *step, *code; /* packed; code: NULL: none */
    size_t step_size, code_size;
} Parts;

static void write_escaped(FILE *out, const char *text) {
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else
            fputc(*text, out);
    }
}

static void write_part(FILE *out, const char *mark, size_t n, const Parts *parts) {
    if (strncmp(mark, "STYLE", n) == 0) fputs(VIEWER_STYLE, out);
    if (strncmp(mark, "SCRIPTS", n) == 0) fputs(VIEWER_SCRIPT, out);
    if (strncmp(mark, "TITLE", n) == 0) write_escaped(out, parts->title);
    if (strncmp(mark, "DATA", n) != 0) return;
    write_packed(out, "step-data", parts->step, parts->step_size);
    if (parts->code) write_packed(out, "code-data", parts->code, parts->code_size);
}

/* The template, with what its marks, <!--NAME-->, stand for. */
static void fill_template(FILE *out, const Parts *parts) {
    static const char begin[] = "<!--", end[] = "-->";
    const char *at = VIEWER_PAGE, *mark;
    while ((mark = strstr(at, begin))) {
        const char *name = mark + strlen(begin), *stop = strstr(name, end);
        fwrite(at, 1, (size_t)(mark - at), out);
        write_part(out, name, (size_t)(stop - name), parts);
        at = stop + strlen(end);
    }
    fputs(at, out);
}

/* The code of the function's kernels, packed; *codes as PageOptions have it. False with a message. */
static bool pack_code(const Inspection *inspection, size_t most, Parts *parts, const int32_t **codes,
                      const char **folded, char *error, size_t error_size) {
    KernelTextsRequest request = {.target_features = inspection->target, .llvm = true, .assembly = true};
    KernelTexts texts;
    size_t size, f = 0;
    if (!codegen_kernel_texts(inspection->module, &request, &texts, error, error_size)) return false;
    while (inspection->module->funcs[f] != inspection->func) f++;
    size_t n = inspection->func->plan->n_kernels;
    int32_t *own = ARENA_ARRAY(inspection->arena, int32_t, n + 1);
    for (size_t k = 0; k < n; k++) own[k] = texts.text_of[f][k];
    char *json = code_data(&texts, &size);
    parts->code = pack_text(json, size, &parts->code_size);
    free(json);
    kernel_texts_free(&texts);
    *codes = own;
    if (parts->code_size <= (most ? most : MOST_CODE)) return true;
    *folded = arena_printf(
        inspection->arena,
        "The code of kernels is left out: it would take %.1f MB; vitc inspect --kernel shows it.",
        (double)parts->code_size / 1e6);
    free(parts->code);
    parts->code = NULL;
    *codes = NULL;
    return true;
}

char *page_html(const Inspection *inspection, const HtmlOptions *options, size_t *size, char *error,
                size_t error_size) {
    PageOptions page = {.version = options->version};
    Parts parts = {.title = arena_printf(inspection->arena, "%s: %s - vitc inspect", inspection->recipe,
                                         inspection->func->name)};
    size_t json_size;
    if (!options->no_code && inspection->func->plan &&
        !pack_code(inspection, options->most_code, &parts, &page.codes, &page.folded, error, error_size))
        return NULL;
    char *json = page_data(inspection, &page, &json_size);
    parts.step = pack_text(json, json_size, &parts.step_size);
    free(json);
    TextStream stream;
    fill_template(stream_begin(&stream), &parts);
    free(parts.step);
    free(parts.code);
    return stream_end(&stream, size);
}
