"""Scores what benches/quality/opus.sh recorded: FOLDER/SOURCE/COMPLEXITY/NAME.wav against FOLDER/NAME.wav, and sets the
instructions of FOLDER/instructions beside. Says which complexity is the least within TOLERANCE of the best for each source; where
the party takes error correction, of those that make some."""

import sys
from multiprocessing import Pool
from pathlib import Path

import numpy
from pesq import pesq
from scipy.io import wavfile

TOLERANCE = 0.05
# Below it libopus leaves error correction out, and its bits go into the speech.
LEAST_WITH_FEC = 2
SOURCES = {
    "pcmu": "PCMU, 16 kbit/s",
    "g729": "G.729, 16 kbit/s",
    "pcmu-fec": "PCMU, 24 kbit/s with FEC",
    "g729-fec": "G.729, 24 kbit/s with FEC",
}


def score(pair):
    (rate, reference), (_, degraded) = (wavfile.read(path) for path in pair)
    return pesq(rate, reference[: len(degraded)], degraded, "nb")


def main():
    folder = Path(sys.argv[1])
    names = sorted(path.name for path in folder.glob("*.wav"))
    with Pool() as pool:
        scores = {}
        for source in SOURCES:
            for complexity in range(11):
                pairs = [(folder / name, folder / source / str(complexity) / name) for name in names]
                scores[source, complexity] = numpy.array(pool.map(score, pairs, chunksize=2))
    counted = folder / "instructions"
    counts = {}
    if counted.exists():
        for line in counted.read_text().splitlines():
            source, complexity, count = line.split()
            counts[source, int(complexity)] = f"{round(int(count), -3):,}"
    heads = ["complexity", *SOURCES.values(), "worst voice", "instructions", "with FEC"]
    print("| " + " | ".join(heads) + " |")
    print("| --- |" + " ---: |" * (len(heads) - 1))
    voices = sorted({name.split(".")[0] for name in names})
    of_voice = {voice: [at for at, name in enumerate(names) if name.split(".")[0] == voice] for voice in voices}
    for complexity in range(11):
        row = [f"{scores[source, complexity].mean():.3f}" for source in SOURCES]
        # How far the voice that loses most is behind its best complexity.
        behind = max(
            max(scores[source, other][rows].mean() for other in range(11)) - scores[source, complexity][rows].mean()
            for source in SOURCES
            for rows in of_voice.values()
        )
        row.append(f"-{behind:.3f}")
        row += [counts.get((source, complexity), "") for source in ("pcmu", "pcmu-fec")]
        print("| " + " | ".join([str(complexity), *row]) + " |")
    for kind, floor in (("", 0), ("-fec", LEAST_WITH_FEC)):
        found = []
        for source in (f"pcmu{kind}", f"g729{kind}"):
            means = [scores[source, complexity].mean() for complexity in range(11)]
            best = max(means[floor:])
            enough = next(at for at in range(floor, 11) if means[at] >= best - TOLERANCE)
            print(f"{SOURCES[source]}: {enough} is within {TOLERANCE} of {best:.3f}")
            found.append(enough)
        print(f"default{' with error correction' if kind else ''}: {max(found)}")
    print(f"{len(names)} sentences of {len(voices)} voices: {', '.join(voices)}")


if __name__ == "__main__":
    main()
