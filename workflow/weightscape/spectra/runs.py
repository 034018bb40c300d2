"""Spectra of a backbone before fine-tuning, and of a run that starts from it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from weightscape.formats.layouts import Structure
from weightscape.formats.tables import write_table
from weightscape.formats.tensors import write_tensors
from weightscape.formats.typed import from_json
from weightscape.provenance.records import read_record
from weightscape.spectra.matrices import Known
from weightscape.spectra.row import Tensors, Weights
from weightscape.spectra.settings import SpectraSettings
from weightscape.spectra.table import leading_vectors, measure

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Spectra:
    """A table of spectra, all eigenvalues by matrix, and the leading vectors that runs will need, if any."""

    table: "pd.DataFrame"
    values: Tensors
    vectors: Tensors | None = None

    def facts(self) -> dict[str, int]:
        """Counts for the record."""
        return {"rows": len(self.table), "without_spectrum": sum(status != "ok" for status in self.table["status"])}

    def route(self) -> dict[str, str]:
        """For provenance: how the eigenvalues were found, which may move their last digits."""
        return {"eigenvalues": self.table.attrs["eigenvalues"]}

    def write(self, folder: Path) -> list[Path]:
        """Write the files of the stage; their paths."""
        write_table(folder / "layers.parquet", self.table)
        write_tensors(folder / "esd.safetensors", self.values)
        if self.vectors is None:
            return [folder / "layers.parquet", folder / "esd.safetensors"]
        write_tensors(folder / "vectors.safetensors", self.vectors)
        return [folder / name for name in ("layers.parquet", "esd.safetensors", "vectors.safetensors")]


def known_of(weights: Path) -> Known:
    """The structure of a network by the record beside the weights of its backbone."""
    facts = read_record(weights.parent / "manifest.json")["facts"]
    return Known(from_json(Structure, facts["structure"], "structure"))


def of_backbone(tensors: Tensors, settings: SpectraSettings, known: Known) -> Spectra:
    """The rows `before` of a backbone, and its leading vectors."""
    table, values = measure(Weights(tensors, tensors, known=known), settings, ("before",))
    return Spectra(table, values, leading_vectors(tensors, settings, known))


def of_run(run: Weights, backbone: Tensors, initial: Tensors, settings: SpectraSettings) -> Spectra:
    """The rows `after` and `delta` of a run, and the rows `before` of what it does not share with its backbone.

    `initial` holds those tensors; `leading` of the run are the leading vectors of the backbone.
    """
    import pandas as pd

    shared = {name: array for name, array in run.leading.items() if name.split("/")[1] not in run.head}
    weights = replace(run, before={**backbone, **initial}, leading=shared)
    table, values = measure(weights, settings, ("after", "delta"))
    first, first_values = measure(Weights(initial, initial, run.head, known=run.known), settings, ("before",))
    joined = pd.concat([first, table], ignore_index=True)
    routes = {"before": first.attrs["eigenvalues"], "after and delta": table.attrs["eigenvalues"]}
    same = len(set(routes.values())) == 1
    named = routes["before"] if same else "; ".join(f"{matrix}: {route}" for matrix, route in routes.items())
    joined.attrs["eigenvalues"] = named
    return Spectra(joined, {**values, **first_values})
