"""Tells in plain words what was run and found; every number is taken from the tables."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from weightscape.families import BASELINE
from weightscape.figures.parts import style
from weightscape.metrics.analysis.destructive import LEAST_JUDGED
from weightscape.metrics.outcomes import measured, unseen
from weightscape.metrics.spectral_metrics import PRIMARY
from weightscape.metrics.summaries import CONDITION, SETUP, of_setup, strongest
from weightscape.report import sheets
from weightscape.report.claims import rounded

USUAL = 0.95
"""The level of a study whose config is not known."""
TABLES = ("runs", "evaluation", "condition_effects", "quality", "diversity", "conditions", "splits")
CHANCE = 0.005
"""Share of a set above which near copies are told: of different digits, 0.002 pass for copies."""


def sentences(tables: style.Tables, level: float | None = None) -> list[str]:
    """The runs and findings of a study, one sentence each; every number is taken from the tables.

    An effect counts as one if Holm's p lies below 1 - `level`.
    """
    if tables["runs"].empty:
        return ["No run of this study is finished."]
    found = [*failures(tables), size(tables["runs"])]
    setups = tables["runs"][list(SETUP)].drop_duplicates().sort_values(list(SETUP))
    for dataset, backbone in setups.itertuples(index=False, name=None):
        where = f"{dataset}, {backbone}: "
        found.append(where + baseline(of_setup(tables["evaluation"], dataset, backbone)))
        found += [where + missing for missing in unfinished(tables, dataset, backbone)]
        effects = of_setup(tables["condition_effects"], dataset, backbone)
        effects = effects[(effects["scope"] == "hidden") & (effects["metric"] == PRIMARY)]
        conditions = of_setup(tables["conditions"], dataset, backbone)
        found += [where + moved(effects, conditions, USUAL if level is None else level)] if len(effects) else []
        found += [where + told for told in left_out(conditions)]
    return [*found, *recognised(tables["quality"]), *copied(tables["splits"])]


def copied(splits: style.Table) -> list[str]:
    """The sets that hold copies of training images, files that could not be read, or images under two classes."""
    found = []
    for row in splits.to_dict("records"):
        where, images = f"{row['dataset']}, {row['split']}: ", row["images"]
        if row["equal"] or row["near"] > CHANCE * images:
            kinds = {"equal": row["equal"], "nearly equal": row["near"]}
            copies = " and ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
            meaning = (
                "they add nothing" if row["split"] == "extra" else "accuracy there is partly that on training images"
            )
            found.append(f"{where}of {images} images, {copies} a training image: {meaning}.")
        if row["other_class"]:
            found.append(f"{where}{row['other_class']} of {images} images stand under another class as well.")
        if row["unreadable"]:
            found.append(f"{where}{row['unreadable']} image files could not be read.")
    return found


def failures(tables: style.Tables) -> list[str]:
    """Names the recipes of synthetic images that have failed, and the conditions that drew from them."""
    table = tables["quality"]
    if "failed" not in table:
        return []
    unknown = table.loc[table["unjudged"].fillna("") != ""] if "unjudged" in table else table.iloc[:0]
    return [
        f"NOT JUDGED, {row['dataset']}: generator {row['generator']}: {row['unjudged']}."
        for row in unknown.drop_duplicates(["dataset", "generator"]).to_dict("records")
    ] + [
        f"FAILED, {row['dataset']}: recipe {row['recipe']} of generator {row['generator']}, from which {_drew(row)}: "
        f"{row['failed']}."
        for row in table[table["failed"].fillna("") != ""].to_dict("records")
    ]


def _drew(row: Mapping[Hashable, Any]) -> str:
    """The conditions that drew from a recipe."""
    if not isinstance(row.get("conditions"), list | np.ndarray):
        return "no condition is known to draw"
    pairs = [str(name).split("/") for name in row["conditions"]]
    names = "; ".join(f"{style.look(family).title}, {dose}" for family, dose in pairs)
    return f"{names} drew (no verdict counts them)" if names else "no condition drew"


def size(runs: style.Table) -> str:
    """How many networks, families, conditions, seeds and baseline runs."""
    dosed = runs["family"] != BASELINE
    conditions = runs[dosed].groupby(CONDITION)["seed"].nunique()
    pool = runs[~dosed].groupby(list(SETUP))["seed"].nunique()
    over = f", and {style.seeds_in_words(pool, 'baseline run')}" if len(pool) else ""
    if conditions.empty:
        return f"{len(runs)} networks were fine-tuned, all without an intervention."
    setups = runs[list(SETUP)].drop_duplicates()
    what = "; ".join(f"{backbone} on {dataset}" for dataset, backbone in setups.itertuples(index=False))
    return (
        f"{len(runs)} networks were fine-tuned ({what}): {runs[dosed]['family'].nunique()} families, "
        f"{len(conditions)} conditions, {style.seeds_in_words(conditions)} each{over}."
    )


def unfinished(tables: style.Tables, dataset: str, backbone: str) -> list[str]:
    """Names the conditions whose training sets were measured although none of their runs is finished."""
    seen, runs = tables["diversity"], of_setup(tables["runs"], dataset, backbone)
    keys = ["family", "dose"]
    trained = set(runs[keys].itertuples(index=False, name=None))
    measured = set(seen[seen["dataset"] == dataset][keys].itertuples(index=False, name=None))
    lacking = measured - trained
    families = style.ordered({family for family, _ in lacking})
    doses = {family: sorted(dose for name, dose in lacking if name == family) for family in families}
    names = ", ".join(f"{style.look(family).title} {dose}" for family in families for dose in doses[family])
    return [f"no run is finished of {names}; figures and tests lack these conditions."] if names else []


def baseline(evaluation: style.Table) -> str:
    """Accuracy of all baseline runs together."""
    sets = sorted(evaluation[unseen(evaluation)]["split"].str.removeprefix("ood-").unique())
    rows = measured(evaluation)  # of all: which sets count follows from what any condition trains on
    rows = rows[rows["dose"] == BASELINE]
    groups = rows.groupby("measure")["value"]
    mean, sd, n = groups.mean(), groups.std(), groups.count()
    parts = [
        f"{words} {sheets.spread(mean[name], sd[name], 1)} %"
        for name, words in {"test": "test accuracy", "ood": "mean OOD accuracy", "ece": "ECE"}.items()
        if name in mean
    ]
    runs = int(n.max()) if len(n) else 0
    over = f"; OOD is the mean over {', '.join(sets)}" if sets else ""
    return f"the baseline reaches {', '.join(parts)} (n = {runs}){over}." if runs else "no baseline."


def left_out(conditions: style.Table) -> list[str]:
    """A judge that tells nothing, and the conditions that may have been left out by chance or are kept by it."""
    found = []
    judge = conditions.loc[conditions["dose"] == BASELINE, "judge_accuracy"].max()
    if judge < LEAST_JUDGED:
        found.append(
            f"the judge recognises {100 * judge:.1f} % of the unchanged training images, too few to tell whether "
            "a dose spoils images, so that none is left out by it."
        )
    near = conditions[conditions["borderline"].astype(bool)]
    named = [f"{style.look(row['family']).title}, {row['dose']} ({row['reason']})" for row in near.to_dict("records")]
    return [*found, f"near the line of what is destructive: {'; '.join(named)}."] if named else found


def moved(effects: style.Table, conditions: style.Table, level: float = USUAL) -> str:
    """Which families move the hidden log norm, by Holm's p of the analysis, and of which that cannot be told."""
    kept = effects[~effects["destructive"].astype(bool)]
    if len(kept) and not np.isfinite(kept["p_holm"].astype(float)).any():
        return "the effects on the hidden log norm need at least two seeds of a condition to be told from chance."
    top = strongest(kept).set_index("family")
    families = style.ordered(top.index)
    clear = [name for name in families if top["p_holm"][name] < 1 - level]
    sizes = {name: rounded(top.loc[name, ["estimate", "low", "high"]].to_list())[0] for name in clear}
    found = ", ".join(f"{style.look(name).title} ({size})" for name, size in sizes.items()) or "no family"
    rest = ", ".join(style.look(name).title for name in families if name not in clear)
    out = "; ".join(_destroyed(name, conditions) for name in style.ordered(set(effects["family"]) - set(families)))
    return (
        f"the hidden layers' log10 norm is changed by {found} (strongest dose that is not destructive, "
        f"p < {1 - level:.2g} after Holm)"
        + (f"; not told from zero: {rest}" if rest else "")
        + (f"; destructive at every dose: {out}" if out else "")
        + "."
    )


def _destroyed(family: str, conditions: style.Table) -> str:
    """A family and why its strongest dose is destructive."""
    own = conditions[(conditions["family"] == family) & conditions["destructive"].astype(bool)]
    reasons = strongest(own)["reason"].tolist()
    return style.look(family).title + (f" ({reasons[0]})" if reasons else "")


def recognised(quality: style.Table) -> list[str]:
    """The share of each recipe's images that the judge recognises, for each generator."""
    known = quality[quality["judge_accuracy"].notna()]
    found = []
    for dataset, rows in known.groupby("dataset"):
        shares = ", ".join(
            f"{100 * row['judge_accuracy']:.1f} % (recipe {row['recipe']}, guidance {row['guidance']:g})"
            for row in rows.to_dict("records")
        )
        real = 100 * rows["judge_test_accuracy"].iloc[0]
        found.append(
            f"{dataset}: the judge recognises {shares} of the synthetic images, and {real:.1f} % of real test images."
        )
    return found
