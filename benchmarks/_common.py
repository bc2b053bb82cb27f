"""What the benchmark scripts share: the machine, Markdown tables, timing and memory."""

import argparse
import gc
import json
import math
import os
import platform
import tracemalloc
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter, process_time

from threadpoolctl import threadpool_info

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "skorch", "jax")


def cpu_model():
    """Return the processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


def usable_cores():
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def machine():
    """Return a dict that describes the processor, the libraries and their threads."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    threads = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions,
        "threads": threads,
    }


def describe(facts):
    """Return the machine as one line of text."""
    versions = ", ".join(f"{name} {v}" for name, v in facts["versions"].items())
    threads = ", ".join(f"{name} {n}" for name, n in facts["threads"].items())
    return (
        f"{facts['cpu']}, {facts['cores']} cores usable, {facts['system']}, "
        f"Python {facts['python']}, {versions}; threads: {threads}."
    )


def markdown(header, rows):
    """Return a Markdown table; all columns but the first are aligned to the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def geometric_mean(values):
    """Return the geometric mean of positive numbers."""
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def seconds(function, *args, clock=perf_counter):
    """Return the seconds of one call, without garbage collection, as in `timeit`."""
    gc.disable()
    try:
        start = clock()
        function(*args)
        return clock() - start
    finally:
        gc.enable()


def best_in_turn(functions, rounds, clock=perf_counter):
    """Return the least seconds of each function; all are called in turn, every round.

    Taking turns spreads a slow spell of the machine over all of them. Garbage is
    collected between the rounds: a collection visits every object, and what is called
    right after it finds the caches cold, at a cost of up to a millisecond.

    Parameters
    ----------
    functions : dict of callable
    rounds : int
    clock : callable, default=perf_counter
        ``process_time`` counts every thread, and leaves other processes out.

    Returns
    -------
    dict of float
    """
    best = dict.fromkeys(functions, math.inf)
    for _ in range(rounds):
        gc.collect()
        for name, function in functions.items():
            best[name] = min(best[name], seconds(function, clock=clock))
    return best


def time_between(less, more):
    """Return ``more - less`` seconds; NaN where noise outweighs what they measure."""
    return more - less if more > less else math.nan


def allocated_peak(function):
    """Return the most bytes that a call held at once, as tracemalloc counts them.

    NumPy reports its arrays to tracemalloc; buffers inside BLAS are not counted.
    """
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def argument_parser(description):
    """Return a parser with the options that every script has."""
    parser = argparse.ArgumentParser(
        description=description.strip().splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="the smallest sizes: whether it runs; the figures mean nothing",
    )
    return parser


def timing_parser(description, rounds):
    """Return a parser with the options of every script that takes times in turn.

    The options' ``clock`` is the function to read time from.
    """
    parser = argument_parser(description)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument(
        "--cpu",
        dest="clock",
        action="store_const",
        const=process_time,
        default=perf_counter,
        help="processor seconds of all threads, not the wall clock's",
    )
    return parser


def parse(parser, **smallest):
    """Return the options; under ``--quick`` those that are not given are smallest."""
    if parser.parse_args().quick:
        parser.set_defaults(**smallest)
    return parser.parse_args()


def report(figures, tables, path=None):
    """Print the machine and the tables; write the figures as JSON if a path is given.

    Parameters
    ----------
    figures : dict
        Only what JSON can hold.
    tables : dict of str
        Markdown by heading.
    path : str, default=None
    """
    facts = machine()
    print(describe(facts))
    for heading, table in tables.items():
        print(f"\n### {heading}\n\n{table}")
    if path:
        text = json.dumps({"machine": facts, **figures}, indent=1)
        Path(path).write_text(text + "\n")
