"""The files of a model: one file, an index of shards, or a folder as Hugging Face writes it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightscape.errors import UserError

ENDINGS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar")
ALLOWED = "a state dict (.safetensors, .pt, .pth, .bin, .ckpt, .pth.tar), an index of shards (.index.json) or a folder"
_NAMES = ("model", "diffusion_pytorch_model", "pytorch_model", "open_clip_model", "adapter_model")
_SHARD = re.compile(r"-(\d{3,6})-of-(\d{3,6})\.")
_SLICE = re.compile(
    r"^(consolidated\.|mp_rank_|tp_rank_|layer_\d+-model_|.*model_part-|model-rank-)(\d+)|^(rank)(\d+)\.safetensors$"
)
"""Files of tensor parallelism: of LLaMA, Megatron, Megatron-DeepSpeed, metaseq, vLLM and TensorRT-LLM."""
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Files:
    """The files of a model in their order, the tensors that its index names by file, and sentences on what lacks.

    Of `slices` in which tensor parallelism cut its matrices they are one.
    """

    paths: tuple[Path, ...]
    index: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()
    slices: int = 1


def files_of(path: Path) -> Files:
    """The files that hold the tensors of a model."""
    if path.is_dir():
        return _of_folder(_snapshot(path))
    if not path.is_file():
        raise UserError(f"{path} is not a file: give {ALLOWED}")
    if path.name.endswith(".index.json"):
        return _of_index(path)
    if path.suffix not in ENDINGS:
        raise UserError(f"{path} ends in {path.suffix!r}: give {ALLOWED}")
    check_pointer(path)
    shard = _SHARD.search(path.name)
    if shard and int(shard[2]) > 1:
        note = f"{path.name} is one shard of {int(shard[2])}: the others are not read; give the folder or its index"
        return Files((path,), None, (note,))
    slices = _slices(path)
    if slices > 1:
        note = f"{path.name} is one of {slices} slices of a network: its matrices are not whole"
        return Files((path,), None, (note,), slices)
    return Files((path,))


def config_of(path: Path, name: str = "config.json") -> Any:
    """The content of the file `name` beside the weights; None where it is not there or no JSON."""
    folder = _snapshot(path) if path.is_dir() else path.parent
    try:
        return json.loads((folder / name).read_text())
    except (OSError, ValueError):
        return None


def check_pointer(path: Path) -> None:
    """Refuse a file that Git LFS has not fetched."""
    with path.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise UserError(f"{path} is a pointer of Git LFS and not the file itself: fetch it with `git lfs pull`")


def _slices(path: Path) -> int:
    """Into how many files tensor parallelism cut the matrices of a network."""
    for entry in (path, path.parent):
        match = _SLICE.match(entry.name)
        if match:
            beside = (_SLICE.match(other.name) for other in entry.parent.iterdir() if other.suffix == entry.suffix)
            return len({other[2] or other[4] for other in beside if other and other[1] == match[1]})
    return 1


def _snapshot(folder: Path) -> Path:
    """The files of a folder in the cache of the hub, which keeps them by commit; other folders are themselves."""
    main, commits = folder / "refs" / "main", folder / "snapshots"
    if main.is_file() and (commits / main.read_text().strip()).is_dir():
        return commits / main.read_text().strip()
    there = [entry for entry in commits.iterdir() if entry.is_dir()] if commits.is_dir() else []
    return there[0] if len(there) == 1 else folder


def _of_folder(folder: Path) -> Files:
    there = sorted(entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
    indices = {entry.name.removesuffix(".index.json"): entry for entry in there if entry.name.endswith(".index.json")}
    weights = {entry.name: entry for entry in there if entry.suffix in ENDINGS}
    for name in _NAMES:
        for ending in (".safetensors", ".bin"):
            if name + ending in indices:
                return _of_index(indices[name + ending])
            if name + ending in weights:
                return files_of(weights[name + ending])
    if len(indices) == 1:
        return _of_index(next(iter(indices.values())))
    if len(weights) == 1:
        return files_of(next(iter(weights.values())))
    shards = [name for name in weights if _SHARD.search(name)]
    if shards and len(shards) == len(weights) and len({_SHARD.sub("", name) for name in shards}) == 1:
        return _of_shards([weights[name] for name in shards])
    if weights:
        raise UserError(f"{folder} holds several files of weights: give one of them, as {', '.join(list(weights)[:5])}")
    below = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and _holds_weights(entry))
    hint = f"give one of its folders, {', '.join(below)}" if below else f"give {ALLOWED}"
    raise UserError(f"{folder} holds no file of weights ({', '.join(ENDINGS)}): {hint}")


def _holds_weights(folder: Path) -> bool:
    return any(entry.suffix in ENDINGS for entry in folder.iterdir() if entry.is_file())


def _of_shards(paths: list[Path]) -> Files:
    """Shards without an index; their names tell how many there should be."""
    counts = [match for path in paths if (match := _SHARD.search(path.name))]
    total = int(counts[0][2])
    lacking = sorted(set(range(1, total + 1)) - {int(match[1]) for match in counts}) if total > 1 else []
    notes = (f"{len(lacking)} of {total} shards are not there, and their tensors are not measured",) if lacking else ()
    return Files(tuple(paths), None, notes)


def _of_index(path: Path) -> Files:
    check_pointer(path)
    try:
        names = json.loads(path.read_text())["weight_map"]
        if not names or not all(isinstance(text, str) for pair in names.items() for text in pair):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is no index of shards (a weight_map of tensors to files): download it again") from None
    outside = next((name for name in names.values() if Path(name).name != name), None)
    if outside is not None:
        raise UserError(f"{path} names the file {outside!r}, which is not beside it: download it again")
    files = sorted(set(names.values()))
    missing = [name for name in files if not (path.parent / name).is_file()]
    if len(missing) == len(files):
        raise UserError(f"{path} names {files[0]} and {len(files) - 1} more files, none of which is there: fetch them")
    counts = [sum(file == name for file in names.values()) for name in missing]
    notes = [
        f"{name} is not there: its {count} tensors are not measured"
        for name, count in zip(missing, counts, strict=True)
    ]
    alike = {_SHARD.sub("", name) for name in files if _SHARD.search(name)}
    there = sorted(entry.name for entry in path.parent.iterdir() if _SHARD.search(entry.name))
    more = [name for name in there if name not in files and _SHARD.sub("", name) in alike]
    notes += [f"the index does not name {name}, which is not measured" for name in more]
    paths = tuple(path.parent / name for name in files if name not in missing)
    return Files(paths, names, tuple(notes))
