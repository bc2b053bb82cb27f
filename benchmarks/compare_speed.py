"""Microseconds per update of minibatch training in two checkouts, BASE and HEAD.

Both train the shapes of ``speed.py`` by ``fit``, with Adam and the same settings. Every
measurement is a new process that takes the package from its checkout and nothing else,
and the two take turns, in another order every round: a slow spell of the machine, and a
process that found its memory in an unlucky place, meet both. The least of the rounds
counts. The exit status is 1 where HEAD is slower than ``--limit`` allows.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from _common import geometric_mean, markdown, parse, report, timing_parser

HERE = Path(__file__).resolve().parent
PACKAGE = "sklearn_scratchnn"
LIMIT = 1.25
SMALLEST = 3
TURNS = 2  # in one process, of which the best counts


def measure(shape, seconds, cpu):
    """Print microseconds per update and the path of the package, as JSON.

    This runs in a process whose path begins with a checkout.
    """
    import speed

    import sklearn_scratchnn

    trainers, _ = speed.prepare([speed.OURS], speed.SHAPES[shape])
    clock = process_time if cpu else perf_counter
    times = speed.microseconds(trainers, speed.SHAPES[shape], TURNS, seconds, clock)
    print(json.dumps([times[speed.OURS], sklearn_scratchnn.__file__]))


def run(checkout, shape, seconds, cpu):
    """Return microseconds per update, measured in a new process.

    Raises
    ------
    RuntimeError
        If the process fails, or takes the package from elsewhere.
    """
    code = f"import compare_speed; compare_speed.measure({shape}, {seconds}, {cpu})"
    path = os.pathsep.join([str(checkout), str(HERE)])
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{checkout} cannot be measured:\n{done.stderr}")
    microseconds, file = json.loads(done.stdout.splitlines()[-1])
    if not Path(file).resolve().is_relative_to(checkout / PACKAGE):
        raise RuntimeError(f"{file} was measured, which is not in {checkout}")
    return microseconds


def compare(checkouts, shapes, rounds, seconds, cpu):
    """Return every measurement: a list of rounds by checkout, by shape's name.

    Parameters
    ----------
    checkouts : dict of Path
        By name, "base" and "head".
    shapes : dict of str
        Names by place in ``speed.SHAPES``.
    rounds : int
    seconds : float
    cpu : bool

    Returns
    -------
    dict of dict of list of float
    """
    times = {name: {side: [] for side in checkouts} for name in shapes.values()}
    for shape, name in shapes.items():
        for i in range(rounds):
            for side in list(checkouts)[:: -1 if i % 2 else 1]:
                took = run(checkouts[side], shape, seconds, cpu)
                times[name][side].append(took)
        print(name, "measured", file=sys.stderr)
    return times


def ratio_of(rounds):
    """Return head / base, each the least of its rounds, and the rounds' own ratios."""
    base, head = np.array(rounds["base"]), np.array(rounds["head"])
    return np.fmin.reduce(head) / np.fmin.reduce(base), head / base


def tables(times, mean, limit):
    """Return the Markdown tables by heading."""
    rows = []
    for shape, rounds in times.items():
        ratio, each = ratio_of(rounds)
        least = [f"{np.fmin.reduce(rounds[side]):.1f}" for side in ("base", "head")]
        span = f"{np.fmin.reduce(each):.2f} to {np.fmax.reduce(each):.2f}"
        rows.append([shape, *least, f"{ratio:.3f}", span])
    rows.append(["geometric mean", "", "", f"**{mean:.3f}**", f"limit {limit:g}"])
    header = ["shape", "base", "head", "head / base", "single rounds"]
    return {"Microseconds per update": markdown(header, rows)}


def main():
    """Measure and print."""
    parser = timing_parser(__doc__, rounds=5)
    parser.add_argument("base", metavar="BASE", type=Path, help="a checkout")
    parser.add_argument("head", metavar="HEAD", type=Path, help="a checkout")
    parser.add_argument("--seconds", type=float, default=0.3, help="a measurement")
    parser.add_argument("--shapes", nargs="+", type=int, metavar="I", help="from 0")
    parser.add_argument("--limit", type=float, default=LIMIT, help="of head / base")
    options = parse(parser, seconds=0.02, shapes=[SMALLEST], rounds=1, limit=math.inf)

    checkouts = {"base": options.base.resolve(), "head": options.head.resolve()}
    for checkout in checkouts.values():
        if not (checkout / PACKAGE).is_dir():
            parser.error(f"{checkout} holds no {PACKAGE}")
    sys.path.insert(0, str(checkouts["head"]))
    from speed import SHAPES

    shapes = {i: str(SHAPES[i]) for i in options.shapes or range(len(SHAPES))}
    cpu = options.clock is process_time
    times = compare(checkouts, shapes, options.rounds, options.seconds, cpu)
    ratios = [ratio_of(rounds)[0] for rounds in times.values()]
    finite = [ratio for ratio in ratios if math.isfinite(ratio)]
    mean = geometric_mean(finite) if finite else math.nan
    report({"microseconds": times}, tables(times, mean, options.limit), options.json)
    if mean > options.limit:
        print(f"\nHEAD takes {mean:.2f} of BASE's time, more than {options.limit:g}.")
        sys.exit(1)


if __name__ == "__main__":
    main()
