"""Verification of a small results folder by its records alone."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json, write_json
from weightscape.formats.writing import digest
from weightscape.project import ROOT
from weightscape.provenance.code_digest import code_digest
from weightscape.provenance.records import Origin, write_record
from weightscape.verification import verification
from weightscape.verification.check import other_versions, study_file
from weightscape.verification.results import read_results
from weightscape.verification.verification import verify

pytestmark = pytest.mark.process

SPLIT = "1_data/digits/train"
ITEMS = "3_assemble/digits/real"
RUN = "4_finetune/digits/lite/noise/weak/seed0"
SETTINGS = {"a": 1, "images": {"kind": "packaged"}}
STAGE = {SPLIT: "data", ITEMS: "assemble", RUN: "finetune"}


def config() -> dict[str, Any]:
    """The embedded study with a backbone called `lite`."""
    whole = yaml.safe_load((ROOT / "config.yaml").read_text())
    whole["backbones"]["lite"] = whole["backbones"]["efficientnet-lite0"]
    whole["study"]["backbones"] = ["lite"]
    return whole


def code(stage: str) -> str:
    """The digest of a stage's code, of a split that packages ship."""
    return code_digest(stage, *(["data.digits"] if stage == "data" else []))


def made(root: Path, folder: str, stage: str, inputs: list[str]) -> None:
    path = root / folder / "result.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"made by {stage}")
    sources = [root / source for source in inputs]
    write_record(path.parent, Origin(stage, SETTINGS, code(stage), tuple(sources)), [path])


@pytest.fixture
def results(tmp_path: Path) -> Path:
    made(tmp_path, SPLIT, "data", [])
    made(tmp_path, ITEMS, "assemble", [f"{SPLIT}/result.bin"])
    made(tmp_path, RUN, "finetune", [f"{ITEMS}/result.bin"])
    return tmp_path


def found(root: Path) -> dict[str, str]:
    return {finding.place: finding.kind for finding in verify(read_results(root), None)}


def test_untouched_results_are_as_recorded_in_any_place(results: Path) -> None:
    assert found(results) == {}
    moved = results.rename(results.with_name("elsewhere"))
    assert found(moved) == {}


def test_a_tampered_file_is_named_and_what_was_made_from_it_is_stale(results: Path) -> None:
    (results / SPLIT / "result.bin").write_text("other")
    assert found(results) == {
        f"{SPLIT}/result.bin": "tampered",
        f"{ITEMS}/manifest.json": "stale",
        f"{RUN}/manifest.json": "stale",
    }


def test_changed_settings_in_a_record_are_tampering(results: Path) -> None:
    path = results / ITEMS / "manifest.json"
    write_json(path, {**read_json(path), "settings": {"a": 2}})
    assert found(results) == {f"{ITEMS}/manifest.json": "tampered", f"{RUN}/manifest.json": "stale"}


def test_changed_code_makes_its_stage_and_what_follows_stale(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = verification.code_digest
    monkeypatch.setattr(
        verification, "code_digest", lambda stage, *more: "new" if stage == "assemble" else now(stage, *more)
    )
    assert found(results) == {f"{ITEMS}/manifest.json": "stale", f"{RUN}/manifest.json": "stale"}


def test_a_missing_file_makes_nothing_stale(results: Path) -> None:
    (results / ITEMS / "result.bin").unlink()
    assert found(results) == {f"{ITEMS}/result.bin": "missing"}


def test_files_that_no_record_names_are_extra(results: Path) -> None:
    for name in (
        "notes.txt",
        "checkpoint.pt",
        "checkpoint.shard-00000.00000000.safetensors",
        ".result.bin.0a1b2c3d.tmp",
    ):
        (results / RUN / name).write_text("")
    assert {place.rpartition("/")[2]: kind for place, kind in found(results).items()} == dict.fromkeys(
        ("notes.txt", "checkpoint.pt", "checkpoint.shard-00000.00000000.safetensors", ".result.bin.0a1b2c3d.tmp"),
        "extra",
    )


def test_a_truncated_record_is_tampering(results: Path) -> None:
    path = results / SPLIT / "manifest.json"
    path.write_text(path.read_text()[:40])
    assert found(results)[f"{SPLIT}/manifest.json"] == "tampered"


def test_records_that_name_each_other_are_one_sentence(results: Path) -> None:
    path = results / SPLIT / "manifest.json"
    write_json(path, {**read_json(path), "inputs": {f"{RUN}/result.bin": "0"}})
    with pytest.raises(UserError, match="name each other as inputs"):
        found(results)


def test_a_folder_without_results_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no results"):
        read_results(tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        read_results(tmp_path / "none")


@pytest.mark.parametrize(
    ("place", "title", "file"),
    [
        ("results", "digits", None),
        ("results", "renamed since", None),
        ("elsewhere", "smoke", "smoke.yaml"),
        ("results/studies/smoke", None, "smoke.yaml"),
        ("elsewhere", None, None),
        ("elsewhere", "theirs", "names no file"),
        ("results/studies/theirs", None, "names no file"),
    ],
)
def test_the_study_of_results_is_told_by_their_report_or_asked_for(
    place: str, title: str | None, file: str | None, tmp_path: Path
) -> None:
    project = ROOT
    full = tmp_path / "config.yaml"
    full.write_bytes((project / "config.yaml").read_bytes())
    (tmp_path / "workflow" / "studies").mkdir(parents=True)
    (tmp_path / "workflow" / "studies" / "smoke.yaml").touch()
    (tmp_path / place).mkdir(parents=True)
    if title:
        write_json(tmp_path / place / "8_report" / "manifest.json", {"settings": {"title": title}})
    if file == "names no file":
        with pytest.raises(UserError, match=r"is of the study 'theirs', of which .*studies has no file: name its file"):
            study_file(tmp_path / place, full)
    else:
        expected = tmp_path / "workflow" / "studies" / file if file else None
        assert study_file(tmp_path / place, full) == expected


def test_changed_facts_of_a_record_are_tampering(results: Path) -> None:
    path = results / ITEMS / "manifest.json"
    write_json(path, {**read_json(path), "facts": {"accuracy": 0.999}})
    assert found(results) == {f"{ITEMS}/manifest.json": "tampered", f"{RUN}/manifest.json": "stale"}


@pytest.mark.parametrize("name", ["", "1_data/", "a" * 300, "1_data/" + "b" * 300, "a\0b", "\ud800", "a/" * 2000 + "b"])
@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_a_record_that_names_what_no_file_can_be_called_is_none(part: str, name: str, results: Path) -> None:
    path = results / ITEMS / "manifest.json"
    write_json(path, {**read_json(path), part: {name: "0"}})
    assert found(results)[f"{ITEMS}/manifest.json"] == "tampered"


@pytest.mark.parametrize("name", ["**x", "[", "*", "~", "a\nb", "no such file"])
def test_an_input_of_an_odd_name_is_only_missing(name: str, results: Path) -> None:
    path = results / ITEMS / "manifest.json"
    record = {key: value for key, value in read_json(path).items() if key != "digest"} | {"inputs": {name: "0"}}
    write_json(path, {**record, "digest": digest(record)})
    assert found(results)[name] == "missing"


def test_a_title_that_no_file_can_be_called_names_no_study(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    write_json(tmp_path / "results/8_report/manifest.json", {"settings": {"title": "a" * 300}})
    with pytest.raises(UserError, match="name its file by --configfile"):
        study_file(tmp_path / "results", ROOT / "config.yaml")


@pytest.mark.parametrize("part", ["inputs", "code", "digest"])
def test_a_record_without_a_part_is_none(part: str, results: Path) -> None:
    path = results / ITEMS / "manifest.json"
    write_json(path, {key: value for key, value in read_json(path).items() if key != part})
    assert found(results)[f"{ITEMS}/manifest.json"] == "tampered"


def test_a_record_with_nan_is_tampered(results: Path) -> None:
    path = results / ITEMS / "manifest.json"
    path.write_text(path.read_text().replace('"a": 1', '"a": NaN'))
    assert found(results)[f"{ITEMS}/manifest.json"] == "tampered"


def test_strangers_beside_the_stages_are_extra(results: Path) -> None:
    (results / "claims.csv").write_text("")
    (results / "9_new").mkdir()
    (results / "logs").mkdir()
    assert found(results) == {"claims.csv": "extra", "9_new": "extra"}


def test_weights_that_were_dropped_on_purpose_are_not_missing(tmp_path: Path) -> None:
    folder = tmp_path / RUN
    weights = [folder / f"{name}.safetensors" for name in ("initial", "after")]
    folder.mkdir(parents=True)
    for path in weights:
        path.write_text("made")
    write_record(folder, Origin("finetune", {}, code_digest("finetune")), weights)
    for path in weights:
        path.unlink()
    missing = {f"{RUN}/{path.name}": "missing" for path in weights}
    assert {f.place: f.kind for f in verify(read_results(tmp_path), None)} == missing
    for names, findings in (["seed9"], missing), ([folder.name], {}):
        write_record(
            folder.parent,
            Origin("drop_weights", {}, code_digest("drop_weights")),
            [],
            {"dropped": names},
            name="dropped",
        )
        results = read_results(tmp_path)
        assert {f.place: f.kind for f in verify(results, None)} == findings
    assert results.dropped == [f"{RUN}/manifest.json"]


@pytest.mark.parametrize("content", ["[1]", '{"versions": [1]}', '{"versions": {"numpy": 1}}', '{"versions"', None])
def test_a_broken_provenance_is_told_and_stops_nothing(content: str | None, results: Path, tmp_path: Path) -> None:
    path = results / RUN / "provenance.json"
    path.unlink() if content is None else path.write_text(content)
    lock = tmp_path / "lock"
    lock.write_text("numpy==0.1\n")
    notes = other_versions(read_results(results), lock)
    assert "2 results were made with numpy" in notes[0]
    assert "1 results have no provenance that can be read" in notes[1] and str(path) in notes[1]


def test_a_measure_of_other_weights_is_stale_though_both_were_dropped(results: Path) -> None:
    made(results, f"{RUN}/evaluation", "evaluate", [f"{RUN}/result.bin"])
    (results / RUN / "result.bin").unlink()
    assert found(results) == {f"{RUN}/result.bin": "missing"}
    (results / RUN / "result.bin").write_text("trained again, otherwise")
    write_record(
        results / RUN,
        Origin("finetune", SETTINGS, code_digest("finetune"), (results / ITEMS / "result.bin",)),
        [results / RUN / "result.bin"],
    )
    (results / RUN / "result.bin").unlink()
    assert found(results) == {f"{RUN}/result.bin": "missing", f"{RUN}/evaluation/manifest.json": "stale"}


def test_a_source_that_the_study_does_not_have_any_more_is_not_missing(results: Path) -> None:
    (results / SPLIT / "manifest.json").unlink()
    (results / SPLIT / "result.bin").unlink()
    (results / SPLIT / "provenance.json").unlink()
    assert found(results) == {f"{SPLIT}/result.bin": "missing"}  # whose it was, nobody knows
    study = [f"{ITEMS}/manifest.json", f"{RUN}/manifest.json"]
    missing = {finding.place for finding in verify(read_results(results), config(), study) if finding.kind == "missing"}
    assert missing == set()
    with_split = [*study, f"{SPLIT}/manifest.json"]
    findings = verify(read_results(results), config(), with_split)
    assert [finding.place for finding in findings if finding.kind == "missing"] == [f"{SPLIT}/manifest.json"]


def test_a_record_with_settings_of_another_form_is_stale(results: Path) -> None:
    write_record(results / SPLIT, Origin("data", {"split": "train"}, "then"), [])
    assert found(results)[f"{SPLIT}/manifest.json"] == "stale"
