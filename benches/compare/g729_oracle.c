/* Drives the system's libbcg729, loaded at run time, as an outside oracle: codes files and measures itself.
 * Same commands, input and output as `g729` of mediapoint-benches (benches/src/bin/g729.rs). */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES = 80, SPEECH = 10, SID = 2 };

static void *(*open_encoder)(uint8_t dtx);
static void (*encode)(void *, const int16_t *, uint8_t *, uint8_t *);
static void (*close_encoder)(void *);
static void *(*open_decoder)(void);
static void (*decode)(void *, const uint8_t *, uint8_t, uint8_t, uint8_t, uint8_t, int16_t *);
static void (*close_decoder)(void *);

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) {
        fprintf(stderr, "libbcg729 has no %s\n", name);
        exit(2);
    }
    return found;
}

static void load(void) {
    void *library = dlopen("libbcg729.so.0", RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    *(void **)&open_encoder = symbol(library, "initBcg729EncoderChannel");
    *(void **)&encode = symbol(library, "bcg729Encoder");
    *(void **)&close_encoder = symbol(library, "closeBcg729EncoderChannel");
    *(void **)&open_decoder = symbol(library, "initBcg729DecoderChannel");
    *(void **)&decode = symbol(library, "bcg729Decoder");
    *(void **)&close_decoder = symbol(library, "closeBcg729DecoderChannel");
}

static uint8_t *read_all(size_t *length) {
    size_t room = 1 << 20;
    uint8_t *bytes = malloc(room);
    *length = 0;
    for (size_t got; bytes && (got = fread(bytes + *length, 1, room - *length, stdin)) > 0;) {
        *length += got;
        if (*length == room) bytes = realloc(bytes, room *= 2);
    }
    if (!bytes) abort();
    return bytes;
}

/* Codes PCM; a frame of the output is its length in one octet and its octets. */
static size_t encode_all(const int16_t *pcm, size_t frames, uint8_t dtx, uint8_t *out) {
    void *state = open_encoder(dtx);
    size_t at = 0;
    for (size_t i = 0; i < frames; i++) {
        uint8_t length = 0;
        encode(state, pcm + i * SAMPLES, out + at + 1, &length);
        out[at] = length;
        at += 1 + length;
    }
    close_encoder(state);
    return at;
}

static size_t decode_all(const uint8_t *stream, size_t length, int16_t *out) {
    void *state = open_decoder();
    size_t frames = 0;
    for (size_t at = 0; at < length; at += 1 + stream[at], frames++) {
        uint8_t octets = stream[at];
        /* An untransmitted frame is a lost one to it, which goes on with the noise. */
        decode(state, stream + at + 1, octets, octets == 0, octets == SID, 0, out + frames * SAMPLES);
    }
    close_decoder(state);
    return frames;
}

static double nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

int main(int count, char **arguments) {
    if (count < 2) {
        fprintf(stderr, "encode|decode|time-encode|time-decode [dtx] [passes]\n");
        return 2;
    }
    load();
    const char *what = arguments[1];
    uint8_t dtx = count > 2 && atoi(arguments[2]) != 0;
    int passes = count > 3 ? atoi(arguments[3]) : 1;
    int timed = strncmp(what, "time-", 5) == 0;
    int encodes = strcmp(what + (timed ? 5 : 0), "encode") == 0;
    size_t length;
    uint8_t *input = read_all(&length);
    size_t frames = encodes ? length / (2 * SAMPLES) : length;
    uint8_t *out = malloc(frames * 2 * SAMPLES + 16);
    if (!out) abort();
    for (int pass = 0; pass < (timed ? passes : 1); pass++) {
        double start = nanoseconds();
        size_t done = encodes ? encode_all((const int16_t *)input, frames, dtx, out)
                              : decode_all(input, length, (int16_t *)out);
        double spent = nanoseconds() - start;
        size_t coded = encodes ? frames : done;
        if (timed) printf("%.0f\n", 2 * spent / (double)coded);
        else fwrite(out, 1, encodes ? done : done * 2 * SAMPLES, stdout);
    }
    return 0;
}
