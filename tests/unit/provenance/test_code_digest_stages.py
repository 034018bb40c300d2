"""Which packages the code of a stage may depend on: the import graph is the rerun graph."""

import pytest

from weightscape.project import PACKAGE
from weightscape.provenance.code_digest import modules_of

MAY = {
    "fetch": "data",
    "data": "data",
    "corrupt": "data",
    "backbone": "networks",
    "train_generator": "generate networks",
    "train_judge": "generate networks",
    "generate": "data generate networks",
    "measure_quality": "diversity generate networks",
    "assemble": "assemble generate networks",  # the gate of chosen images, and the space that they are chosen in
    "embed": "assemble diversity networks",
    "measure_diversity": "assemble augmentations diversity generate networks",
    "finetune": "assemble augmentations finetune networks",
    "evaluate": "finetune networks",
    "curvature": "augmentations finetune networks",
    "penalties": "augmentations finetune networks",
    "drop_weights": "finetune",
    "spectra_before": "spectra",
    "spectra": "spectra",
    "aggregate": "finetune metrics",  # the bins of finetune.calibration
    "analyse": "metrics",
    "figure": "figures metrics",
    "report": "figures metrics report",
    "reanalyse": "figures metrics published report",
}
"""Beside the packages `formats`, `provenance` and `stages`, and the modules at the top, which every stage may use."""

FOREIGN = {
    "data": "data.corruptions data.torchvision_sets data.huggingface data.digits",
    "corrupt": "data.pools data.sources data.writing data.digits",
    "generate": "networks.pretrained formats.state_dicts data.pools data.digits data.torchvision_sets data.huggingface",
    "embed": "assemble.loaded diversity.measure diversity.vendi networks.pretrained",
    "finetune": "networks.pretrained formats.state_dicts generate.judge finetune.penalties finetune.held_out",
    "evaluate": "finetune.training networks.pretrained",
    "curvature": "finetune.training finetune.penalties networks.pretrained",
    "penalties": "finetune.training finetune.curvature networks.pretrained",
    "drop_weights": "finetune.training finetune.evaluation",
    "spectra": "networks.pretrained",
    "aggregate": "finetune.training finetune.evaluation metrics.analysis.analyse metrics.analysis.design",
    "report": "metrics.tables.evaluation metrics.analysis.analyse formats.shards",
}
"""Modules of those packages, and readers of the user's files, that a stage does not need."""


def modules(stage: str) -> set[str]:
    """Names below the package of what the digest of a stage covers."""
    return {name.removeprefix(f"{PACKAGE.name}.") for name in modules_of(stage)}


def test_every_stage_has_its_packages_here() -> None:
    assert set(MAY) == {path.stem for path in (PACKAGE / "stages").glob("[a-z]*.py")}


@pytest.mark.parametrize("stage", MAY)
def test_a_stage_depends_on_no_package_but_those_that_it_needs(stage: str) -> None:
    packages = {name.partition(".")[0] for name in modules(stage)} & {path.parent.name for path in PACKAGE.glob("*/*")}
    assert packages - {"formats", "provenance", "stages"} == set(MAY[stage].split())


@pytest.mark.parametrize("stage", FOREIGN)
def test_a_stage_depends_on_no_module_that_belongs_to_another(stage: str) -> None:
    named = set(FOREIGN[stage].split())
    assert all((PACKAGE / f"{name.replace('.', '/')}.py").is_file() for name in named)
    assert not named & modules(stage)
