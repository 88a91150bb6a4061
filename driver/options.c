/* Flags that only vitc has. */
#include "driver/driver.h"

const FlagSetting FLAG_SETTINGS[N_FLAG_SETTINGS] = {{"precision", "train.precision"}};

bool roofline_flags(const Flag *peak, const Flag *bandwidth, Roofline *roofline) {
    double gflops = roofline->flops / 1e9, gbytes = roofline->bytes / 1e9;
    if (!number_flag(peak, 1e-3, 1e9, &gflops) || !number_flag(bandwidth, 1e-3, 1e9, &gbytes)) return false;
    if (peak->given) roofline->flops = gflops * 1e9;
    if (bandwidth->given) roofline->bytes = gbytes * 1e9;
    return true;
}
