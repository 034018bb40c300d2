"""State dicts as people have them, as numpy arrays by name: one file, shards, folders of Hugging Face, training states.

Wrappers that frameworks put around a network (`module.`, `_orig_mod.`) are left out of the names.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.averaged import with_averages
from weightscape.formats.lazy_tensors import Chosen, Cut, LiveTensors, Safetensors
from weightscape.formats.model_folders import check_pointer, files_of
from weightscape.formats.torch_files import chosen_key, has_shape, is_of_optimiser, state_dicts, state_dicts_in

__all__ = ["Chosen", "Safetensors", "open_checkpoint", "open_mapping"]

_ANYWHERE = re.compile(r"(^|(?<=\.))(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_LEFT = "{count} tensors stand under numbers, in lists or in dictionaries without a matrix and are not measured"
_AROUND_ALL = "module."


def open_checkpoint(path: Path | str, key: str | None = None) -> Chosen:
    """The state dict in a file, an index or a folder; `key` chooses one where a file holds several.

    What cannot be read while other shards can is a note.
    """
    path = Path(path)
    files = files_of(path)
    notes, read = list(files.notes), set()
    sources: dict[str, tuple[Cut, str]] = {}
    for file in files.paths:
        try:
            check_pointer(file)
            tensors, said = _tensors(file, key)
        except UserError as error:
            if len(files.paths) == 1 and not files.index:
                raise
            count = sum(name == file.name for name in (files.index or {}).values())
            notes.append(f"{error}: {f'its {count}' if count else 'its'} tensors are not measured")
            continue
        notes += said
        read.add(file.name)
        notes += _add(sources, tensors, file.name, files.index)
    if not sources:
        raise UserError(f"{path} has no shard that can be read ({'; '.join(notes)[:400]})")
    lacking = [name for name, file in (files.index or {}).items() if file in read and name not in sources]
    if lacking and key is None:
        notes.append(f"{len(lacking)} tensors of the index are in no shard, as {lacking[0]}: they are not measured")
    return _read(sources, notes, key, files.slices)


def _add(sources: dict[str, tuple[Cut, str]], tensors: Cut, file: str, index: Mapping[str, str] | None) -> list[str]:
    """Add the tensors of a file; one that an earlier file holds too is that of the index, or else the earlier one."""
    twice = [name for name in tensors if name in sources]
    kept = {name for name in twice if (index or {}).get(name) != file}
    untold = next((name for name in twice if name not in (index or {})), None)
    first = "" if untold is None else getattr(sources[untold][0], "path", Path("an earlier shard")).name
    sources |= {name: (tensors, name) for name in tensors if name not in kept}
    return [] if untold is None else [f"{untold} is in {first} and in {file}: the first is measured"]


def _read(sources: dict[str, tuple[Cut, str]], notes: list[str], key: str | None = None, slices: int = 1) -> Chosen:
    """The tensors under their names in the network; averaged copies among them come first."""
    states = [] if key is not None else [name for name in sources if is_of_optimiser(name)]
    if states:
        notes = [*notes, f"{len(states)} tensors are those of an optimiser, as {states[0]}: they are not measured"]
    unwrapped = _unwrapped({name: source for name, source in sources.items() if name not in set(states)})
    taken, said = with_averages(unwrapped) if key is None else (unwrapped, [])
    return Chosen(taken, (*notes, *said), slices)


def open_mapping(content: Mapping[str, Any]) -> Chosen:
    """The state dict in nested dictionaries in memory, chosen and named as that of a file is."""
    found, unnamed = state_dicts(content, lambda value: hasattr(value, "dtype") and has_shape(value))
    if not found:
        raise UserError("the mapping holds no arrays by name: give model.state_dict(), or arrays by their names")
    chosen = chosen_key(list(found), None, "the mapping")
    others = ", ".join(name or "its own arrays" for name in found if name != chosen)
    notes = [f"read under {chosen or 'its own arrays'}; there are also {others}"] if others else []
    notes += [_LEFT.format(count=unnamed)] if unnamed else []
    tensors = LiveTensors(found[chosen])
    return _read({name: (tensors, name) for name in tensors}, notes)


def _tensors(file: Path, key: str | None) -> tuple[Cut, list[str]]:
    """The tensors of one file, and sentences on which were chosen."""
    if file.suffix == ".safetensors":
        tensors = Safetensors(file)
        return (tensors, []) if key is None else (_below(tensors, key, file), [])
    found, unnamed = state_dicts_in(file)
    names = list(found)
    around = [name for name in names if name == "" or any(tensor.startswith(f"{key}.") for tensor in found[name])]
    if key is not None and key not in found and around:
        return _below(found[chosen_key(around, None, file)], key, file), []
    chosen = chosen_key(names, key, file)
    left = [f"{file.name}: {_LEFT.format(count=unnamed)}"] if unnamed else []
    others = [name or "the file itself" for name in names if name != chosen]
    if others and key is None:
        return found[chosen], [
            f"{file.name}: read under {chosen or 'the file itself'}; there are also {', '.join(others[:6])} (--key)",
            *left,
        ]
    return found[chosen], left


def _below(tensors: Cut, key: str, file: Path) -> Chosen:
    """The tensors whose names open with the key, without it."""
    names = {name.removeprefix(f"{key}."): (tensors, name) for name in tensors if name.startswith(f"{key}.")}
    if not names:
        openings = dict.fromkeys(name.split(".")[0] for name in tensors)
        raise UserError(f"{file} has no tensors below {key!r}: leave --key out or choose {', '.join(openings)[:200]}")
    return Chosen(names)


def _unwrapped(sources: dict[str, tuple[Cut, str]]) -> dict[str, tuple[Cut, str]]:
    """The same without the wrappers of compiling, sharding and data parallelism in the names."""
    renamed = _without(sources, {name: _ANYWHERE.sub("", name) for name in sources})
    while all(name.startswith(_AROUND_ALL) for name in renamed):
        renamed = _without(renamed, {name: name.removeprefix(_AROUND_ALL) for name in renamed})
    return renamed


def _without(sources: dict[str, tuple[Cut, str]], names: Mapping[str, str]) -> dict[str, tuple[Cut, str]]:
    """The sources under new names, unless two would become one."""
    return {names[name]: source for name, source in sources.items()} if _differ(names.values()) else sources


def _differ(names: Iterable[str]) -> bool:
    listed = list(names)
    return len(set(listed)) == len(listed)
