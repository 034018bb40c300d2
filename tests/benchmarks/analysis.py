"""Size, coverage and power of the analysis on simulated studies; writes workflow/docs/calibration.md.

    python tests/benchmarks/analysis.py [--studies 2000] [--workers 1]

Each study has the families, doses and metrics of config.yaml and is drawn by `unit.metrics.simulated_studies` from its
number as the seed; nothing here is tuned to it. Runs share shocks over layers, and the strongest dose of each family
has twice the standard deviation of its baseline.
"""

import argparse
import functools
import itertools
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))

from analysis_power import contested, destroyed, overall_power, power, power_of_outcomes, predicted
from analysis_studies import LAYERS, OPTIONS, ROOT, Found, drawn, regressed, truth
from choice_power import choices

from unit.metrics.planted import options
from unit.metrics.planted_signatures import LENGTHS, OWN, Plan, decided, named
from weightscape.families import COMPARED, POOL
from weightscape.metrics.analysis import contrasts, mixed_model
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.claims.equivalence import equivalence
from weightscape.metrics.analysis.design import difference as difference_of

SEEDS = (3, 5)
ONE = options(metrics=["log_norm"])
CONFIDENCE = 0.99


def null(number: int, seeds: int) -> Found:
    """A study in which no intervention does anything."""
    made = drawn(truth(seeds, unequal=2.0), number)
    rows, tests = table.of_setup(made, OPTIONS)
    found: Found = {f"verdict {row.claim}": float(row.verdict != "undecided") for row in rows}
    found["one or more of the nine claims get a verdict"] = max(found.values())
    for name, of_claim in tests.items():
        deciding = [test.p_holm for test in of_claim if test.decides]
        if deciding:
            found[f"any test of {name}"] = float(np.nanmin([*deciding, 1.0]) < 0.05)
    for row in rows:
        if row.claim in ("C1", "C2", "C5", "C7", "C8", "C9"):
            found[f"A/A control of {row.claim} fails"] = float("A/A: failed" in row.controls)
    return found | single_tests(made) | published(made)


def single_tests(made: Any) -> Found:
    """Uncorrected tests of one effect that is zero."""
    design, values = made.design, made.metrics["log_norm"].hidden
    dose = str(design.strongest("augment"))
    weights = design.effect("augment", dose)
    mean = values.mean(axis=1)
    estimate = contrasts.contrast(design, mean, weights)
    found: Found = {"t, moderated variances": float(estimate.p < 0.05)}
    spread, df = contrasts.within(design, mean)
    error = np.sqrt(spread * sum(w**2 / len(design.rows[c]) for c, w in weights.items()))
    found["t, pooled variance alone"] = float(2 * stats.t.sf(abs(estimate.value) / error, df) < 0.05)
    found["t, own variances alone (Welch)"] = float(estimate.welch_p < 0.05)
    both = difference_of(weights, design.strongest_effect("dropout"))
    found["t, difference of two families"] = float(contrasts.contrast(design, mean, both).p < 0.05)
    fit = mixed_model.fit(design, values, "augment", dose)
    found["mixed model is singular"] = float(bool(fit.why))
    if not fit.why:
        found["mixed model"] = float(fit.p < 0.05)
    found["mixed model, singular counted as no rejection"] = float(not fit.why and fit.p < 0.05)
    # What layers and a seed label without a random run effect amount to: layers as replicates.
    gap = values[design.rows["augment", dose]].mean(axis=0) - values[design.rows[POOL]].mean(axis=0)
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
    "like dropout": {"dropout": 1.0},
    "like both": {"dropout": 1.0, "weight_decay": 1.0},
    "its own": {OWN: 1.0},
    "half its own": {"dropout": 1.0, OWN: 1.0},
}


def coverage(number: int, seeds: int) -> Found:
    """Intervals of quantities that are not zero."""
    found: Found = {}
    for name, like in PARTLY.items():
        regression, true = regressed(Plan(like, 9.0, 0.3, seeds), number)
        if regression is None:
            found[f"no regression, {name}"] = 1.0
            continue
        difference, cosine = regression.contrast({0: 1.0, 1: -1.0}, 0.95), regression.cosine(0, 0.95)
        found[f"difference of coefficients, {name}"] = float(difference.low <= true[0] - true[1] <= difference.high)
        found[f"cosine with dropout, {name}"] = float(cosine.low <= true[len(LENGTHS)] <= cosine.high)
    effects = dict(zip(("augment", "dropout", "weight_decay"), (4.0, 6.0, -9.0), strict=True))
    profiles = {family: np.full(LAYERS, size) for family, size in effects.items()}
    made = drawn(truth(seeds, profiles=profiles, unequal=2.0), number, 12)
    design, mean = made.design, made.metrics["log_norm"].mean()
    for name, pair in {"effect of a family": (1, 0), "difference of two families": (1, -1)}.items():
        of = [design.strongest_effect(family) for family in ("augment", "weight_decay")]
        weights = of[0] if pair[1] == 0 else difference_of(*of)
        estimate = contrasts.contrast(design, mean, weights)
        true = effects["augment"] + pair[1] * effects["weight_decay"]
        found[name] = float(estimate.low <= true <= estimate.high)
    return found


def margins(number: int, seeds: int) -> Found:
    """Equivalence where the true difference is at the margin (must rarely pass), and where it is zero."""
    found: Found = {}
    for name, ratio in (("at the margin", 1.5), ("of no difference", 1.0)):
        profiles = {"augment": np.full(LAYERS, ratio * 8.0), "dropout": np.full(LAYERS, 8.0)}
        made = drawn(truth(seeds, profiles=profiles), number, 13)
        found[f"means pass {name}"] = float(equivalence(made, ONE)[0].numbers.p < 0.05)
    return found


PLANS = (6.0, 0.0), (6.0, 0.3), (9.0, 0.0), (9.0, 0.3)
"""Lengths of diversity's signature, and cosines of any two."""


def recognised(number: int, seeds: int) -> Found:
    """Planted studies, by what diversity is like: named rightly, and wrongly."""
    return planted(named, number, seeds)


def verdicts(number: int, seeds: int) -> Found:
    """Planted studies: C2's verdicts."""
    return planted(decided, number, seeds)


def planted(judged: Callable[[Plan, int], dict[str, bool]], number: int, seeds: int) -> Found:
    """The judgement of the planted studies with this number, by what diversity is like, its length, and cosines."""
    found: Found = {}
    for (length, cosine), kind in itertools.product(PLANS, ("dropout", "weight_decay", OWN)):
        where = f"like {'neither' if kind == OWN else kind}, length {length:g}, cosines {cosine:g}"
        outcome = judged(Plan(kind, length, cosine, seeds), number)
        found |= {f"{name}, {where}": float(value) for name, value in outcome.items()}
    return found


PARTS: dict[str, Callable[[int, int], Found]] = {
    "null": null,
    "coverage": coverage,
    "families": contested,
    "predictions": predicted,
    "margins": margins,
    "recognised": recognised,
    "verdicts": verdicts,
    "destructive": destroyed,
    "power": power,
    "outcomes": power_of_outcomes,
    "setups": overall_power,
    "choices": choices,
}
SEEDS_OF = {"choices": 16}
"""Runs of a condition in parts that simulate another study, workflow/studies/choose.yaml."""


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
    "families": (
        "Null studies of C8 (%)",
        "Diversity scores and OOD accuracy differ between families of data, independently of one another.",
    ),
    "destructive": (
        "Null studies with a destructive condition (%)",
        "The strongest dose loses 20 points of validation accuracy and moves all layers by 20 s.d.; nothing else acts.",
    ),
    "margins": ("Equivalence (%)", "At the margin the test must pass in at most 5 %; with no difference, its power."),
    "recognised": (
        "Planted studies: what diversity is nearest to (%)",
        "Named in every scope that C2 needs. Lengths in standard deviations of a run: dropout 13, weight decay 100,"
        " steps 9, label noise 6, duplicates 14, as in the embedded study, whose diversity had 4 to 14; signatures are"
        " orthogonal, or have a cosine of .3 with one another.",
    ),
    "verdicts": ("Planted studies: verdicts of C2 (%)", "The same studies; verdicts without controls."),
    "power": ("Power: weights (%)", "3 and 5 seeds; layers correlate by shared shocks."),
    "outcomes": ("Power: head, data and outcomes (%)", "Effects in standard deviations of a run."),
    "setups": ("Four setups (%)", "How often C3 is supported overall; it asks for more than half of the setups."),
    "choices": (
        "Claim C10: studies of chosen images (%)",
        "Three budgets, four ways of choosing, as in workflow/studies/choose.yaml (tests/benchmarks/choice_power.py);"
        " verdicts without controls. The pilot's effect is 4.5 points of OOD accuracy, where a run has an s.d. of 6.1.",
    ),
}
FEWER = {"destructive": 8, "power": 8, "outcomes": 8, "setups": 8, "recognised": 4, "verdicts": 20, "choices": 2}
"""Parts that are dear, or estimate power and recognition, and how many times fewer their studies are."""


WRONG = "rejects equal", "supported; null", "contradicted; null", "supported; only", "contradicted; pilot"
"""Beginnings of events that must be rare, beside those of whole parts."""


def judgement(part: str, name: str, values: np.ndarray) -> str:
    """Whether METHODS 8 holds for a row; empty where it asks nothing."""
    low, high = stats.binomtest(int(values.sum()), len(values)).proportion_ci(CONFIDENCE)
    rates = part in ("null", "families") and not name.startswith(
        ("one or more", "published", "layers as", "mixed model", "t, pooled", "t, own")
    )
    false = (part, name.startswith("verdict")) == ("destructive", True) or name.endswith("in two of four setups")
    if rates or false or "at the margin" in name or " wrong" in name or name.startswith(WRONG):
        return "exceeds 5 %" if low > 0.05 else ("conservative" if high < 0.05 else "holds")
    if part in ("coverage", "predictions") and not name.startswith("no "):
        return "below 95 %" if high < 0.95 else ("conservative" if low > 0.95 else "holds")
    return ""


def counts(found: dict[tuple[str, int], dict[str, np.ndarray]]) -> dict[str, dict[str, dict[str, list[int]]]]:
    """How often each event happened, and in how many studies, by part and seeds."""
    kept: dict[str, dict[str, dict[str, list[int]]]] = {}
    for (part, seeds), rows in found.items():
        kept.setdefault(part, {})[str(seeds)] = {name: [int(x.sum()), len(x)] for name, x in rows.items()}
    return kept


def kept(path: Path) -> dict[tuple[str, int], dict[str, np.ndarray]]:
    """The events of parts that an earlier run made, which the page keeps until they are made again."""
    before = json.loads(path.read_text()) if path.is_file() else {}
    return {
        (part, int(seeds)): {name: (np.arange(n) < k).astype(float) for name, (k, n) in rows.items()}
        for part, by_seeds in before.items()
        for seeds, rows in by_seeds.items()
    }


def page(found: dict[tuple[str, int], dict[str, np.ndarray]]) -> str:
    """The page of results."""
    lines = [
        "# Calibration of the analysis",
        "",
        "Written by `make calibration` (`tests/benchmarks/analysis.py`); not edited by hand. A part that is run alone"
        " (`--parts`) keeps the others, whose counts are in calibration.json.",
        "",
        "Each cell has the share of n simulated studies in which something happened. Limits in brackets are 99 %"
        " (Clopper-Pearson). Studies have the families and doses of config.yaml, one pool of baseline"
        f" runs, and {LAYERS} layers that share shocks (correlation .33); in null studies the strongest dose has twice"
        " the standard deviation of the baseline. A row exceeds (falls below) its level when its limits exclude it, and"
        f" is called conservative when they lie on the safe side of it.",
    ]
    for part, (title, note) in TITLES.items():
        columns = sorted(seeds for of, seeds in found if of == part)
        names = list(dict.fromkeys(name for seeds in columns for name in found[part, seeds]))
        if not names:
            continue
        sizes = {seeds: max(map(len, found[part, seeds].values())) for seeds in columns}
        head = " | ".join(f"{seeds} seeds, n = {sizes[seeds]} | " for seeds in columns)
        lines += ["", f"## {title}", "", note, "", f"| | {head}|", f"|---{'|---|---' * len(columns)}|"]
        for name in names:
            cells = []
            for seeds in columns:
                values = found[part, seeds].get(name)
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
    parser.add_argument("--out", type=Path, default=ROOT / "workflow/docs/calibration.md")
    arguments = parser.parse_args(None if argv is None else list(argv))
    start, found = time.process_time(), kept(arguments.out.with_suffix(".json"))
    made = set()
    for asked in arguments.seeds:
        for part in arguments.parts:
            seeds = SEEDS_OF.get(part, asked)
            if (part, seeds) in made:
                continue
            studies = -(-arguments.studies // FEWER.get(part, 1))
            found[part, seeds] = events(part, seeds, studies, arguments.workers)
            made.add((part, seeds))
            print(f"{part}, {seeds} seeds: done after {time.process_time() - start:.0f} CPU s", flush=True)
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.with_suffix(".json").write_text(json.dumps(counts(found), indent=1) + "\n")
            arguments.out.write_text(page(found))
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()
