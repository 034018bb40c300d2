"""Names the folders of a study's results that the tables are gathered from."""

from pathlib import Path


def split(results: Path, dataset: str, name: str) -> Path:
    """The images of a split."""
    return results / "1_data" / dataset / name


def generator(results: Path, dataset: str, name: str) -> Path:
    """The quality and samples of a data set's generator."""
    return results / "2_generate" / dataset / name


def diversity(results: Path, dataset: str, family: str, dose: str) -> Path:
    """The diversity of the images of a condition."""
    return results / "3_assemble" / dataset / family / dose / "diversity"


def run(results: Path, name: str) -> Path:
    """A run's weights and record; `name` is its path below a stage's folder."""
    return results / "4_finetune" / name


def evaluation(results: Path, name: str) -> Path:
    """What a run achieves on every split."""
    return run(results, name) / "evaluation"


def curvature(results: Path, name: str) -> Path:
    """The curvature of the loss at a run's weights."""
    return run(results, name) / "curvature"


def spectra(results: Path, name: str) -> Path:
    """The spectra of a run after training, of its update and of its own initial head."""
    return results / "5_spectra" / name


def spectra_before(results: Path, backbone: str) -> Path:
    """The spectra of a backbone before training."""
    return results / "5_spectra" / "before" / backbone
