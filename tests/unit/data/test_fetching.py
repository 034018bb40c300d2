"""Downloads into the cache, and their records."""

import json
from pathlib import Path

import pytest

from unit.data.source_miniatures import cifar_block, run


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
    from weightscape.data.fetching import fetch

    parts = {"train": "train", "test": None}
    where = {"path": str(hub["saved"]), "configuration": None, "revision": None}
    facts = fetch({"kind": "huggingface", **where, "parts": parts})
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
