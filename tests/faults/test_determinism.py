"""The same study in another folder, in another order, on another number of cores: the same bytes."""

import os
from pathlib import Path

import pytest

from toy_project import Project, new_project

pytestmark = [pytest.mark.slow, pytest.mark.faults]
SHARE = float(os.environ.get("SHARE", "1"))


@pytest.mark.skipif(SHARE < 1, reason="a share of the tests: the study that is killed has another folder and order")
def test_another_folder_order_and_core_count_give_the_same_bytes(smoke: Project, tmp_path: Path) -> None:
    project = new_project(tmp_path / "another" / "place")
    for target in ("5_spectra/digits/efficientnet-lite0/synthetic_add/equal/seed0/manifest.json", ""):
        words = [f"results/studies/smoke/{target}"] if target else []
        done = project.snakemake(*words, cores=1)
        assert done.returncode == 0, done.stderr[-3000:]
    old, new = smoke.contents(), project.contents()
    assert set(old) == set(new)
    assert [name for name in old if old[name] != new[name]] == []
