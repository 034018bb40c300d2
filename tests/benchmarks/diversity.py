"""Time and memory of the diversity measures, beside the reference package in the same run.

Writes results/bench/diversity.md. Each figure comes from a process of its own with one BLAS thread: CPU time
is the least and the median of the repetitions, memory the process's peak, interpreter and input included.

    python tests/benchmarks/diversity.py
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIMITS = {"vendi": (0.6, 1000), "record": (1.0, None)}  # CPU s, MB


def rows(count: int, dimensions: int) -> Any:
    """Rows in single precision whose spectrum falls, as that of embeddings does."""
    import numpy as np

    rng = np.random.default_rng(0)
    scale = np.arange(1, dimensions + 1, dtype=np.float32) ** -0.5
    features = rng.standard_normal((count, dimensions), dtype=np.float32)
    features *= scale
    return features


def vendi() -> Callable[[], Any]:
    """All four orders of 50,000 x 512."""
    from weightscape.diversity.vendi import scores

    features = rows(50_000, 512)
    return lambda: scores(features)


def product() -> Callable[[], Any]:
    """The one product X^T X of 50,000 x 512 in double precision, the least that any exact route takes."""
    features = rows(50_000, 512).astype(float)
    return lambda: float((features.T @ features)[0, 0])


def package_dual() -> Callable[[], Any]:
    """The same by vendi-score's dual route, in double precision, one call per order."""
    dual = _package().score_dual
    features = rows(50_000, 512).astype(float)
    return lambda: {str(order): float(dual(features, q=order)) for order in (0.5, 1, 2, "inf")}


def package_rows() -> Callable[[], Any]:
    """vendi-score's route over rows, order 1, at 2,000 x 512."""
    score_rows = _package().score_X
    features = rows(2000, 512).astype(float)
    return lambda: {"1": float(score_rows(features))}


def vendi_small() -> Callable[[], Any]:
    """All four orders of 2,000 x 512."""
    from weightscape.diversity.vendi import scores

    features = rows(2000, 512)
    return lambda: scores(features)


def record() -> Callable[[], Any]:
    """The whole record, every part asked for, of 1,000 x 1,024."""
    import numpy as np

    from weightscape.diversity.measure import Comparisons, measure
    from weightscape.diversity.settings import DiversitySettings
    from weightscape.formats.json_yaml import read_yaml
    from weightscape.formats.typed import from_json
    from weightscape.project import DEFAULT_CONFIG

    made, real, plain, noise = (abs(rows(3500, 1024)[part]) for part in _PARTS)
    labels = np.arange(1000) % 10
    others = Comparisons(real, plain, noise)
    block = {key: value for key, value in read_yaml(DEFAULT_CONFIG)["diversity"].items() if key != "embeddings"}
    settings = from_json(DiversitySettings, block)
    return lambda: measure(made, labels, others, settings, np.random.default_rng(0))


_PARTS = (slice(1000), slice(1000, 2000), slice(2000, 3000), slice(3000, 3500))
CASES = {case.__name__: case for case in (vendi, product, package_dual, vendi_small, package_rows, record)}


def _package() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from vendi_score import vendi
    warnings.simplefilter("ignore", DeprecationWarning)
    return vendi


def run_case(name: str, repetitions: int) -> dict[str, Any]:
    """CPU times, peak memory and result of a case, in this process."""
    import resource

    sys.path.insert(0, str(ROOT / "workflow"))
    work = CASES[name]()
    seconds, found = [], None
    for _ in range(repetitions):
        start = time.process_time()
        found = work()
        seconds.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return {"least": min(seconds), "median": statistics.median(seconds), "peak": peak, "found": found}


def in_own_process(name: str, repetitions: int) -> dict[str, Any]:
    """The same in a process of its own with one BLAS thread."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--case", name, "--repetitions", str(repetitions)]
    done = subprocess.run(command, env={**os.environ, **one}, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def table(results: dict[str, dict[str, Any]], repetitions: int) -> str:
    """The page of results."""
    lines = [
        "# Diversity measures",
        "",
        f"One BLAS thread; CPU seconds of {repetitions} repetitions in one process per case, without"
        " imports and making of the input; peak memory of the process, with interpreter and input.",
        "",
        "| case | CPU s, least | CPU s, median | peak MB | limit |",
        "|---|---|---|---|---|",
    ]
    for name, result in results.items():
        seconds, megabytes = LIMITS.get(name, (None, None))
        limit = ", ".join(f"{each} {unit}" for each, unit in ((seconds, "s"), (megabytes, "MB")) if each)
        what = (CASES[name].__doc__ or name).rstrip(".")
        lines.append(f"| {what} | {result['least']:.2f} | {result['median']:.2f} | {result['peak']:.0f} | {limit} |")
    worst = max(_difference(results, *pair) for pair in (("vendi", "package_dual"), ("vendi_small", "package_rows")))
    return "\n".join([*lines, "", f"Largest relative difference from vendi-score: {worst:.1e}.", ""])


def _difference(results: dict[str, dict[str, Any]], ours: str, theirs: str) -> float:
    found, expected = results[ours]["found"], results[theirs]["found"]
    return max(abs(found[order] / value - 1) for order, value in expected.items())


def main() -> None:
    """Run one case, or all of them and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, help="run this case here and print its result")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench/diversity.md")
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(run_case(arguments.case, arguments.repetitions)))
        return
    page = table({name: in_own_process(name, arguments.repetitions) for name in CASES}, arguments.repetitions)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
