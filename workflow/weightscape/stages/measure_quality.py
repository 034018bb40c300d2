"""Stage 2: how good synthetic images are: recognised by a judge, and compared with held-out real images.

    python -m weightscape.stages.measure_quality --synthetic results/*_generate/digits/ddpm/recipe-*/*.safetensors \
        --judge results/*_generate/digits/judge/weights.safetensors \
        --test results/*_data/digits/test/shard-00000.safetensors --out /tmp/quality \
        --settings "$(weightscape settings measure_quality --dataset digits --generator ddpm)"

Writes quality.json (a row per recipe) and samples.safetensors (some images of every class and recipe).
"""

from pathlib import Path

import numpy as np

from weightscape.formats.json_yaml import write_json
from weightscape.formats.shards import read_shards
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.generate.quality import MeasureQualitySettings, by_recipe, chosen, failures, quality, refused, unjudged
from weightscape.provenance.records import read_record
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("measure_quality", __doc__, MeasureQualitySettings)
    program.add_argument("--synthetic", type=Path, nargs="+", required=True, help="shards of synthetic images")
    program.add_argument("--judge", type=Path, required=True, help="weights of the judge")
    program.add_argument("--test", type=Path, nargs="+", required=True, help="shards of held-out real images")
    program.add_argument("--threads", type=int, default=1)
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    settings: MeasureQualitySettings = arguments.settings

    from weightscape.networks.device import prepare

    prepare("cpu", arguments.threads)
    weights, real = read_tensors(arguments.judge), read_shards(arguments.test)
    trusted = read_record(arguments.judge.parent / "manifest.json")["facts"]["test_accuracy"]
    unknown = unjudged(trusted, len(np.unique(real.labels)))
    if unknown:
        print(f"no recipe is judged: {unknown}")
    generator = read_record(arguments.synthetic[0].with_suffix(".json"))["facts"]["generator"]
    rows, faults, samples = [], {}, {}
    for (recipe, guidance), images in by_recipe(arguments.synthetic).items():
        found = quality(images, real, weights, settings)
        fault = "" if unknown else failures(found.judge_accuracy, found.coverage, trusted, settings)
        faults[recipe] = fault
        rows.append(
            {
                "generator": generator,
                "recipe": recipe,
                "guidance": guidance,
                "judge_test_accuracy": trusted,
                **vars(found),
                "failed": fault,
                "unjudged": unknown,
            }
        )
        shown = chosen(images, settings.shown_per_class)
        samples |= {f"images/{recipe}": shown.images, f"labels/{recipe}": shown.labels}
        print(f"recipe {recipe}: {found.judge_accuracy:.3f} of {found.images} images recognised")
        if fault:
            fate = "is refused" if settings.below_floor == "stop" else "is trained on all the same"
            print(f"recipe {recipe} has failed and {fate}: {fault}", flush=True)
    program.check()
    write_json(arguments.out / "quality.json", rows)
    write_tensors(arguments.out / "samples.safetensors", samples)
    program.record(
        arguments.out,
        inputs=[*arguments.synthetic, arguments.judge, *arguments.test],
        outputs=[arguments.out / "quality.json", arguments.out / "samples.safetensors"],
        facts={"refused": refused(faults, settings.below_floor)},
    )


if __name__ == "__main__":
    _program.run(main)
