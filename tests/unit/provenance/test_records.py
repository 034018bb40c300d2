"""Records: the names of their files, and whether an earlier result still holds."""

import json
import time
from pathlib import Path

import pytest

from weightscape.provenance.records import Origin, holds, provenance_of, write_record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A result that was made from two inputs."""
    for name in ("a", "b", "made"):
        (tmp_path / name).write_text(name)
    inputs, outputs = [tmp_path / "a", tmp_path / "b"], [tmp_path / "made"]
    write_record(tmp_path, Origin("toy", {"x": 1}, "c", tuple(inputs)), outputs)
    return tmp_path


def kept(folder: Path, settings: object = None, code: str = "c", inputs: str = "ab", others: bool = False) -> bool:
    origin = Origin("toy", settings or {"x": 1}, code, tuple(folder / name for name in inputs))
    return holds(folder, origin, others=others)


@pytest.mark.parametrize(
    ("record", "provenance"),
    [("1_data/manifest.json", "1_data/provenance.json"), ("7_figures/esd.json", "7_figures/esd.provenance.json")],
)
def test_a_provenance_lies_beside_its_record(record: str, provenance: str) -> None:
    assert provenance_of(Path(record)) == Path(provenance)


def test_the_provenance_of_a_record_is_written_where_it_is_looked_for(folder: Path) -> None:
    assert provenance_of(folder / "manifest.json").is_file()


def test_a_whole_result_of_the_same_inputs_settings_and_code_holds(folder: Path) -> None:
    assert kept(folder)
    assert not kept(folder, settings={"x": 2})
    assert not kept(folder, code="d")
    assert not holds(folder / "elsewhere", Origin("toy", {"x": 1}, "c"))


def test_a_result_of_further_inputs_holds_only_if_others_are_allowed(folder: Path) -> None:
    assert kept(folder, inputs="a", others=True)
    assert not kept(folder, inputs="a")


def test_a_changed_input_or_output_ends_a_result(folder: Path) -> None:
    (folder / "b").write_text("other")
    assert kept(folder, inputs="a", others=True)
    assert not kept(folder, inputs="b", others=True)
    (folder / "made").write_text("other")
    assert not kept(folder, inputs="a", others=True)
    (folder / "made").unlink()
    assert not kept(folder, inputs="a", others=True)


def test_costs_of_several_records_of_one_process_add_up_to_its_own(tmp_path: Path) -> None:
    begun, times = time.process_time(), []
    for name in ("one", "two", "three"):
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
        write_record(tmp_path / name, Origin("toy", {}, "c"), [])
        times.append(json.loads((tmp_path / name / "provenance.json").read_text())["cpu_seconds"])
    spent = time.process_time() - begun
    assert all(time >= 0.04 for time in times)
    assert sum(times[1:]) <= spent + 0.02
