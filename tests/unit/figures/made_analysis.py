"""Tables as the analysis of a made-up study writes them: similarities, signatures, effects of conditions, claims."""

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd

from weightscape.metrics import table_schema
from weightscape.metrics.analysis import over_setups as over

FILLED = {"text": "", "number": np.nan, "count": 1, "flag": False}
"""The value in a column that no figure reads, by its type."""
POOL = 2
"""Baseline runs for each seed of a condition."""
METRICS = ("log_norm", "log_spectral_norm", "alpha", "entropy", "log_stable_rank")


def whole(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The table with all columns of its schema, in order."""
    rule = table_schema.schema()[name]
    filled = {column: FILLED[of.type] for column, of in rule.columns.items() if column not in table and not of.optional}
    whole = table.assign(**filled)
    table_schema.check(rule, whole)
    return whole[[column for column in rule.columns if column in whole]]


STATEMENTS = (
    "diversity shifts the spectra with the sign that regularisers do",
    "the pattern of diversity is nearer to dropout's than to weight decay's",
    "weight decay differs by shrinking norms in hidden layers",
    "this holds over architectures, pre-trained and from scratch",
    "the head carries the largest change under diversity and dropout",
    "pixel diversity rises and embedding diversity falls as augmentation strengthens",
    "real with synthetic images beats replacing them, and synthetic alone hurts",
    "the weighted Vendi score explains accuracy for augmentation and synthetic data alike",
    "calibration improves with diversity and curvature falls",
)
SCOPES = ("hidden", "update", "head")
VERDICTS = ("supported", "contradicted", "undecided")


def similarity(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for (dataset, backbone), part in runs.groupby(["dataset", "backbone"]):
        families = [name for name in part["family"].unique() if name != "baseline"]
        pairs = itertools.combinations_with_replacement(families, 2)
        for (family, other), metric in itertools.product(pairs, METRICS):
            cosine = rng.uniform(-1, 1)
            half = rng.uniform(0.1, 0.8) if part["seed"].max() >= POOL else np.nan
            row = {"dataset": dataset, "backbone": backbone, "metric": metric, "family": family, "other": other}
            row |= {"cosine": cosine, "corrected": 1.1 * cosine, "low": cosine - half, "high": cosine + half}
            rows.append({**row, "layers": 48, "n": 4 * part["seed"].nunique()})
    return pd.DataFrame(rows)


def signature(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """In hidden layers diversity is nearest to label noise, in the update its own, and in the head not told."""
    rows = []
    names = ("dropout", "weight_decay", "steps", "label_noise", "duplicate", "own")
    for (dataset, backbone), scope in itertools.product(runs.groupby(["dataset", "backbone"]).groups, SCOPES):
        for name in names:
            nearest = (scope, name) in (("hidden", "label_noise"), ("update", "own"))
            cosine = rng.uniform(-0.5, 0.5) if not nearest else 0.9
            key = {"dataset": dataset, "backbone": backbone, "scope": scope, "explanation": name, "nearest": nearest}
            known = name != "own" and scope != "head"
            values = (cosine, cosine - 0.1, cosine + 0.1) if known else (np.nan,) * 3
            key |= dict(zip(("cosine", "cosine_low", "cosine_high"), values, strict=True)) | {
                "opposite": name == "duplicate"
            }
            rows.append(key | {"reason": "" if scope != "head" else "no replicates", "claim": scope != "head"})
    return pd.DataFrame(rows)


def condition_effects(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    keys = ["dataset", "backbone", "family", "dose", "number"]
    table = runs[runs["dose"] != "baseline"][keys].drop_duplicates()
    table = pd.concat([table.assign(scope=scope) for scope in ("hidden", "head", "outcome")], ignore_index=True)
    estimate = rng.normal(0, 0.02, len(table)) - 0.1 * (table["family"] == "weight_decay")
    metric = np.where(table["scope"] == "outcome", "OOD accuracy", "log_norm")
    unit = np.where(table["scope"] == "outcome", "share", "log10")
    table = table.assign(metric=metric, unit=unit, estimate=estimate, low=estimate - 0.01, high=estimate + 0.01)
    found = np.where(table["family"] == "weight_decay", 1e-6, 1.0)
    p = found if runs["seed"].max() >= POOL else np.nan
    return table.assign(p_holm=p, destructive=table["family"] == "label_noise")


def over_setups(made: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """As the program `analyse` makes it from the effects and conditions."""
    return over.table(made["condition_effects"], made["conditions"], 0.95)


def penalty_transfer(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Every family lowers its own penalty, weight decay by hundreds of standard deviations, and raises the others."""
    penalised = [name for name in ("augment", "dropout", "weight_decay") if name in set(runs["family"])]
    parts = []
    trained = runs[runs["family"].isin(penalised)].drop(columns="seed").drop_duplicates()
    for penalty in penalised:
        moved = -trained["number"] * (300 if penalty == "weight_decay" else 1)
        size = np.where(trained["family"] == penalty, moved, 0.2) + rng.normal(0, 0.2, len(trained))
        columns = {"penalty": penalty, "penalty_dose": "strong", "baseline": 1.6, "mean": 1.6 + 0.1 * size}
        columns |= {"standardised": size, "estimate": 0.1 * size, "low": 0.1 * size - 0.1, "high": 0.1 * size + 0.1}
        parts.append(trained.assign(**columns, n=12))
    return pd.concat(parts, ignore_index=True) if parts else table_schema.empty("penalty_transfer")


def conditions(runs: pd.DataFrame) -> pd.DataFrame:
    table = runs[["dataset", "backbone", "family", "dose", "number"]].drop_duplicates(ignore_index=True)
    destructive = (table["family"] == "label_noise") & (table["dose"] != "baseline")
    reason = np.where(destructive, "validation accuracy 6.1 points below baseline", "")
    choice = np.where(table["family"] == "synthetic_add", "log_det", "")
    largest = table.groupby(["dataset", "backbone", "family"])["number"].transform("max")
    stands = ~destructive & (table["number"] == largest) & (table["dose"] != "baseline")
    return table.assign(destructive=destructive, reason=reason, choice=choice, stands=stands)


def claims() -> pd.DataFrame:
    """The table of claims as stage 6 writes it: per setup, and over all."""
    rows = []
    for index, statement in enumerate(STATEMENTS):
        for backbone in ("all", "efficientnet-lite0"):
            verdict = VERDICTS[index % 3]
            numbers = (np.nan,) * 3 if verdict == "undecided" else (0.2, 0.1, 0.3)
            reason = {"supported": "interval excludes 0", "contradicted": "opposite sign"}.get(verdict, "n")
            known = (
                "t interval",
                "log_norm",
                *numbers,
                "log10",
                3,
                verdict,
                reason,
                "A/A: passed; label_noise: passed",
            )
            rows.append((f"C{index + 1}", statement, "digits", backbone, *known))
    names = "claim statement dataset backbone test metric estimate low high unit n verdict reason controls"
    return whole("claims", pd.DataFrame(rows, columns=names.split()))


def tests() -> pd.DataFrame:
    """The table of single tests."""
    rows = [
        {"claim": f"C{claim}", "dataset": "digits", "backbone": "efficientnet-lite0", "family": family}
        | {"dose": "strong", "metric": metric, "scope": "hidden", "test": "t", "statistic": 3.1, "estimate": 0.012}
        | {"low": 0.004, "high": 0.02, "df": 8.0, "p": 0.011, "p_holm": 0.044, "n": 6, "unit": "log10"}
        | {"verdict": "supported", "reason": "interval excludes 0"}
        for claim in (1, 2, 3)
        for family in ("augment", "dropout")
        for metric in ("log_norm", "alpha")
    ]
    return whole("tests", pd.DataFrame(rows))
