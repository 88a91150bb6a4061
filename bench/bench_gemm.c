/* Matrix products of vision transformers: GFLOP/s, and the share of the FMA peak measured in the same run. */
int main(void) {
    return 0;
}
