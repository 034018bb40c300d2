"""Stage 2: how good synthetic images are: recognised by a judge, and compared with held-out real images.

    python -m weightscape.stages.measure_quality --synthetic results/2_generate/digits/ddpm/recipe-*/*.safetensors \
        --judge results/2_generate/digits/judge/weights.safetensors \
        --test results/1_data/digits/test/shard-00000.safetensors --out /tmp/quality \
        --settings "$(weightscape settings measure_quality --dataset digits --generator ddpm)"

Writes quality.json (a row per recipe) and samples.safetensors (some images of every class and recipe).
"""

from pathlib import Path
from typing import Any

import numpy as np

from weightscape import program
from weightscape.errors import UserError
from weightscape.files import read_tensors, write_json, write_tensors
from weightscape.images import ImageSet, read_shards
from weightscape.records import read_record, write_record

STAGE = "measure_quality"


def by_recipe(shards: list[Path]) -> dict[tuple[str, float], ImageSet]:
    """The images of each recipe and its guidance, from the records beside the shards."""
    groups: dict[tuple[str, float], list[Path]] = {}
    for path in shards:
        facts = read_record(path.with_suffix(".json"))["facts"]
        groups.setdefault((facts["recipe"], facts["guidance"]), []).append(path)
    found = {recipe: read_shards(sorted(paths)) for recipe, paths in groups.items()}
    for (recipe, _), images in found.items():
        if not len(images):
            raise UserError(
                f"recipe {recipe} has no images, as the gate or the safety checker let none pass: loosen "
                "generate.gate, set its filter or pipeline.safety_checker to false, or take another prompt"
            )
    return found


def quality(
    synthetic: ImageSet, real: ImageSet, weights: dict[str, np.ndarray], settings: dict[str, Any]
) -> dict[str, Any]:
    """Share of images that the judge recognises, and KID, precision, recall, density, coverage in its features."""
    from weightscape.diversity.measure import plain
    from weightscape.diversity.reference import against
    from weightscape.generators import judge

    rng = np.random.default_rng(settings["seed"])
    size = min(len(synthetic), len(real), settings["quality"]["compared_images"])
    fake = judge.features(weights, synthetic.images[rng.permutation(len(synthetic))[:size]])
    true = judge.features(weights, real.images[rng.permutation(len(real))[:size]])
    record = against(
        true.astype(np.float64),
        fake.astype(np.float64),
        neighbours=settings["quality"]["neighbours"],
        block=min(100, size),
        assigned=min(300, size),
        projections=64,
        rng=rng,
    )
    recognised = judge.predict(weights, synthetic.images).argmax(1) == synthetic.labels
    return {
        "images": len(synthetic),
        "compared_images": size,
        "judge_accuracy": float(recognised.mean()),
        "judge_accuracy_per_class": [
            float(recognised[synthetic.labels == label].mean()) for label in np.unique(synthetic.labels)
        ],
        "kid": plain(record["kid"]["value"]),
        **{name: plain(record[name]) for name in ("precision", "recall", "density", "coverage")},
    }


def chosen(images: ImageSet, per_class: int) -> ImageSet:
    """The first images of every class, class by class."""
    rows = [np.flatnonzero(images.labels == label)[:per_class] for label in np.unique(images.labels)]
    return images.take(np.concatenate(rows))


def main(argv: list[str] | None = None) -> None:
    """Measure the images of every recipe."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--synthetic", type=Path, nargs="+", required=True, help="shards of synthetic images")
    parser.add_argument("--judge", type=Path, required=True, help="weights of the judge")
    parser.add_argument("--test", type=Path, nargs="+", required=True, help="shards of held-out real images")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)

    from weightscape.device import prepare

    prepare("cpu", arguments.threads)
    weights, real = read_tensors(arguments.judge), read_shards(arguments.test)
    trusted = read_record(arguments.judge.parent / "manifest.json")["facts"]["test_accuracy"]
    generator = read_record(arguments.synthetic[0].with_suffix(".json"))["facts"]["generator"]
    rows, samples = [], {}
    for (recipe, guidance), images in by_recipe(arguments.synthetic).items():
        row = quality(images, real, weights, arguments.settings)
        rows.append(
            {"generator": generator, "recipe": recipe, "guidance": guidance, "judge_test_accuracy": trusted, **row}
        )
        shown = chosen(images, arguments.settings["quality"]["shown_per_class"])
        samples |= {f"images/{recipe}": shown.images, f"labels/{recipe}": shown.labels}
        print(f"recipe {recipe}: {row['judge_accuracy']:.3f} of {row['images']} images recognised")
    code.check()
    write_json(arguments.out / "quality.json", rows)
    write_tensors(arguments.out / "samples.safetensors", samples)
    write_record(
        arguments.out,
        stage=STAGE,
        settings=arguments.settings,
        code=code.digest,
        inputs=[*arguments.synthetic, arguments.judge, *arguments.test],
        outputs=[arguments.out / "quality.json", arguments.out / "samples.safetensors"],
    )


if __name__ == "__main__":
    program.run(main)
