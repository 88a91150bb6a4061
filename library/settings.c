/* Numbers of the run that may be given other values. */
#include "library/handle.h"
#include "runtime/base/error.h"
#include "runtime/program/settings.h"

int32_t vt_model_settings(void) {
    const VtProgram *p = vt_built.variants[0].program;
    int32_t n = 0;
    for (int i = 0; i < p->n_settings; i++) n += vt_setting_is_of_steps(&p->settings[i]);
    return n;
}

vt_model_status vt_model_setting(int32_t number, vt_model_setting_info *info) {
    const VtProgram *p = vt_built.variants[0].program;
    for (int i = 0; info && i < p->n_settings; i++) {
        const VtSetting *s = &p->settings[i];
        if (!vt_setting_is_of_steps(s) || number-- != 0) continue;
        *info = (vt_model_setting_info){s->key, s->help, s->least, s->most, s->whole};
        return VT_MODEL_OK;
    }
    return VT_MODEL_BAD_REQUEST;
}

/* -1, with an error. */
static int find(const vt_model_handle *h, const char *name, VtError *error) {
    int found = name ? vt_setting_find(&h->program, name) : -1;
    if (found >= 0 && vt_setting_is_of_steps(&h->program.settings[found])) return found;
    if (!name)
        vt_fail(error, 2, "the name is NULL");
    else
        vt_fail(error, 2, "recipe '%s' has no setting '%s' that may change: the header lists them",
                h->program.name, name);
    return -1;
}

static bool set(vt_model_handle *h, const char *name, double value, VtError *error) {
    VtSettingValue given = {find(h, name, error), value};
    if (given.setting < 0) return false;
    if (h->program.settings[given.setting].sets) handle_drop_loader(h); /* its threads read the seed */
    return vt_program_set(&h->program, &given, 1, error);
}

vt_model_status vt_model_set(vt_model_handle *h, const char *name, double value) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    return handle_end(h, &before, set(h, name, value, &h->error));
}

vt_model_status vt_model_get(vt_model_handle *h, const char *name, double *value) {
    Before before;
    vt_model_status status = handle_begin(h, &before);
    if (status != VT_MODEL_OK) return status;
    int found = value ? find(h, name, &h->error) : -1;
    if (!value) vt_fail(&h->error, 2, "where is the value to go? The last argument is NULL");
    if (found >= 0) *value = h->program.settings[found].value;
    return handle_end(h, &before, found >= 0);
}
