"""Runs whose weights were dropped: which plan would train them again, and what it says."""

import json
from pathlib import Path

import pytest

from weightscape.errors import UserError
from weightscape.provenance.records import write_record
from weightscape.verification import dropped_weights

pytestmark = pytest.mark.process

SETTINGS = {"steps": 3}
CONFIG = {"study": {"keep_weights": "none"}, "allow_retraining": False}


def run(folder: Path, seconds: float = 1800.0) -> dropped_weights.Planned:
    """A run that was trained and measured, without its weights."""
    folder.mkdir()
    history = folder / "history.parquet"
    history.write_bytes(b"x")
    facts = {"wall_seconds": seconds}
    write_record(folder, stage="finetune", settings=SETTINGS, code="c", inputs=[], outputs=[history], volatile=facts)
    return folder / "manifest.json", json.dumps(SETTINGS), "c"


def test_the_sentence_counts_the_runs_and_their_hours(tmp_path: Path) -> None:
    planned = [run(tmp_path / name) for name in "abc"]
    with pytest.raises(UserError, match=r"trains 3 runs again, about 1.5 GPU hours .*allow_retraining=true"):
        dropped_weights.check(CONFIG, planned)
    with pytest.raises(
        UserError, match=r"trains 1 run again, about 0.5 GPU hours .*another set of seeds or splits needs"
    ):
        dropped_weights.check(CONFIG, planned[:1])


def test_runs_that_are_new_changed_or_kept_are_trained_without_a_word(tmp_path: Path) -> None:
    manifest, settings, code = run(tmp_path / "a")
    new = (tmp_path / "new" / "manifest.json", settings, code)
    dropped_weights.check(CONFIG, [new, (manifest, json.dumps({"steps": 4}), code), (manifest, settings, "other")])
    (tmp_path / "a" / "after.safetensors").write_bytes(b"weights")
    with pytest.raises(UserError, match="trains 1 run again"):  # spectra are done, evaluation is not
        dropped_weights.check(CONFIG, [(manifest, settings, code)])
    (tmp_path / "a" / "initial.safetensors").write_bytes(b"weights")
    dropped_weights.check(CONFIG, [(manifest, settings, code)])


def test_it_can_be_allowed(tmp_path: Path) -> None:
    dropped_weights.check(CONFIG | {"allow_retraining": True}, [run(tmp_path / "a")])


def test_a_study_that_keeps_all_from_now_on_has_lost_its_weights_all_the_same(tmp_path: Path) -> None:
    planned = [run(tmp_path / "a")]
    with pytest.raises(UserError, match="trains 1 run again"):
        dropped_weights.check({"study": {"keep_weights": "all"}, "allow_retraining": False}, planned)
    (tmp_path / "a" / "initial.safetensors").write_bytes(b"weights")  # only the other was deleted, by hand
    dropped_weights.check({"study": {"keep_weights": "all"}, "allow_retraining": False}, planned)


@pytest.mark.parametrize("provenance", ["{", "[]", "{}", '{"wall_seconds": null}', '{"wall_seconds": "long"}'])
def test_a_provenance_that_tells_no_time_counts_for_none(tmp_path: Path, provenance: str) -> None:
    planned = [run(tmp_path / name) for name in "ab"]
    (tmp_path / "a" / "provenance.json").write_text(provenance)
    with pytest.raises(UserError, match=r"trains 2 runs again, about 0.5 GPU hours"):
        dropped_weights.check(CONFIG, planned)


def test_a_record_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    planned = run(tmp_path / "a")
    (tmp_path / "a" / "manifest.json").write_text("[]")
    with pytest.raises(UserError, match=r"a/manifest.json is no record of Weightscape"):
        dropped_weights.check(CONFIG, [planned])


class Reason:
    """Why Snakemake runs a job."""

    def __init__(self, forced: bool = False, updated: str = "", provenance: bool = False) -> None:
        self.forced, self.updated_input = forced, {updated} - {""}
        self.is_provenance_triggered = lambda: provenance


class Graph:
    """Of Snakemake's graph of jobs what is asked: reasons, and what each job reads from."""

    def __init__(self, reasons: dict[str, Reason], **dependencies: list[str]) -> None:
        self.reason = reasons.__getitem__
        self.dependencies = {job: dict.fromkeys(dependencies.get(job, [])) for job in reasons}


@pytest.mark.parametrize("why", [Reason(forced=True), Reason(updated="shard"), Reason(provenance=True)])
def test_a_run_whose_images_or_settings_changed_is_not_trained_for_its_weights(why: Reason) -> None:
    plain = Reason()
    reasons = {"generate": why, "assemble": plain, "changed": plain, "lost": plain, "real": plain}
    graph = Graph(reasons, assemble=["generate"], changed=["assemble"], lost=["real"])
    assert dropped_weights.unchanged(graph, list(reasons)) == ["lost", "real"]
    assert dropped_weights.unchanged(graph, ["changed", "lost"]) == ["changed", "lost"]  # what it reads does not run


def test_a_measure_is_of_the_weights_that_the_run_names(tmp_path: Path) -> None:
    run, record = tmp_path / "4_finetune/a/seed0", tmp_path / "5_spectra/a/seed0/manifest.json"
    for content in (b"first", b"second"):
        run.mkdir(parents=True, exist_ok=True)
        weights = run / "after.safetensors"
        weights.write_bytes(content)
        write_record(run, stage="finetune", settings={}, code="c", inputs=[], outputs=[weights])
        assert not dropped_weights.is_measured(run, record)
        write_record(record.parent, stage="spectra", settings={}, code="c", inputs=[weights], outputs=[])
        weights.unlink()
        assert dropped_weights.is_measured(run, record)
    (run / "manifest.json").write_text("[]")
    assert not dropped_weights.is_measured(run, record)
