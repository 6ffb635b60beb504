/* Runs spandsp's concealment over a recording, to be compared with.
 *
 * usage: spandsp_plc IN.wav LOSSES SAMPLES_A_PACKET OUT.wav
 *
 * IN is 8 kHz, 16 bit, mono, with the plain header of 44 bytes; LOSSES has a character for each packet: 0 came, 1 lost.
 * An outside program: nothing of the project links it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <spandsp.h>

#define HEADER 44
#define LONGEST 960

int main(int argc, char **argv)
{
    int16_t frame[LONGEST];
    char header[HEADER];
    if (argc != 5) {
        fprintf(stderr, "usage: %s IN.wav LOSSES SAMPLES_A_PACKET OUT.wav\n", argv[0]);
        return 2;
    }
    FILE *in = fopen(argv[1], "rb");
    FILE *losses = fopen(argv[2], "r");
    FILE *out = fopen(argv[4], "wb");
    int len = atoi(argv[3]);
    if (!in || !losses || !out || len < 1 || len > LONGEST || fread(header, 1, HEADER, in) != HEADER) {
        fprintf(stderr, "%s: cannot open the files, or a packet length beyond 1 to %d\n", argv[0], LONGEST);
        return 2;
    }
    fwrite(header, 1, HEADER, out);
    plc_state_t *plc = plc_init(NULL);
    while (fread(frame, sizeof frame[0], (size_t) len, in) == (size_t) len) {
        if (fgetc(losses) == '1') {
            memset(frame, 0, sizeof frame);
            plc_fillin(plc, frame, len);
        } else {
            plc_rx(plc, frame, len);
        }
        fwrite(frame, sizeof frame[0], (size_t) len, out);
    }
    plc_free(plc);
    return fclose(out) ? 1 : 0;
}
