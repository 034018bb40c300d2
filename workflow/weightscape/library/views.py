"""Views of spectra: the mean over layers, and a picture of the spectral density."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from weightscape.errors import UserError
from weightscape.library.arguments import texts
from weightscape.provenance.extras import require

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

    from weightscape.formats.tables import Table
    from weightscape.library.tensors import Network

METRICS = (
    "alpha",
    "alpha_weighted",
    "log_norm",
    "log_spectral_norm",
    "log_alpha_norm",
    "stable_rank",
    "mp_softrank",
    "entropy",
    "tail_alpha",
    "effective_rank",
    "num_outliers",
)
"""Columns that `summary` takes means of."""
BINS = 50
LOWEST = 1e-8  # of the largest eigenvalue; below it stands rounding, and a logarithmic axis would show little else


def summary(table: "Table", metrics: str | Iterable[str] = METRICS) -> "pd.DataFrame":
    """Sums up a table of `spectra`: mean, standard deviation and number of matrices, by `matrix` and metric.

    table    a table of `spectra`, or of `weightscape spectra`
    metrics  columns to sum up, in their own units; by default alpha, alpha_weighted, log_norm, log_spectral_norm,
             log_alpha_norm, stable_rank, mp_softrank, entropy, tail_alpha, effective_rank and num_outliers

    Gives a table with the columns `mean`, `sd` (NaN for one matrix) and `n`. Only hidden layers that were measured
    count, and of each metric only those that have it; a new classifier (`role` is `head`) is left out.

    Raises `UserError` if the table is none of `spectra`, or lacks a metric that is asked for.

    >>> import numpy as np
    >>> import weightscape as ws
    >>> table = ws.spectra({"a.weight": np.eye(4, 2), "b.weight": 3 * np.eye(4, 2)})
    >>> float(ws.summary(table).loc[("after", "log_spectral_norm"), "mean"].round(3))
    0.477
    """
    missing = [name for name in ("matrix", "role", "status") if name not in getattr(table, "columns", ())]
    if missing:
        raise UserError(f"the table lacks the column {missing[0]}: give a table of ws.spectra or weightscape spectra")
    asked = texts(metrics, "metrics")
    numbers = table.select_dtypes("number").columns
    wrong = [name for name in asked if name not in numbers and name not in METRICS]
    if wrong:
        raise UserError(f"metrics holds {wrong[0]!r}, which is no column of numbers of the table: name one of those")
    rows = table[table["role"] != "head"]
    long = rows.melt(["matrix"], [name for name in asked if name in table], var_name="metric").dropna()
    grouped = long.groupby(["matrix", "metric"], sort=False)["value"]
    return grouped.agg(["mean", "std", "count"]).rename(columns={"std": "sd", "count": "n"})


def plot_esd(
    network: "Network | Mapping[str, np.ndarray]", layer: str | None = None, *, ax: "Axes | None" = None
) -> "Axes":
    """Draws the spectral density of one layer, with the Marchenko-Pastur law of its bulk and the fitted power law.

    network  as `spectra` takes it
    layer    the layer's `longname`; may be left out where there is one matrix
    ax       axes of matplotlib to draw on; by default new ones

    Gives the axes, both of them logarithmic: eigenvalue (unit of a squared weight) and density per unit of it. The
    legend counts the outliers above the 95 % Tracy-Widom edge of noise.

    Raises `UserError` if the layer is not there or has no density, and without matplotlib.

    >>> import numpy as np
    >>> import weightscape as ws
    >>> axes = ws.plot_esd(np.random.default_rng(0).standard_normal((300, 100)))
    >>> axes.get_xlabel()  # axes.figure.savefig("esd.png") writes the picture
    'eigenvalue'
    """
    from weightscape.library.networks import esd, spectra
    from weightscape.library.tensors import tensors_of

    require("matplotlib", "plot_esd")
    values = esd(network, layer)
    if len(values) != 1:
        listed = ", ".join(list(values)[:3]) or "none that can be measured"
        raise UserError(f"plot_esd draws one matrix, but the network has {len(values)} ({listed}): name one as `layer`")
    (name, found) = next(iter(values.items()))
    tensors = tensors_of(network)
    alone = {key: tensors[key] for key in tensors if name == key.removesuffix(".weight") or name.startswith(f"{key}.")}
    table = spectra(alone or network)
    row = table[table["longname"] == name].iloc[0]
    return _drawn(_axes(ax), name, found, row)


def _axes(ax: "Axes | None") -> "Axes":
    """The axes, or new ones on a figure that no window holds."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(4.5, 3.2), layout="constrained").subplots()


def _drawn(ax: "Axes", name: str, values: "np.ndarray", row: Any) -> "Axes":
    import numpy as np

    from weightscape.figures.esd import law

    shown = values[values > LOWEST * values[-1]]
    if not len(shown):
        raise UserError(f"all eigenvalues of {name} are zero: there is no density to draw")
    edges = np.geomspace(shown[0] * 0.99, shown[-1] * 1.01, BINS + 1)
    density = np.histogram(shown, edges)[0] / np.diff(edges) / len(values)
    ax.stairs(density, edges, fill=True, alpha=0.4, label=f"{len(values)} eigenvalues")
    lower, upper = row["mp_lower"], row["mp_upper"]
    if np.isfinite(upper) and upper > 0:
        grid = np.geomspace(max(lower, edges[0]), upper, 300)[1:-1]
        share = float((values <= upper).mean())
        outliers = row["num_outliers"]
        ax.plot(grid, share * law(grid, max(lower, 0.0), upper), label=f"Marchenko-Pastur, {outliers:.0f} outliers")
    if np.isfinite(row["tail_alpha"]):
        grid, start, exponent = np.geomspace(row["tail_xmin"], values[-1], 50), row["tail_xmin"], row["tail_alpha"]
        share = row["tail_size"] / len(values)
        tail = share * (exponent - 1) / start * (grid / start) ** -exponent
        ax.plot(grid, tail, "--", label=f"power law, exponent {exponent:.2f}")
    positive = density[density > 0]
    ax.set(xscale="log", yscale="log", xlabel="eigenvalue", ylabel="density", title=name)
    ax.set_ylim(positive.min() / 2, positive.max() * 3)
    ax.legend(fontsize="small")
    return ax
