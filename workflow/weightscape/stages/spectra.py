"""Stage 5: spectra of one run: of every weight matrix after fine-tuning, of its update, and of its own initial head.

    python -m weightscape.stages.spectra --settings '{"spectra": {}, "seed": 1}' --out /tmp/spectra \
        --weights results/1_data/backbones/efficientnet-lite0/weights.safetensors \
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
) -> None:
    """Measure `after` and `delta` and the rows of `before` that are the run's own, or `before` alone."""
    import pandas as pd

    from weightscape.spectra.layers import measure
    from weightscape.spectra.settings import SpectraSettings

    chosen = SpectraSettings.from_mapping({**settings["spectra"], "seed": settings["seed"]})
    start = {name: tensor for path in before for name, tensor in read_tensors(path).items()}
    if after is None:
        table, spectra = measure(start, settings=chosen, matrices=("after",))
        table["matrix"] = "before"
        spectra = {name.replace("after/", "before/", 1): values for name, values in spectra.items()}
    else:
        own = read_tensors(before[-1])
        head = head_of(after, own) if len(before) > 1 else frozenset()
        table, spectra = measure(read_tensors(after), start, settings=chosen, head=head, matrices=("after", "delta"))
        first, first_spectra = measure(own, settings=chosen, head=head, matrices=("after",))
        first["matrix"] = "before"
        table = pd.concat([first, table], ignore_index=True)
        spectra |= {name.replace("after/", "before/", 1): values for name, values in first_spectra.items()}
    unmeasured = sum(status != "ok" for status in table["status"])
    code.check()
    write_table(out / "layers.parquet", table)
    write_tensors(out / "esd.safetensors", spectra)
    inputs = [*before, *([after] if after else [])]
    write_record(
        out,
        stage=stage,
        settings=settings,
        code=code.digest,
        inputs=inputs,
        outputs=[out / "layers.parquet", out / "esd.safetensors"],
        facts={"rows": len(table), "without_spectrum": unmeasured},
    )
    print(f"{len(table)} rows, {unmeasured} of them without a spectrum")


def head_of(after: Path, own: dict[str, Any]) -> frozenset[str]:
    """Layers of the head: those that the run's record names, or all that are its own (not so from scratch)."""
    layers = frozenset(name.rsplit(".", 1)[0] for name in own)
    record = after.parent / "manifest.json"
    name = read_record(record)["facts"].get("head") if record.is_file() else None
    return frozenset(layer for layer in layers if name is None or layer == name or layer.startswith(f"{name}."))


def main(argv: list[str] | None = None) -> None:
    """Write layers.parquet, esd.safetensors, manifest and provenance into --out."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--after", type=Path, required=True)
    parser.add_argument("--initial", type=Path, required=True, help="what differs from --weights before training")
    parser.add_argument("--weights", type=Path, required=True, help="weights of the backbone; empty for from scratch")
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
    )


if __name__ == "__main__":
    program.run(main)
