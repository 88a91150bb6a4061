/* Images made ready per second: being written. */
int main(void) {
    return 0;
}
