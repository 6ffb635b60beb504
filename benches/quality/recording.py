"""Scores what two_voices left in a folder: PESQ (MOS-LQO) of each channel where its party speaks.

usage: recording.py OUT LEAST

Exits with 1 if the mean of either way of speaking is below LEAST.
"""

import subprocess
import sys
from pathlib import Path

import numpy
from pesq import pesq
from scipy.io import wavfile


def decoded(path, rate):
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-ar", str(rate), "-f", "s16le", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return numpy.frombuffer(raw, dtype="<i2").reshape(-1, 2)


def spoken(reference, heard):
    """Both, where the reference is not silent at one of its ends."""
    sounds = numpy.flatnonzero(reference)
    part = slice(max(0, sounds[0] - 800), sounds[-1] + 800)
    return reference[part], heard[part]


def main():
    out, least = Path(sys.argv[1]), float(sys.argv[2])
    failed = False
    for way in ["turns", "both"]:
        scores = []
        for path in sorted(out.glob(f"*.{way}.opus")):
            stem = str(path).removesuffix(".opus")
            for channel, side in enumerate(["left", "right"]):
                rate, reference = wavfile.read(f"{stem}.{side}.wav")
                part, heard = spoken(reference, decoded(path, rate)[:, channel])
                scores.append(pesq(rate, part, heard, "wb" if rate == 16000 else "nb"))
        mean = numpy.mean(scores)
        print(f"{way}: mean {mean:.2f}, least {min(scores):.2f}, of {len(scores)} channels")
        failed |= mean < least
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
