"""A claim over several setups (data sets x backbones).

A claim is supported (contradicted) overall if it is so in more than half of the setups, no setup says the opposite,
and the mean over setups does not lie on the other side of zero. That it is so in u of k setups is tested as a partial
conjunction, with the Bonferroni form that holds however setups depend (Benjamini & Heller 2008, section 2.2):
(k - u + 1) p_(u) < alpha for the u-th smallest p, where a setup without that verdict has p = 1.

The estimate is the mean over these setups where their tests are the same. Its interval adds the setups' half widths in
quadrature, which covers at least as often as theirs do (Banerjee 1960).

C4 is that C1 to C3 hold in every setup (no correction: an intersection-union test). It is contradicted if one of them
is in one setup, Bonferroni over all, and needs backbones of both kinds, pre-trained and from scratch.
"""

from collections.abc import Sequence

import numpy as np

from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.verdicts import CONTRADICTED, SUPPORTED, UNDECIDED, Row, sentence
from weightscape.words import number

ALL = "all"
PATTERN = ("C1", "C2", "C3")


def overall(rows: Sequence[Row], options: Options) -> list[Row]:
    """One row per claim over all setups, data set and backbone `all`."""
    found = []
    for name in sorted({each["claim"] for each in rows}):
        own = [each for each in rows if each["claim"] == name]
        row = own[0] if len(own) == 1 else together(own, options.alpha)
        row = row | {"dataset": ALL, "backbone": ALL}
        found.append(row | architectures(own, options) if name == "C4" else row)
    return found


def together(own: Sequence[Row], alpha: float) -> Row:
    """The row of a claim over its setups."""
    mean = pooled(own)
    verdict, p, reason = _verdict(own, mean["estimate"], alpha)
    test = {"test": f"{own[0]['test']}, mean over setups"} if np.isfinite(mean["estimate"]) else {}
    return {
        **own[0],
        **(test or {"test": "verdicts of the setups", "metric": "", "unit": ""}),
        **mean,
        "n": sum(each["n"] for each in own),
        "p": p,
        "verdict": verdict,
        "reason": sentence(f"{reason} ({_places(own)})"),
        "controls": "see the rows of each data set and backbone",
    }


def _verdict(own: Sequence[Row], mean: float, alpha: float) -> tuple[str, float, str]:
    """Verdict, its p (NaN while undecided) and reason."""
    nan = float("nan")
    by_verdict = {name: [each for each in own if each["verdict"] == name] for name in (SUPPORTED, CONTRADICTED)}
    named = [name for name, part in by_verdict.items() if part]
    if not named:
        return UNDECIDED, nan, "no setup has a verdict"
    if len(named) > 1:
        return UNDECIDED, nan, "data sets or backbones disagree"
    verdict, part = named[0], by_verdict[named[0]]
    p, most = partial_conjunction([each["p"] for each in part], len(own)), len(own) // 2 + 1
    count = f"{verdict} in {len(part)} of {len(own)} setups"
    if len(part) < most:
        return UNDECIDED, nan, f"{count}, where more than half are needed"
    if not p < alpha:
        return UNDECIDED, nan, f"{count}, p = {number(p, 2)} that it is so in {most}"
    signs = {float(np.sign(each["estimate"])) for each in part}
    if len(signs) == 1 and np.sign(mean) == -next(iter(signs)):
        return UNDECIDED, nan, f"{count}, but the mean over setups lies on the other side of zero"
    return verdict, p, f"{count}, p = {number(p, 2)} that it is so in {most}"


def partial_conjunction(p: Sequence[float], setups: int) -> float:
    """p of the claim in more than half of the setups, from the p of those with the verdict; the others have 1."""
    least = setups // 2 + 1
    ordered = sorted([*p, *[1.0] * (setups - len(p))])
    return min(1.0, (setups - least + 1) * ordered[least - 1])


def pooled(own: Sequence[Row]) -> dict[str, float]:
    """Mean estimate over setups with its interval; NaN where the setups' tests are not the same."""
    same = len({(each["test"], each["metric"], each["unit"]) for each in own}) == 1
    if not same or not all(np.isfinite(each["estimate"]) for each in own):
        return dict.fromkeys(("estimate", "low", "high"), float("nan"))
    mean = float(np.mean([each["estimate"] for each in own]))
    halves = [max(each["high"] - each["estimate"], each["estimate"] - each["low"]) for each in own]
    half = float(np.linalg.norm(halves)) / len(own)
    return {"estimate": mean, "low": mean - half, "high": mean + half}


def _places(own: Sequence[Row]) -> str:
    return "; ".join(f"{each['dataset']}, {each['backbone']}: {each['verdict']}" for each in own)


def pattern(parts: Sequence[Row], alpha: float) -> tuple[str, float]:
    """C4 in one setup: supported if C1 to C3 are, contradicted if one is (Bonferroni); and its p."""
    if all(part["verdict"] == SUPPORTED for part in parts):
        return SUPPORTED, max(part["p"] for part in parts)
    against = [part["p"] for part in parts if part["verdict"] == CONTRADICTED]
    p = len(parts) * min(against) if against else 1.0
    return (CONTRADICTED, p) if p < alpha else (UNDECIDED, float("nan"))


def architectures(own: Sequence[Row], options: Options) -> Row:
    """Verdict, p and reason of C4 over its setups, from their rows."""
    backbones = {each["backbone"] for each in own}
    scratch = backbones & set(options.scratch)
    places = "; ".join(f"{each['dataset']}, {each['backbone']}: {each['reason'].rstrip('.')}" for each in own)
    against = [each["p"] for each in own if each["verdict"] == CONTRADICTED]
    p = len(own) * min(against) if against else 1.0
    lacks = [
        *(["has one backbone"] if len(backbones) < 2 else []),
        *(["has no backbone from scratch"] if not scratch else []),
        *(["has no pre-trained backbone"] if not backbones - scratch else []),
    ]
    verdict = UNDECIDED
    if lacks:
        places = f"the study {' and '.join(lacks)} ({places})"
    elif p < options.alpha:
        verdict = CONTRADICTED
    elif all(each["verdict"] == SUPPORTED for each in own):
        verdict, p = SUPPORTED, max(each["p"] for each in own)
    return {"verdict": verdict, "p": p if verdict != UNDECIDED else float("nan"), "reason": sentence(places)}
