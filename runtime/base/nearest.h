/* "Did you mean": which of the words that exist may have been meant. All of it is in this header, so that layers of the
 * compiler can share it with the runtime without linking it. */
#ifndef VITC_RUNTIME_BASE_NEAREST_H
#define VITC_RUNTIME_BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline char nearest_folded(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' ? '_' : c;
}

/* Letters that are put in, left out, changed, or exchanged with the next; small and capital ones are alike. (The
 * distance of optimal string alignment.) */
static inline int nearest_distance(const char *a, const char *b) {
    enum { MAX = 64 };
    size_t n = strlen(a), m = strlen(b);
    if (n >= MAX || m >= MAX) return MAX;
    int rows[3][MAX + 1], *last = rows[0], *row = rows[1], *next = rows[2];
    for (size_t j = 0; j <= m; j++) row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        next[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            char x = nearest_folded(a[i - 1]), y = nearest_folded(b[j - 1]);
            int best = row[j - 1] + (x != y);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (next[j - 1] + 1 < best) best = next[j - 1] + 1;
            bool exchanged = i > 1 && j > 1 && x == nearest_folded(b[j - 2]) && y == nearest_folded(a[i - 2]);
            if (exchanged && last[j - 2] + 1 < best) best = last[j - 2] + 1;
            next[j] = best;
        }
        int *first = last;
        last = row;
        row = next;
        next = first;
    }
    return row[m];
}

/* The candidate nearest to `word` by edit distance, the first of equally near ones; NULL if none is near: one letter
 * of three may be wrong, none of words of two. */
static inline const char *vt_nearest(const char *word, const char *const *candidates, size_t n) {
    const char *nearest = NULL;
    size_t length = strlen(word);
    int best = 1 + (length < 3   ? 0
                    : length < 6 ? 1
                    : length < 9 ? 2
                                 : 3); /* a bad suggestion is worse than none */
    for (size_t i = 0; i < n; i++) {
        int distance = nearest_distance(word, candidates[i]);
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

#endif
