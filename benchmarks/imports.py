"""What importing the package costs beyond the part of scikit-learn that it needs.

Every import runs in a new process, the variants in turn; the median is printed.
"""

import json
import subprocess
import sys
from statistics import median

from _common import argument_parser, markdown, parse, report

BASE = "import sklearn.base, sklearn.preprocessing"
OURS = "sklearn_scratchnn"
PEERS = (OURS, "sklearn.neural_network", "torch", "skorch", "jax")
LAZY = ("matplotlib", "scipy.optimize", "torch", "pandas")
CHILD = """
import json, sys
from time import perf_counter
BASE
before = set(sys.modules)
start = perf_counter()
import MODULE
seconds = perf_counter() - start
print(json.dumps([seconds, sorted(set(sys.modules) - before)]))
"""


def import_once(module):
    """Return the seconds of an import after the base, and the modules it brought."""
    code = CHILD.replace("BASE", BASE).replace("MODULE", module)
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return json.loads(child.stdout.splitlines()[-1])


def measure(rounds):
    """Return milliseconds and modules by package; what is not installed is left out."""
    figures = {}
    for _ in range(rounds):
        for module in PEERS:
            try:
                seconds, brought = import_once(module)
            except subprocess.CalledProcessError:
                if module == OURS:
                    raise
                continue
            row = figures.setdefault(module, {"milliseconds": []})
            row["milliseconds"].append(1e3 * seconds)
            row["n_modules"] = len(brought)
            row["heavy"] = [name for name in LAZY if name in brought]
    return figures


def main():
    """Measure and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    options = parse(parser, rounds=1)
    figures = measure(options.rounds)
    rows = [
        [f"`import {module}`", f"{median(row['milliseconds']):.0f}"]
        + [f"{min(row['milliseconds']):.0f}", row["n_modules"], ", ".join(row["heavy"])]
        for module, row in figures.items()
    ]
    header = ["", "ms, median", "ms, least", "modules", "heavy ones"]
    heading = f"Beyond `{BASE}` (target: at most 60 ms)"
    report({"imports": figures}, {heading: markdown(header, rows)}, options.json)


if __name__ == "__main__":
    main()
