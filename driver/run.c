/* vitc run: stub until written below */
#include "driver/driver.h"
int verb_run(int argc, char **argv) {
    (void)argc, (void)argv;
    return fail(2, "not yet");
}
