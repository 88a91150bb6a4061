/* View batching of a recipe with ten views of two sizes: as many products by a weight as if there were one view,
 * forward and backward. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int products, by_weight, of_weight,
        concats;     /* by_weight: of a value and the weight; of_weight: its gradient */
    int attended[2]; /* by block of the student: products that make queries, keys and values */
} Counts;

/* Of @step of the multi-crop recipe after a pass; the weight: a block's first linear layer after attention,
 * f32[48x12]. */
static Counts counts_after(const char *pass) {
    char command[1024], line[1 << 16];
    Counts counts = {0};
    snprintf(command, sizeof command,
             "%s inspect dino image=32 local_size=16 patch=8 width=12 depth=2 heads=3 locals=8 batch=2 "
             "out_dim=20 hidden=28 "
             "bottleneck=8 --full --after %s",
             VITC_BINARY, pass);
    FILE *file = popen(command, "r");
    assert_non_null(file);
    bool inside = false;
    while (fgets(line, sizeof line, file)) {
        if (strstr(line, "  func @")) inside = strstr(line, "@step(") != NULL;
        if (!inside) continue;
        counts.concats += strstr(line, " = concat ") != NULL;
        if (!strstr(line, " = matmul ")) continue;
        counts.products++;
        counts.by_weight += strstr(line, ", %student.backbone.blocks.1.mlp.fc1.weight") != NULL;
        counts.attended[0] += strstr(line, "// student.backbone.blocks.0.attn.qkv") != NULL;
        counts.attended[1] += strstr(line, "// student.backbone.blocks.1.attn.qkv") != NULL;
        counts.of_weight +=
            strstr(line, ": f32[48x12]") && strstr(line, "// student.backbone.blocks.1.mlp.fc1");
    }
    assert_int_equal(pclose(file), 0);
    return counts;
}

static void test_ten_views(void **state) {
    (void)state;
    Counts before = counts_after("frontend"), demanded = counts_after("demand"),
           after = counts_after("batch-views"), all = counts_after("memory");
    assert_int_equal(before.by_weight, 10);
    assert_int_equal(after.by_weight, 1);
    /* Of the last block the cls token alone is read: demand makes its queries by a product of their own, beside the
     * one for keys and values of all tokens. Each is then one for all views. */
    assert_int_equal(demanded.attended[0], 10);
    assert_int_equal(demanded.attended[1], 2 * 10);
    assert_int_equal(after.attended[0], 1);
    assert_int_equal(after.attended[1], 2);
    /* Teacher: patches, 2 blocks of 6 and the queries, 4 of the head. Student: patches, 2 blocks of 4 and 2 for each
     * size, the queries, the head; and the interpolation of positions for the smaller size. */
    assert_int_equal(after.products, (1 + 2 * 6 + 1 + 4) + (1 + 2 * (4 + 2 * 2) + 1 + 4) + 2);
    assert_int_equal(all.by_weight, 2); /* forward, and backward to the layer before */
    assert_int_equal(all.of_weight, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ten_views)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
