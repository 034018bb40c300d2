import re

import pytest

from weightscape.project import ROOT

ENVS = ROOT / "envs"


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\s*(?:- )?([A-Za-z0-9_.-]+)==([^\s\\]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["core.yaml", "torch.yaml"])
def test_conda_files_name_the_versions_of_the_lock(name: str) -> None:
    lock = pins((ENVS / "requirements.lock").read_text())
    conda = pins((ENVS / name).read_text())
    assert conda
    assert conda == {package: lock[package] for package in conda}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-cuda12.lock", "requirements-dev.lock"])
def test_locks_have_hashes_and_name_no_index(name: str) -> None:
    text = (ENVS / name).read_text()
    assert "://" not in text and "--index" not in text
    entries = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert entries and all("--hash=sha256:" in entry for entry in entries)


def test_the_development_lock_holds_the_running_one() -> None:
    lock, development = (pins((ENVS / f"requirements{kind}.lock").read_text()) for kind in ("", "-dev"))
    assert lock.items() <= development.items()


OF_CUDA = re.compile(r"(torch|torchvision|triton|setuptools|nvidia-.+|cuda-.+)$")
"""Torch, and the packages that it alone asks for."""


def test_the_lock_for_cuda_12_differs_in_torch_and_its_libraries_alone() -> None:
    lock, older = (pins((ENVS / f"requirements{kind}.lock").read_text()) for kind in ("", "-cuda12"))
    differing = {name for name in lock.keys() | older.keys() if lock.get(name) != older.get(name)}
    assert {name for name in differing if not OF_CUDA.match(name)} == set()
    assert older["nvidia-cuda-runtime-cu12"].startswith("12.") and "torch" in differing
    assert pins((ENVS / "cuda12.in").read_text()).items() <= older.items()


def test_the_container_is_made_from_a_lock_that_is_there() -> None:
    recipe = (ENVS / "apptainer.def").read_text()
    named = re.findall(r"envs/(\{\{ \w+ \}\}) ", recipe.partition("%files")[2].partition("%post")[0])
    assert re.search(r"lock=(\S+)", recipe)[1] == "requirements.lock" and named == ["{{ lock }}"]  # type: ignore[index]
    for part in ("Bootstrap: docker", "From: python:3.11", "--require-hashes", "%help"):
        assert part in recipe
