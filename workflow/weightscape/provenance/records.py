"""The record beside every result: what made it, so that it can be checked on any machine.

`manifest.json` holds what decides the result (digests of settings, code and inputs, the sha256 of each output) and
the facts that later stages read. `provenance.json` beside it holds what may differ from run to run: times, host,
device, versions, commit; it is outside of byte identity.
"""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json, write_json
from weightscape.formats.typed import to_json
from weightscape.formats.writing import digest, digests, sha256

STAGE_FOLDER = re.compile(r"^[1-8]_[a-z]+$")
VERSIONS = ("numpy", "scipy", "pandas", "torch", "torchvision", "timm", "diffusers", "snakemake")
PROVENANCE = "provenance.json"
"""How the name of every provenance file ends."""
AMOUNTS = ("wall_seconds", "cpu_seconds", "peak_memory_mb", "energy_joules")
"""What provenance has as numbers."""
_counted = {"wall": time.monotonic(), "cpu": 0.0, "energy": 0.0}
"""The clocks of this process when it wrote its last record, which counts its costs up to there."""


def provenance_of(record: Path) -> Path:
    """The file of times, host and versions beside a record: `provenance.json` beside `manifest.json`."""
    prefix = "" if record.name == "manifest.json" else f"{record.stem}."
    return record.with_name(f"{prefix}{PROVENANCE}")


def place(path: Path | str) -> str:
    """A path from its numbered stage folder on, the same on every machine; else its name."""
    path = Path(path)
    at = _stage_folder(path)
    return path.name if at is None else "/".join(path.parts[at:])


def _stage_folder(path: Path) -> int | None:
    """Where the last numbered stage folder stands among the parts of a path."""
    return next((at for at in reversed(range(len(path.parts))) if STAGE_FOLDER.match(path.parts[at])), None)


@dataclass(frozen=True)
class Origin:
    """The origin of a result: the stage's program, its settings, the digest of its code, and its input files."""

    stage: str
    settings: Any
    code: str
    inputs: tuple[Path | str, ...] = ()


def write_record(
    folder: Path,
    origin: Origin,
    outputs: Iterable[Path | str],
    facts: Mapping[str, object] | None = None,
    *,
    volatile: Mapping[str, object] | None = None,
    name: str = "manifest",
) -> None:
    """Write `{name}.json` and its provenance into `folder`, after the outputs and so as a sign that they are whole."""
    declared = to_json(origin.settings)
    path = folder / f"{name}.json"
    write_json(provenance_of(path), provenance(volatile))
    _counted.update(wall=time.monotonic(), cpu=time.process_time(), energy=_energy() or 0.0)
    record = {
        "stage": origin.stage,
        "settings": declared,
        "settings_digest": digest(declared),
        "code": origin.code,
        "inputs": {place(path): content_digest(path) for path in origin.inputs},
        "outputs": digests(folder, outputs),
        "facts": dict(facts or {}),
    }
    write_json(path, {**record, "digest": digest(record)})


def is_as_written(record: Mapping[str, object]) -> bool:
    """Whether a record has the digests that it names, of its settings and of all of it."""
    rest = {key: value for key, value in record.items() if key != "digest"}
    try:
        return record.get("settings_digest") == digest(record["settings"]) and record.get("digest") == digest(rest)
    except ValueError:  # NaN, which no record is written with
        return False


def read_record(path: Path | str) -> dict[str, Any]:
    """Read a manifest and check that it has the parts that every record has."""
    record = read_json(path)
    parts = {"stage", "settings", "code", "inputs", "outputs", "facts"}
    missing = parts - set(record if isinstance(record, dict) else ())
    if missing:
        raise UserError(f"{path} is no record of Weightscape (without {', '.join(sorted(missing))}): make it again")
    for part in ("settings", "inputs", "outputs", "facts"):
        if not isinstance(record[part], dict):
            raise UserError(f"{path} is no record of Weightscape ({part} has no names in it): make it again")
    for name in record["outputs"]:
        if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
            raise UserError(f"{path} names the output {name!r}, which lies outside of its folder: make it again")
    for name in (*record["inputs"], *record["outputs"]):
        if not is_file_name(name):
            raise UserError(f"{path} names {name[:80]!r}, which no file can be called: make it again")
    return record


def is_file_name(name: object) -> bool:
    """Whether a value is a path that a file can have: text without NUL, of parts of at most 255 bytes."""
    try:
        parts = os.fsencode(name).split(b"/") if isinstance(name, str) else [b""]
    except UnicodeEncodeError:
        return False
    return parts[-1] != b"" and all(len(part) < 256 and b"\0" not in part for part in parts) and len(parts) < 100


def read_provenance(path: Path | str) -> dict[str, Any]:
    """The provenance of a job, without what cannot be read: no result depends on it, so that nothing stops at it."""
    try:
        found = read_json(path)
    except (UserError, OSError):
        return {}
    kinds = {**dict.fromkeys(AMOUNTS, (int, float)), "versions": dict, "stages": list}
    known = found if isinstance(found, dict) else {}
    return {key: value for key, value in known.items() if isinstance(value, kinds.get(key, object))}


def content_digest(path: Path | str) -> str:
    """sha256 of a file, taken from the record beside it where that names the file (large files are not read)."""
    path = Path(path)
    for record in (path.parent / "manifest.json", path.with_suffix(".json")):
        if path != record and record.is_file():
            known = read_record(record)["outputs"].get(path.name)
            if known:
                return known
    return sha256(path)


def holds(folder: Path, origin: Origin, *, others: bool = False) -> bool:
    """Whether the result in `folder` is whole, and was made from these inputs by these settings and code.

    `others` allows the result to be made from further inputs as well.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        return False
    record = read_record(path)
    now = {place(source): content_digest(source) for source in origin.inputs}
    before = {name: made for name, made in record["inputs"].items() if name in now or not others}
    return (
        (record["settings_digest"], record["code"], before) == (digest(to_json(origin.settings)), origin.code, now)
        and all((folder / name).is_file() for name in record["outputs"])
        and digests(folder, (folder / name for name in record["outputs"])) == record["outputs"]
    )


def results_of(path: Path | str) -> Path:
    """The results folder that a path lies in: all that stands before its numbered stage folder."""
    path = Path(path)
    at = _stage_folder(path)
    if at is None:
        raise UserError(f"{path} lies in no results folder (with numbered folders of stages): pass a path below one")
    return Path(*path.parts[:at])


def provenance(volatile: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Returns the facts that may differ from run to run: host, device, versions, commit and the given ones.

    Times and energy are of the work since the last record of this process, so that they add up over records.
    """
    energy = _energy()
    return {
        "wall_seconds": round(time.monotonic() - _counted["wall"], 2),
        "cpu_seconds": round(time.process_time() - _counted["cpu"], 2),
        **({} if energy is None else {"energy_joules": round(energy - _counted["energy"], 1)}),
        "peak_memory_mb": _peak_memory(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": platform.node(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "commit": _commit(),
        "versions": {name: _version(name) for name in VERSIONS},
        **_device_facts(),
        **(volatile or {}),
    }


def _device_facts() -> dict[str, object]:
    """The device that torch computes on, where the process has chosen one."""
    device = sys.modules.get("weightscape.networks.device")
    return device.facts() if device else {}


def _energy() -> float | None:
    """The joules that the GPU of this process has used since the process chose it; None without one that counts."""
    device = sys.modules.get("weightscape.networks.device")
    return device.energy() if device else None


def _peak_memory() -> float:
    import resource

    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kilobytes / 1024, 1)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
