"""Results that Snakemake has no records of are refused, until they are adopted."""

from pathlib import Path

import pytest

from weightscape.engine import owner
from weightscape.errors import UserError
from weightscape.formats.json_yaml import write_json
from weightscape.project import DEFAULT_CONFIG
from weightscape.study.config import load

RESULTS = Path("results")
SPLIT = "1_data/digits/train/manifest.json"
CONFIG = load(DEFAULT_CONFIG, None)


def made(project: Path) -> None:
    path = project / RESULTS / SPLIT
    path.parent.mkdir(parents=True)
    write_json(path, {})


def test_results_are_known_once_the_folders_are_stamped(tmp_path: Path) -> None:
    owner.check(RESULTS, tmp_path, CONFIG)
    owner.stamp(RESULTS, tmp_path)
    made(tmp_path)
    owner.check(RESULTS, tmp_path, CONFIG)


@pytest.mark.parametrize("lost", [owner.PROJECT, RESULTS / owner.RESULTS])
def test_results_without_either_stamp_are_refused(lost: Path, tmp_path: Path) -> None:
    owner.stamp(RESULTS, tmp_path)
    made(tmp_path)
    (tmp_path / lost).unlink()
    with pytest.raises(UserError, match=rf"the first: {SPLIT}.* run `weightscape adopt`"):
        owner.check(RESULTS, tmp_path, CONFIG)
    owner.stamp(RESULTS, tmp_path)
    owner.check(RESULTS, tmp_path, CONFIG)


def test_results_of_another_project_are_refused(tmp_path: Path) -> None:
    for project in (tmp_path / "a", tmp_path / "b"):
        owner.stamp(RESULTS, project)
    made(tmp_path / "a")
    (tmp_path / "b/results").rename(tmp_path / "b/old")
    (tmp_path / "a/results").rename(tmp_path / "b/results")
    with pytest.raises(UserError, match="came from elsewhere"):
        owner.check(RESULTS, tmp_path / "b", CONFIG)


def test_what_an_adoption_left_out_is_refused_when_the_study_asks_for_it(tmp_path: Path) -> None:
    owner.stamp(RESULTS, tmp_path, left=["1_data/other/train/manifest.json"])
    made(tmp_path)
    owner.check(RESULTS, tmp_path, CONFIG)
    owner.stamp(RESULTS, tmp_path, left=[SPLIT])
    owner.stamp(RESULTS, tmp_path)
    with pytest.raises(UserError, match="1 results that were no part of the study"):
        owner.check(RESULTS, tmp_path, CONFIG)
