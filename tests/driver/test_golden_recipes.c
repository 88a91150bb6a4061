/* One training step of every recipe that has no golden values of others: tests/golden/NAME_step.safetensors through
 * `vitc run`, compiled and interpreted. The values were made once in PyTorch from the official code that the file's
 * metadata names, in float64: losses, all gradients, and what the step leaves in states and moving averages. Names are
 * those of the recipe. */
#include "tests/driver/golden.h"

#define ENCODER "image=16 patch=4 width=16 depth=1 heads=2 "

/* Everything in the file that a step gives. */
#define ALL {{"loss", "loss"}, {"grad.*", "grad.*"}}, 0, 0
#define ALL_PARTS {{"loss", "loss"}, {"loss.*", "loss.*"}, {"grad.*", "grad.*"}}, 0, 0
#define ALL_STATES {{"loss", "loss"}, {"grad.*", "grad.*"}, {"after.*", "after.*"}}, 0, 0
#define ALL_PARTS_STATES                                                                                     \
    {{"loss", "loss"}, {"loss.*", "loss.*"}, {"grad.*", "grad.*"}, {"after.*", "after.*"}}, 0, 0

/* A step is the first of a warm-up, at rate 0, where the moving averages of trained parameters are looked at. */
static const Case CASES[] = {
    {"ibot_step",
     "paper/ibot " ENCODER "local_size=8 locals=2 batch=3 drop_path=0 out_dim=24 hidden=20 bottleneck=8 "
     "patch_temp=0.06 epochs=10 warmup_teacher_temp_epochs=3 --step 1",
     ALL_PARTS_STATES},
    {"dinov2_step",
     "paper/dinov2 " ENCODER "local_size=8 locals=2 batch=4 drop_path=0 "
     "layer_scale=0.1 out_dim=24 hidden=20 bottleneck=8 teacher_temp=0.05 warmup_teacher_temp=0.05",
     ALL_PARTS_STATES},
    {"gram_step",
     "paper/gram " ENCODER "locals=0 local_size=8 batch=3 drop_path=0 out_dim=20 hidden=20 bottleneck=8",
     ALL_PARTS_STATES},
    {"ijepa_step",
     "paper/ijepa image=24 patch=4 width=16 depth=1 heads=2 predictor_dim=12 predictor_depth=1 batch=3 "
     "targets=2 context=20",
     ALL},
    {"msn_step",
     "paper/msn " ENCODER
     "focal_size=8 focals=2 batch=6 hidden=12 out_dim=8 prototypes=10 drop=0.3 spread=0.7",
     ALL_STATES},
    {"swav_step",
     "paper/swav " ENCODER "local_size=8 locals=2 batch=4 hidden=12 out_dim=8 prototypes=10 queue_size=12 "
     "freeze=0 epochs=20 --step 15",
     ALL_STATES},
    {"wmse_step", "paper/wmse " ENCODER "batch=12 hidden=12 out_dim=3 group=6 times=2 eps=0.01", ALL},
    {"cmc_nce_step", "cmc " ENCODER "batch=3 out_dim=8 total=20 negatives=5", ALL_STATES},
    {"cmc_softmax_step", "cmc " ENCODER "batch=3 out_dim=8 total=20 negatives=5 loss=softmax", ALL_STATES},
    {"instance_step", "instance " ENCODER "batch=3 out_dim=8 total=20 negatives=5", ALL_STATES},
    {"data2vec_step",
     "paper/data2vec image=16 patch=4 width=16 depth=2 heads=2 top=2 layer_scale=0.1 drop_path=0 "
     "attention_dropout=0 mask_ratio=0.5625 beta=0.7 momentum=0.99 batch=3",
     ALL_STATES},
    {"can_step",
     "paper/can " ENCODER "decoder_dim=12 decoder_depth=1 decoder_heads=2 noise_dim=8 out_dim=8 batch=4",
     ALL_PARTS},
    {"simclr_step", "paper/simclr " ENCODER "hidden=12 out_dim=8 batch=6", ALL_STATES},
    {"simsiam_step", "paper/simsiam " ENCODER "out_dim=12 bottleneck=6 batch=6", ALL},
    {"barlow_step", "paper/barlow " ENCODER "out_dim=12 batch=6", ALL_STATES},
    {"vicreg_step", "paper/vicreg " ENCODER "out_dim=12 batch=6", ALL_PARTS},
    {"byol_step", "byol " ENCODER "hidden=12 out_dim=8 batch=6", ALL_STATES},
    {"moco_v1_step", "moco version=1 " ENCODER "momentum=0.99 queue_size=12 out_dim=8 batch=3", ALL_STATES},
    {"moco_v2_step", "moco " ENCODER "momentum=0.99 queue_size=12 out_dim=8 batch=3", ALL_STATES},
    {"hybrid_step",
     "hybrid " ENCODER "mask_patch=8 mask_ratio=0.7 balance=0.3 momentum=0.9 hidden=12 out_dim=8 batch=8",
     ALL_PARTS_STATES},
    {"hybrid_mae_step",
     "hybrid like=mae " ENCODER "mask_patch=8 mask_ratio=0.6 balance=0.3 momentum=0.9 hidden=12 out_dim=8 "
     "decoder_dim=12 decoder_depth=1 decoder_heads=2 batch=8",
     ALL_PARTS_STATES},
    {"supervised_step", "supervised " ENCODER "classes=5 batch=4 cutmix=0 drop_path=0", ALL},
};

/* What is asked here is a question to generated code, which has no sanitizers. */
static bool enough(const Case *c) {
    return SANITIZED && c != CASES;
}

static void test_compiled(void **state) {
    if (enough(*state)) skip();
    check(*state, "");
}
static void test_interpreted(void **state) {
    if (enough(*state)) skip();
    check(*state, "--interpret");
}

int main(void) {
    enum { N = sizeof CASES / sizeof *CASES };
    struct CMUnitTest tests[2 * N];
    char names[2 * N][64];
    for (int i = 0; i < 2 * N; i++) {
        snprintf(names[i], sizeof names[i], "%s, %s", CASES[i / 2].name, i % 2 ? "interpreted" : "compiled");
        tests[i] = (struct CMUnitTest){names[i], i % 2 ? test_interpreted : test_compiled, NULL, NULL,
                                       (void *)&CASES[i / 2]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
