"""Scores what benches/quality/engine.sh recorded: FOLDER/LOSS/BURST/SEED/NAME.wav against the references named."""

import sys
import wave
from pathlib import Path

import numpy as np
from pesq import pesq


def read(path):
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)


folder = Path(sys.argv[1])
references = {Path(name).name: read(name) for name in sys.argv[2:]}
print("| loss | at random | in bursts of 2.5 |\n| ---: | ---: | ---: |")
for loss in sorted(folder.iterdir(), key=lambda path: float(path.name)):
    means = []
    for burst in ("1", "2.5"):
        heard = (loss / burst).glob("*/*.wav")
        means.append(np.mean([pesq(8000, references[path.name], read(path), "nb") for path in heard]))
    print(f"| {float(loss.name):.0%} | {means[0]:.2f} | {means[1]:.2f} |")
