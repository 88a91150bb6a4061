/* The code of the page's kernels: see code_data.h. */
#include "inspect/page/code_data.h"
#include "inspect/page/json_text.h"

char *code_data(const KernelTexts *texts, size_t *size) {
    JsonText json = {0};
    put_open(&json, '{');
    put_key(&json, "kernels");
    put_whole(&json, texts->n_kernels);
    put_key(&json, "names");
    put_open(&json, '[');
    for (int i = 0; i < texts->n_texts; i++) put_text(&json, texts->texts[i].name);
    put_close(&json, ']');
    put_key(&json, "llvm");
    put_open(&json, '[');
    for (int i = 0; i < texts->n_texts; i++) put_text(&json, texts->texts[i].llvm);
    put_close(&json, ']');
    put_key(&json, "asm");
    put_open(&json, '[');
    for (int i = 0; i < texts->n_texts; i++) put_text(&json, texts->texts[i].assembly);
    put_close(&json, ']');
    put_key(&json, "calls");
    put_open(&json, '[');
    for (int i = 0; i < texts->n_texts; i++) {
        put_open(&json, '[');
        for (int c = 0; c < texts->texts[i].n_calls; c++) put_whole(&json, texts->texts[i].calls[c]);
        put_close(&json, ']');
    }
    put_close(&json, ']');
    put_close(&json, '}');
    *size = json.size;
    return json.text;
}
