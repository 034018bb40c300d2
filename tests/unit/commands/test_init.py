"""`weightscape init` on folders and files as people have them: the study is accepted without an edit."""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import yaml

from unit.made_images import folder
from weightscape.cli import main
from weightscape.commands import init
from weightscape.project import DEFAULT_CONFIG
from weightscape.starter import judged, machine
from weightscape.study.config import load


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two slow cores, whatever this one is."""
    pace = machine.Pace(3 * 2.5e7 / 3e10, 2.5e7 / 3e10, 6 * 2.5e7 / 3e10)  # 30 GFLOP/s
    speeds = defaultdict(lambda: machine.Speed(((2.5e7, pace),)))
    monkeypatch.setattr(machine, "measured", lambda *_: machine.Machine(2, "cpu", speeds, 3e10))
    monkeypatch.setattr(judged, "told", lambda *_: ["the judge was tried"])


def started(what: str, out: Path, *flags: str) -> dict:
    """The study that init writes, once the config accepts it."""
    assert main(["init", what, "--out", str(out), "--yes", *flags]) == 0
    load(DEFAULT_CONFIG, out)
    return yaml.safe_load(out.read_text())


def test_a_network_that_takes_one_size_alone_gets_it(tmp_path: Path) -> None:
    images = folder(tmp_path / "photos", {"train": {"cat": 60, "dog": 60}})
    study = started(str(images), tmp_path / "study.yaml", "--model", "test_vit", "--weights", "none")
    assert study["backbones"]["test-vit"]["input"]["size"] == 160


def test_a_folder_of_photographs_is_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder(tmp_path / "My Photos", {"train": {"cat": 40, "dog": 40}, "test": {"cat": 9, "dog": 9}})
    study = started(str(root), tmp_path / "my study.yaml", "--name", "my-photos")
    said = capsys.readouterr().out
    assert study["study"]["name"] == "my-photos" and study["data"]["my-photos"]["image"]["channels"] == 3
    assert "2 classes; images: 80 in train, 18 in test" in said and "C1" in said and "minutes here" in said
    assert "note: the judge was tried\n" in said
    assert re.search(r"snakemake -n -q --configfile '\S+my study.yaml'", said)


def test_the_size_the_networks_and_what_is_downloaded_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder(tmp_path / "photos", {"train": {"cat": 40, "dog": 40}})
    study = started(str(root), tmp_path / "study.yaml", "--model", "resnet18", "--generator", "text_to_image")
    said = capsys.readouterr().out
    assert f"images: stored at {study['data']['photos']['image']['size']} px\n" in said
    size = study["backbones"]["resnet18"]["input"]["size"]
    assert f"networks: resnet18 (resnet18, weights of the hub) at {size} px" in said
    assert re.search("downloaded first, by the rule fetch, .*: weights of resnet18, generator\n", said)
    started(str(root), tmp_path / "other.yaml")
    assert "downloaded" not in capsys.readouterr().out


def test_two_studies_of_a_folder_do_not_share_their_results(tmp_path: Path) -> None:
    root = folder(tmp_path / "photos", {"train": {"cat": 40, "dog": 40}})
    first, second = (started(str(root), tmp_path / name)["study"]["name"] for name in ("study.yaml", "My vit.yaml"))
    assert (first, second) == ("photos", "my-vit")
    assert started(str(root), tmp_path / "other.yaml", "--name", "chosen")["study"]["name"] == "chosen"


def test_a_folder_with_faults_is_a_study_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classes = {"cat": 30, "dog": 30}
    root = folder(tmp_path / "set", {"in/Training": {**classes, "one": 1, "none": 0}, "in/val": {**classes, "new": 1}})
    (root / "in/Training/cat/bad.png").write_bytes(b"no image")
    (root / "in/Training/cat/notes.txt").write_text("x")
    for name in ("index.json", "more.json", ".hidden"):
        (root / "in/Training" / name).write_text("x")
    study = started(str(root), tmp_path / "study.yaml")
    block = study["data"]["set"]
    assert block["classes"] == ["cat", "dog", "one"] and 0 < block["unreadable"] < 0.1
    assert block["parts"] == {"train": "Training", "test": None} and block["root"].endswith("/in")
    said = capsys.readouterr().out
    assert "train: not read: ending .txt: Training/cat/notes.txt\n" in said
    assert "train: not read: hidden file: Training/.hidden\n" in said
    assert "train: not read: in no class: Training/index.json and 1 more\n" in said
    assert "bad.png" in said and "classes of few images: one has 1 in train, 0 in val\n" in said


def test_a_class_that_cannot_be_read_is_left_out_of_the_counts(tmp_path: Path) -> None:
    shifted = {"ood/noise-3": {"cat": 3}, "ood/Train": {"dog": 2}}
    root = folder(tmp_path / "set", {"train": {"cat": 30, "dog": 30, "lost": 2}, **shifted})
    for path in (root / "train/lost").iterdir():
        path.write_bytes(b"no image")
    block = started(str(root), tmp_path / "study.yaml")["data"]["set"]
    assert block["classes"] == ["cat", "dog"] and sum(block["splits"].values()) == 60
    assert {shift["domain"] for shift in block["ood"].values() if shift["source"] == "domain"} == {"noise-3", "Train"}


@pytest.mark.parametrize("name", ["Fashion-MNIST", "eurosat", "OWNER/set", "flwrlabs/office-home"])
def test_a_name_is_a_study_before_it_is_downloaded(name: str, tmp_path: Path) -> None:
    study = started(name, tmp_path / "study.yaml")
    assert next(iter(study["data"].values()))["source"] in ("torchvision", "huggingface")


@pytest.mark.parametrize("generator", ["ddpm", "text_to_image"])
def test_a_file_of_arrays_is_a_study_with_a_generator(generator: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (90, 20, 20), np.uint8), np.arange(90) % 3
    np.savez(tmp_path / "boxes.npz", images=x, labels=y)
    study = started(str(tmp_path / "boxes.npz"), tmp_path / "study.yaml", "--generator", generator)
    assert "synthetic_add" in study["study"]["families"] and (tmp_path / "study-arrays/train.images.npy").is_file()


def test_a_study_of_digits_is_not_that_of_config_yaml(tmp_path: Path) -> None:
    root = folder(tmp_path / "digits", {".": {"0": 30, "1": 30}}, "drawing")
    study = started(str(root), tmp_path / "study.yaml")
    assert study["study"]["name"] != "digits" and "digits" not in study["data"]


def test_at_a_terminal_it_asks_for_what_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "set", {"train": {"cat": 30, "dog": 30}})
    asked: list[str] = []
    answers = iter(["mine", "", "ddpm"])

    def answer(question: str) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr(init.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(init.sys.stdout, "isatty", lambda: True, raising=False)
    out = tmp_path / "study.yaml"
    assert main(["init", str(root), "--out", str(out), "--minutes", "20"]) == 0
    study = yaml.safe_load(out.read_text())
    assert study["study"]["name"] == "mine" and "synthetic_add" in study["study"]["families"] and len(asked) == 3


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--minutes", "soon"], "no number above 0"),
        (["--minutes", "-3"], "no number above 0"),
        (["--kind", "films"], "choose photographs, drawings"),
        (["--generator", "gan"], "choose none, ddpm"),
        (["--model", "resnet5o"], "unknown to timm"),
        (["--model", "resnet18", "--weights", "wheel"], "wheel"),
    ],
)
def test_wishes_that_cannot_be_are_refused_in_a_sentence(
    flags: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder(tmp_path / "set", {"train": {"cat": 30, "dog": 30}})
    out = tmp_path / "study.yaml"
    assert main(["init", str(root), "--out", str(out), "--yes", *flags]) == 1
    assert sentence in capsys.readouterr().err and not out.exists()


def test_what_is_nothing_and_a_study_that_is_there_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "nowhere"), "--yes"]) == 1
    assert "no folder, no file and no data set" in capsys.readouterr().err
    (tmp_path / "study.yaml").write_text("mine")
    assert main(["init", str(tmp_path), "--out", str(tmp_path / "study.yaml")]) == 1
    assert "is there already" in capsys.readouterr().err and (tmp_path / "study.yaml").read_text() == "mine"
