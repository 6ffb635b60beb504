"""PESQ (narrow band, MOS-LQO) of each sentence in a recording, one figure a line.

usage: quality.py RECORDING SENTENCE...

All are WAV files at 8 kHz. A sentence is looked for in the recording by cross-correlation.
"""

import sys
import wave

import numpy
from pesq import pesq

RATE = 8000
MARGIN = RATE // 5


def read(path):
    with wave.open(path) as file:
        if file.getframerate() != RATE:
            sys.exit(f"{path} is at {file.getframerate()} Hz")
        pcm = numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16)
        return pcm[:: file.getnchannels()]


def place(sentence, recording):
    size = 1 << (len(sentence) + len(recording)).bit_length()
    spectrum = numpy.fft.rfft(recording.astype(float), size) * numpy.conj(numpy.fft.rfft(sentence.astype(float), size))
    return int(numpy.argmax(numpy.fft.irfft(spectrum, size)[: len(recording)]))


recording = read(sys.argv[1])
for path in sys.argv[2:]:
    sentence = read(path)
    start = place(sentence, recording)
    heard = recording[max(0, start - MARGIN) : start + len(sentence) + MARGIN]
    if len(heard) < len(sentence):
        sys.exit(f"{path} is not in the recording")
    print(f"{pesq(RATE, numpy.pad(sentence, MARGIN), heard, 'nb'):.3f}")
