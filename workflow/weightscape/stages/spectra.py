"""Stage 5: spectra of one run: of every weight matrix after fine-tuning, of its update, and of its own initial head.

    python -m weightscape.stages.spectra --settings '{"spectra": {}, "seed": 1}' --out /tmp/spectra \
        --weights results/1_data/backbones/efficientnet-lite0/weights.safetensors \
        --vectors results/5_spectra/before/efficientnet-lite0/vectors.safetensors \
        --initial results/4_finetune/digits/efficientnet-lite0/noise/strong/seed0/initial.safetensors \
        --after results/4_finetune/digits/efficientnet-lite0/noise/strong/seed0/after.safetensors
"""

from pathlib import Path
from typing import Any

from weightscape import program
from weightscape.files import read_tensors, write_table, write_tensors
from weightscape.records import read_record, write_record

STAGE = "spectra"


def measure_and_write(
    stage: str,
    settings: dict[str, Any],
    code: program.Code,
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

    from weightscape.spectra.layers import leading_vectors, measure
    from weightscape.spectra.settings import SpectraSettings

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


def main(argv: list[str] | None = None) -> None:
    """Write layers.parquet, esd.safetensors, manifest and provenance into --out."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--after", type=Path, required=True, help="weights of a run, beside its manifest")
    parser.add_argument("--initial", type=Path, required=True, help="what differs from --weights before training")
    parser.add_argument("--weights", type=Path, required=True, help="weights of the backbone; empty for from scratch")
    parser.add_argument("--vectors", type=Path, help="leading vectors of --weights, from the stage spectra_before")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    measure_and_write(
        STAGE,
        arguments.settings,
        code,
        arguments.out,
        before=[arguments.weights, arguments.initial],
        after=arguments.after,
        vectors=arguments.vectors,
    )


if __name__ == "__main__":
    program.run(main)
