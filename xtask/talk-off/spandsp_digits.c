/* Digits that libspandsp's detector finds. Input: clips of 16-bit samples at 8000 Hz, each after its count of samples as a
 * 32-bit number of this machine. Output: a line of digits per clip, then nanoseconds of all detection on standard error. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <spandsp.h>

int main(void)
{
    uint32_t count;
    int16_t *samples = NULL;
    double nanoseconds = 0, frames = 0;
    while (fread(&count, sizeof count, 1, stdin) == 1) {
        samples = realloc(samples, (count + 1) * sizeof *samples);
        if (samples == NULL || fread(samples, sizeof *samples, count, stdin) != count)
            return 1;
        dtmf_rx_state_t *detector = dtmf_rx_init(NULL, NULL, NULL);
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        char all[4097];
        size_t length = 0;
        for (uint32_t at = 0; at < count; at += 160) {
            dtmf_rx(detector, samples + at, count - at < 160 ? (int) (count - at) : 160);
            if (length < sizeof all - 129)
                length += dtmf_rx_get(detector, all + length, 128);
        }
        all[length] = 0;
        clock_gettime(CLOCK_MONOTONIC, &to);
        nanoseconds += (to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec);
        frames += count / 160.0;
        dtmf_rx_free(detector);
        printf("%s\n", all);
        fflush(stdout);
    }
    fprintf(stderr, "%.0f nanoseconds, %.0f frames\n", nanoseconds, frames);
    return 0;
}
