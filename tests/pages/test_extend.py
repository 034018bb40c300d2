"""The guide to extensions, followed by script in a copy of the project, gives ones that work and pass its tests."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from toy_project import ROOT, STUDY, Project, environment, linked_copy

GUIDE = (ROOT / "workflow" / "docs" / "extend.md").read_text()
PARTS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)+)", GUIDE, re.MULTILINE))
FAMILY, CORRUPTION, METRIC, SOURCE, FIGURE, CLAIM = (
    "A family of interventions",
    "A corruption of test images",
    "A metric of the spectra",
    "A source of images",
    "A figure",
    "A claim",
)
EXAMPLES = (FAMILY, CORRUPTION, METRIC, SOURCE, FIGURE, CLAIM)
STEP = re.compile(r"^\d\. \*\*(\S+)\*\*, ([a-z ]+?)(?: `([^`]+)`)?\..*?```\w+\n(.*?)\n   ```", re.MULTILINE | re.DOTALL)
BLENDED = """
from pathlib import Path
from unit.finetune.small_runs import STEPS, acting, items, trained
from weightscape.families import FAMILIES
from weightscape.figures.parts.style import LOOKS
from weightscape.finetune import proof
from weightscape.study import doses
from weightscape.study.config import load

config = load(Path("config.yaml"), Path("study.yaml"))
for dose in ("weak", "strong"):
    act = doses.action(config, "blend", dose)
    assert act.mixing.values == config["families"]["blend"]["doses"][dose]
    asked = acting(mixing=act.mixing)
    _, seen, _ = trained(asked)
    proof.verdict(seen, asked, items().description(), STEPS)
assert FAMILIES["blend"].title == LOOKS["blend"].title == "blend"
"""
LISTED = """
study: {name: listed, datasets: [pets], families: [noise], seeds: [0]}
data:
  pets:
    source: listed
    root: pets
    image: {size: 28, channels: 1}
    splits: {train: 200, val: 20, test: 8, extra: 100}
    ood: {pixelate-5: {source: corruption, kind: pixelate, severity: 5, images: 8}}
"""
TESTED = (
    "tests/unit/test_layout.py",
    "tests/unit/test_families.py",
    "tests/unit/data/test_corruptions.py",
    "tests/unit/data/test_listed.py",
    "tests/unit/metrics/test_spectral_metrics.py",
    "tests/unit/metrics/analysis/claims/test_claim.py",
    "tests/unit/metrics/analysis/claims/test_c12_dropout.py",
    "tests/unit/study/test_config_defaults.py",
    "tests/unit/study/test_seen_corruptions.py",
    "tests/unit/study/test_undecidable.py",
    "tests/unit/spectra/test_table.py::test_every_column_is_documented_word_for_word",
    "tests/pages/test_config_page.py",
)
pytestmark = pytest.mark.xdist_group("extend")


def steps(part: str) -> list[tuple[str, str, str, str]]:
    """The steps of a part: the file, how its text goes in, where, and the text."""
    return [
        (path, how, place, "\n".join(line[3:] for line in lines.split("\n")))
        for path, how, place, lines in STEP.findall(PARTS[part])
    ]


def at_the_end(content: str, block: str, lines: str) -> str:
    """Puts lines at the end of a block: of a bracket of Python, or of keys of YAML."""
    found = content.split("\n")
    opening = [n for n, line in enumerate(found) if re.match(rf"\s*(from \S+\.)?{block}\b\s*(:|=|\()", line)]
    start = min(opening, key=lambda n: len(found[n]) - len(found[n].lstrip()))  # study.families is no block
    if found[start].rstrip().endswith(("(", "{")):
        end = next(n for n in range(start + 1, len(found)) if found[n][:1] in (")", "}"))
    else:
        least = len(found[start]) - len(found[start].lstrip()) + 1
        end = next(n for n in range(start + 1, len(found)) if found[n].strip() and found[n][:least].strip())
        while not found[end - 1].strip():
            end -= 1
    return "\n".join([*found[:end], lines, *found[end:]])


def below(content: str, text: str, lines: str) -> str:
    """Puts lines below the one line that has a text."""
    found = content.split("\n")
    (at,) = [n for n, line in enumerate(found) if text in line]
    return "\n".join([*found[: at + 1], lines, *found[at + 1 :]])


def in_place(content: str, text: str, lines: str) -> str:
    """Puts lines in place of a text that is there once."""
    assert content.count(text) == 1
    return content.replace(text, lines)


EDITS: dict[str, Callable[[str, str, str], str]] = {
    "at the end of": at_the_end,
    "below the line with": below,
    "in place of": in_place,
    "a new file": lambda _, __, lines: f"{lines}\n",
}


def follow(project: Project, part: str) -> None:
    """Does what a part of the guide says."""
    for path, how, place, lines in steps(part):
        there = project.root / path
        assert there.exists() == (how != "a new file"), path
        project.write(path, EDITS[how](there.read_text() if there.exists() else "", place, lines))


def run(project: Project, *words: str) -> str:
    """Runs a command in the project, with its tests beside the package, and returns what it prints."""
    seen = environment(PYTHONPATH=f"{project.root / 'workflow'}:{project.root / 'tests'}", OMP_NUM_THREADS="1")
    done = subprocess.run(words, cwd=project.root, env=seen, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def extended(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project after all parts, whose smoke study has the new metric, figure and claim."""
    project = linked_copy(smoke, tmp_path_factory.mktemp("extend") / "project")
    shutil.copytree(ROOT / "tests", project.root / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", project.root)
    for part in (METRIC, FIGURE, CLAIM):
        follow(project, part)
    project.set("analyse", {"metrics": [*project.config()["analyse"]["metrics"], "log_nuclear_norm"]})
    project.set("figures", ["effect_by_dose", "ece_against_accuracy", "claims"])
    run(project, "snakemake", "--cores", "2", "--quiet", "reason", "--configfile", STUDY)
    for part in (CORRUPTION, SOURCE, FAMILY):
        follow(project, part)
    return project


@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.process
def test_the_family_acts_and_is_planned(extended: Project) -> None:
    extended.write("study.yaml", "study: {name: blended, families: [blend], seeds: [0]}\n")
    run(extended, sys.executable, "-c", BLENDED)
    planned = run(extended, "snakemake", "-n", "--quiet", "rules", "--cores", "1", "--configfile", "study.yaml")
    assert re.search(r"finetune +34\b", planned)


@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.process
def test_the_metric_is_a_column_of_the_spectra_and_has_effects_in_the_study(extended: Project) -> None:
    weights = np.random.default_rng(0).standard_normal((30, 20), np.float32)
    save_file({"body.weight": weights}, extended.root / "toy.safetensors")
    run(extended, sys.executable, "-m", "weightscape.cli", "spectra", "toy.safetensors", "--out", "toy.csv")
    expected = np.log10(np.linalg.svd(weights.astype(float), compute_uv=False).sum())
    assert pd.read_csv(extended.root / "toy.csv")["log_nuclear_norm"].item() == pytest.approx(expected)
    effects = pd.read_parquet(extended.results / "6_metrics" / "run_effects.parquet")
    means = {name: rows["effect_mean"] for name, rows in effects.groupby("metric")}
    assert len(means["log_nuclear_norm"]) == len(means["log_norm"])
    assert means["log_nuclear_norm"].notna().all() and means["log_nuclear_norm"].ne(0).any()


@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.process
def test_the_source_is_read_by_the_data_stage_and_corrupted(extended: Project) -> None:
    rng, kinds, listed = np.random.default_rng(0), {}, ["file,label"]
    (extended.root / "pets").mkdir()
    for number, kind in enumerate(["cat", "dog"] * 170):
        image = rng.integers(0, 256, (28, 28), np.uint8)
        Image.fromarray(image).save(extended.root / "pets" / f"{number}.png")
        listed.append(f"{number}.png,{kind}")
        kinds[image.tobytes()] = kind
    extended.write("pets/train.csv", "\n".join(listed))
    extended.write("study.yaml", LISTED)
    splits = [f"results/studies/listed/1_data/pets/{split}" for split in ("train", "ood-pixelate-5")]
    targets = [f"{split}/manifest.json" for split in splits]
    run(extended, "snakemake", *targets, "--cores", "1", "--quiet", "reason", "--configfile", "study.yaml")
    read, corrupted = (load_file(next((extended.root / split).glob("*.safetensors"))) for split in splits)
    names = [kinds[image.tobytes()] for image in read["images"]]
    assert len(names) == 200 and names == [["cat", "dog"][label] for label in read["labels"]]
    blocks = corrupted["images"][:, 0, :24, :24].reshape(8, 3, 8, 3, 8)  # of 8 px
    assert (blocks == blocks[:, :, :1, :, :1]).all()


@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.process
def test_the_figure_is_drawn_and_stands_in_its_chapter(extended: Project) -> None:
    assert (extended.results / "7_figures" / "ece_against_accuracy.png").stat().st_size > 10_000
    page = (extended.results / "8_report" / "report.html").read_text()
    chapter = page.partition(">Accuracy and calibration</h2>")[2].partition("</section>")[0]
    assert "Calibration error against accuracy on the test set" in chapter
    test = "tests/unit/stages/test_figure.py"
    run(extended, sys.executable, "-m", "pytest", "-q", test, "-k", "ece_against_accuracy or caption")


@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.process
def test_the_claim_has_its_entry_on_the_page(extended: Project) -> None:
    claims = pd.read_csv(extended.results / "6_metrics" / "claims.csv").set_index("claim").loc["C12"]
    assert set(claims["verdict"]) == {"undecided"} and claims["reason"].str.contains("no family dropout").all()
    page = (extended.results / "8_report" / "report.html").read_text()
    entry = page.partition('id="claim-C12"')[2].partition("</details>")[0]
    assert "Dropout improves calibration" in entry and "lowers the expected calibration error" in entry


@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.process
def test_the_tests_of_the_project_pass_after_all_parts(extended: Project) -> None:
    """Those that a newcomer meets; test_c12_dropout.py decides the claim on made studies."""
    run(extended, sys.executable, "tests/pages/config_page.py")
    run(extended, sys.executable, "-m", "pytest", "-q", *TESTED)
    run(extended, "ruff", "check", "workflow", "tests")


@pytest.mark.parametrize(
    ("part", "files"), [(FAMILY, 4), (CORRUPTION, 3), (METRIC, 5), (SOURCE, 5), (FIGURE, 3), (CLAIM, 5)]
)
def test_a_part_of_the_guide_touches_few_files(part: str, files: int) -> None:
    assert len({path for path, *_ in steps(part)}) == files


def test_every_file_that_the_guide_names_is_there() -> None:
    new = {path for part in EXAMPLES for path, how, *_ in steps(part) if how == "a new file"}
    named = set(re.findall(r"[`*]((?:workflow|tests)/[\w/.]+\.\w+)[`*]", GUIDE)) - new
    inside = set(
        re.findall(
            r"`((?:augmentations|assemble|networks|finetune|spectra|study|data|figures|report|claims|controls)/\w+\.py)`",
            GUIDE,
        )
    )
    places = [ROOT, ROOT / "workflow/weightscape", ROOT / "workflow/weightscape/metrics/analysis"]
    assert len(named) > 10 and not [
        name for name in named | inside if not any((place / name).exists() for place in places)
    ]
