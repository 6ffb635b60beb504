/* G.729 by Debian's libbcg729, as a program of its own: compiled by the scenarios that need it, linked by nothing else.
 *
 * bcg729 encode|encode-dtx|decode <INPUT >OUTPUT
 *
 * Samples are 16 bits at 8 kHz in the machine's order, 80 a frame. Each coded frame is its length in one octet, then its
 * octets: 10 of speech, 2 of a noise description, none where nothing was sent or it was lost. */
#include <bcg729/decoder.h>
#include <bcg729/encoder.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLES = 80, SPEECH = 10, NOISE = 2 };

static int encode(uint8_t dtx)
{
    bcg729EncoderChannelContextStruct *coder = initBcg729EncoderChannel(dtx);
    int16_t frame[SAMPLES];
    while (fread(frame, sizeof *frame, SAMPLES, stdin) == SAMPLES) {
        uint8_t octets[SPEECH] = {0}, length = 0;
        bcg729Encoder(coder, frame, octets, &length);
        if (putchar(length) == EOF || fwrite(octets, 1, length, stdout) != length)
            return 1;
    }
    closeBcg729EncoderChannel(coder);
    return 0;
}

static int decode(void)
{
    bcg729DecoderChannelContextStruct *coder = initBcg729DecoderChannel();
    int length;
    while ((length = getchar()) != EOF) {
        uint8_t octets[SPEECH] = {0};
        int16_t frame[SAMPLES];
        if ((length != 0 && length != NOISE && length != SPEECH) ||
            fread(octets, 1, (size_t)length, stdin) != (size_t)length)
            return 2;
        bcg729Decoder(coder, octets, (uint8_t)length, length == 0, length == NOISE, 0, frame);
        if (fwrite(frame, sizeof *frame, SAMPLES, stdout) != SAMPLES)
            return 1;
    }
    closeBcg729DecoderChannel(coder);
    return 0;
}

int main(int count, char **words)
{
    const char *what = count == 2 ? words[1] : "";
    int failed = strcmp(what, "encode") == 0       ? encode(0)
                 : strcmp(what, "encode-dtx") == 0 ? encode(1)
                 : strcmp(what, "decode") == 0     ? decode()
                                                   : 3;
    return failed != 0 ? failed : fflush(stdout) != 0;
}
