"""Files of one's own are known by their content: what reads them is stale when it changes, and else not."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from weightscape.project import ROOT
from weightscape.provenance import file_contents
from weightscape.study import settings as slices
from weightscape.study.config import checked


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEIGHTSCAPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "contents.json"


def content(path: Path, apart: str = "") -> str:
    """As a new process finds it."""
    file_contents.content.cache_clear()
    return file_contents.content(str(path), apart)


def write(path: Path, text: str, later: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (1e9 + later, 1e9 + later))


def test_a_folder_is_known_by_its_files_and_their_places(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write(root / "train/cat/a.png", "one")
    first = content(root)
    write(root / "train/cat/a.png", "one", later=9)  # touched
    assert content(root) == first
    write(root / "train/cat/a.png", "two", later=10)  # as long as before
    second = content(root)
    (root / "train/cat/a.png").rename(root / "train/cat/b.png")
    assert len({first, second, content(root)}) == 3


def test_a_link_to_nothing_is_no_fault(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write(root / "train/cat/a.png", "one")
    first = content(root)
    (root / "train/cat/b.png").symlink_to(tmp_path / "none.png")
    second = content(root)
    write(tmp_path / "none.png", "two")
    assert len({first, second, content(root)}) == 3


def test_a_further_ood_set_leaves_the_training_set_as_it_is(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write(root / "train.images.npy", "one")
    first = content(root, "ood")
    write(root / "ood-new.images.npy", "two")
    write(root / "ood/new/cat/a.png", "three")
    assert content(root, "ood") == first != content(root)


def test_unchanged_files_are_not_read_again(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "weights.safetensors", "one")
    first = content(tmp_path / "weights.safetensors")
    assert len(json.loads(cache.read_text())) == 1
    monkeypatch.setattr(file_contents, "sha256", lambda _: pytest.fail("was read"))
    assert content(tmp_path / "weights.safetensors") == first
    cache.write_text("broken")
    with pytest.raises(pytest.fail.Exception, match="was read"):
        content(tmp_path / "weights.safetensors")


def test_other_weights_in_the_same_place_are_another_setting(tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    path = tmp_path / "weights.safetensors"
    config["backbones"]["efficientnet-lite0"]["weights"] = str(path)

    def settings() -> dict[str, Any]:
        file_contents.content.cache_clear()
        return slices.settings(checked(config), "backbone", {"backbone": "efficientnet-lite0"})

    write(path, "one")
    first = settings()
    write(path, "one", later=5)
    assert settings() == first
    write(path, "two", later=6)
    assert settings() != first


def folder(block: dict[str, Any], root: Path) -> dict[str, Any]:
    """A data set of an image folder, of the form of another."""
    kept = {key: block[key] for key in ("image", "classes", "per_class", "unreadable", "splits")}
    return {"source": "image_folder", "root": str(root), "ood": {}, **kept}


def test_other_images_in_the_same_place_are_another_setting(tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    paper: dict[str, Any] = yaml.safe_load((ROOT / "workflow/studies/paper.yaml").read_text())
    config["data"]["mine"] = folder(next(iter(paper["data"].values())), tmp_path / "set")
    found = []
    for text in ("one", "two"):
        write(tmp_path / "set/train/cat/a.png", text, later=len(found))
        file_contents.content.cache_clear()
        found.append(slices.settings(config, "data", {"dataset": "mine", "split": "train"}))
    assert found[0] != found[1] and {**found[0], "images": 0} == {**found[1], "images": 0}


def test_a_folder_is_known_through_links_and_a_link_in_a_circle_ends(tmp_path: Path) -> None:
    root, store = tmp_path / "set", tmp_path / "store"
    write(store / "cat/a.png", "one")
    root.mkdir()
    (root / "train").symlink_to(store)
    (root / "test").symlink_to(store)
    (store / "cat/again").symlink_to(store)
    first = content(root)
    write(store / "cat/a.png", "two", later=9)
    second = content(root)
    (root / "test").unlink()
    assert len({first, second, content(root)}) == 3


def test_another_model_of_the_gate_in_the_same_place_is_another_setting(tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["generate"]["gate"] |= {"classifier": "zero_shot", "model": str(tmp_path / "clip")}
    names = {"dataset": "digits", "generator": "ddpm", "recipe": "guided", "shard": "00000"}
    found = []
    for text in ("one", "two"):
        write(tmp_path / "clip/model.safetensors", text, later=len(found))
        file_contents.content.cache_clear()
        found.append(slices.settings(config, "generate", names))
    assert found[0] != found[1]
    config["generate"]["gate"]["classifier"] = "judge"
    assert "contents" not in slices.settings(config, "generate", names)["gate"]


def test_an_ood_set_of_another_folder_is_read_anew_with_other_training_classes(tmp_path: Path) -> None:
    """Its labels are places in the list of the training classes."""
    write(tmp_path / "set/train/cat/a.png", "one")
    write(tmp_path / "set/ood/ink/cat/a.png", "one")
    write(tmp_path / "other/cat/a.png", "one")
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    other = {"source": "image_folder", "root": str(tmp_path / "other"), "images": "all"}
    paper = yaml.safe_load((ROOT / "workflow/studies/paper.yaml").read_text())
    block = folder(next(iter(paper["data"].values())), tmp_path / "set")
    config["data"]["mine"] = block | {"ood": {"other": other}}

    def found() -> dict[str, Any]:
        file_contents.content.cache_clear()
        return slices.settings(config, "data", {"dataset": "mine", "split": "ood-other"})

    first = found()
    write(tmp_path / "set/ood/ink/cat/b.png", "two")
    assert found() == first
    write(tmp_path / "set/train/ant/a.png", "one")
    second = found()
    write(tmp_path / "other/cat/b.png", "one")
    assert first != second != found()
