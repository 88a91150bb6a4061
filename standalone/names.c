/* Settings and fixed knobs of a built program, by name. */
#include "command/complete.h"
#include "runtime/base/nearest.h"
#include "runtime/program/settings.h"
#include "standalone/standalone.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* All variants have the same settings. */
static const VtProgram *program(void) {
    return vt_built.variants[0].program;
}

static const VtKnob *find_fixed(const char *key) {
    for (int i = 0; i < vt_built.n_knobs; i++)
        if (vt_built.knobs[i].fixed && strcmp(vt_built.knobs[i].name, key) == 0) return &vt_built.knobs[i];
    return NULL;
}

const char *find_key(const char *word) {
    char key[64];
    if (strlen(word) >= sizeof key || vt_built.n_variants == 0) return NULL;
    strcpy(key, word);
    for (char *c = key; *c; c++) *c = *c == '-' ? '_' : *c;
    /* A fixed knob `epochs` is not the option `train.epochs`. */
    const VtKnob *fixed = find_fixed(key);
    int i = fixed ? find_setting(key) : vt_setting_find(program(), key);
    return i >= 0 ? program()->settings[i].key : fixed ? fixed->name : NULL;
}

int find_setting(const char *key) {
    for (int i = 0; i < program()->n_settings; i++)
        if (strcmp(program()->settings[i].key, key) == 0) return i;
    return -1;
}

/* The setting or knob that is spelled nearly so; NULL: none is. */
static const char *nearest_key(const char *word) {
    const char *names[256];
    size_t n = 0;
    for (int i = 0; i < program()->n_settings && n < 200; i++) {
        const char *key = program()->settings[i].key;
        names[n++] = key;
        if (strncmp(key, "train.", 6) == 0) names[n++] = key + 6;
    }
    for (int i = 0; i < vt_built.n_knobs && n < 256; i++)
        if (vt_built.knobs[i].fixed) names[n++] = vt_built.knobs[i].name;
    return vt_nearest(word, names, n);
}

bool refuse_key(const char *key) {
    const VtKnob *fixed = find_fixed(key);
    if (fixed)
        return fail(2, "%s = %s is fixed in this program: build another with vitc build … %s=VALUE", key,
                    fixed->value, key) < 0;
    if (strcmp(key, "train.batch") == 0 || strcmp(key, "batch") == 0)
        return fail(2,
                    "a batch of %lld images is fixed in this program: build another with vitc build … "
                    "%s=VALUE",
                    (long long)program()->train.batch, key) < 0;
    const char *near = nearest_key(key);
    if (near) return fail(2, "there is no setting '%s'; did you mean '%s'?", key, near) < 0;
    return fail(2, "there is no setting '%s' (%s info lists them)", key, command->name) < 0;
}

void hint_key(int argc, char **argv, const Flag *flags, size_t n, const char *word, SettingHint *out) {
    (void)argc, (void)argv, (void)flags, (void)n;
    const char *near = nearest_key(word);
    if (program()->n_settings) snprintf(out->example, sizeof out->example, "%s", program()->settings[0].key);
    if (near) snprintf(out->near, sizeof out->near, "%s", near);
}

void complete_key(Completer *c, Completion kind) {
    char text[160], range[160];
    for (int v = 0; kind == COMPLETE_TARGET && v < vt_built.n_variants; v++)
        complete_offer(c, vt_built.variants[v].target, NULL);
    for (int i = 0; kind == COMPLETE_TOPIC && i < command_n_verbs; i++)
        if (command_verbs[i].group) complete_offer(c, command_verbs[i].name, command_verbs[i].doc);
    for (int i = 0; kind == COMPLETE_SETTING && vt_built.n_variants && i < program()->n_settings; i++) {
        const VtSetting *s = &program()->settings[i];
        snprintf(text, sizeof text, "%s=", s->key);
        complete_offer(c, text, vt_setting_range(s, range, sizeof range));
    }
}
