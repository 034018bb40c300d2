"""The programs that measure the runs of one condition at their weights, on one fixed batch of held-out images."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.json_yaml import write_json
from weightscape.progress import track
from weightscape.provenance.records import holds, read_record
from weightscape.stages import _program


def measure(program: _program.Program, measured: Callable[..., object], argv: list[str] | None) -> None:
    """Measure every run that is given, from its folder, the images, the settings and the device, and record it.

    `measured` returns a dataclass of numbers. The block of the settings that is named as the stage tells the images.
    """
    program.add_argument("--runs", type=Path, nargs="+", required=True, help="manifests of the finetune stage")
    program.add_argument("--data", type=Path, required=True, help="manifest of the split val")
    program.add_argument("--out", type=Path, help="folder for the files of a single run; by default beside its weights")
    program.add_device()
    arguments = program.start(argv)
    settings: Any = arguments.settings
    if arguments.out and len(arguments.runs) > 1:
        raise UserError(f"--out {arguments.out} is for one run, but {len(arguments.runs)} were given: leave it out")

    from weightscape.networks.device import prepare

    device = prepare(arguments.device, arguments.threads)
    names = sorted(read_record(arguments.data)["outputs"])
    shards = [arguments.data.parent / name for name in names]
    for manifest in track(arguments.runs, program.stage, len(arguments.runs), "runs"):
        run = manifest.parent
        folder = arguments.out or run / program.stage
        inputs = [run / "after.safetensors", *shards]
        if holds(folder, program.origin(inputs)):
            continue
        measures = vars(measured(run, shards, settings, device))
        program.check()
        write_json(folder / "measures.json", measures)
        program.record(
            folder,
            inputs=inputs,
            outputs=[folder / "measures.json"],
            facts={"images": getattr(settings, program.stage).images},
            volatile={"threads": arguments.threads},
        )
        print(f"{run}: " + ", ".join(_words(measures)))


def _words(measures: Mapping[str, float | Mapping[str, float]]) -> Iterator[str]:
    for name, value in measures.items():
        parts = {f"{name} {key}": part for key, part in value.items()} if isinstance(value, Mapping) else {name: value}
        yield from (f"{key} {part:.3g}" for key, part in parts.items())
