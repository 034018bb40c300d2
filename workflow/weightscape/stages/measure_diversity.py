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

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from weightscape import program
from weightscape.errors import UserError
from weightscape.files import read_tensors, write_json, write_tensors
from weightscape.images import map_shard
from weightscape.progress import track
from weightscape.records import content_digest, write_record
from weightscape.seeds import seed as named_seed

STAGE = "measure_diversity"
SHOWN = 20
"""Images kept for the figures."""


def seen_batch(images: Any, settings: dict[str, Any], seed: int, first: int) -> Any:
    """Images from `first` on of one epoch, uint8 [n, c, h, w], as float in [0, 1], each augmented by its own draws."""
    import torch

    from weightscape.augmentations.policy import augmented
    from weightscape.draws import Draws
    from weightscape.networks import as_unit

    rows = torch.arange(first, first + len(images))
    draws = Draws(seed, torch.zeros_like(rows), rows)
    return augmented(as_unit(images), draws, settings["operations"], settings["noise"])


def stored(items: Any, first: int, last: int) -> Any:
    """Images of some items as they are stored, whether these are held in memory or mapped."""
    import torch

    rows = np.arange(first, min(last, len(items)))
    if isinstance(items.images, torch.Tensor):
        return items.images[rows]
    return items.images.gather(rows, False)


def seen_epoch(items: Any, settings: dict[str, Any], seed: int) -> Iterator[Any]:
    """One epoch in batches, in order."""
    from weightscape.embeddings import BATCH

    for first in range(0, len(items), BATCH):
        yield seen_batch(stored(items, first, first + BATCH), settings, seed, first)


def pictures(seen: Any) -> np.ndarray:
    """Images in [0, 1] as uint8."""
    import torch

    return (seen * 255).round().to(torch.uint8).numpy()


def measure_seed(
    items: Any,
    spaces: dict[str, Any],
    fixed: dict[str, dict[str, Any]],
    judge: dict[str, np.ndarray],
    settings: dict[str, Any],
    seed: int,
) -> tuple[dict[str, Any], np.ndarray]:
    """Records by space of one seed's item list, and the first images as the network sees them.

    The judge's record is the share of the images as the network sees them that it assigns to their class.
    """
    from weightscape.diversity.measure import measure
    from weightscape.diversity.settings import DiversitySettings
    from weightscape.embeddings import rows_by_space
    from weightscape.generators.judge import predict

    judged = {"judge": lambda seen: predict(judge, pictures(seen)).argmax(1)}
    rows = rows_by_space(spaces | judged, seen_epoch(items, settings, seed))
    records = {}
    for name in spaces:
        real = len(fixed[name]["baseline"])
        records[name] = measure(
            rows[name],
            items.labels.numpy(),
            **fixed[name],
            appended_from=real if settings["adds"] and len(items) > real else None,
            settings=DiversitySettings.from_mapping(settings["measures"]),
            rng=np.random.default_rng(seed),
        )
    recognised = rows["judge"] == items.true_labels.numpy()
    records["judge"] = {"judge_accuracy": float(recognised.mean())}
    shown = seen_batch(stored(items, 0, SHOWN), settings, seed, 0)
    return records, pictures(shown)


def fixed_rows(
    spaces: dict[str, Any], real: list[Path], reference: list[Path], most: int, noise: int
) -> dict[str, dict[str, Any]]:
    """What every seed is compared with, by space: the real training set, held-out images at most, and pure noise."""
    import torch

    from weightscape.embeddings import BATCH, rows_by_space
    from weightscape.networks import as_unit

    shape = map_shard(real[0]).images.shape[1:]
    source = torch.Generator().manual_seed(named_seed("measure_diversity", "noise"))
    sets = {
        "baseline": (as_unit(torch.from_numpy(part)) for part in batches(real)),
        "reference": (as_unit(torch.from_numpy(part)) for part in batches(reference, most)),
        "noise": (torch.rand(min(BATCH, noise - first), *shape, generator=source) for first in range(0, noise, BATCH)),
    }
    rows = {name: rows_by_space(spaces, parts) for name, parts in sets.items()}
    return {space: {name: rows[name][space] for name in sets} for space in spaces}


def batches(shards: list[Path], most: int | None = None) -> Iterator[np.ndarray]:
    """The images of shards in order, at most `most` of them, uint8 [n, c, h, w]."""
    from weightscape.embeddings import BATCH

    for path in shards:
        images = map_shard(path).images[:most]
        most = None if most is None else most - len(images)
        for first in range(0, len(images), BATCH):
            yield np.array(images[first : first + BATCH])


def main(argv: list[str] | None = None) -> None:
    """Measure every seed of one condition."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--items", type=Path, nargs="+", required=True, help="item lists in the order of the seeds")
    parser.add_argument("--real", type=Path, nargs="+", required=True, help="shards of the real training set")
    parser.add_argument("--reference", type=Path, nargs="+", required=True, help="shards of held-out real images")
    parser.add_argument("--backbones", type=Path, nargs="*", default=[], help="weights.safetensors of each space")
    parser.add_argument("--judge", type=Path, required=True, help="weights of the classifier that knows real images")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    settings = arguments.settings

    import torch

    from weightscape.device import prepare
    from weightscape.embeddings import spaces_of
    from weightscape.loading import load_items

    device = prepare(arguments.device, arguments.threads)
    weights = {path.parent.name: read_tensors(path) for path in arguments.backbones}
    spaces = spaces_of(settings["spaces"], weights, device)
    rows = settings["measures"]["common_rows"]
    fixed = fixed_rows(spaces, arguments.real, arguments.reference, settings["measures"]["reference_rows"], rows)
    acts = bool(settings["operations"]) or settings["noise"] > 0
    results, samples, shards, done = {}, {}, set(), {}
    pairs = list(zip(arguments.items, settings["seeds"].items(), strict=True))
    for path, (label, seed) in track(pairs, "measure diversity", len(pairs), "seeds"):
        key = (content_digest(path), seed if acts else 0)  # seeds differ only by their draws and their lists
        if key not in done:
            items, used = load_items(path, torch.device("cpu"), resident=True)
            shards.update(used)
            if rows > len(items) // 2:
                raise UserError(
                    f"diversity.common_rows = {rows} is more than half of the {len(items)} images of {path}, so that "
                    "its scores would be at another number of rows: lower it"
                )
            done[key] = measure_seed(items, spaces, fixed, read_tensors(arguments.judge), settings, seed)
        results[label], samples[f"seed{label}"] = done[key]
    code.check()
    write_json(arguments.out / "measures.json", results)
    write_tensors(arguments.out / "samples.safetensors", samples)
    write_record(
        arguments.out,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=[
            *arguments.items,
            *arguments.real,
            *arguments.reference,
            *arguments.backbones,
            arguments.judge,
            *sorted(shards),
        ],
        outputs=[arguments.out / "measures.json", arguments.out / "samples.safetensors"],
        facts={"spaces": list(spaces)},
    )


if __name__ == "__main__":
    program.run(main)
