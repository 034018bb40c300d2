"""Gathers all tables of a study from the records of its jobs."""

from pathlib import Path

from weightscape.formats.tables import Table
from weightscape.metrics import table_schema
from weightscape.metrics.tables import evaluation, images, spectra
from weightscape.metrics.tables.outline import Outline


def tables(results: Path, outline: Outline) -> dict[str, Table]:
    """Every table of the program `aggregate` by name, checked; one without rows has its columns all the same."""
    layers = spectra.layers(results, outline)
    made = {
        "runs": evaluation.runs(results, outline),
        "evaluation": evaluation.evaluation(results, outline),
        "class_accuracy": evaluation.class_accuracy(results, outline),
        "layers": layers,
        "diversity": images.diversity(results, outline),
        "splits": images.splits(results, outline),
        "quality": images.quality(results, outline),
        "samples": images.samples(results, outline),
        "curvature": evaluation.curvature(results, outline),
        "penalties": evaluation.penalties(results, outline),
        "spectra_examples": spectra.spectra_examples(results, outline, layers),
        "quantiles": spectra.quantiles(results, outline, layers),
        "esd": spectra.esd(results, outline, layers),
        "reliability": evaluation.reliability(results, outline),
        "weight_change": spectra.weight_change(layers),
    }
    made = {name: table if len(table) else table_schema.empty(name) for name, table in made.items()}
    for name, rule in table_schema.of("aggregate").items():
        table_schema.check(rule, made[name])
    return made
