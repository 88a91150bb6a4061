/* Data sets of every format: being written. */
int main(void) {
    return 0;
}
