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


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_have_hashes_and_name_no_index(name: str) -> None:
    text = (ENVS / name).read_text()
    assert "://" not in text and "--index" not in text
    entries = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert entries and all("--hash=sha256:" in entry for entry in entries)


def test_the_development_lock_holds_the_running_one() -> None:
    lock, development = (pins((ENVS / f"requirements{kind}.lock").read_text()) for kind in ("", "-dev"))
    assert lock.items() <= development.items()
