"""The vector of features in which interventions are compared, and its regression, in each scope (claim C2).

A feature is the mean of a metric over a group of layers. `hidden`: the change of the hidden layers, in groups from
input to output; `update`: the same of the spectrum of the update; `head`: the change of the head, and its update.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from weightscape.families import DECAY, DIVERSITY, DROPOUT
from weightscape.formats.tables import Table
from weightscape.metrics.analysis import signature
from weightscape.metrics.analysis.contrasts import NAN, Interval, Values
from weightscape.metrics.analysis.design import Design
from weightscape.metrics.analysis.reasons import NONE, Lack, Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Layers, Setup
from weightscape.metrics.analysis.signature import Signed
from weightscape.metrics.layer_order import in_depth
from weightscape.metrics.signature_words import OWN
from weightscape.words import family as of_family
from weightscape.words import metric as of_metric

OPPOSITE, STEPS = "duplicate", "steps"
EXPLANATIONS = (DROPOUT, DECAY, STEPS, "label_noise", OPPOSITE)
"""Interventions whose signatures may explain that of diversity; `duplicate` with the opposite sign, steps with either.
"""
NOTHING = Interval(NAN, NAN, NAN, NAN)
Row = dict[str, str | float | bool]
LIMITS = [f"{name}{end}" for name in ("coefficient", "cosine") for end in ("", "_low", "_high")]
MEASURED = (*LIMITS, "least_without", "most_without", "p", "length")
"""Columns of the table `signature` that are empty where there is no regression."""
DIFFERENCE = {0: 1.0, 1: -1.0}
"""Dropout's coefficient less weight decay's."""


@dataclass(frozen=True)
class Scope:
    """One scope: its features, p of each effect being zero, the regression, or why there is none.

    `without` has the regression without each feature. `used` are the explanations that differ from zero,
    `turned` those whose opposite is meant.
    """

    name: str
    features: tuple[str, ...]
    p: dict[str, float] = field(default_factory=dict)
    used: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()
    regression: signature.Regression | None = None
    without: tuple[signature.Regression | None, ...] = ()
    why: Reason = NONE

    def differences(self, level: float) -> list[Interval]:
        """Dropout's coefficient less weight decay's, with all features, then without each; NaN if it is not known."""
        every = [self.regression, *self.without]
        return [NOTHING if each is None else each.contrast(DIFFERENCE, level) for each in every]

    def nearest(self, level: float) -> list[str] | None:
        """The explanations that diversity is nearest to; empty if to none of them; None if that is not told.

        Duplicates, whose opposite is diversity itself, are named only if no other is. Diversity may be like an
        explanation without a known direction, so that it is nearest to none only where all of them have one.
        """
        if self.regression is None:
            return None
        others = [at for at, family in enumerate(self.used) if family != OPPOSITE]
        found = self.regression.nearest(others, level)
        if not found and OPPOSITE in self.used:
            opposite = self.regression.nearest([self.used.index(OPPOSITE)], level)
            found = opposite if opposite or found == [] else found
        if found is None or (not found and self.unknown):
            return None
        return [self.used[at] for at in found]

    @property
    def unknown(self) -> list[str]:
        """The explanations whose direction the runs do not tell."""
        return [family for family in EXPLANATIONS if family not in self.used]

    def unsaid(self, level: float) -> str:
        """Why nothing is named although there is a regression; empty if something is, or if cosines are too wide."""
        if self.regression is None or self.nearest(level) is not None or not self.unknown:
            return ""
        if self.regression.nearest(range(len(self.used)), level) != []:
            return ""
        families = " and ".join(map(of_family, self.unknown))
        return f"no direction is seen of {families}, and each of the others explains less than half"


def scopes(setup: Setup, options: Options, diversity: Signed | None = None) -> Iterator[Scope]:
    """The scopes of the config; `setup` is without destructive conditions, signatures may be of these too.

    `diversity` is the effect to explain, by default that of the strongest augmentation.
    """
    effects, lacking = interventions(setup, diversity)
    for name, metrics in options.signature.features.items():
        asked = tuple(metric for metric in metrics if metric in setup.metrics)
        names, columns = _features(setup, name, asked, options.signature.groups)
        why = _unmeasured(setup, name, asked, columns)
        bare = Scope(name, tuple(names), why=why or lacking)
        yield bare if bare.why else _scope(setup, bare, columns, effects, options)


def measures(setup: Setup, options: Options) -> dict[str, Values]:
    """The features [runs] by name of the scopes that claim C2 names."""
    found: dict[str, Values] = {}
    for scope in options.signature.claim:
        asked = tuple(metric for metric in options.signature.features[scope] if metric in setup.metrics)
        found |= dict(zip(*_features(setup, scope, asked, options.signature.groups), strict=True))
    return found


def _unmeasured(setup: Setup, scope: str, metrics: tuple[str, ...], columns: list[Values]) -> Reason:
    """Why a feature of the config has no value, as the others alone would be another vector; none if all have one."""
    source = setup.updates if scope == "update" else setup.metrics
    if not set(metrics) <= set(source):
        return Lack.NO_UPDATES.reason()
    if scope != "head":
        return Reason(next(filter(None, (source[metric].lacking(metric) for metric in metrics)), ""))
    whole = all(np.isfinite(column).all() for column in columns)
    return NONE if whole else Lack.NOT_MEASURED.reason(what="the head").within(after=" in every run")


def _features(setup: Setup, scope: str, metrics: tuple[str, ...], groups: int) -> tuple[list[str], list[Values]]:
    """The names and the columns [runs] of one scope's features."""
    found: list[tuple[str, Values]] = []
    for kind, source in (("change", setup.metrics), ("update", setup.updates)):
        for metric in (metric for metric in metrics if metric in source):
            label = f"{of_metric(metric)} of the {kind}"
            if scope == "head":
                found.append((label, source[metric].head))
            elif scope == ("update" if kind == "update" else "hidden"):
                found += _grouped(source[metric], label, groups)
    return [name for name, _ in found], [column for _, column in found]


def _grouped(layers: Layers, label: str, groups: int) -> Iterator[tuple[str, Values]]:
    """The means over groups of hidden layers, from input to output."""
    place = {name: k for k, name in enumerate(layers.names)}
    order = [place[name] for name in in_depth(layers.names)]
    parts = [part for part in np.array_split(order, min(groups, len(order)) or 1) if len(part)]
    for k, part in enumerate(parts, 1):
        yield f"{label}, part {k} of {len(parts)}", layers.hidden[:, part].mean(axis=1)


def interventions(setup: Setup, diversity: Signed | None = None) -> tuple[list[Signed], Reason]:
    """Diversity and the explanations at the doses that stand for them; or the first of the three that is lacking."""
    found = [diversity] if diversity else []
    for family in EXPLANATIONS if diversity else (DIVERSITY, *EXPLANATIONS):
        dose = setup.design.strongest(family) if family in (DIVERSITY, DROPOUT, DECAY) else setup.stands(family)
        if dose is not None:
            sign = -1.0 if family == OPPOSITE else 1.0
            found.append(Signed(family, setup.design.effect(family, dose), sign))
        elif family in (DIVERSITY, DROPOUT, DECAY):
            return [], setup.missing(family)
    return found, NONE


def _scope(setup: Setup, bare: Scope, columns: list[Values], asked: list[Signed], options: Options) -> Scope:
    if not columns:
        return replace(bare, why=Reason("no feature has a value in every run"))
    values, design = np.stack(columns, axis=1), setup.all_conditions
    raised = {condition for each in asked[:3] for condition, weight in each.weights.items() if weight > 0}
    if any(len(design.rows[condition]) < 2 for condition in raised):
        return replace(bare, why=Lack.NO_REPLICATES.reason())
    asked = _turned(design, values, asked)
    effects = signature.whitened(design, values, asked)
    if effects is None:
        return replace(bare, why=Lack.FEW_REPEATS.reason(features=len(columns)))
    p = dict(zip((each.name for each in asked), effects.p.tolist(), strict=True))
    directions = zip(asked, effects.have_directions, strict=True)
    known = [bool(is_told) and p[each.name] < options.alpha for each, is_told in directions]
    silent = next((each.name for each, is_known in zip(asked[:3], known[:3], strict=True) if not is_known), None)
    if silent is not None:
        return replace(bare, p=p, why=Lack.NO_EFFECT.reason(effect=of_family(silent)))
    used = [at for at, is_known in enumerate(known) if is_known]
    chosen = [asked[at] for at in used]
    found = signature.regression(effects.only(used))
    if found is None:
        why = Reason(f"{len(columns)} features do not carry {len(used) - 1} explanations")
        return replace(bare, p=p, why=why)
    left_out = tuple(_without(setup, values, at, chosen) for at in range(len(columns)))
    told, turned = (tuple(each.name for each in of) for of in (chosen[1:], [each for each in asked if each.sign < 0]))
    return replace(bare, p=p, used=told, turned=turned, regression=found, without=left_out)


def _turned(design: Design, values: Values, asked: list[Signed]) -> list[Signed]:
    """The interventions with steps turned to the side of diversity, as fewer steps undo what more do."""
    effects = signature.whitened(design, values, asked)
    if effects is None:
        return asked
    along = dict(zip((each.name for each in asked), effects.products[0].tolist(), strict=True))
    return [replace(each, sign=-1.0) if each.name == STEPS and along[STEPS] < 0 else each for each in asked]


def _without(setup: Setup, values: Values, at: int, chosen: list[Signed]) -> signature.Regression | None:
    """The regression without one feature; None if the others do not carry it."""
    effects = signature.whitened(setup.all_conditions, np.delete(values, at, axis=1), chosen)
    return None if effects is None else signature.regression(effects)


def table(setup: Setup, options: Options) -> Table:
    """Rows of the table `signature`: in each scope one for every explanation, and one for the part of its own."""
    rows = [row for scope in scopes(setup, options) for row in _rows(setup, scope, options)]
    return pd.DataFrame([dict.fromkeys(MEASURED, NAN) | row for row in rows])


def _rows(setup: Setup, scope: Scope, options: Options) -> Iterator[Row]:
    nearest, found, level = scope.nearest(options.level), scope.regression, options.level
    common: Row = {"scope": scope.name, "features": len(scope.features), "claim": scope.name in options.signature.claim}
    common |= {
        "nearest": False,
        "reason": str(scope.why) or scope.unsaid(level),
        "diversity_length": NAN if found is None else float(found.lengths[0]),
    }
    for family in EXPLANATIONS:
        row = common | {"explanation": family, "dose": setup.stands(family) or "", "p": scope.p.get(family, NAN)}
        row["opposite"] = family in scope.turned or family == OPPOSITE
        if found is not None and family in scope.used:
            at = scope.used.index(family)
            row |= {"length": float(found.lengths[at + 1]), "nearest": family in (nearest or [])}
            others = [each.coefficient(at, level).value for each in scope.without if each is not None]
            row |= _limits("coefficient", found.coefficient(at, level)) | _limits("cosine", found.cosine(at, level))
            row |= {"least_without": min(others, default=NAN), "most_without": max(others, default=NAN)}
        yield row
    own = {} if found is None else _limits("coefficient", found.own(level)) | {"p": found.own_p}
    yield common | {"explanation": OWN, "dose": "", "opposite": False, "nearest": nearest == []} | own


def _limits(name: str, value: Interval) -> Row:
    return {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
