"""The profile of a study raises what the site's asks too little of, and changes nothing else."""

from pathlib import Path

import pytest
import yaml

from weightscape.costs.needs import Need
from weightscape.engine import profile
from weightscape.project import ROOT

SITE = ROOT / "workflow" / "profiles" / "slurm"


def read(folder: Path) -> dict:
    return yaml.safe_load((folder / "config.yaml").read_text())


def test_only_what_is_too_little_is_raised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read(SITE)
    needs = {"finetune": Need(200, 7000), "spectra": Need(10, 9000), "aggregate": Need(40, 1000)}
    after = read(profile.written(SITE, needs, tmp_path / "profile"))
    assert after["set-resources"]["finetune"]["runtime"] == "200 * attempt"
    assert after["set-resources"]["spectra"]["mem_mb"] == "9000 * attempt"
    assert after["set-resources"]["aggregate"] == {"runtime": "40 * attempt"}  # the default was 30
    assert "finetune: runtime = 200 instead of 60, by the cost model" in capsys.readouterr().out
    for rule, resource in (("finetune", "runtime"), ("spectra", "mem_mb"), ("aggregate", "runtime")):
        after["set-resources"][rule][resource] = before["set-resources"].get(rule, {}).get(resource)
    del after["set-resources"]["aggregate"]
    assert after == before


def test_an_amount_of_another_form_stays_as_the_site_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("set-resources: {finetune: {runtime: 60, mem_mb: 1000 * attempt}}\n")
    after = read(profile.written(tmp_path, {"finetune": Need(500, 9000)}, tmp_path / "made"))
    assert after["set-resources"]["finetune"] == {"runtime": 60, "mem_mb": "9000 * attempt"}


@pytest.mark.parametrize("emptied", ["set-resources: ", "set-resources: {finetune: }"])
def test_blocks_that_a_site_has_emptied_are_filled(emptied: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"{emptied}\ndefault-resources: {{runtime: 30 * attempt}}\n")
    after = read(profile.written(tmp_path, {"finetune": Need(500, 9000)}, tmp_path / "made"))
    assert after["set-resources"] == {"finetune": {"runtime": "500 * attempt"}}


def test_no_needs_leave_the_profile_as_it_is(tmp_path: Path) -> None:
    assert read(profile.written(SITE, {}, tmp_path / "made")) == read(SITE)
