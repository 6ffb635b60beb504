/* Drives the system's libspandsp, loaded at run time, as an outside program to measure beside: its G.711 and G.722.
 * `spandsp time-encode|time-decode pcmu|pcma|g722` prints nanoseconds for 20 ms of what it reads, `spandsp encode
 * CODEC` and `spandsp decode CODEC` code it. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 9, OCTETS = 160, ULAW = 1, ALAW = 0 };

static void *library;

static void *symbol(const char *name) {
    void *found = dlsym(library, name);
    if (!found) {
        fprintf(stderr, "libspandsp has no %s\n", name);
        exit(2);
    }
    return found;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int count, char **arguments) {
    static uint8_t input[8000000], output[16000000];
    if (count != 3) return 2;
    library = dlopen("libspandsp.so.2", RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    int g722 = !strcmp(arguments[2], "g722");
    int encoding = strstr(arguments[1], "encode") != NULL;
    void *(*open)(void *, int, int) =
        symbol(g722 ? (encoding ? "g722_encode_init" : "g722_decode_init") : "g711_init");
    int (*code)(void *, void *, const void *, int) =
        symbol(g722 ? (encoding ? "g722_encode" : "g722_decode") : (encoding ? "g711_encode" : "g711_decode"));
    size_t len = fread(input, 1, sizeof input, stdin);
    size_t samples = g722 ? 2 * OCTETS : OCTETS;
    size_t step = encoding ? 2 * samples : OCTETS;
    size_t made = encoding ? OCTETS : 2 * samples;
    size_t frames = len / step;
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        void *state = open(NULL, g722 ? 64000 : !strcmp(arguments[2], "pcmu") ? ULAW : ALAW, 0);
        double start = now();
        for (size_t frame = 0; frame < frames; frame++)
            code(state, output + frame * made, input + frame * step, encoding ? (int)samples : OCTETS);
        double took = (now() - start) / frames;
        if (took < best) best = took;
    }
    if (!strncmp(arguments[1], "time-", 5))
        printf("%.0f\n", best);
    else
        fwrite(output, 1, frames * made, stdout);
    return 0;
}
