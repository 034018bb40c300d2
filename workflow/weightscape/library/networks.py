"""Spectra of a network's weights, as a table and as eigenvalues: `ws.spectra` and `ws.esd`."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from weightscape.errors import UserError
from weightscape.library.arguments import EXTRAS, check_device, texts, whole_number
from weightscape.library.tensors import Network, known_of, tensors_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from weightscape.formats.tables import Table
    from weightscape.spectra.inputs import Inputs
    from weightscape.spectra.settings import SpectraSettings


def spectra(
    network: Network,
    before: Network | None = None,
    *,
    head: str | Iterable[str] = (),
    add: Iterable[str] = (),
    seed: int = 0,
    device: str | None = None,
    estimate_above: int | None = None,
) -> "pd.DataFrame":
    """Measures the spectrum of every weight matrix of a network, and of what training did to it.

    network  a path (.safetensors, .pt, .pth), a torch module or state dict on any device, a mapping of names to
             arrays, or one matrix
    before   the same before training: adds the rows `before` and `delta` (after minus before)
    head     name or names of the new classifier's layers, whose `role` is then `head`
    add      groups of columns that cost time: `null`, `interval`, `goodness`, `alternatives`, `farms`
    seed     whole number from 0, which names the random streams of these
    device   device of torch that decomposes, as "cuda"; by default numpy does, on the CPU
    estimate_above  whole number from 1: smaller side of a matrix (default: 16384) above which its spectrum is
             estimated, not decomposed: exact norms, and columns `..._error` beside the rest

    Gives a table with one row per layer, part (q, k, v of a fused weight) and matrix. Columns have WeightWatcher's
    names where the quantity is the same (alpha, D, log_norm, stable_rank, ...), `layer_id` and `longname` included;
    definitions, units and sources of all: workflow/docs/spectra.md. Eigenvalues have the unit of a squared weight. A
    value that is not defined is NaN, and `status` and `alpha_status` tell why; `.attrs["notes"]` are sentences on what
    was read and what has no row. `ws.reanalyse` reads the table, written by `to_csv`.

    Raises `UserError` if nothing can be measured, if both networks share no weight, or if torch cannot use the device.

    >>> import numpy as np
    >>> import weightscape as ws
    >>> rng = np.random.default_rng(0)
    >>> before = rng.standard_normal((200, 100)) / 10
    >>> after = before + np.outer(rng.standard_normal(200), rng.standard_normal(100)) / 9
    >>> table = ws.spectra({"layer.weight": after}, {"layer.weight": before})
    >>> table[["longname", "matrix", "N", "M", "num_outliers"]].to_dict("records")[1]
    {'longname': 'layer', 'matrix': 'after', 'N': 200.0, 'M': 100.0, 'num_outliers': 1.0}
    """
    from weightscape.spectra.parallel import cores
    from weightscape.spectra.table import Resources, measure

    settings = settings_of(add, seed, estimate_above)
    if device is not None:
        check_device(device, f"device = {device!r}")
    inputs = _inputs(network, before, texts(head, "head"))
    matrices = ("after",) if before is None else ("before", "after", "delta")
    table, _ = measure(inputs.weights, settings, matrices, Resources(cores(), device), inputs.parts)
    table.loc[table["layer"].isin(list(inputs.updates)), "matrix"] = "delta"
    table.attrs["notes"] = list(inputs.notes)
    return named(table)


def _inputs(network: Network, before: Network | None, heads: list[str]) -> "Inputs":
    """The weights to measure, read as `weightscape spectra` reads them."""
    from weightscape.spectra.inputs import check, inputs_of

    start = None if before is None else tensors_of(before)
    inputs = inputs_of(tensors_of(network), start, heads, *known_of(network, before))
    check(inputs, "the network", "before", "head")
    return inputs


def named(table: "Table") -> "Table":
    """The table with WeightWatcher's `layer_id` and `longname` in front: the place of a part, and its layer's name."""
    longname = table["layer"].where(table["part"] == "weight", table["layer"] + "." + table["part"])
    places = {name: place for place, name in enumerate(dict.fromkeys(longname))}
    whole = table.copy()
    whole.insert(0, "layer_id", longname.map(places).astype(int))
    whole.insert(1, "longname", longname)
    return whole


def settings_of(add: Iterable[str], seed: int, estimate_above: int | None = None) -> "SpectraSettings":
    """The settings of config.yaml, with the groups of columns that are asked for, and another limit if one is given."""
    from weightscape.formats.json_yaml import read_yaml
    from weightscape.formats.typed import from_json
    from weightscape.project import DEFAULT_CONFIG
    from weightscape.spectra.settings import SpectraSettings

    wanted = texts(add, "add")
    unknown = [name for name in wanted if name not in EXTRAS]
    if unknown:
        raise UserError(f"add = {unknown[0]!r} is unknown: choose from {', '.join(EXTRAS)}")
    asked: dict[str, int] = {name: name in wanted for name in EXTRAS} | {"seed": whole_number(seed, "seed", 0)}
    if estimate_above is not None:
        asked["estimate_above"] = whole_number(estimate_above, "estimate_above", 1)
    return from_json(SpectraSettings, read_yaml(DEFAULT_CONFIG)["spectra"] | asked, "spectra")


def esd(network: Network, layers: str | Iterable[str] | None = None) -> "Mapping[str, np.ndarray]":
    """Computes the empirical spectral density of each weight matrix: its eigenvalues by `longname`.

    network  as `spectra` takes it
    layers   name or names of the layers that are wanted; by default all

    Gives the eigenvalues of W^T W of each, the squared singular values (unit of a squared weight): float64, ascending,
    undivided, of all kernel positions of a convolution pooled. Matrices that cannot be measured are left out; the
    `status` of `spectra` tells why.

    Raises `UserError` for anything but a network, and for a layer that it lacks.

    >>> import numpy as np
    >>> import weightscape as ws
    >>> ws.esd({"a.weight": np.diag([1.0, 2.0, 3.0])})
    {'a': array([1., 4., 9.])}
    """
    import numpy as np

    from weightscape.spectra.eigenvalues import squared_singular_values
    from weightscape.spectra.row import Unmeasurable, load

    inputs = _inputs(network, None, [])
    weights, parts = inputs.weights, inputs.parts
    wanted = None if layers is None else set(texts(layers, "layers"))
    unknown = (wanted or set()) - {name for part in parts for name in (part.layer, _longname(part.layer, part.part))}
    if unknown:
        raise UserError(f"layers holds {min(unknown)!r}, which is no layer of the network; ws.spectra lists them")
    limit = settings_of((), 0).memory_limit
    values = {}
    for part in parts:
        name = _longname(part.layer, part.part)
        if wanted is None or wanted & {name, part.layer}:
            try:
                slices = load(part, "after", weights, limit)
            except Unmeasurable:
                continue
            values[name] = np.sort(squared_singular_values(slices).ravel())
    return values


def _longname(layer: str, part: str) -> str:
    return layer if part == "weight" else f"{layer}.{part}"
