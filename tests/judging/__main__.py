"""Judges random timelines of every model: ``python -m tests.judging 10000 [SEED [MODEL,MODEL]]``.

It prints how many backups, restores and findings were judged under each model, and how many were
wrong; of each kind of disagreement the numbers of a few timelines, and the smallest scenario that
shows it. They are played in batches, one for each core at a time; a timeline's number and the
seed are all that it depends on: ``python -m tests.judging 791-791 7 qemu`` judges one again.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.judging.drawing import MODELS
from tests.judging.trial import Tally, explain, judge_many

BATCH = 100
"""Timelines of one batch."""

FEW = 5
"""So many numbers are told of timelines that show a disagreement."""


def main() -> int:
    """Judge as many timelines of each model as were asked for; return 1 where any disagrees."""
    first, _, last = sys.argv[1].partition("-")
    wanted = range(int(first), int(last) + 1) if last else range(int(first))
    seed = sys.argv[2] if len(sys.argv) > 2 and sys.argv[2] else "0"
    models = sys.argv[3].split(",") if len(sys.argv) > 3 and sys.argv[3] else MODELS
    print(f"{len(wanted):,} timelines of each model, seed {seed}", flush=True)
    found: list[Tally] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for model in models:
            batches = [wanted[n : n + BATCH] for n in range(0, len(wanted), BATCH)]
            some = len(batches)
            parts = pool.map(judge_many, [model] * some, [seed] * some, batches)
            found.append(sum(parts, Tally(model)))
            print("\n".join(tell(found[-1])), flush=True)
        kinds = {kind: tally for tally in found for kind in tally.disagreements}
        examples = [(kind, kinds[kind].smallest(kind)) for kind in sorted(kinds)]
        for text in pool.map(explain, *zip(*examples, strict=True)) if examples else ():
            print(f"\n{text}", flush=True)
    return 1 if kinds else 0


def tell(tally: Tally) -> Iterator[str]:
    """Yield what became of the timelines of a model, as text."""
    silent, false = tally.counted("silence"), tally.counted("false alarm")
    things = tally.judged["backups"] + tally.judged["restores"]
    flags = sum(n for what, n in tally.judged.items() if what.startswith("BT"))
    yield (
        f"{tally.model}: {tally.timelines:,} timelines ({tally.vain} drawn in vain), "
        f"{tally.judged['backups']:,} backups, {tally.judged['restores']:,} restores, "
        f"{flags:,} findings"
    )
    yield f"  nothing said of what is wrong: {silent:,} ({silent / max(things, 1):.2%})"
    yield f"  something said of what is right: {false:,} ({false / max(flags, 1):.2%})"
    for (kind, what), each in sorted(tally.disagreements.items()):
        of = f" of {tally.judged[what]:,}" if what in tally.judged else ""
        numbers = ", ".join(str(shown.number) for shown in each[:FEW])
        yield f"    {len(each):,}{of} {kind}: {what} ({numbers}{', ...' * (len(each) > FEW)})"
    rules = sorted(what for what in tally.judged if what.startswith("BT"))
    right = [rule for rule in rules if ("false alarm", rule) not in tally.disagreements]
    yield f"  always right: {', '.join(f'{rule} ({tally.judged[rule]:,})' for rule in right)}"


if __name__ == "__main__":
    sys.exit(main())
