"""Stage 3: how diverse the training images of one condition are, as the network sees them, for every seed.

    python -m weightscape.stages.measure_diversity --items results/3_assemble/digits/real/items.parquet \
        --real results/1_data/digits/train/shard-00000.safetensors \
        --reference results/1_data/digits/extra/shard-00000.safetensors \
        --backbones results/1_data/backbones/efficientnet-lite0/weights.safetensors \
        --judge results/2_generate/digits/judge/weights.safetensors --out /tmp/diversity \
        --settings "$(weightscape settings measure_diversity --dataset digits --family noise --dose strong)"

One epoch after augmentation, as pixels and as embeddings of each backbone before training. Writes measures.json
(by seed and space), samples.safetensors (some images as the network sees them), a manifest and provenance.
"""

from pathlib import Path

from weightscape.assemble.diversity_settings import MeasureDiversitySettings
from weightscape.errors import UserError
from weightscape.formats.json_yaml import write_json
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.progress import track
from weightscape.provenance.records import content_digest
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("measure_diversity", __doc__, MeasureDiversitySettings)
    program.add_argument("--items", type=Path, nargs="+", required=True, help="item lists in the order of the seeds")
    program.add_argument("--real", type=Path, nargs="+", required=True, help="shards of the real training set")
    program.add_argument("--reference", type=Path, nargs="+", required=True, help="shards of held-out real images")
    program.add_argument("--backbones", type=Path, nargs="*", default=[], help="weights.safetensors of each space")
    program.add_argument("--judge", type=Path, required=True, help="weights of the classifier that knows real images")
    program.add_device()
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    settings: MeasureDiversitySettings = arguments.settings

    from weightscape.assemble.loaded import load_items
    from weightscape.assemble.seen_epoch import fixed_rows, measure_seed
    from weightscape.diversity.spaces import spaces_of
    from weightscape.networks.device import prepare

    device = prepare(arguments.device, arguments.threads)
    weights = {path.parent.name: read_tensors(path) for path in arguments.backbones}
    spaces, judge = spaces_of(settings.spaces, weights, device), read_tensors(arguments.judge)
    rows = settings.measures.common_rows
    fixed = fixed_rows(spaces, arguments.real, arguments.reference, settings.measures.reference_rows, rows)
    acts = bool(settings.operations) or settings.noise > 0
    results, samples, shards, done = {}, {}, set(), {}
    pairs = list(zip(arguments.items, settings.seeds.items(), strict=True))
    for path, (label, seed) in track(pairs, "measure diversity", len(pairs), "seeds"):
        key = (content_digest(path), seed if acts else 0)  # seeds differ only by their draws and their lists
        if key not in done:
            items, used = load_items(path, device, resident=device.type == "cpu" or None)
            shards.update(used)
            check_rows(rows, len(items), path)
            done[key] = measure_seed(items, spaces, fixed, judge, settings, seed)
        results[label], samples[f"seed{label}"] = done[key]
    program.check()
    write_json(arguments.out / "measures.json", results)
    write_tensors(arguments.out / "samples.safetensors", samples)
    images = [*arguments.items, *arguments.real, *arguments.reference]
    program.record(
        arguments.out,
        inputs=[*images, *arguments.backbones, arguments.judge, *sorted(shards)],
        outputs=[arguments.out / "measures.json", arguments.out / "samples.safetensors"],
        facts={"spaces": list(spaces)},
    )


def check_rows(rows: int, images: int, path: Path) -> None:
    """Refuse a list that is too short to draw the common number of rows from it."""
    if rows > images // 2:
        raise UserError(
            f"diversity.common_rows = {rows} is more than half of the {images} images of {path}, so that its scores "
            "would be at another number of rows: lower it"
        )


if __name__ == "__main__":
    _program.run(main)
