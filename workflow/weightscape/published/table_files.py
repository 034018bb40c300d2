"""Which files are the tables of which run, by the patterns of the conditions file.

A run is a condition in a data set (and of a seed, where the pattern has one): a table after training and one before.
What does not fit is a gap: a sentence that says what was left out and why.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from weightscape.errors import UserError
from weightscape.formats.writing import files_below
from weightscape.published.conditions import PLACEHOLDER, Conditions

FREE = {"dataset": r"[^/]+?", "seed": r"\d+", "suffix": r"[^/]+?"}
SHOWN = 3  # names in a sentence, at most


@dataclass(frozen=True)
class Gap:
    """A gap in the analysis, in one sentence; `dataset` and `condition` are empty if all are meant."""

    sentence: str
    dataset: str = ""
    condition: str = ""


@dataclass(frozen=True, order=True)
class Run:
    """The two tables of a run; paths are below the folder of tables."""

    dataset: str
    condition: str
    seed: int
    after: str
    before: str


Names = dict[str, str]
Found = list[tuple[str, Names]]


def runs_in(folder: Path, conditions: Conditions) -> tuple[list[Run], list[Gap]]:
    """The runs that have both tables and a baseline, in order, and the gaps; an error if there is no run at all."""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder: name the folder of the tables")
    paths = csv_files(folder)
    found, strangers = match(paths, conditions)
    name = conditions.dataset or folder.resolve().name
    runs, gaps = pair(found["after"], found["before"], conditions, name)
    if strangers:
        count = f"{len(strangers)} of {len(paths)} csv files"
        gaps.append(Gap(f"{count} belong to no condition and were not read: {_some(strangers)}"))
    if not runs:
        reason = f" ({gaps[0].sentence})" if gaps else ""
        raise UserError(
            f"{folder} holds no table after training with its table before, as after = {conditions.after!r} and "
            f"before = {conditions.before!r} name them; mend the patterns or the folder{reason}"
        )
    return runs, gaps


def csv_files(folder: Path) -> list[str]:
    """All .csv and .csv.gz files below a folder, as sorted paths from it."""
    found = (path.relative_to(folder).as_posix() for path in files_below(folder))
    return sorted(name for name in found if name.endswith((".csv", ".csv.gz")))


def match(paths: Iterable[str], conditions: Conditions) -> tuple[dict[str, Found], list[str]]:
    """The paths by role (`after`, `before`) with what their placeholders stand for, and the paths of neither.

    A path that fits both patterns goes to the one with more literal characters: `x_ft.csv` is `{condition}_ft.csv`
    rather than `{condition}.csv`.
    """
    patterns = sorted(
        (("after", conditions.after), ("before", conditions.before)),
        key=lambda item: -len(PLACEHOLDER.sub("", item[1].removesuffix(".gz"))),
    )
    matchers = [(role, expression(pattern, conditions.names)) for role, pattern in patterns]
    found: dict[str, Found] = {"after": [], "before": []}
    shared = conditions.after == conditions.before
    strangers = []
    for path in paths:
        hits = ((role, hit) for role, matcher in matchers if (hit := matcher.fullmatch(path)))
        role, hit = next(hits, (None, None))
        if role is None or hit is None:
            strangers.append(path)
        else:
            for each in found if shared else (role,):
                found[each].append((path, hit.groupdict()))
    return found, strangers


def expression(pattern: str, names: Iterable[str]) -> re.Pattern[str]:
    """The regular expression of a pattern; of two conditions that fit, the longer name is meant."""
    longest = sorted(names, key=lambda name: (-len(name), name))
    groups = {**FREE, "condition": "|".join(map(re.escape, longest))}
    text, seen = "", set()
    for index, part in enumerate(PLACEHOLDER.split(pattern.removesuffix(".gz"))):
        if index % 2 == 0:
            text += re.escape(part)
        elif part in seen:
            text += f"(?P={part})"
        else:
            seen.add(part)
            text += f"(?P<{part}>{groups[part]})"
    return re.compile(text + r"(?:\.gz)?")


def pair(after: Found, before: Found, conditions: Conditions, dataset: str) -> tuple[list[Run], list[Gap]]:
    """Runs from the files of both roles; `dataset` names those whose path says none."""
    gaps: list[Gap] = []
    runs: list[Run] = []
    earlier: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
    shared = PLACEHOLDER.findall(conditions.before)
    for path, names in before:
        earlier[_key(names, shared)].append(path)
    later: dict[tuple[str, str, int], Found] = defaultdict(list)
    for path, names in after:
        place = (names.get("dataset", dataset), names["condition"], int(names.get("seed", 0)))
        later[place].append((path, names))
    for (where, condition, seed), files in sorted(later.items()):
        own = earlier.get(_key(files[0][1], shared), [])
        fault = _fault(condition, [path for path, _ in files], own, conditions)
        if fault:
            gaps.append(Gap(f"{where}: {fault}", where, condition))
        else:
            runs.append(Run(where, condition, seed, files[0][0], own[0]))
    kept, alone = with_baseline(runs, conditions)
    return kept, [*gaps, *alone, *_absent(kept, gaps, alone, conditions)]


def _key(names: Mapping[str, str], shared: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, names[name]) for name in set(shared)))


def _fault(condition: str, after: list[str], before: list[str], conditions: Conditions) -> str:
    """Why the files of one run cannot be used; empty if they can."""
    for role, files in (("after", after), ("before", before)):
        if len(files) > 1:
            return (
                f"condition {condition!r} has {len(files)} tables {role} training ({', '.join(files[:SHOWN])}) and was "
                "left out; keep one, or tell them apart by {dataset} or {seed} in the pattern"
            )
    if not before:
        return (
            f"condition {condition!r} was left out, as {after[0]} has no table before training "
            f"({conditions.before!r}); add it"
        )
    return ""


def with_baseline(runs: list[Run], conditions: Conditions) -> tuple[list[Run], list[Gap]]:
    """The runs of families whose baseline has a run in the same data set; a gap for each family without."""
    have = {(run.dataset, run.condition) for run in runs}
    datasets = dict.fromkeys(run.dataset for run in runs)
    kept, gaps, served = set(), [], set()
    for dataset in datasets:
        lost: dict[str, list[str]] = defaultdict(list)
        for family, members in conditions.families.items():
            baseline = conditions.baselines[family]
            if (dataset, baseline) in have:
                kept |= {(dataset, name) for name in members}
                served.add((dataset, baseline))
            else:
                lost[baseline] += [name for name in members if (dataset, name) in have]
        for baseline, names in lost.items():
            if names:
                what = f"{len(names)} condition{'s' if len(names) > 1 else ''} were left out ({_some(names)})"
                text = f"{dataset}: the baseline {baseline!r} has no usable tables, so that {what}; add them"
                gaps.append(Gap(text, dataset, baseline))
    chosen = kept | served
    return [run for run in runs if (run.dataset, run.condition) in chosen], gaps


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _absent(kept: list[Run], gaps: list[Gap], alone: list[Gap], conditions: Conditions) -> list[Gap]:
    """Conditions that a data set with a baseline has no files of."""
    have = {(run.dataset, run.condition) for run in kept} | {(gap.dataset, gap.condition) for gap in gaps}
    without_baseline = {(gap.dataset, gap.condition) for gap in alone}
    found = []
    for dataset in dict.fromkeys(run.dataset for run in kept):
        for family, members in conditions.families.items():
            names = [name for name in members if (dataset, name) not in have]
            if names and (dataset, conditions.baselines[family]) not in without_baseline:
                text = f"{dataset}: {', '.join(names)} of family {family!r} have no tables"
                found.append(Gap(text, dataset, ", ".join(names)))
    return found
