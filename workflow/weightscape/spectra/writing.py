"""Measures the spectra of a run's weights and writes their files."""

from pathlib import Path
from typing import Any

from weightscape.formats.tables import write_table
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.provenance.records import read_record, write_record
from weightscape.stages import _program


def measure_and_write(
    stage: str,
    settings: dict[str, Any],
    code: _program.Code,
    out: Path,
    *,
    before: list[Path],
    after: Path | None = None,
    vectors: Path | None = None,
) -> None:
    """Measure `after` and `delta` and the rows of `before` that are the run's own, or `before` alone.

    The leading vectors of `before` are read from `vectors` for a run, and written beside the table for `before` alone.
    """
    import pandas as pd

    from weightscape.spectra.settings import SpectraSettings
    from weightscape.spectra.table import leading_vectors, measure

    chosen = SpectraSettings.from_mapping({**settings["spectra"], "seed": settings["seed"]})
    start = {name: tensor for path in before for name, tensor in read_tensors(path).items()}
    if after is None:
        table, spectra = measure(start, start, settings=chosen, matrices=("before",))
        write_tensors(out / "vectors.safetensors", leading_vectors(start, chosen))
    else:
        own = read_tensors(before[-1])
        head = frozenset(read_record(after.parent / "manifest.json")["facts"]["head"])
        known = read_tensors(vectors) if vectors else {}
        known = {name: array for name, array in known.items() if name.split("/")[1] not in head}
        table, spectra = measure(
            read_tensors(after), start, settings=chosen, head=head, matrices=("after", "delta"), leading=known
        )
        first, first_spectra = measure(own, own, settings=chosen, head=head, matrices=("before",))
        table = pd.concat([first, table], ignore_index=True)
        spectra |= first_spectra
    unmeasured = sum(status != "ok" for status in table["status"])
    code.check()
    write_table(out / "layers.parquet", table)
    write_tensors(out / "esd.safetensors", spectra)
    inputs = [*before, *([after] if after else []), *([vectors] if vectors else [])]
    outputs = ["layers.parquet", "esd.safetensors", *([] if after else ["vectors.safetensors"])]
    write_record(
        out,
        stage=stage,
        settings=settings,
        code=code.digest,
        inputs=inputs,
        outputs=[out / name for name in outputs],
        facts={"rows": len(table), "without_spectrum": unmeasured},
    )
    print(f"{len(table)} rows, {unmeasured} of them without a spectrum")
