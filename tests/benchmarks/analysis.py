"""Size, coverage and power of the analysis on simulated studies; writes results/bench/analysis.md.

    python tests/benchmarks/analysis.py [--studies 2000] [--workers 1]

Each study is drawn by `unit.metrics.simulated_studies`; nothing here is tuned to it. Runs share shocks over
layers, and the strongest dose of each family has twice the standard deviation of its baseline.
"""

import argparse
import dataclasses
import functools
import itertools
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))

from analysis_power import destroyed, overall_power, power, power_of_outcomes, predicted
from analysis_studies import (
    EXPLAINED,
    LAYERS,
    METRICS,
    OPTIONS,
    ROOT,
    Found,
    drawn,
    planted,
    regressed,
)

from unit.metrics import simulated_studies as simulate
from weightscape.families import COMPARED, POOL
from weightscape.metrics.analysis import contrasts, features, mixed_model
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.claims.equivalence import equivalence
from weightscape.metrics.analysis.design import difference as difference_of

SEEDS = (3, 5)
CONFIDENCE = 0.99


def null(number: int, seeds: int) -> Found:
    """A study in which no intervention does anything."""
    made = drawn(simulate.Truth(seeds=seeds, layers=LAYERS, metrics=METRICS, unequal=2.0), number)
    rows, tests = table.of_setup(made, OPTIONS)
    found: Found = {f"verdict {row.claim}": float(row.verdict != "undecided") for row in rows}
    for name, of_claim in tests.items():
        deciding = [test.p_holm for test in of_claim if test.decides]
        if deciding:
            found[f"any test of {name}"] = float(np.nanmin([*deciding, 1.0]) < 0.05)
    found["a_a control fails"] = float("A/A: failed" in next(row.controls for row in rows if row.claim == "C1"))
    return found | single_tests(made) | published(made)


def single_tests(made: Any) -> Found:
    """Uncorrected tests of one effect that is zero."""
    design, values = made.design, made.metrics["log_norm"].hidden
    weights = design.effect("augment", "d2")
    mean = values.mean(axis=1)
    estimate = contrasts.contrast(design, mean, weights)
    found: Found = {"t, moderated variances": float(estimate.p < 0.05)}
    spread, df = contrasts.within(design, mean)
    error = np.sqrt(spread * sum(w**2 / len(design.rows[c]) for c, w in weights.items()))
    found["t, pooled variance alone"] = float(2 * stats.t.sf(abs(estimate.value) / error, df) < 0.05)
    found["t, own variances alone (Welch)"] = float(estimate.welch_p < 0.05)
    both = difference_of(weights, design.effect("dropout", "d2"))
    found["t, difference of two families"] = float(contrasts.contrast(design, mean, both).p < 0.05)
    fit = mixed_model.fit(design, values, "augment", "d2")
    found["mixed model is singular"] = float(bool(fit.why))
    if not fit.why:
        found["mixed model"] = float(fit.p < 0.05)
    found["mixed model, singular counted as no rejection"] = float(not fit.why and fit.p < 0.05)
    scope = regressed(made)
    found["effect on all features differs from zero (T2)"] = float(scope.p.get("augment", 1.0) < 0.05)
    # What layers and a seed label without a random run effect amount to: layers as replicates.
    gap = values[design.rows["augment", "d2"]].mean(axis=0) - values[design.rows[POOL]].mean(axis=0)
    found["layers as replicates, one t over layers"] = float(stats.ttest_1samp(gap, 0).pvalue < 0.05)
    return found


def published(made: Any) -> Found:
    """The published procedure: one run per condition, one shared baseline, mean over doses, tests over layers."""
    design, values = made.design, made.metrics["log_norm"].hidden
    base = values[design.rows[POOL][0]]
    family = {
        name: np.mean([values[design.rows[name, dose][0]] - base for dose in design.doses(name)], axis=0)
        for name in COMPARED
    }
    div, drop, decay = family.values()
    near, far = stats.ttest_ind(div, drop).pvalue, stats.ttest_ind(div, decay).pvalue
    return {
        "published: ANOVA over layers": float(stats.f_oneway(div, drop, decay).pvalue < 0.05),
        "published: t, diversity against weight decay": float(far < 0.05),
        "published: 'like dropout, unlike weight decay'": float(near >= 0.05 and far < 0.05),
    }


PARTLY = {
    "like dropout": (1.0,),
    "like both": (1.0, 1.0),
    "its own": (0.0,) * 5 + (1.0,),
    "half its own": (1.0, 0, 0, 0, 0, 1.0),
}


def exact(made_truth: simulate.Truth) -> np.ndarray:
    """The values of the regression without any noise, from many runs of the same study."""
    many = dataclasses.replace(made_truth, seeds=400)
    found = regressed(simulate.setup(many, np.random.default_rng(0))).regression
    assert found is not None
    return found.values


def coverage(number: int, seeds: int) -> Found:
    """Intervals of quantities that are not zero."""
    found: Found = {}
    for name, like in PARTLY.items():
        truth = planted(like, number % 40, seeds, 12.0)
        scope, true = regressed(drawn(truth, number, 11)), known(like, number % 40)
        if scope.regression is None:
            found[f"no regression, {name}"] = 1.0
            continue
        difference, cosine = scope.regression.contrast({0: 1.0, 1: -1.0}, 0.95), scope.regression.cosine(0, 0.95)
        k = len(EXPLAINED)
        found[f"difference of coefficients, {name}"] = float(difference.low <= true[0] - true[1] <= difference.high)
        found[f"cosine with dropout, {name}"] = float(cosine.low <= true[k] <= cosine.high)
    truth = planted((0.8, 0.2, 0, 0, 0, 0.5), number, seeds, 12.0, unequal=2.0)
    made = drawn(truth, number, 12)
    design, mean = made.design, made.metrics["log_norm"].mean()
    profiles = {family: np.asarray(profile).mean() for family, profile in truth.profiles.items()}
    estimate = contrasts.contrast(design, mean, design.effect("augment", "d2"))
    found["effect of a family"] = float(estimate.low <= profiles["augment"] <= estimate.high)
    both = difference_of(design.effect("weight_decay", "d2"), design.effect("augment", "d2"))
    estimate = contrasts.contrast(design, mean, both)
    gap = profiles["weight_decay"] - profiles["augment"]
    found["difference of two families"] = float(estimate.low <= gap <= estimate.high)
    return found


@functools.cache
def known(like: tuple[float, ...], number: int) -> np.ndarray:
    """The exact values of a planted study, made once."""
    return exact(planted(like, number, 5, 12.0))


def margins(number: int, seeds: int) -> Found:
    """Equivalence where the true difference is at the margin (must rarely pass), and where it is zero."""
    found: Found = {}
    for name, ratio in (("at the margin", 1.5), ("of no difference", 1.0)):
        profiles = {"augment": np.full(LAYERS, ratio * 8.0), "dropout": np.full(LAYERS, 8.0)}
        truth = simulate.Truth(seeds=seeds, layers=LAYERS, metrics=METRICS, profiles=profiles, unequal=1.0)
        found[f"means pass {name}"] = float(equivalence(drawn(truth, number, 13), OPTIONS)[0].numbers.p < 0.05)
    return found


KINDS = {"dropout": (1.0,), "weight_decay": (0.0, 1.0), "label_noise": (0.0, 0.0, 0.0, 1.0), "own": (0.0,) * 5 + (1.0,)}
EXPECTED = {"dropout": "supported", "weight_decay": "contradicted"}


def recognised(number: int, seeds: int) -> Found:
    """Planted studies, by what diversity is like: named rightly, wrongly, and C2's verdict likewise."""
    found: Found = {}
    for (kind, like), (size, unequal) in itertools.product(KINDS.items(), ((6.0, 1.0), (12.0, 1.0), (12.0, 2.0))):
        made = drawn(planted(like, number, seeds, size, unequal=unequal), number, 21)
        row = table.of_setup(made, OPTIONS, ["C2"])[0][0]
        right = EXPECTED.get(kind, "undecided")
        where = f"like {kind}, effects of {size:g} s.d., strongest doses {unequal:g} times as variable"
        scopes = [scope.nearest(0.95) for scope in features.scopes(made, OPTIONS) if scope.name != "head"]
        answer = [kind] if kind != "own" else []
        found[f"named, {where}"] = float(all(scope == answer for scope in scopes))
        found[f"named wrongly, {where}"] = float(
            any(scope is not None and kind not in scope and scope != answer for scope in scopes)
        )
        found[f"C2 {right}, {where}"] = float(verdict_without_controls(row) == right)
        found[f"C2 wrong, {where}"] = float(verdict_without_controls(row) not in (right, "undecided"))
    return found


def verdict_without_controls(row: Any) -> str:
    """The verdict that the tests alone give, as controls have rows of their own."""
    words = row.reason.split("(without its controls: ")
    return words[1].split(";")[0] if len(words) > 1 else str(row.verdict)


PARTS: dict[str, Callable[[int, int], Found]] = {
    "null": null,
    "coverage": coverage,
    "predictions": predicted,
    "margins": margins,
    "recognised": recognised,
    "destructive": destroyed,
    "power": power,
    "outcomes": power_of_outcomes,
    "setups": overall_power,
}


def events(part: str, seeds: int, studies: int, workers: int) -> dict[str, np.ndarray]:
    """Marks the studies in which each event happened."""
    work = functools.partial(PARTS[part], seeds=seeds)
    if workers > 1:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            found = pool.map(work, range(studies), chunksize=20)
    else:
        found = list(map(work, range(studies)))
    names = dict.fromkeys(name for each in found for name in each)
    return {name: np.array([each[name] for each in found if name in each]) for name in names}


def share(values: np.ndarray) -> str:
    """A share in percent with its 99 % limits (Clopper-Pearson)."""
    done = stats.binomtest(int(values.sum()), len(values)).proportion_ci(CONFIDENCE)
    note = "" if len(values) == 0 else f" [{100 * done.low:.1f}, {100 * done.high:.1f}]"
    return f"{100 * values.mean():.1f}{note}"


TITLES = {
    "null": ("Null studies: how often a test rejects (%)", "No intervention does anything; alpha = 5 %."),
    "coverage": ("Coverage of 95 % intervals (%)", "Effects that are not zero."),
    "predictions": (
        "Prediction over eleven conditions of six families (%)",
        "Coverage of the intervals of correlations, and how often one of two equally good measures is called better.",
    ),
    "destructive": (
        "Null studies with a destructive condition (%)",
        "The strongest augmentation loses 20 points and moves every layer by 20 s.d.; nothing else acts.",
    ),
    "margins": ("Equivalence (%)", "At the margin the test must pass in at most 5 %; with no difference, its power."),
    "recognised": (
        "Planted studies: what diversity is nearest to (%)",
        "In the change and in the update; effects in standard deviations of a layer, sixteen layers, two metrics.",
    ),
    "power": ("Power: weights (%)", "3 and 5 seeds; layers correlate by shared shocks."),
    "outcomes": ("Power: head, data and outcomes (%)", "Effects in standard deviations of a run."),
    "setups": ("Four setups (%)", "How often C3 is supported overall; it asks for more than half of the setups."),
}
POWER = ("power", "outcomes", "setups")
"""Parts that estimate power, from a quarter of the studies: METHODS 8 asks nothing of it but to be reported."""


def judgement(part: str, name: str, values: np.ndarray) -> str:
    """Whether METHODS 8 holds for a row; empty where it asks nothing."""
    low, high = stats.binomtest(int(values.sum()), len(values)).proportion_ci(CONFIDENCE)
    rates = part == "null" and not name.startswith(("published", "layers as", "mixed model", "t, pooled", "t, own"))
    false = (part, name.startswith("verdict")) == ("destructive", True) or name.endswith("in two of four setups")
    if rates or false or "at the margin" in name or " wrong" in name or name.startswith("rejects equal"):
        return "exceeds 5 %" if low > 0.05 else ("conservative" if high < 0.05 else "holds")
    if part in ("coverage", "predictions") and not name.startswith("no "):
        return "below 95 %" if high < 0.95 else ("conservative" if low > 0.95 else "holds")
    return ""


def page(found: dict[tuple[str, int], dict[str, np.ndarray]], studies: int, seconds: float) -> str:
    """The page of results."""
    lines = [
        "# Calibration of the analysis",
        "",
        f"{studies} simulated studies for each row and number of seeds, for power {-(-studies // 4)}; limits in"
        " brackets are 99 % (Clopper-Pearson)."
        f" {LAYERS} layers that share shocks (correlation .33), in null studies a strongest dose with twice the"
        " standard deviation of the baseline. A row exceeds (falls below) its level when its limits exclude it."
        f" {seconds:.0f} CPU s in all.",
    ]
    for part, (title, note) in TITLES.items():
        names = list(dict.fromkeys(name for seeds in SEEDS for name in found.get((part, seeds), {})))
        if not names:
            continue
        lines += ["", f"## {title}", "", note, "", "| | 3 seeds | | 5 seeds | |", "|---|---|---|---|---|"]
        for name in names:
            cells = []
            for seeds in SEEDS:
                values = found.get((part, seeds), {}).get(name)
                known = values is not None and len(values)
                cells += [share(values), judgement(part, name, values)] if known else ["", ""]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main(argv: Iterable[str] | None = None) -> None:
    """Simulate and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench/analysis.md")
    arguments = parser.parse_args(None if argv is None else list(argv))
    start, found = time.process_time(), {}
    for part in arguments.parts:
        for seeds in arguments.seeds:
            studies = -(-arguments.studies // 4) if part in POWER else arguments.studies
            found[part, seeds] = events(part, seeds, studies, arguments.workers)
            print(f"{part}, {seeds} seeds: done after {time.process_time() - start:.0f} CPU s", flush=True)
            text = page(found, arguments.studies, time.process_time() - start)
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(text)
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()
