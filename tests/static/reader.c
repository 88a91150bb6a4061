/* What test_static.c links without a dynamic section: opens each data set that is named and says what it reads. */
#include "tests/static/reader.h"

int main(int count, char **paths) {
    for (int i = 1; i < count; i++) read_set(paths[i], stdout);
    return 0;
}
