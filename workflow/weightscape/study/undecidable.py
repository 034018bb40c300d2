"""Which claims a study cannot decide, whatever its runs show, and what to add so that it can.

The analysis tells the same after the runs, in the reasons of its verdicts; here it costs none. What only the runs can
show, such as doses that turn out destructive, stays open.
"""

import math
from collections.abc import Iterator

from weightscape.families import DIVERSITY, DIVERSITY_FAMILIES, SYNTHETIC_FAMILIES
from weightscape.study import Config, doses, seen_corruptions, study

LEAST_SEEDS = {"C8": 1, "C11": 4}
"""Runs of a condition, if not two: of C8 the conditions are the samples; C11 halves them."""

FOLLOWS = {"log_norm", "log_spectral_norm", "log_stable_rank"}
"""Metrics of which each follows from the two others: they span two features."""

LAYERS = 8
"""Hidden layers that networks have at least; with more groups of layers the plan cannot tell how many features follow.
"""

BY_INIT = "`weightscape init --generator ddpm`"
"""Writes a study with synthetic images."""

PARTS_OF = {"C7": (DIVERSITY,)}
"""Families without which a part of a claim stays open."""


def claims(config: Config) -> dict[str, list[str]]:
    """The things to add for each claim that lacks some; claims that may be decided are left out."""
    from weightscape.metrics.analysis.claims.c4_architectures import NAME, PARTS
    from weightscape.metrics.analysis.claims.table import in_order

    lacks = {
        name: [*_of_families(config, name), *_of_runs(config, name), *_of_claim(config, name)]
        for name in asked(config)
        if name != NAME
    }
    parts = [name for name in PARTS if lacks[name]]
    lacks[NAME] = [
        *_backbones(config),
        *([f"what {' and '.join(parts)} lack{'s' * (len(parts) == 1)}"] if parts else []),
    ]
    return {name: lacks[name] for name in in_order(lacks) if lacks[name]}


def asked(config: Config) -> list[str]:
    """The claims that the study asks."""
    from weightscape.metrics.analysis.claims import table

    has_choices = any(each.is_chosen for each in doses.further_images(config))
    has_policies = DIVERSITY in config["study"]["families"]
    return table.asked(has_choices, len(doses.doses(config, DIVERSITY)) if has_policies else 0)


def told(config: Config) -> list[str]:
    """A line for each claim that the study cannot decide, with its statement and what to add."""
    return [f"{stated(name)} Add {'; '.join(things)}." for name, things in claims(config).items()]


def stated(claim: str) -> str:
    """A claim's name and statement."""
    from weightscape.metrics.analysis.claims.table import CLAIMS

    return f"{claim} {CLAIMS[claim].STATEMENT}"


def _of_families(config: Config, claim: str) -> Iterator[str]:
    """The families that a claim and its controls need, as one thing to add."""
    from weightscape.metrics.analysis.claims.table import TESTED
    from weightscape.metrics.analysis.controls.table import CONTROLS

    needed = [*TESTED[claim].NEEDS, *PARTS_OF.get(claim, ())]
    for control in config["analyse"]["controls"][claim]:
        if control in CONTROLS and (control != "resolution" or study.coarsely_generated(config)):
            needed += CONTROLS[control].needs
    lost = [name for name in dict.fromkeys(needed) if not _has_doses(config, name)]
    made = [name for name in lost if name in SYNTHETIC_FAMILIES and not _has_synthetic(config)]
    if made:  # these need a generator and recipes as well
        yield f"{', '.join(made)} to study.families, as {BY_INIT} does"
    if others := [name for name in lost if name not in made]:
        yield f"{', '.join(others)} to study.families"


def _has_synthetic(config: Config) -> bool:
    return any(_has_doses(config, name) for name in SYNTHETIC_FAMILIES)


def _has_doses(config: Config, family: str) -> bool:
    return family in config["study"]["families"] and bool(doses.doses(config, family))


def _of_runs(config: Config, claim: str) -> Iterator[str]:
    """Replicates, of conditions and of the baseline."""
    from weightscape.metrics.analysis.claims.table import least_pool
    from weightscape.metrics.analysis.controls.table import LEAST_POOL

    seeds, pool = len(config["study"]["seeds"]), config["study"]["baseline_runs"]
    least = LEAST_SEEDS.get(claim, 2)
    if seeds < least:
        yield f"seeds to study.seeds (it has {seeds}, {least} are needed)"
    halved = LEAST_POOL if "a_a" in config["analyse"]["controls"][claim] else 0
    needed = max(least_pool(max(seeds, least)), halved)
    if pool < needed:
        yield f"runs to study.baseline_runs (it is {pool}, {needed} are needed)"


def _of_claim(config: Config, claim: str) -> Iterator[str]:
    """The further things that single claims need."""
    match claim:
        case "C2":
            yield from _repeats(config)
        case "C3" | "C5" if "log_norm" not in config["analyse"]["metrics"]:
            yield "log_norm to analyse.metrics"
        case "C6":
            lost = [order for order in (0.5, 1, 2) if order not in config["diversity"]["orders"]]
            if lost:
                yield f"{', '.join(f'{order:g}' for order in lost)} to diversity.orders"
        case "C7":
            yield from _synthetic(config)
            yield from _ood(config)
        case "C8":
            yield from _conditions(config)
            yield from _ood(config)
        case "C9":
            yield from _curvature(config)
        case "C10":
            yield from _choices(config)
            yield from _ood(config)
        case "C11":
            yield from _embedding(config)
            yield from _ood(config)


def _repeats(config: Config) -> Iterator[str]:
    """Runs that repeat a condition, for the covariance of the signature's features."""
    study_seeds, pool = len(config["study"]["seeds"]), config["study"]["baseline_runs"]
    conditions = sum(len(doses.doses(config, family)) for family in config["study"]["families"])
    runs, groups = pool - 1 + (study_seeds - 1) * conditions, config["analyse"]["signature"]["groups"]
    least, features = _least_repeats(config["analyse"], min(groups, LAYERS))
    if study_seeds > 1 and runs < least:
        carried = groups_carried(config["analyse"], runs)
        fewer = f", or set analyse.signature.groups to {carried}" if carried else ""
        yield (
            f"seeds to study.seeds ({runs} runs repeat a condition, {least} are needed for the "
            f"covariance of {features} features{fewer})"
        )


def groups_carried(analyse: Config, runs: int) -> int:
    """The groups of layers, at most as many as the config has, whose features so many repeated runs carry."""
    most = range(analyse["signature"]["groups"], 0, -1)
    return next((groups for groups in most if runs >= _least_repeats(analyse, groups)[0]), 0)


def _least_repeats(analyse: Config, groups: int) -> tuple[int, int]:
    """How many runs must repeat a condition, and for the covariance of how many features.

    Each scope that C2 names has each metric in each group of layers, the head in two. The regression needs several runs
    for each feature of the largest; the A/A control one for each of all scopes, and one more for its second half.
    """
    from weightscape.metrics.analysis.signature import LEAST_DF

    sizes = []
    for scope in analyse["signature"]["claim"]:
        metrics = {*analyse["signature"]["features"][scope]} & {*analyse["metrics"]}
        sizes.append((2 if scope == "head" else groups) * (len(metrics) - (metrics >= FOLLOWS)))
    most, every = max(sizes), sum(sizes)
    halved = (every + 1, every) if "a_a" in analyse["controls"]["C2"] else (0, 0)
    return max((math.ceil(LEAST_DF * most), most), halved)


def _synthetic(config: Config) -> Iterator[str]:
    """A share that is both added and replaced, and a dose that replaces all real images."""
    shares = [
        {doses.numbers(config, name, dose)["share"] for dose in doses.doses(config, name)}
        for name in SYNTHETIC_FAMILIES
        if _has_doses(config, name)
    ]
    if len(shares) < len(SYNTHETIC_FAMILIES):
        return
    if not set.intersection(*shares):
        yield f"a dose of one share to both {' and '.join(SYNTHETIC_FAMILIES)}"
    if max(shares[1]) < 1:
        yield f"a dose of share 1 to {SYNTHETIC_FAMILIES[1]}"


def _ood(config: Config) -> Iterator[str]:
    """A set, in each data set, that no condition trains on."""
    for dataset in config["study"]["datasets"]:
        seen = {split for splits in seen_corruptions.by_condition(config, dataset).values() for split in splits}
        if not {f"ood-{name}" for name in config["data"][dataset]["ood"]} - seen:
            yield f"a set to data.{dataset}.ood that no condition trains on"


def _conditions(config: Config) -> Iterator[str]:
    """Families and conditions whose diversity is measured."""
    from weightscape.metrics.analysis.prediction import LEAST_CONDITIONS, LEAST_FAMILIES

    families = [name for name in DIVERSITY_FAMILIES if _has_doses(config, name)]
    conditions = sum(len(doses.doses(config, name)) for name in families)
    if len(families) < LEAST_FAMILIES or conditions < LEAST_CONDITIONS:
        yield (
            f"families or doses that change the images (it has {conditions} conditions of {len(families)} families, "
            f"{LEAST_CONDITIONS} of {LEAST_FAMILIES} are needed"
            f"{'' if _has_synthetic(config) else f'; {BY_INIT} adds 4 of 2'})"
        )


def _curvature(config: Config) -> Iterator[str]:
    from weightscape.metrics.analysis.claims.c9_calibration import LEAST_PROBES

    if DIVERSITY not in config["curvature"]["families"]:
        yield f"{DIVERSITY} to curvature.families"
    if config["curvature"]["probes"] < LEAST_PROBES:
        yield f"probes to curvature.probes (it is {config['curvature']['probes']}, {LEAST_PROBES} are needed)"


def _choices(config: Config) -> Iterator[str]:
    """A budget that is chosen in the three ways which are compared, and the diversity of its sets."""
    from weightscape.metrics.analysis.choices import COMPARED, budgets

    further = doses.further_images(config)
    found = budgets(further, {(each.family, each.dose) for each in further})
    if not found:
        yield (
            f"to one family doses that choose by {', '.join(COMPARED[:-1])} and {COMPARED[-1]} and are else equal, of "
            "a generator's images with gate: judge"
        )
    lost = {budget.space for budget in found} - {doses.PIXELS, *study.embeddings(config)}
    if lost:
        yield f"{', '.join(sorted(lost))} to diversity.embeddings"


def _embedding(config: Config) -> Iterator[str]:
    """The embedding of a pre-trained network, by which policies are chosen."""
    if all(config["backbones"][name]["weights"] == "none" for name in study.embeddings(config)):
        yield "a pre-trained backbone to diversity.embeddings"


def _backbones(config: Config) -> Iterator[str]:
    """Two backbones, of which one is pre-trained and one from scratch."""
    chosen = config["study"]["backbones"]
    scratch = [name for name in chosen if config["backbones"][name]["weights"] == "none"]
    if not scratch:
        yield "a backbone from scratch (weights: none) to study.backbones"
    if len(scratch) == len(chosen):
        yield "a pre-trained backbone to study.backbones"
