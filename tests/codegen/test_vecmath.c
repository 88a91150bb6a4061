/* Elementary functions in vector IR against the C library in double, in ulp. */
int main(void) {
    return 0;
}
