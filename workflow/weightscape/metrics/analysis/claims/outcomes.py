"""The claims about data and outcomes: C6 diversity scores, C7 synthetic data, C8 weighted Vendi, C9 calibration."""

import zlib
from dataclasses import replace

import numpy as np

from weightscape.families import BASELINE
from weightscape.metrics.analysis import dose_response, prediction
from weightscape.metrics.analysis.claims.contrasts import all_of
from weightscape.metrics.analysis.contrasts import Values, contrast
from weightscape.metrics.analysis.controls import missing
from weightscape.metrics.analysis.design import Weights, difference
from weightscape.metrics.analysis.settings import CONTROL_FAMILIES, DATA_FAMILIES, DIVERSITY, Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import Decision, Row, effect_row, judged, of_contrast, row, undecided
from weightscape.words import family as of_family
from weightscape.words import number

SYNTHETIC = ("synthetic_add", "synthetic_replace")
CURVATURE = "weighted_trace"


def scores(setup: Setup, options: Options) -> Decision:
    """C6: pixel diversity rises and embedding diversity falls as augmentation strengthens (slope of ln Vendi).

    What counts is data sets, not runs: seeds that train on the same images share one measurement.
    """
    why = missing(setup, DIVERSITY)
    if why:
        return undecided(why)
    rows: list[Row] = []
    for space, expects in (("pixels", 1), (setup.backbone, -1)):
        values = setup.diversity.get((space, "vendi_1"))
        test = f"slope of ln Vendi on strength, {'pixels' if expects > 0 else 'embedding'}"
        common: Row = {
            "expects": expects,
            "family": DIVERSITY,
            "metric": "vendi_1",
            "scope": "data",
            "unit": "ln Vendi per step of strength",
        }
        design = setup.design if values is None else setup.design.each_once(values)
        weights = dose_response.slope_weights(design, DIVERSITY, dose_response.by_number(design, DIVERSITY))
        if values is None or not weights:
            rows.append(row(setup, "C6", test, **common, reason=f"no Vendi score in the space {space} was measured"))
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            found = contrast(design, np.log(values), weights, options.level)
        rows.append(row(setup, "C6", test, **common, **of_contrast(found)))
    judged(rows, options.alpha)
    made = all_of(rows, rows, rows[1])
    return replace(made, reason=f"{made.reason}; embedding: that of {setup.backbone} before training")


def synthetic(setup: Setup, options: Options) -> Decision:
    """C7: real + synthetic beats replacing; all-synthetic hurts; diversity helps OOD most."""
    for family in SYNTHETIC:
        why = missing(setup, family)
        if why:
            return undecided(why)
    if "test" not in setup.outcomes:
        return undecided("test accuracy was not measured")
    rows = [_adding(setup, options), _replacing(setup, options), *_most(setup, options)]
    return all_of(judged(rows, options.alpha), rows, rows[0])


def _adding(setup: Setup, options: Options) -> Row:
    """Adding synthetic images less replacing real ones by them, at the largest share that both have."""
    design = setup.design
    shares = {f: {design.numbers[f, dose]: dose for dose in design.doses(f)} for f in SYNTHETIC}
    both = sorted(set(shares[SYNTHETIC[0]]) & set(shares[SYNTHETIC[1]]))
    common: Row = {"expects": 1, "metric": "test accuracy", "scope": "outcome", "unit": "share"}
    if not both:
        return row(setup, "C7", "adding less replacing", **common, reason="no share was both added and replaced")
    picked = [design.effect(f, shares[f][both[-1]]) for f in SYNTHETIC]
    found = contrast(design, setup.outcomes["test"], difference(*picked), options.level)
    return row(
        setup,
        "C7",
        "adding less replacing",
        **common,
        family=SYNTHETIC[0],
        dose=shares[SYNTHETIC[0]][both[-1]],
        **of_contrast(found),
    )


def _replacing(setup: Setup, options: Options) -> Row:
    """The effect of training on synthetic images alone, also where that is destructive."""
    design = setup.all_conditions
    whole = [dose for dose in design.doses(SYNTHETIC[1]) if design.numbers[SYNTHETIC[1], dose] >= 1]
    common: Row = {
        "expects": -1,
        "family": SYNTHETIC[1],
        "metric": "test accuracy",
        "scope": "outcome",
        "unit": "share",
    }
    if not whole:
        return row(setup, "C7", "all synthetic", **common, reason="no dose replaces all real images")
    weights = design.effect(SYNTHETIC[1], whole[0])
    found = contrast(design, setup.outcomes["test"], weights, options.level)
    return row(setup, "C7", "all synthetic", **common, dose=whole[0], **of_contrast(found))


def _most(setup: Setup, options: Options) -> list[Row]:
    """The effect of diversity on OOD accuracy less that of every other family (each must be below)."""
    design = setup.design
    common: Row = {"expects": 1, "family": DIVERSITY, "metric": "OOD accuracy", "scope": "outcome", "unit": "share"}
    why = missing(setup, DIVERSITY) or (
        "" if "ood" in setup.outcomes else "no set is out of distribution for every family"
    )
    others = [f for f in design.families if f not in (DIVERSITY, *CONTROL_FAMILIES) and not missing(setup, f)]
    if why or not others:
        return [row(setup, "C7", "diversity on OOD", **common, reason=why or "there is no other family")]
    top = str(design.strongest(DIVERSITY))
    own = design.effect(DIVERSITY, top)
    found = contrast(design, setup.outcomes["ood"], own, options.level)
    rows = [row(setup, "C7", "diversity on OOD", **common, dose=top, **of_contrast(found))]
    for family in others:
        weights = difference(own, design.effect(family, str(design.strongest(family))))
        found = contrast(design, setup.outcomes["ood"], weights, options.level)
        rows.append(
            row(setup, "C7", f"diversity less {of_family(family)} on OOD", **common, dose=top, **of_contrast(found))
        )
    return rows


def explained(setup: Setup, options: Options) -> Decision:
    """C8: the weighted Vendi score explains accuracy for augmentation and synthetic data alike.

    It must beat the Vendi score, rho and dose each alone, and the plain mean; to lose to the plain mean is what any
    line through noise does, and contradicts nothing.
    """
    space = setup.backbone
    names = {
        "weighted Vendi": (space, "weighted.score.published"),
        "Vendi": (space, "vendi_whole_1"),
        "rho": (space, "weighted.rho.published"),
    }
    lost = [name for name, key in names.items() if key not in setup.diversity]
    if lost:
        return undecided(f"{lost[0]} in the space {space} was not measured")
    conditions = measured_conditions(setup, [setup.diversity[key] for key in names.values()])
    families = np.array([family for family, _ in conditions])
    if len(set(families)) < 3 or len(conditions) < prediction.CONTEST:
        return undecided(
            f"n: {len(conditions)} conditions of {len(set(families))} data families; leaving one family out needs "
            f"{prediction.CONTEST} of 3"
        )
    predictors = {name: relative(setup, setup.diversity[key], conditions) for name, key in names.items()}
    strongest = {f: max(abs(setup.design.numbers[c]) for c in conditions if c[0] == f) for f in set(families)}
    predictors["dose"] = np.array([abs(setup.design.numbers[c]) / strongest[c[0]] for c in conditions])
    predictors["nothing"] = np.zeros(len(conditions))
    picks = prediction.resampled(families, _generator(setup, options, "C8"), options.draws)
    rows: list[Row] = []
    for outcome in ("ood", "test"):
        if outcome not in setup.outcomes:
            continue
        y = relative(setup, setup.outcomes[outcome], conditions)
        if not np.isfinite(y).all():
            continue
        for rival in ("Vendi", "rho", "dose", "nothing"):
            found = prediction.contest(
                predictors["weighted Vendi"], predictors[rival], y, families, picks, options.level
            )
            rows.append(
                row(
                    setup,
                    "C8",
                    f"error of weighted Vendi less that of {rival}",
                    expects=-1,
                    decides=outcome == "ood",
                    metric=f"{outcome} accuracy",
                    scope="outcome",
                    unit="squared share",
                    n=len(conditions),
                    estimate=found.value,
                    low=found.low,
                    high=found.high,
                    p=1.0 if rival == "nothing" and found.value > 0 else found.p,
                )
            )
    judged(rows, options.alpha)
    own = [r for r in rows if r["_decides"]]
    if not own:
        return undecided("OOD accuracy was not measured", rows)
    return all_of(rows, own, own[0])


def calibration(setup: Setup, options: Options) -> Decision:
    """C9: calibration improves with diversity and curvature falls."""
    why = missing(setup, DIVERSITY)
    if why:
        return undecided(why)
    design = setup.design
    weights = design.effect(DIVERSITY, str(design.strongest(DIVERSITY)))
    rows: list[Row] = []
    for name, metric, unit, decides in (
        ("ece", "ECE", "share", True),
        (CURVATURE, "curvature", "sum of (|w|^2 / d) tr H", True),
        ("trace", "trace of the Hessian", "1", False),
        ("largest_eigenvalue", "largest eigenvalue of the Hessian", "1", False),
        ("batch_loss", "loss on the curvature batch", "nats", False),
    ):
        if name in setup.outcomes:
            found = contrast(design, setup.outcomes[name], weights, options.level)
            error = probe_error(setup, name, weights)
            note = f"standard error from probes at most {number(error, 2)}" if np.isfinite(error) else ""
            rows.append(
                effect_row(
                    setup,
                    "C9",
                    "effect",
                    found,
                    weights,
                    metric,
                    unit,
                    expects=-1 if decides else 0,
                    decides=decides,
                    scope="outcome",
                    reason=note,
                )
            )
    judged(rows, options.alpha)
    own = {r["metric"]: r for r in rows if r["_decides"]}
    if "ECE" not in own:
        return undecided("the calibration error was not measured", rows)
    if "curvature" not in own:
        text = f"the study measured no curvature (calibration alone: {own['ECE']['verdict']})"
        return undecided(text, rows, own["ECE"])
    made = all_of(rows, list(own.values()), own["ECE"])
    error = probe_error(setup, CURVATURE, weights)
    size = f"curvature {number(own['curvature']['estimate'], 3)}, standard error from probes at most {number(error, 2)}"
    return replace(made, reason=f"{made.reason}; {size}" if np.isfinite(error) else made.reason)


def probe_error(setup: Setup, name: str, weights: Weights) -> float:
    """Standard error of a contrast of traces that comes from their random directions; NaN where it is not known.

    Runs share their directions, whose error cancels in part: an upper bound, as if each run had its own.
    """
    errors = setup.outcomes.get(f"{name}_error")
    if errors is None or name == "largest_eigenvalue":
        return float("nan")
    parts = [(w, errors[setup.design.rows[c]]) for c, w in weights.items() if w]
    return float(np.sqrt(sum(w**2 * float(np.sum(own**2)) / len(own) ** 2 for w, own in parts)))


def measured_conditions(setup: Setup, values: list[Values], families: tuple[str, ...] = DATA_FAMILIES) -> list:
    """The conditions of some families for which all values [runs] and the baseline's are there."""
    whole = np.all([np.isfinite(each) for each in values], axis=0)
    rows = setup.design.rows
    return [
        (family, dose)
        for (family, dose), at in rows.items()
        if family in families
        and dose != BASELINE
        and (family, BASELINE) in rows
        and whole[at].all()
        and whole[rows[family, BASELINE]].all()
    ]


def relative(setup: Setup, values: Values, conditions: list) -> Values:
    """Each condition's mean less its family's baseline mean."""
    rows = setup.design.rows
    return np.array([values[rows[c]].mean() - values[rows[c[0], BASELINE]].mean() for c in conditions])


def _generator(setup: Setup, options: Options, name: str) -> np.random.Generator:
    return np.random.default_rng([options.seed, zlib.crc32(f"{setup.dataset}/{setup.backbone}/{name}".encode())])
