"""Opens checkpoints in any form, adapters, and the configurations beside them for `weightscape spectra`."""

import difflib
import fnmatch
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.layouts import Structure
from weightscape.formats.lazy_tensors import Chosen
from weightscape.formats.model_folders import config_of
from weightscape.formats.state_dicts import open_checkpoint
from weightscape.spectra import adapters
from weightscape.spectra.alignment import aligned, with_layouts
from weightscape.spectra.attention import heads_of
from weightscape.spectra.matrices import NOTHING_MORE, Known, Part, layer_name, without_row
from weightscape.spectra.matrices import parts as every_part
from weightscape.spectra.row import Tensors, Weights, shape_of
from weightscape.spectra.table import parts_of

SLICE = "whole: as the file has it, which is one of {count} slices of a network"
_GROUPED = {"squeezebert": {"q": "query", "k": "key", "v": "value"}}
"""Networks whose config.json states groups (`q_groups`, `output_groups`), and modules that it names otherwise."""
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")


@dataclass(frozen=True)
class Inputs:
    """The weights to measure and their parts, sentences on how they were read, and layers that are updates alone."""

    weights: Weights
    parts: Sequence[Part]
    notes: Sequence[str]
    updates: frozenset[str] = frozenset()
    first_before: str = "none"


def opened(after: Path, before: Path | None, key: str | None, head: Sequence[str]) -> Inputs:
    """The weights of a checkpoint, and those that it started from."""
    known = known_of(config_of(after) or (None if before is None else config_of(before)))
    start = None if before is None else _start(before, key)
    return inputs_of(open_checkpoint(after, key), start, head, known, config_of(after, "adapter_config.json"))


def inputs_of(
    tensors: Chosen, start: Chosen | None, head: Sequence[str], known: Known = NOTHING_MORE, adapter: Any = None
) -> Inputs:
    """The same of tensors that are read; `adapter` is the content of an `adapter_config.json`."""
    notes = [f"after: {note}" for note in tensors.notes] + [f"before: {note}" for note in getattr(start, "notes", ())]
    pairs = adapters.pairs_of(tensors, adapter)
    read: Tensors = tensors
    updates: frozenset[str] = frozenset()
    if tensors.slices > 1:
        known = replace(known, remarks=dict.fromkeys(tensors, SLICE.format(count=tensors.slices)))
    if pairs:
        adapted = adapters.adapted(tensors, pairs, start, adapter)
        read, updates = adapted.tensors, frozenset(map(layer_name, adapted.alone))
        known = replace(known, remarks=adapted.remarks)
        notes += adapted.notes
    first = "none" if start is None else next((start.origin(name) for name in start), "none")
    before: Tensors | None = None
    if start is not None:
        every = parts_of(read, start, known)
        experts = {part.key for part in every if part.part.startswith("expert") and len(part.shape) > 2}
        before, changes = aligned(read, start, list(dict.fromkeys(part.key for part in every)), experts)
        known = with_layouts(known, read, before)
        notes += changes
    weights = Weights(read, before, frozenset(head), known=known)
    parts = parts_of(read, weights.start, known)
    notes += [*_repeated(read, known, {part.key for part in parts}), *_uncounted(read, known)]
    return Inputs(weights, parts, notes, updates, first)


def check(inputs: Inputs, network: str, before: str, option: str) -> None:
    """Refuse weights that have nothing to measure; the names are those of both networks and of the head, for people."""
    parts, start = inputs.parts, inputs.weights.before
    if not parts:
        raise UserError(
            f"{network} has no weight matrices: give tensors of two to five axes whose names end in `weight`"
        )
    if start is not None and not any(part.key in start and shape_of(start, part.key) == part.shape for part in parts):
        raise UserError(
            f"{network} and {before} share no weight (the first are {parts[0].key} and {inputs.first_before}): give "
            "the weights that training started from, under the same names"
        )
    layers = list(dict.fromkeys(part.layer for part in parts))
    for head in sorted(inputs.weights.head):
        if head.removesuffix(".weight") not in layers:
            usual = [name for name in layers if any(word in name for word in ("head", "fc", "classifier"))]
            near = [*difflib.get_close_matches(head, layers, 3, 0.5), *usual, layers[-1]]
            raise UserError(f"{option} {head} is no layer of {network}: choose one, as {near[0]}")


def _start(path: Path, key: str | None) -> Chosen:
    """The weights before, under the same key as those after if they have it."""
    if key is not None:
        try:
            return open_checkpoint(path, key)
        except UserError:
            pass
    return open_checkpoint(path)


def known_of(config: Any) -> Known:
    """The facts of a `config.json`, of Hugging Face or of timm; none if there is no such file."""
    if not isinstance(config, dict):
        return Known()
    inner = config.get("text_config")
    facts = config | (inner if isinstance(inner, dict) else {})
    mixture = facts.get("ffn_config")
    facts |= mixture if isinstance(mixture, dict) else {}
    counts = (facts.get(name) for name in _EXPERTS)
    experts = next((count for count in counts if type(count) is int and count > 1), None)
    return Known(_of_timm(config), heads_of(config), experts, _groups_of(facts))


def _groups_of(facts: Mapping[str, Any]) -> dict[str, int]:
    """The groups of convolutions by the name of a module around them."""
    names = _GROUPED.get(str(facts.get("model_type")))
    if names is None:
        return {}
    stated = {fact.removesuffix("_groups"): count for fact, count in facts.items() if fact.endswith("_groups")}
    return {names.get(name, name): count for name, count in stated.items() if type(count) is int and count > 0}


def _of_timm(config: Mapping[str, object]) -> Structure:
    """The structure of the network that timm's own configuration names."""
    name = config.get("architecture")
    if not isinstance(name, str) or "pretrained_cfg" not in config:
        return Structure()
    from weightscape.networks.structure import structure_of

    try:
        return structure_of(name)
    except UserError:  # a network that this timm does not know
        return Structure()


def _repeated(tensors: Tensors, known: Known, measured: Collection[str]) -> list[str]:
    """One line on weights that are stored under another name too."""
    every = every_part({key: shape_of(tensors, key) for key in tensors}, known)
    twice = list(dict.fromkeys(part.layer for part in every if part.key not in measured))
    return [f"{len(twice)} tensors repeat others and have no row of their own, as {twice[0]}"] if twice else []


def _uncounted(tensors: Tensors, known: Known) -> list[str]:
    """One line on what holds values and has no row."""
    left = without_row({key: shape_of(tensors, key) for key in tensors}, known)
    larger = {key: size for key, size in left.items() if len(shape_of(tensors, key)) > 1}
    if not left:
        return []
    names = sorted(larger, key=lambda key: -larger[key])
    named = f"{len(larger)} tensors of several axes ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''}) and "
    vectors = f"{len(left) - len(larger)} vectors (biases, norms)"
    return [f"no row: {named if names else ''}{vectors}, {sum(left.values()):,} values"]


def named(option: str, patterns: Sequence[str], layers: Collection[str]) -> set[str]:
    """The layers that the patterns of an option name; refuses a pattern that names none.

    A pattern with a backslash or one of `( | ^ $ + {` is a regular expression that is searched in the name; others are
    a shell's, and one without `* ? [` means the layer and all below it.
    """
    found: set[str] = set()
    for pattern in patterns:
        test = _test(option, pattern)
        own = {layer for layer in layers if test.search(layer)}
        if not own:
            raise UserError(f"{option} {pattern} names no layer to be measured: one is {next(iter(layers))}")
        found |= own
    return found


def _test(option: str, pattern: str) -> re.Pattern[str]:
    try:
        if re.search(r"[\\(|^$+{]", pattern):
            return re.compile(pattern)
    except re.error as error:
        raise UserError(f"{option} {pattern!r} is no regular expression ({error}): correct it") from None
    pattern = pattern.removesuffix(".weight")
    shell = fnmatch.translate(pattern) if re.search(r"[*?[]", pattern) else rf"{re.escape(pattern)}(\..*)?\Z"
    return re.compile(rf"\A{shell}")
