"""Downloads into the cache, their records, and what the digest of a job of stage 1 covers."""

import json
from pathlib import Path
from typing import Any

import pytest

from unit.data.source_miniatures import cifar_block, run
from weightscape.data import readers
from weightscape.data.settings import HubSet
from weightscape.formats.typed import from_json
from weightscape.provenance import code_digest


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and the environment as it was afterwards."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    for name in ("HF_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WEIGHTSCAPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_lies_in_the_cache_is_recorded_and_read_from_there(cifar: Path, cache: Path, tmp_path: Path) -> None:
    from weightscape.stages import fetch

    place = cache / "torchvision" / "CIFAR10"
    place.parent.mkdir(parents=True)
    cifar.rename(place)
    settings = {"kind": "torchvision", "name": "CIFAR10", "parts": {"train": "train", "test": "test"}, "options": {}}
    record = tmp_path / "results" / "1_data" / "fetched" / "data-cifar10.json"
    fetch.main(["--settings", json.dumps(settings), "--out", str(record)])
    assert json.loads(record.read_text())["facts"]["images"] == {"train": 50, "test": 20}
    splits = {"train": "all", "val": 10, "test": "all", "extra": 10}
    assert len(run(tmp_path, cifar_block(None), "test", splits=splits)[0]) == 20


def test_a_datasets_folder_is_recorded_by_its_files(hub: dict[str, Path], cache: Path) -> None:
    from weightscape.data.fetch_huggingface import fetch

    parts = {"train": "train", "test": None}
    where = {"path": str(hub["saved"]), "configuration": None, "revision": None}
    facts = fetch(from_json(HubSet, {"kind": "huggingface", **where, "parts": parts}))
    assert facts["images"] == {"train": 36} and len(facts["files"]) == 1


@pytest.mark.usefixtures("cache")
def test_only_fetch_may_use_the_network() -> None:
    import os

    from weightscape.formats import cache as place

    place.set_up(network=True)
    assert "HF_HUB_OFFLINE" not in os.environ
    place.set_up()
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["HF_DATASETS_OFFLINE"] == "1"


def test_every_library_keeps_its_downloads_in_the_one_folder(cache: Path) -> None:
    import os

    import torch

    from weightscape.formats import cache as place

    place.set_up()
    assert os.environ["HF_HOME"] == str(cache / "huggingface")
    assert Path(torch.hub.get_dir()).is_relative_to(cache)


SOURCE = {"kind": "huggingface"}


@pytest.mark.parametrize(
    ("images", "modules"),
    [
        ({"kind": "packaged"}, ("data.digits",)),
        ({"kind": "packaged_shift"}, ("data.digits",)),
        ({"source": SOURCE}, ("data.writing", "data.huggingface")),
        ({"source": {"kind": "torchvision"}}, ("data.writing", "data.torchvision_sets")),
        ({"source": SOURCE, "shift": {"kind": "domain"}}, ("data.writing", "data.huggingface")),
        (
            {"source": SOURCE, "shift": {"kind": "image_folder"}},
            ("data.writing", "data.huggingface", "data.image_folder"),
        ),
    ],
)
def test_a_split_names_the_modules_of_the_sources_that_it_reads(
    images: dict[str, Any], modules: tuple[str, ...]
) -> None:
    assert readers.of_split({"images": {"kind": "sourced"} | images}) == modules


SOURCES = {"arrays", "digits", "huggingface", "image_folder", "torchvision_sets"}


@pytest.mark.parametrize("source", ["arrays", "huggingface", "image_folder", "torchvision"])
def test_a_split_depends_on_no_source_but_its_own_and_on_no_corruption(source: str) -> None:
    chosen = readers.of_split({"images": {"kind": "sourced", "source": {"kind": source}}})
    covered = {name.removeprefix("weightscape.data.") for name in code_digest.modules_of("data", *chosen)}
    assert covered & SOURCES == {chosen[1].removeprefix("data.")}
    assert "corruptions" not in covered


@pytest.mark.parametrize(
    ("kind", "foreign"),
    [
        ("backbone", "data.torchvision_sets data.huggingface data.pools"),
        ("model", "data.torchvision_sets data.huggingface data.pools networks.pretrained"),
        ("torchvision", "data.huggingface networks.pretrained"),
        ("huggingface", "data.torchvision_sets networks.pretrained"),
    ],
)
def test_a_download_depends_on_no_download_of_another_kind(kind: str, foreign: str) -> None:
    covered = code_digest.modules_of("fetch", *readers.of_fetch({"kind": kind}))
    assert not {f"weightscape.{name}" for name in foreign.split()} & set(covered)
