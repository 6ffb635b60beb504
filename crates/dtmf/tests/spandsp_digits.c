/* Digits that the system's libspandsp finds, which is loaded at run time. Input: clips of 16-bit samples at 8000 Hz, each
 * after its count of samples as a 32-bit number of this machine. Output: a line of digits per clip, then nanoseconds of
 * all detection on standard error. Ends with 2 where there is no libspandsp. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void *library;

static void *symbol(const char *name)
{
    void *found = dlsym(library, name);
    if (!found)
        exit(2);
    return found;
}

int main(void)
{
    library = dlopen("libspandsp.so.2", RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    void *(*open)(void *, void *, void *) = symbol("dtmf_rx_init");
    int (*take)(void *, const int16_t *, int) = symbol("dtmf_rx");
    size_t (*get)(void *, char *, int) = symbol("dtmf_rx_get");
    int (*release)(void *) = symbol("dtmf_rx_free");
    uint32_t count;
    int16_t *samples = NULL;
    double nanoseconds = 0, frames = 0;
    while (fread(&count, sizeof count, 1, stdin) == 1) {
        samples = realloc(samples, (count + (size_t) 1) * sizeof *samples);
        if (samples == NULL || fread(samples, sizeof *samples, count, stdin) != count)
            return 1;
        void *detector = open(NULL, NULL, NULL);
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (uint32_t at = 0; at < count; at += 160) {
            char some[129];
            take(detector, samples + at, count - at < 160 ? (int) (count - at) : 160);
            size_t length = get(detector, some, 128);
            fwrite(some, 1, length, stdout);
        }
        clock_gettime(CLOCK_MONOTONIC, &to);
        nanoseconds += (to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec);
        frames += count / 160.0;
        release(detector);
        putchar('\n');
        fflush(stdout);
    }
    fprintf(stderr, "%.0f nanoseconds, %.0f frames\n", nanoseconds, frames);
    return 0;
}
