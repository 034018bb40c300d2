"""State dicts as people have them, as numpy arrays by name: one file, shards, folders of Hugging Face, training states.

Wrappers that frameworks put around a network (`module.`, `_orig_mod.`) are left out of the names.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.averaged import WRAPPERS, Sources, with_averages
from weightscape.formats.lazy_tensors import Chosen, Cut, LiveTensors, Safetensors
from weightscape.formats.model_folders import check_pointer, files_of
from weightscape.formats.torch_files import has_shape, is_of_optimiser, state_dicts, state_dicts_in, usual_key

__all__ = ["Chosen", "Safetensors", "open_checkpoint", "open_mapping"]

_ANYWHERE = re.compile(rf"(^|(?<=\.))({WRAPPERS})\.")
_LEFT = "{count} tensors stand under numbers, in lists or in dictionaries without a matrix and are not measured"
_AROUND_ALL = re.compile(r"^((?:module\.)*)")


def open_checkpoint(path: Path | str, key: str | None = None) -> Chosen:
    """The state dict in a file, an index or a folder; `key` chooses one where a file holds several.

    What cannot be read while other shards can is a note.
    """
    path = Path(path)
    files = files_of(path)
    notes, read = list(files.notes), set()
    found: dict[str, dict[str, tuple[Cut, str]]] = {}
    for file in files.paths:
        try:
            states, said = _states_in(file)
        except UserError as error:
            if len(files.paths) == 1 and not files.index:
                raise
            count = sum(name == file.name for name in (files.index or {}).values())
            notes.append(f"{error}: {f'its {count}' if count else 'its'} tensors are not measured")
            continue
        read.add(file.name)
        notes += said
        for at, tensors in states.items():
            notes += _add(found.setdefault(at, {}), tensors, file.name, files.index)
    if not found:
        raise UserError(f"{path} has no shard that can be read ({'; '.join(notes)[:400]})")
    there = set().union(*found.values())
    lacking = [name for name, file in (files.index or {}).items() if file in read and name not in there]
    if lacking:
        notes.append(f"{len(lacking)} tensors of the index are in no shard, as {lacking[0]}: they are not measured")
    if key is not None:
        return _read(_below(found, key, path), notes, files.slices)
    chosen, others = _usual(found, path)
    notes += (
        [f"{path.name}: read under {chosen or 'the file itself'}; there are also {others} (--key)"] if others else []
    )
    return _read(found[chosen], notes, files.slices)


def _states_in(file: Path) -> tuple[Mapping[str, Cut], list[str]]:
    """The state dicts of a file by the keys around them, and a sentence on what is in none."""
    check_pointer(file)
    if file.suffix == ".safetensors":
        return {"": Safetensors(file)}, []
    found, unnamed = state_dicts_in(file)
    return found, [f"{file.name}: {_LEFT.format(count=unnamed)}"] if unnamed else []


def _add(sources: dict[str, tuple[Cut, str]], tensors: Cut, file: str, index: Mapping[str, str] | None) -> list[str]:
    """Add the tensors of a file; one that an earlier file holds too is that of the index, or else the earlier one."""
    twice = [name for name in tensors if name in sources]
    kept = {name for name in twice if (index or {}).get(name) != file}
    untold = next((name for name in twice if name not in (index or {})), None)
    first = "" if untold is None else getattr(sources[untold][0], "path", Path("an earlier shard")).name
    sources |= {name: (tensors, name) for name in tensors if name not in kept}
    return [] if untold is None else [f"{untold} is in {first} and in {file}: the first is measured"]


def _read(sources: Sources, notes: list[str], slices: int = 1) -> Chosen:
    """The tensors under their names in the network; averaged copies among them come first."""
    states = [name for name in sources if is_of_optimiser(name)]
    if states:
        notes = [*notes, f"{len(states)} tensors are those of an optimiser, as {states[0]}: they are not measured"]
    unwrapped = _unwrapped({name: source for name, source in sources.items() if name not in set(states)})
    taken, said = with_averages(unwrapped)
    return Chosen(taken, (*notes, *said), slices)


def open_mapping(content: Mapping[str, Any]) -> Chosen:
    """The state dict in nested dictionaries in memory, chosen and named as that of a file is."""
    found, unnamed = state_dicts(content, lambda value: hasattr(value, "dtype") and has_shape(value))
    if not found:
        raise UserError("the mapping holds no arrays by name: give model.state_dict(), or arrays by their names")
    chosen, others = _usual(found, "the mapping")
    notes = [f"read under {chosen or 'its own arrays'}; there are also {others}"] if others else []
    notes += [_LEFT.format(count=unnamed)] if unnamed else []
    tensors = LiveTensors(found[chosen])
    return _read({name: (tensors, name) for name in tensors}, notes)


def _usual(found: Mapping[str, Any], path: Path | str) -> tuple[str, str]:
    """The keys around the state dict that is read where none is asked for, and those of the others, for people."""
    chosen = usual_key(list(found))
    if chosen is None:
        raise UserError(f"{path} holds several state dicts: choose one by its key, {_few(found)} (--key)")
    return chosen, _few(key for key in found if key != chosen)


def _few(keys: Iterable[str]) -> str:
    named = [key or "the file itself" for key in keys]
    return ", ".join(named[:6]) + (f", ... ({len(named)} in all)" if len(named) > 6 else "")


def _below(found: Mapping[str, Sources], key: str, path: Path) -> Sources:
    """The tensors of the state dict under `key`, or of one those whose names open with it, without that opening.

    Wrappers around and within it are passed over; where it stands at several places, fewer words before it come first.
    """
    wrappers = rf"(?:(?:module|{WRAPPERS})\.)*"
    words = rf"\.{wrappers}".join(map(re.escape, key.split(".")))
    place = re.compile(rf"(|.*?\.){wrappers}{words}\.")
    places: dict[tuple[int, str, str], dict[str, tuple[Cut, str]]] = {}
    for at, sources in found.items():
        around = f"{at}." if at else ""
        for name, source in sources.items():
            match = place.match(around + name)
            if match:
                opening, before = max((match[0], match[1]), (around, at), key=lambda pair: len(pair[0]))
                depth = len(re.sub(rf"\b{wrappers}", "", match[1] + opening[match.end() :]).split("."))
                places.setdefault((depth, opening, before), {})[(around + name)[len(opening) :]] = source
    nearest = {place: tensors for place, tensors in places.items() if place[0] == min(places)[0]}
    usual = usual_key([before for _, _, before in nearest])
    chosen = [tensors for (_, _, before), tensors in nearest.items() if before == usual]
    if len(chosen) == 1:
        return chosen[0]
    if nearest:
        listed = _few(opening.rstrip(".") for _, opening, _ in nearest)
        raise UserError(f"{path} has {key!r} at several places: choose one of {listed} (--key)")
    openings = found if any(found) else dict.fromkeys(name.partition(".")[0] for name in found[""])
    raise UserError(f"{path} holds no state dict under the key {key!r}: choose among {_few(openings)}")


def _unwrapped(sources: Sources) -> Sources:
    """The same without the wrappers of compiling, sharding and data parallelism in the names."""
    renamed = _without(sources, {name: _ANYWHERE.sub("", name) for name in sources})
    arrays = [name for name, (source, inner) in renamed.items() if source.shapes[inner]]  # others are counts beside it
    around = min((_AROUND_ALL.split(name)[1] for name in arrays), key=len, default="")
    return _without(renamed, {name: name.removeprefix(around) for name in renamed})


def _without(sources: Sources, names: Mapping[str, str]) -> Sources:
    """The sources under new names, unless two would become one."""
    whole = len(set(names.values())) == len(sources)
    return {names[name]: source for name, source in sources.items()} if whole else sources
