/* Runs spandsp's packet loss concealment over a WAV-less stream, to be compared with: 16-bit little-endian samples at
 * 8 kHz from IN, one character a packet ('0' came, '1' lost) from LOSSES, to OUT. An outside program: nothing of the
 * project links it. Usage: spandsp_plc IN LOSSES SAMPLES_A_PACKET OUT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <spandsp.h>

int main(int argc, char **argv)
{
    int16_t frame[960];
    if (argc != 5) {
        fprintf(stderr, "usage: %s IN LOSSES SAMPLES_A_PACKET OUT\n", argv[0]);
        return 2;
    }
    FILE *in = fopen(argv[1], "rb");
    FILE *losses = fopen(argv[2], "r");
    int len = atoi(argv[3]);
    FILE *out = fopen(argv[4], "wb");
    if (!in || !losses || !out || len < 1 || len > 960) {
        fprintf(stderr, "%s: cannot open the files, or a bad packet length\n", argv[0]);
        return 2;
    }
    plc_state_t *plc = plc_init(NULL);
    while (fread(frame, sizeof frame[0], (size_t) len, in) == (size_t) len) {
        int lost = fgetc(losses);
        if (lost == '1') {
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
