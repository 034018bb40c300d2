"""The real workflow at toy size, in a copy of the project: it runs to the report, and then nothing is to be done."""

import html
import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from toy_project import Project, linked_copy
from weightscape.project import ROOT

STUDY = ["--configfile", "workflow/studies/smoke.yaml"]
RESULTS = "results/studies/smoke"
pytestmark = pytest.mark.slow


def snakemake(project: Path, *arguments: str, study: list[str] = STUDY) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")}
    command = ["snakemake", *arguments, "--cores", "2", *study]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment, timeout=900)


def planned(project: Path, *arguments: str, study: list[str] = STUDY) -> Counter[str]:
    """How many jobs of each rule a dry run plans."""
    done = snakemake(project, "-n", *arguments, study=study)
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout + done.stderr
    return Counter({m[1]: int(m[2]) for m in re.finditer(r"^(\w+) +(\d+)$", text, re.MULTILINE) if m[1] != "total"})


@pytest.fixture(scope="module")
def finished(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the smoke study has run."""
    return linked_copy(smoke, tmp_path_factory.mktemp("project")).root


@pytest.fixture
def edit(finished: Path) -> Iterator["Edit"]:
    editor = Edit(finished)
    yield editor
    editor.undo()


class Edit:
    """Edits of files that are undone after a test."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.saved: dict[Path, str] = {}

    def __call__(self, name: str, before: str, after: str) -> None:
        path = self.project / name
        text = path.read_text()
        assert before in text
        self.saved.setdefault(path, text)
        path.write_text(text.replace(before, after, 1))

    def undo(self) -> None:
        for path, text in self.saved.items():
            path.write_text(text)


def test_the_study_reaches_its_report_and_then_nothing_is_to_be_done(finished: Path) -> None:
    page = finished / RESULTS / "8_report" / "report.html"
    assert page.stat().st_size > 100_000
    assert planned(finished) == Counter()


def test_every_file_of_stage_6_is_an_output_of_its_rule_so_that_a_deleted_one_is_made_again(finished: Path) -> None:
    lines = snakemake(finished, "--summary").stdout.splitlines()
    outputs = {line.partition("\t")[0] for line in lines}
    files = {path.relative_to(finished) for path in (finished / RESULTS / "6_metrics").iterdir()}
    assert {str(file) for file in files if not file.name.endswith(".provenance.json")} <= outputs


def test_snakemakes_own_report_has_every_figure_with_its_chapter_and_caption(finished: Path) -> None:
    done = snakemake(finished, "--report", "own.html")
    assert done.returncode == 0, done.stdout + done.stderr
    page = (finished / "own.html").read_text()
    (finished / "own.html").unlink()
    categories, results, rules = (embedded(page, name) for name in ("categories", "results", "rulegraph"))
    shown = {Path(path).stem: entry["caption"] for path, entry in results.items()}
    figures = yaml.safe_load((finished / STUDY[1]).read_text())["figures"]
    assert set(shown) == {"report", *figures}
    for name in figures:
        caption = (ROOT / "workflow/report/captions" / f"{name}.md").read_text()
        assert html.escape(" ".join(caption.split()[:4]), quote=False) in " ".join(shown[name].split())
    assert "The study on one page" in shown["report"]
    assert f"{RESULTS}/7_figures/effect_by_dose.png" in categories["The weights"]["Other"]
    assert {"finetune", "report"} <= {node["rule"] for node in rules["data"][0]["values"]}


def embedded(page: str, name: str) -> Any:
    """Reads the value that a script of Snakemake's report assigns."""
    script = page.partition(f'<script id="{name}">')[2]
    return json.JSONDecoder().raw_decode(script.partition(" = ")[2])[0]


def test_its_tables_have_every_run(finished: Path) -> None:
    runs = pd.read_parquet(finished / RESULTS / "6_metrics" / "runs.parquet")
    assert len(runs) == 6 and not runs.duplicated(["family", "dose", "seed"]).any()
    noisy = runs.set_index(["family", "dose"])
    assert noisy.loc[("label_noise", "fifth"), "changed_labels"] == pytest.approx(0.2, abs=0.06)
    assert noisy.loc[("noise", "strong"), "changed_images"] == 1
    assert noisy.loc[("synthetic_add", "equal"), "synthetic_share"] == pytest.approx(0.5, abs=0.1)
    assert (runs[runs["dose"] == "baseline"]["changed_images"] == 0).all()


def test_nothing_half_written_is_left(finished: Path) -> None:
    left = [p for p in (finished / RESULTS).rglob("*") if p.name.endswith(".tmp") or p.name.startswith("checkpoint")]
    assert left == []


def test_an_evaluation_keeps_what_an_earlier_one_found(project: Project) -> None:
    finished, edit = project.root, Edit(project.root)
    run = f"{RESULTS}/4_finetune/digits/efficientnet-lite0/noise/weak/seed0/evaluation"
    old = pd.read_json(finished / run / "metrics.json")
    more = "      new-set: {source: uci_digits, framing: full, images: 10}\n      uci-digits:"
    edit("workflow/studies/smoke.yaml", "      uci-digits:", more)
    done = snakemake(finished, f"{run}/manifest.json")
    assert done.returncode == 0, done.stderr[-2000:]
    new = pd.read_json(finished / run / "metrics.json")
    pd.testing.assert_frame_equal(new[old.columns], old)
    assert new["ood-new-set"]["images"] == 10


def test_a_broken_config_is_one_sentence_before_the_first_job(finished: Path, edit: Edit) -> None:
    edit("config.yaml", "  steps: 100", "  stepz: 100")
    done = snakemake(finished, "-n", study=[])
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert re.search("^error: config: unknown key 'stepz' in finetune; did you mean 'steps'", text, re.MULTILINE), text
    assert "Traceback" not in text


def test_a_study_file_without_a_name_does_not_touch_the_main_results(project: Project) -> None:
    project.write("mine.yaml", "finetune: {steps: 10}")
    done = snakemake(project.root, "-n", study=["--configfile", "mine.yaml"])
    assert done.returncode == 1 and "mine.yaml names no study" in done.stdout + done.stderr


def test_status_counts_what_is_done(finished: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(finished / "workflow")}
    command = ["python", "-m", "weightscape.cli", "status", *STUDY]
    done = subprocess.run(command, cwd=finished, capture_output=True, text=True, env=environment, check=True)
    found = re.search(r"(\d+) of (\d+) jobs done", done.stdout)
    assert found and found[1] == found[2] and int(found[1]) > 40
    record = finished / RESULTS / "8_report" / "manifest.json"
    kept = record.read_bytes()
    record.unlink()
    (finished / RESULTS / "logs" / "report.log").write_text("progress report: 3/9 figures, 1.5/s, 4 s left\n")
    done = subprocess.run(command, cwd=finished, capture_output=True, text=True, env=environment, check=True)
    record.write_bytes(kept)
    assert "running: report (report): 33%, 3 of 9 figures, 4 s left" in done.stdout
    assert "time left: about" in done.stdout
