/* For fuzz targets of text (recipes, IR): mutations of words and lines beside libFuzzer's mutations of bytes, which
 * rarely leave anything that reads. Each takes words, numbers, bracketed pieces or lines of the text from one place to
 * another. */
#ifndef VITC_TESTS_FUZZ_TOKENS_H
#define VITC_TESTS_FUZZ_TOKENS_H

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

typedef struct {
    size_t start, end;
} Span;

static uint64_t dice;

static inline size_t roll(size_t n) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return n ? (size_t)(dice >> 33) % n : 0;
}

static inline bool is_word(uint8_t c) {
    return isalnum(c) || c == '_' || c == '.' || c == '%' || c == '$';
}

/* The word around a place, or its one byte. */
static inline Span token_at(const uint8_t *data, size_t size, size_t at) {
    Span span = {at, at + 1};
    if (!is_word(data[at])) return span;
    while (span.start > 0 && is_word(data[span.start - 1])) span.start--;
    while (span.end < size && is_word(data[span.end])) span.end++;
    return span;
}

/* With its end of line. */
static inline Span line_at(const uint8_t *data, size_t size, size_t at) {
    Span span = {at, at};
    while (span.start > 0 && data[span.start - 1] != '\n') span.start--;
    while (span.end < size && data[span.end] != '\n') span.end++;
    if (span.end < size) span.end++;
    return span;
}

/* From the next opening bracket to the one that closes it; else a token. */
static inline Span group_at(const uint8_t *data, size_t size, size_t at) {
    while (at < size && !strchr("([{", data[at])) at++;
    if (at == size) return token_at(data, size, roll(size));
    size_t depth = 0;
    for (size_t i = at; i < size; i++) {
        if (data[i] && strchr("([{", data[i])) depth++;
        if (data[i] && strchr(")]}", data[i]) && --depth == 0) return (Span){at, i + 1};
    }
    return (Span){at, at + 1};
}

/* `out` takes the place of a span, if there is room. */
static inline size_t put(uint8_t *data, size_t size, size_t max_size, Span span, const void *out, size_t n) {
    if (size - (span.end - span.start) + n > max_size) return size;
    memmove(data + span.start + n, data + span.end, size - span.end);
    memcpy(data + span.start, out, n);
    return size - (span.end - span.start) + n;
}

static inline size_t put_copy(uint8_t *data, size_t size, size_t max_size, Span to, Span from) {
    size_t n = from.end - from.start;
    uint8_t *copy = malloc(n + 1);
    if (!copy) return size;
    memcpy(copy, data + from.start, n);
    size = put(data, size, max_size, to, copy, n);
    free(copy);
    return size;
}

static inline Span some_number(const uint8_t *data, size_t size) {
    size_t at = roll(size);
    for (size_t i = 0; i < size; i++, at = (at + 1) % size)
        if (isdigit(data[at])) return token_at(data, size, at);
    return token_at(data, size, at);
}

static inline size_t mutate_once(uint8_t *data, size_t size, size_t max_size) {
    static const char *const numbers[] = {"0",
                                          "1",
                                          "-1",
                                          "2",
                                          "3",
                                          "7",
                                          "16",
                                          "17",
                                          "1000",
                                          "0.5",
                                          "4294967296",
                                          "1e30",
                                          "1e-9",
                                          "65537",
                                          "1e400",
                                          "2147483648",
                                          "9223372036854775807",
                                          "nan",
                                          "none",
                                          "true"};
    Span token = token_at(data, size, roll(size)), other = token_at(data, size, roll(size));
    Span line = line_at(data, size, roll(size)), other_line = line_at(data, size, roll(size));
    switch (roll(11)) {
    case 0:
    case 1: return put_copy(data, size, max_size, token, other);
    case 2: return put(data, size, max_size, token, "", 0);
    case 3: return put_copy(data, size, max_size, (Span){token.start, token.start}, other);
    case 4:
    case 5: {
        const char *number = numbers[roll(sizeof numbers / sizeof *numbers)];
        return put(data, size, max_size, some_number(data, size), number, strlen(number));
    }
    case 6: return put(data, size, max_size, line, "", 0);
    case 7: return put_copy(data, size, max_size, (Span){line.start, line.start}, other_line);
    case 8: return put_copy(data, size, max_size, line, other_line);
    case 9:
        return put_copy(data, size, max_size, group_at(data, size, roll(size)),
                        group_at(data, size, roll(size)));
    default: { /* a word becomes one of the dictionary, or is mutated as bytes */
        uint8_t word[256];
        size_t n = token.end - token.start;
        if (n > sizeof word / 2) return size;
        memcpy(word, data + token.start, n);
        n = LLVMFuzzerMutate(word, n, sizeof word);
        return put(data, size, max_size, token, word, n);
    }
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    dice = seed * 0x9e3779b97f4a7c15u + 1;
    if (size == 0 || roll(8) == 0) return LLVMFuzzerMutate(data, size, max_size);
    for (size_t i = roll(4) + 1; i > 0 && size > 0; i--) size = mutate_once(data, size, max_size);
    return size;
}

#endif
