"""Scores what conference.sh left in a folder: PESQ (narrow band, MOS-LQO) with and without the room.

usage: conference.py noise NOISE.wav NOTHING.wav
       conference.py score OUT
"""

import sys
from pathlib import Path

import numpy
from pesq import pesq
from scipy.io import wavfile

RATE = 8000


def noise(noisy, nothing):
    """Ten seconds of noise at -65 dBov, and a tenth of a second of zeros."""
    level = 32768 / 2**0.5 * 10 ** (-65 / 20)
    samples = numpy.random.default_rng(1).normal(0, level, 10 * RATE)
    wavfile.write(noisy, RATE, samples.round().astype(numpy.int16))
    wavfile.write(nothing, RATE, numpy.zeros(RATE // 10, numpy.int16))


def score(out):
    rows = []
    for plain in sorted(Path(out).glob("*.plain.wav")):
        name = plain.name.removesuffix(".plain.wav")
        rate, reference = wavfile.read(Path(out) / f"{name}.wav")
        heard = [wavfile.read(path)[1][: len(reference)] for path in (plain, Path(out) / f"{name}.mixed.wav")]
        rows.append([pesq(rate, reference, samples, "nb") for samples in heard])
    rows = numpy.array(rows)
    without, through = rows.mean(axis=0)
    worst = (rows[:, 1] - rows[:, 0]).min()
    print(f"{len(rows)} sentences: {without:.3f} without a room, {through:.3f} through it; the worst sentence differs by {worst:+.3f}")
    sys.exit(int(abs(without - through) > 0.1))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
