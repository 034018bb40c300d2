"""The tidy tables of a study, gathered from the records of its runs.

Each function takes the results folder and the study's outline (settings of the stage `aggregate`) and returns one
table. RUN columns come first in each: dataset, backbone, family, dose, number, seed.
"""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from weightscape.effects import RUN
from weightscape.errors import UserError
from weightscape.files import read_json, read_table, read_tensors
from weightscape.frames import Table
from weightscape.images import map_shard
from weightscape.records import read_record
from weightscape.robustness import effective_robustness
from weightscape.strength import strongest

Outline = Mapping[str, Any]
CURVATURE = ("trace", "weighted_trace", "largest_eigenvalue", "batch_loss")


def runs_of(outline: Outline) -> Iterator[tuple[dict[str, Any], str]]:
    """The identifying columns and the folder name of every run."""
    product = itertools.product(outline["datasets"], outline["backbones"], outline["conditions"], outline["seeds"])
    for dataset, backbone, condition, seed in product:
        columns = {"dataset": dataset, "backbone": backbone}
        columns |= {name: condition[name] for name in ("family", "dose", "number")} | {"seed": seed}
        yield columns, f"{dataset}/{backbone}/{condition['family']}/{condition['dose']}/seed{seed}"


def sources(results: Path, outline: Outline) -> list[Path]:
    """The records of all jobs that the tables are gathered from."""
    folders = [f"5_spectra/before/{name}" for name in outline["backbones"]]
    for _, run in runs_of(outline):
        folders += [f"4_finetune/{run}", f"4_finetune/{run}/evaluation", f"5_spectra/{run}"]
    folders += [f"4_finetune/{run}/curvature" for _, run in curved_runs(outline)]
    for dataset in outline["datasets"]:
        folders += [f"1_data/{dataset}/train"]
        folders += [f"3_assemble/{dataset}/{part['family']}/{part['dose']}/diversity" for part in outline["measured"]]
        folders += [f"2_generate/{dataset}/{outline['generator']}"] if outline["generator"] else []
    return [results / folder / "manifest.json" for folder in folders]


def runs(results: Path, outline: Outline) -> Table:
    """One row per run: what it was trained on, what was seen to act, how training ended.

    `judge_accuracy` is the share of its images, as the network sees them, that the judge assigns to their class; nan
    where the family leaves images alone.
    """
    judged = judge_accuracy(results, outline)
    rows = []
    for columns, run in runs_of(outline):
        key = tuple(columns[name] for name in ("dataset", "family", "dose", "seed"))
        facts = read_record(results / "4_finetune" / run / "manifest.json")["facts"]
        final = {f"train_{name}": facts["final"][name] for name in ("loss", "accuracy")}
        judge = {"judge_accuracy": judged.get(key, float("nan"))}
        rows.append({**columns, "items": facts["items"], **_numbers(facts["action"]), **judge, **final})
    return pd.DataFrame(rows)


def _numbers(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts that are one number each: those of single modules and operations stay in the record."""
    return {name: value for name, value in facts.items() if not isinstance(value, dict)}


def judge_accuracy(results: Path, outline: Outline) -> dict[tuple[Any, ...], float]:
    """The judge's accuracy by (dataset, family, dose, seed), where the images were looked at."""
    found = {}
    for dataset, condition in itertools.product(outline["datasets"], outline["measured"]):
        name = f"{condition['family']}/{condition['dose']}"
        records = read_json(results / "3_assemble" / dataset / name / "diversity" / "measures.json")
        for seed, spaces in records.items():
            found[dataset, condition["family"], condition["dose"], int(seed)] = spaces[JUDGE]["judge_accuracy"]
    return found


JUDGE = "judge"
"""The record beside those of the spaces."""


def evaluation(results: Path, outline: Outline) -> Table:
    """One row per run and split: the metrics, whether the family's own policy has the corruption, robustness.

    `severity` is that of a corruption, 1 to 5; nan for other sets.
    """
    rows = []
    for columns, run in runs_of(outline):
        metrics = read_json(results / "4_finetune" / run / "evaluation" / "metrics.json")
        for split in outline["splits"][columns["dataset"]]:
            if split not in metrics:
                raise UserError(f"{run} has no evaluation on {split!r}: run the stage evaluate again")
            values = {name: value for name, value in metrics[split].items() if name != "class_accuracy"}
            seen = split in outline["seen"][columns["dataset"]].get(f"{columns['family']}/{columns['dose']}", [])
            severity = _severity(outline, columns["dataset"], split)
            rows.append({**columns, "split": split, "severity": severity, "seen": seen, **values})
    table = pd.DataFrame(rows)
    table["effective_robustness"], table["no_robustness_because"] = effective_robustness(table)
    return table


def _severity(outline: Outline, dataset: str, split: str) -> float:
    return float(outline["severity"][dataset].get(split, float("nan")))


def class_accuracy(results: Path, outline: Outline) -> Table:
    """One row per run, split and class; a class without images has none."""
    rows = []
    for columns, run in runs_of(outline):
        metrics = read_json(results / "4_finetune" / run / "evaluation" / "metrics.json")
        for split in outline["splits"][columns["dataset"]]:
            severity = _severity(outline, columns["dataset"], split)
            for label, value in enumerate(metrics[split]["class_accuracy"]):
                if value is not None:
                    rows.append({**columns, "split": split, "severity": severity, "label": label, "accuracy": value})
    return pd.DataFrame(rows)


def layers(results: Path, outline: Outline) -> Table:
    """One row per run, layer, part and matrix; `before` rows of the backbone are repeated for each run."""
    start = {
        name: read_table(results / "5_spectra" / "before" / name / "layers.parquet") for name in outline["backbones"]
    }
    tables = []
    for columns, run in runs_of(outline):
        own = read_table(results / "5_spectra" / run / "layers.parquet")
        heads = set(own.loc[own["role"] == "head", "layer"])
        before = start[columns["backbone"]]
        table = pd.concat([before[~before["layer"].isin(heads)], own], ignore_index=True)
        tables.append(pd.concat([pd.DataFrame([columns] * len(table)), table], axis=1))
    return pd.concat(tables, ignore_index=True)


def diversity(results: Path, outline: Outline) -> Table:
    """Long table of the diversity measures of each condition and seed: space, measure, value."""
    rows = []
    for dataset, condition in itertools.product(outline["datasets"], outline["measured"]):
        name = f"{condition['family']}/{condition['dose']}"
        records = read_json(results / "3_assemble" / dataset / name / "diversity" / "measures.json")
        for seed, spaces in records.items():
            for space, record in ((space, record) for space, record in spaces.items() if space != JUDGE):
                condition_of = {name: condition[name] for name in ("family", "dose", "number")}
                key = {"dataset": dataset, **condition_of, "seed": int(seed), "space": space}
                rows += [{**key, "measure": measure, "value": value} for measure, value in flat(record)]
    return pd.DataFrame(rows)


SHORT = {"vendi.common.mean.": "vendi_", "vendi.whole.": "vendi_whole_", "geometry.": "", "reference.": ""}
"""Long names of measures, shortened for columns and plots."""


def flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a nested record with dotted names; lists (curves, single classes) stay in the record."""
    for name, value in record.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{path}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            start = next((long for long in SHORT if path.startswith(long)), "")
            yield SHORT.get(start, "") + path.removeprefix(start), float(value)


def curved_runs(outline: Outline) -> Iterator[tuple[dict[str, Any], str]]:
    """The runs whose curvature was measured."""
    return ((columns, run) for columns, run in runs_of(outline) if columns["family"] in outline["curved"])


def curvature(results: Path, outline: Outline) -> Table:
    """One row per run whose curvature was measured."""
    rows = [
        {**columns, **read_json(results / "4_finetune" / run / "curvature" / "measures.json")}
        for columns, run in curved_runs(outline)
    ]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*RUN, *CURVATURE])


def quality(results: Path, outline: Outline) -> Table:
    """One row per data set, generator and recipe."""
    rows = [
        {"dataset": dataset, **row}
        for dataset in outline["datasets"]
        if outline["generator"]
        for row in read_json(results / "2_generate" / dataset / outline["generator"] / "quality.json")
    ]
    columns = ["dataset", "generator", "recipe", "guidance", "images", "judge_accuracy", "judge_test_accuracy"]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)


def samples(results: Path, outline: Outline, per_set: int = 20, per_class: int = 6) -> Table:
    """Example images: real, as each augmentation shows them, and synthetic; pixels as bytes of uint8 [c, h, w].

    Real ones are the first of the set, which the augmented ones were made of, and the first of each class.
    """
    rows: list[dict[str, Any]] = []
    for dataset in outline["datasets"]:
        train = results / "1_data" / dataset / "train"
        shard = train / sorted(read_record(train / "manifest.json")["outputs"])[0]
        whole = map_shard(shard)
        first = [np.flatnonzero(whole.labels == label)[:per_class] for label in np.unique(whole.labels)]
        shown = np.unique(np.concatenate([np.arange(min(per_set, len(whole.labels))), *first]))
        real = whole.take(shown)
        key = {"kind": "real", "family": "", "dose": ""}
        rows += _pictures(real.images, real.labels, shown, dataset=dataset, recipe="", **key)
        for condition in outline["measured"]:
            if condition["family"] not in ("augment", "noise"):
                continue
            name = f"{condition['family']}/{condition['dose']}"
            folder = results / "3_assemble" / dataset / name / "diversity"
            images = next(iter(read_tensors(folder / "samples.safetensors").values()))[:per_set]
            key = {"kind": condition["family"], "family": condition["family"], "dose": condition["dose"]}
            rows += _pictures(images, real.labels, dataset=dataset, recipe="", **key)
        if outline["generator"]:
            path = results / "2_generate" / dataset / outline["generator"] / "samples.safetensors"
            for name, images in read_tensors(path).items():
                if name.startswith("images/"):
                    recipe = name.removeprefix("images/")
                    labels = read_tensors(path)[f"labels/{recipe}"]
                    key = {"kind": "synthetic", "family": "", "dose": "", "recipe": recipe}
                    rows += _pictures(images, labels, None, dataset=dataset, **key)
    return pd.DataFrame(rows)


def _pictures(
    images: np.ndarray, labels: np.ndarray, places: np.ndarray | None = None, **columns: Any
) -> list[dict[str, Any]]:
    _, channels, height, width = images.shape
    shape = {"channels": channels, "height": height, "width": width}
    places = np.arange(len(images)) if places is None else places
    return [
        {**columns, "label": int(label), "position": int(place), **shape, "pixels": image.tobytes()}
        for place, image, label in zip(places, images, labels, strict=False)
    ]


QUANTILES = 16
"""Levels (k + 1/2) / QUANTILES at which each ESD is kept for its distances."""


def quantiles(results: Path, outline: Outline, layers: Table) -> Table:
    """Quantiles q00, q01, ... of log10 of the eigenvalues after training, of each run's hidden layers and parts.

    Eigenvalues below 1e-12 of the largest are left out. In one dimension the Wasserstein-2 distance of two ESDs is
    the root mean square difference of their quantiles.
    """
    rows = layers[(layers["matrix"] == "after") & (layers["status"] == "ok") & (layers["role"] == "hidden")]
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    names = [f"q{k:02d}" for k in range(QUANTILES)]
    found = []
    for values in _eigenvalues(results, rows):
        above = values[values > 1e-12 * values.max()]
        found.append(np.quantile(np.log10(above), levels))
    table = pd.DataFrame(np.array(found).reshape(-1, QUANTILES), columns=names, index=rows.index)
    return pd.concat([rows[[*RUN, "layer", "part", "role", "kind"]], table], axis=1).reset_index(drop=True)


def spectra_examples(results: Path, outline: Outline, layers: Table, shown: int = 3) -> Table:
    """Eigenvalues of some layers (the largest hidden ones and the head) for the first baseline and strongest doses."""
    seed = outline["seeds"][0]
    layers = layers.reset_index(drop=True)
    chosen = layers[
        (layers["seed"] == seed)
        & (layers["status"] == "ok")
        & (layers.index.isin(strongest(layers).index) | (layers["dose"] == "baseline"))
    ]
    size = chosen[chosen["role"] == "hidden"].groupby("layer")["M"].max()
    names = [
        *size.sort_values(ascending=False, kind="stable").index[:shown],
        *chosen[chosen["role"] == "head"]["layer"].unique(),
    ]
    chosen = chosen[chosen["layer"].isin(names)]
    columns = [*RUN, "layer", "part", "matrix", "N", "M", "mp_lower", "mp_upper", "alpha", "xmin"]
    chosen = chosen.assign(xmin=chosen["xmin"] / chosen["ww_scale"])  # WeightWatcher's own units; the others are not
    return chosen[columns].assign(eigenvalues=_eigenvalues(results, chosen)).reset_index(drop=True)


def _eigenvalues(results: Path, chosen: Table) -> list[np.ndarray]:
    files: dict[Path, dict[str, np.ndarray]] = {}
    found = []
    for row in chosen.itertuples():
        run = f"{row.dataset}/{row.backbone}/{row.family}/{row.dose}/seed{row.seed}"
        name = f"{row.matrix}/{row.layer}/{row.part}"
        places = [results / "5_spectra" / run, results / "5_spectra" / "before" / str(row.backbone)]
        for place in places:
            path = place / "esd.safetensors"
            if path not in files:
                files[path] = read_tensors(path)
            if name in files[path]:
                found.append(files[path][name])
                break
        else:
            raise UserError(f"{places[0]} has no eigenvalues of {name}: run the stage spectra again")
    return found
