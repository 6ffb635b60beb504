"""Scores what lossy_link and others left in a folder: PESQ (narrow band, MOS-LQO), as a Markdown table.

usage: score.py OUT METHOD...

A reference is OUT/NAME.wav; what became of it by a method is OUT/PATTERN/PERCENT/SEED/NAME.METHOD.wav.
"""

import sys
from multiprocessing import Pool
from pathlib import Path

import numpy
from pesq import pesq
from scipy.io import wavfile

NAMES = {
    "zero": "silence",
    "spandsp": "spandsp",
    "blind": "`Concealer`, nothing known of what follows",
    "ours": "`Playout`",
}
PATTERNS = ["random", "bursty"]
PERCENTS = [1, 3, 5, 10]


def score(pair):
    (rate, reference), (_, degraded) = (wavfile.read(path) for path in pair)
    return pesq(rate, reference, degraded, "nb")


def main():
    out, methods = Path(sys.argv[1]), sys.argv[2:]
    print("| " + " | ".join(["in place of what is lost"] + [f"{p} {n} %" for p in PATTERNS for n in PERCENTS]) + " |")
    print("| --- |" + " ---: |" * 8)
    with Pool() as pool:
        for method in methods:
            row = []
            for pattern in PATTERNS:
                for percent in PERCENTS:
                    found = sorted((out / pattern / str(percent)).glob(f"*/*.{method}.wav"))
                    pairs = [(out / f"{path.name.removesuffix(f'.{method}.wav')}.wav", path) for path in found]
                    if not pairs:
                        sys.exit(f"nothing of {method} at {pattern} {percent} %")
                    row.append(f"{numpy.mean(pool.map(score, pairs, chunksize=4)):.2f}")
            print("| " + " | ".join([NAMES.get(method, method)] + row) + " |", flush=True)
    references = [path for path in out.glob("*.wav") if not path.name.endswith(".coded.wav")]
    coded = [(path, path.with_suffix(".coded.wav")) for path in references]
    print(f"\n{len(coded)} sentences; without loss {numpy.mean([score(pair) for pair in coded]):.2f}.")


if __name__ == "__main__":
    main()
