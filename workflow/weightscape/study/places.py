"""Which job a record belongs to, told from its path below the results folder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weightscape.data import readers

_NAMES = {
    "seed": r"\d+",
    "shard": r"\d+",
    "recipe": r"[a-z0-9.-]+",
    "figure": r"[a-z_]+",
    "asset": r"[^/]+(?<!\.provenance)",
}
_RUN = "{dataset}/{backbone}/{family}/{dose}/seed{seed}"

# The first that fits counts. `slice` is the stage's entry in settings.STAGES; `stage` the program that it runs.
_PATTERNS = (
    ("1_data/fetched/{asset}.json", "fetch", "fetch"),
    ("1_data/backbones/{backbone}/manifest.json", "backbone", "backbone"),
    ("1_data/{dataset}/{split}/manifest.json", "data", "data"),
    ("1_data/{dataset}/{split}/manifest.json", "corrupt", "corrupt"),
    ("2_generate/{dataset}/judge/manifest.json", "train_judge", "train_judge"),
    ("2_generate/{dataset}/{generator}/model/manifest.json", "train_generator", "train_generator"),
    ("2_generate/{dataset}/{generator}/recipe-{recipe}/shard-{shard}.json", "generate", "generate"),
    ("2_generate/{dataset}/{generator}/manifest.json", "measure_quality", "measure_quality"),
    ("3_assemble/{dataset}/real/manifest.json", "assemble_real", "assemble"),
    ("3_assemble/{dataset}/{family}/{dose}/diversity/manifest.json", "measure_diversity", "measure_diversity"),
    ("3_assemble/{dataset}/{family}/{dose}/seed{seed}/manifest.json", "assemble", "assemble"),
    (f"4_finetune/{_RUN}/evaluation/manifest.json", "evaluate", "evaluate"),
    (f"4_finetune/{_RUN}/curvature/manifest.json", "curvature", "curvature"),
    (f"4_finetune/{_RUN}/manifest.json", "finetune", "finetune"),
    ("5_spectra/before/{backbone}/manifest.json", "spectra_before", "spectra_before"),
    (f"5_spectra/{_RUN}/manifest.json", "spectra", "spectra"),
    ("6_metrics/aggregate.json", "aggregate", "aggregate"),
    ("6_metrics/analyse.json", "analyse", "analyse"),
    ("6_metrics/reanalyse.json", "reanalyse", "reanalyse"),
    ("7_figures/reanalyse.json", "reanalyse", "reanalyse"),
    ("8_report/reanalyse.json", "reanalyse", "reanalyse"),
    ("7_figures/{figure}.json", "figure", "figure"),
    ("8_report/manifest.json", "report", "report"),
)


@dataclass(frozen=True)
class Job:
    """The job that made a record: its slice of the config, its program, and the names in its path."""

    slice: str
    stage: str
    names: dict[str, str]

    def further(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The modules that the program chooses at run time, by its settings."""
        if self.stage == "figure":
            return (f"figures.{self.names['figure']}",)
        chosen = {"data": readers.of_split, "fetch": readers.of_fetch}.get(self.stage)
        return chosen(settings) if chosen else ()


def _compiled(pattern: str) -> re.Pattern[str]:
    literal = pattern.replace(".json", r"\.json")
    return re.compile(re.sub(r"\{(\w+)\}", lambda found: f"(?P<{found[1]}>{_NAMES.get(found[1], '[^/]+')})", literal))


_COMPILED = tuple((_compiled(pattern), part, stage) for pattern, part, stage in _PATTERNS)


def job_of(place: str, stage: str | None = None) -> Job | None:
    """The job whose record lies at `place` (a path below the results folder); None for any other file.

    `stage` is the one that the record names: it tells a corrupted split from any other.
    """
    for pattern, part, program in _COMPILED:
        match = pattern.fullmatch(place)
        if match and stage in (None, program):
            return Job(part, program, match.groupdict())
    return None
