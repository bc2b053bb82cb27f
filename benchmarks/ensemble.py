"""What an ensemble gains from training members side by side: seconds by ``n_jobs``.

Four members each, in threads, BLAS at one thread. Wall clock: on a machine that does
other work, one member after the other may look better than it is.
"""

from functools import partial

from _common import argument_parser, markdown, parse, report, seconds
from sklearn.datasets import make_classification

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPEnsembleClassifier

WIDE = ScratchMLPClassifier((256, 128), solver="adam", alpha=1.0, max_iter=10)
CASES = {
    "6,000 x 200, (256, 128), Adam, ten epochs": (6_000, 200, WIDE),
    "1,000 x 20, the default": (1_000, 20, None),
    "150 x 5, the default": (150, 5, None),
}


def main():
    """Measure and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("--jobs", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    options = parse(parser, rounds=1)
    figures, rows = {}, []
    for case, (n_rows, n_columns, network) in CASES.items():
        n_rows = min(n_rows, 300) if options.quick else n_rows
        X, y = make_classification(n_rows, n_columns, random_state=0)
        figures[case] = {}
        for n_jobs in options.jobs:
            model = ScratchMLPEnsembleClassifier(
                network, 4, n_jobs=n_jobs, random_state=0
            )
            fit = partial(model.fit, X, y)
            figures[case][n_jobs] = min(seconds(fit) for _ in range(options.rounds))
        first = figures[case][options.jobs[0]]
        times = list(figures[case].values())
        rows.append([case, *(f"{t:.2f}" for t in times), f"{times[-1] / first:.2f}"])
    header = ["", *(f"n_jobs={n}" for n in options.jobs), "the last / the first"]
    report({"figures": figures}, {"Seconds": markdown(header, rows)}, options.json)


if __name__ == "__main__":
    main()
