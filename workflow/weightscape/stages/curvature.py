"""Stage 4: curvature of the loss at the weights of one condition's runs, on one fixed batch of held-out clean images.

    python -m weightscape.stages.curvature --data results/1_data/digits/val/manifest.json \
        --runs results/4_finetune/digits/efficientnet-lite0/noise/strong/seed0/manifest.json \
        --settings "$(weightscape settings curvature --dataset digits --backbone efficientnet-lite0)" \
        --out /tmp/curvature

Writes curvature/measures.json, a manifest and provenance into each run's folder, or into --out for a single run. A
run whose record still holds is left alone, so that a new seed costs only itself.
"""

from pathlib import Path

from weightscape.errors import UserError
from weightscape.finetune.curvature import measured
from weightscape.finetune.curvature_settings import CurvatureSettings
from weightscape.formats.json_yaml import write_json
from weightscape.progress import track
from weightscape.provenance.records import holds, read_record
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("curvature", __doc__, CurvatureSettings)
    program.add_argument("--runs", type=Path, nargs="+", required=True, help="manifests of the finetune stage")
    program.add_argument("--data", type=Path, required=True, help="manifest of the split val")
    program.add_argument("--out", type=Path, help="folder for the files of a single run; by default beside its weights")
    program.add_device()
    arguments = program.start(argv)
    settings: CurvatureSettings = arguments.settings
    if arguments.out and len(arguments.runs) > 1:
        raise UserError(f"--out {arguments.out} is for one run, but {len(arguments.runs)} were given: leave it out")

    from weightscape.networks.device import prepare

    device = prepare(arguments.device, arguments.threads)
    names = sorted(read_record(arguments.data)["outputs"])
    shards = [arguments.data.parent / name for name in names]
    for manifest in track(arguments.runs, "curvature", len(arguments.runs), "runs"):
        run = manifest.parent
        folder = arguments.out or run / "curvature"
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
            facts={"images": settings.curvature.images},
            volatile={"threads": arguments.threads},
        )
        print(f"{run}: " + ", ".join(f"{name} {value:.3g}" for name, value in measures.items()))


if __name__ == "__main__":
    _program.run(main)
