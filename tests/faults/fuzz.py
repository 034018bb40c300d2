"""Seeded fuzzing of every reader: broken files give one sentence (`UserError`) or a value, never anything else.

    python tests/faults/fuzz.py --inputs 20000 --seed 0

Valid files are mutated: bytes flipped, cut, repeated and inserted; headers and configs changed where it hurts. An
audit hook watches that no reader opens a file for writing, starts a process or reaches the network.
"""

import argparse
import contextlib
import copy
import io
import json
import random
import re
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from weightscape.commands import diversity
from weightscape.data import image_folder
from weightscape.data.decoding import Form, decode_many
from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json
from weightscape.formats.shards import ImageSet, read_shard, write_shard
from weightscape.formats.state_dicts import open_checkpoint
from weightscape.formats.tables import read_columns, read_table, write_table
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.project import ROOT
from weightscape.provenance.records import read_record
from weightscape.published import conditions, reading
from weightscape.study import jobs, settings, undecidable
from weightscape.study.config import checked, load

LIMIT = 10
"""Seconds after which a reader counts as hung."""
ODD = [
    None, True, False, 0, -1, 1.5, 1e308, -1e308, float("nan"), float("inf"), 2**63, 2**64, 10**30, "", "a; touch x",
    "../../etc/passwd", "\x00", "é" * 300, [], {}, [[]], [None], {"a": {}}, "1e-5", b"bytes", ("a",),
]  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """A reader with the ending of its files, valid contents, and how to mutate one."""

    name: str
    ending: str
    contents: list[Any]
    mutate: Callable[[Any, random.Random], Any]
    read: Callable[[Any], Any]
    share: float


def bytes_changed(content: bytes, rng: random.Random) -> bytes:
    """One to four small accidents."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1) if rng.random() < 0.5 else rng.randrange(min(len(data), 300) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            del data[at:]
        elif kind == 1 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data[at:at] = rng.randbytes(rng.randint(1, 16))
        elif kind == 3:
            del data[at : at + rng.randint(1, 64)]
        else:
            data[at : at + 8] = rng.choice([b"\xff" * 8, bytes(8), (2**31).to_bytes(8, "little"), b'{"a":[]}'])
    return bytes(data)


def header_changed(content: bytes, rng: random.Random) -> bytes:
    """Another header of a safetensors file: shapes, types and offsets that are absurd; else changed bytes."""
    if rng.random() < 0.4:
        return bytes_changed(content, rng)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    for _ in range(rng.randint(1, 3)):
        name = rng.choice(list(header))
        entry = header[name]
        if not isinstance(entry, dict) or rng.random() < 0.1:
            header[name] = plain(rng.choice(ODD))
            continue
        if rng.random() < 0.1:
            header[rng.choice(["\ud800", "", "../x", "other"])] = (
                header[name] if rng.random() < 0.5 else header.pop(name)
            )
            continue
        part = rng.choice(["dtype", "shape", "data_offsets", "extra"])
        values = [[2**62, 4], [2**32, 2**32], [-1, -4], [0], [10**30], [1] * 70, [1.5], ["a"], [0, 2**63], [4, 0]]
        types = ["F64", "BF16", "F4", "U64", "", "BOOL"]
        entry[part] = plain(rng.choice(types if part == "dtype" and rng.random() < 0.7 else [*values, *ODD]))
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def plain(value: Any) -> Any:
    """A copy of a value that JSON can hold."""
    return str(value) if isinstance(value, bytes) else copy.deepcopy(value)


def config_changed(config: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A config with one to three keys changed, removed or added at any depth."""
    changed = copy.deepcopy(config)
    for _ in range(rng.randint(1, 3)):
        block: Any = changed
        while True:
            keys = list(block) if isinstance(block, dict) else list(range(len(block)))
            if not keys:
                break
            key = rng.choice(keys)
            inner = block[key]
            if isinstance(inner, dict | list) and inner and rng.random() < 0.85:
                block = inner
                continue
            kind = rng.random()
            if kind < 0.4:
                block[key] = near(inner, rng)
            elif kind < 0.7:
                block[key] = copy.deepcopy(rng.choice(ODD))
            elif kind < 0.85:
                del block[key]
            elif isinstance(block, dict):
                block[rng.choice([*ODD[:13], "new", "../x", "A"])] = copy.deepcopy(rng.choice(ODD))
            break
    return changed


def near(value: Any, rng: random.Random) -> Any:
    """A value of the same type that may be right too, or nearly."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return rng.choice([0, 1, 2, -value, value * 1.0, value + 1, 2 * value, value / 2, value // 2, 100 * value])
    if isinstance(value, list):
        return rng.choice([value[1:], value[:-1], value[::-1], value + value[:1], value[:1]])
    if isinstance(value, str):
        return rng.choice(
            [value.upper(), value[:-1], value + "2", "all", "none", "baseline", "digits", "weak", "noise"]
        )
    return {key: inner for key, inner in value.items() if rng.random() < 0.7} if isinstance(value, dict) else value


def text_changed(content: bytes, rng: random.Random) -> bytes:
    """YAML with characters that mean something to it."""
    if rng.random() < 0.3:
        return bytes_changed(content, rng)
    lines = content.decode().splitlines()
    at = rng.randrange(len(lines))
    marks = ["&a", "*a", "!!python/object/apply:os.system ['touch x']", "? ", "2020-01-01", "!!binary aa", "!!set {a}",
             "[", "}", "<<: *a", "%", "- " * 500, "\t", "'", '"', "0x_", "1:2:3", "|", "&a [*a]"]  # fmt: skip
    lines[at] += " " * rng.randint(0, 2) + rng.choice(marks)
    return "\n".join(lines).encode()


def written(write: Callable[[Path], Any], ending: str) -> bytes:
    """Returns the bytes that a writer puts into a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{ending}"
        write(path)
        return path.read_bytes()


def readers() -> list[Reader]:
    """Every reader with its valid files."""
    import pandas as pd
    import torch

    rng = np.random.default_rng(0)
    weights = {"a.weight": rng.standard_normal((6, 4)).astype(np.float32), "b": np.ones(3, np.float16)}
    images = ImageSet(rng.integers(0, 256, (4, 1, 6, 6), np.uint8), np.arange(4))
    table = pd.DataFrame({"shard": ["a", "b"], "index": [0, 1], "x": [0.5, None], "pixels": [b"ab", b"c"]})
    buffer = io.BytesIO()
    torch.save({"state_dict": {name: torch.from_numpy(value) for name, value in weights.items()}}, buffer)
    record = {"stage": "a", "settings": {"b": 1}, "code": "c", "inputs": {}, "outputs": {"c": "d"}}
    record["facts"] = {"classes": ["0"]}
    full = yaml.safe_load((ROOT / "config.yaml").read_text())
    study = (ROOT / "workflow" / "studies" / "smoke.yaml").read_bytes()
    named = (ROOT / "workflow" / "studies" / "published" / "conditions.yaml").read_bytes()
    watcher = (
        pd.DataFrame({name: rng.random(5) for name in reading.METRICS}).assign(layer_id=range(5)).to_csv().encode()
    )
    tensors = written(lambda path: write_tensors(path, weights), ".safetensors")
    shard = written(lambda path: write_shard(path, images), ".safetensors")
    rows = written(lambda path: write_table(path, table), ".parquet")
    return [
        Reader("config", "", [full], config_changed, planned, 0.15),
        Reader("study", ".yaml", [study], text_changed, lambda path: load(ROOT / "config.yaml", path), 0.05),
        Reader("tensors", ".safetensors", [tensors], header_changed, read_tensors, 0.1),
        Reader("checkpoint", ".safetensors", [tensors], header_changed, opened, 0.1),
        Reader("pickle", ".pt", [buffer.getvalue()], bytes_changed, opened, 0.1),
        Reader("shard", ".safetensors", [shard], header_changed, read_shard, 0.05),
        Reader("images", ".safetensors", [shard], header_changed, diversity._read, 0.05),
        *(
            Reader(f"image {form}", f".{form}", [picture(form)], bytes_changed, image_read, 0.03)
            for form in ("png", "jpeg", "webp", "tiff", "bmp")
        ),
        Reader("watcher", ".csv", [watcher], text_changed, watcher_read, 0.05),
        Reader("conditions", ".yaml", [named], text_changed, conditions.read, 0.05),
        Reader("table", ".parquet", [rows], bytes_changed, read_table, 0.05),
        Reader("columns", ".parquet", [rows], bytes_changed, read_columns, 0.05),
        Reader("json", ".json", [json.dumps(record).encode()], bytes_changed, read_json, 0.05),
        Reader("record", ".json", [json.dumps(record).encode()], bytes_changed, read_record, 0.05),
    ]


def planned(config: dict[str, Any]) -> int:
    """How many settings of jobs a config leads to: one that is accepted leads to those of all its jobs."""
    whole = checked(config)
    undecidable.told(whole)
    asked = set()
    for job, names in jobs.records(whole):
        stage = job.rule if job.rule in settings.STAGES else job.program
        asked.add((stage, tuple((name, names[name]) for name in settings.wildcards_of(stage))))
    for stage, names in asked:
        json.dumps(settings.settings(whole, stage, dict(names)), allow_nan=False)
    return len(asked)


def opened(path: Path) -> list[np.ndarray]:
    """Every tensor of a checkpoint, as its users read them."""
    return [np.asarray(array) for array in dict(open_checkpoint(path)).values()]


def picture(form: str) -> bytes:
    """An image file with metadata."""
    from PIL import Image

    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    values = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
    Image.fromarray(values).save(stream, form.upper(), **({} if form == "bmp" else {"exif": exif}))
    return stream.getvalue()


def image_read(path: Path) -> int:
    """How many images of a folder can be read."""
    shown = path.parent / "folder" / "train" / "class" / f"image{path.suffix}"
    shown.parent.mkdir(parents=True, exist_ok=True)
    path.replace(shown)
    try:
        pool = image_folder.part(shown.parents[2], "train")
        assert pool.encoded is not None
        images, _ = decode_many(list(pool.encoded(np.array([0]))), Form(8, 3, 1_000_000))
        return len(images)
    finally:
        shown.unlink()


def watcher_read(path: Path) -> Any:
    """A published table."""
    return reading.read_one(path.parent, path.name)


class Hang(Exception):
    """A reader took longer than LIMIT."""


def _alarm(*_: Any) -> None:
    raise Hang


@contextlib.contextmanager
def watched(allowed: Path, forbidden: list[str]) -> Iterator[None]:
    """Note every file opened for writing outside `allowed`, every process and every connection."""
    active = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not active[0]:
            return
        if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect"):
            forbidden.append(f"{event} {arguments}")
        if event == "open" and isinstance(arguments[0], str) and isinstance(arguments[1], str):
            outside = not arguments[0].startswith((str(allowed), "/dev/null")) and "__pycache__" not in arguments[0]
            if outside and set(arguments[1]) & set("wax+"):
                forbidden.append(f"opened {arguments[0]} for writing")

    sys.addaudithook(hook)
    try:
        yield
    finally:
        active[0] = False


def attempt(reader: Reader, number: int, seed: int, folder: Path) -> str:
    """One input: `value`, `sentence`, or what went wrong."""
    rng = random.Random(f"{seed}/{reader.name}/{number}")
    changed = reader.mutate(rng.choice(reader.contents), rng)
    given = changed
    if reader.ending:
        given = folder / f"input{reader.ending}"
        given.write_bytes(changed)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        reader.read(given)
        return "value"
    except UserError as error:
        return "sentence" if "\n" not in str(error) else f"a sentence of several lines: {error!r}"
    except Hang:
        return "hang"
    except BaseException:
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _first(reader: Reader, folder: Path) -> None:
    """Read every valid content."""
    for content in reader.contents:
        path = folder / f"valid{reader.ending}"
        if reader.ending:
            path.write_bytes(content)
        reader.read(path if reader.ending else content)


def fuzz(inputs: int, seed: int) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Counts by reader and outcome, and everything that must not happen."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _alarm)
    counts: Counter[tuple[str, str]] = Counter()
    faults: list[str] = []
    every = readers()
    with tempfile.TemporaryDirectory() as name:
        for reader in every:  # what libraries do when they are first used is not the file's doing
            _first(reader, Path(name))
    with tempfile.TemporaryDirectory() as name, watched(Path(name), faults):
        for reader in every:
            for number in range(max(1, round(inputs * reader.share))):
                outcome = attempt(reader, number, seed, Path(name))
                counts[reader.name, outcome if outcome in ("value", "sentence") else "fault"] += 1
                if outcome not in ("value", "sentence"):
                    faults.append(f"{reader.name} {number} (seed {seed}): {outcome}")
    return counts, faults


def kind(fault: str) -> str:
    """Names the cause of a fault: the reader, the line that failed and the type of the error."""
    lines = fault.strip().splitlines()
    places = [line.strip() for line in lines if line.strip().startswith("File") and "weightscape" in line]
    cause = re.sub(r"\d+", "N", lines[-1].partition(":")[0] if places else lines[-1])
    return " ".join([lines[0].split()[0], *places[-1:], cause])


def main() -> int:
    """Fuzz, print the counts by reader, and the first faults of each kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--full", action="store_true", help="print whole tracebacks")
    arguments = parser.parse_args()
    start = time.monotonic()
    counts, faults = fuzz(arguments.inputs, arguments.seed)
    for (reader, outcome), count in sorted(counts.items()):
        print(f"{reader:<12}{outcome:<10}{count:>7}")
    for fault in list({kind(fault): fault for fault in faults}.values())[:20]:
        print(fault if arguments.full else kind(fault))
    total = sum(counts.values())
    print(f"{total - len(faults)} of {total} inputs clean in {time.monotonic() - start:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
