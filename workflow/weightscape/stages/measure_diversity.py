"""Stage 3: how diverse the training images of one condition are, as the network sees them, for every seed.

    python -m weightscape.stages.measure_diversity --items results/*_assemble/digits/real/items.parquet \
        --real results/*_data/digits/train/shard-00000.safetensors \
        --reference results/*_data/digits/extra/shard-00000.safetensors \
        --embedded results/*_assemble/digits/embedded/efficientnet-lite0/rows.safetensors \
        --backbones results/*_data/backbones/efficientnet-lite0/weights.safetensors \
        --judge results/*_generate/digits/judge/weights.safetensors --out /tmp/diversity \
        --settings "$(weightscape settings measure_diversity --dataset digits --family noise --dose strong)"

One epoch after augmentation, as pixels and as embeddings of each backbone before training. Writes measures.json
(by seed and space), samples.safetensors (some images as the network sees them), a manifest and provenance.
"""

import argparse
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from weightscape.assemble.diversity_settings import MeasureDiversitySettings
from weightscape.errors import UserError
from weightscape.formats.json_yaml import write_json
from weightscape.formats.tables import read_columns
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.progress import track
from weightscape.provenance.records import content_digest, place
from weightscape.stages import _program

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import torch

    from weightscape.assemble.seen_epoch import Compared


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("measure_diversity", __doc__, MeasureDiversitySettings)
    program.add_argument("--items", type=Path, nargs="+", required=True, help="item lists in the order of the seeds")
    program.add_argument("--real", type=Path, nargs="+", required=True, help="shards of the real training set")
    program.add_argument("--reference", type=Path, nargs="+", required=True, help="shards of held-out real images")
    program.add_argument("--embedded", type=Path, nargs="*", default=[], help="rows.safetensors of each space")
    program.add_argument("--backbones", type=Path, nargs="*", default=[], help="weights.safetensors of each space")
    program.add_argument("--judge", type=Path, required=True, help="weights of the classifier that knows real images")
    program.add_device()
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    settings: MeasureDiversitySettings = arguments.settings

    from weightscape.assemble.embedded_images import places_of
    from weightscape.assemble.loaded import load_items
    from weightscape.assemble.seen_epoch import measure_seed
    from weightscape.networks.device import prepare

    device = prepare(arguments.device if embeds(arguments) else "cpu", arguments.threads)
    compared, rows = compared_of(arguments, device), settings.measures.common_rows
    results, samples, shards, done = {}, {}, set(), {}
    pairs = list(zip(arguments.items, settings.seeds.items(), strict=True))
    for path, (label, seed) in track(pairs, "measure diversity", len(pairs), "seeds"):
        key = (content_digest(path), seed if settings.acts else 0)  # seeds differ only by their draws and their lists
        if key not in done:
            items, used = load_items(path, device, resident=device.type == "cpu" or None)
            shards.update(used)
            check_rows(rows, len(items), path)
            done[key] = measure_seed(items, places_of(path), compared, settings, seed)
        results[label], samples[f"seed{label}"] = done[key]
    program.check()
    write_json(arguments.out / "measures.json", results)
    write_tensors(arguments.out / "samples.safetensors", samples)
    images = [*arguments.items, *arguments.real, *arguments.reference]
    program.record(
        arguments.out,
        inputs=[*images, *arguments.embedded, *arguments.backbones, arguments.judge, *sorted(shards)],
        outputs=[arguments.out / "measures.json", arguments.out / "samples.safetensors"],
        facts={"spaces": list(compared.fixed)},
    )


def embeds(arguments: argparse.Namespace) -> bool:
    """Whether images must be embedded, for which alone a GPU is of use: changed ones, or others than the real ones."""
    real = {place(shard) for shard in arguments.real}
    listed = {shard for path in arguments.items for shard in read_columns(path)["shard"].tolist()}
    return bool(arguments.backbones) and (arguments.settings.acts or not listed <= real)


def compared_of(arguments: argparse.Namespace, device: "torch.device") -> "Compared":
    """Reads the rows and networks that the seeds are measured by; builds a network for the first image it embeds."""
    from weightscape.assemble.embedded_images import EmbeddedImages, places_in
    from weightscape.assemble.fixed_rows import fixed_rows
    from weightscape.assemble.seen_epoch import Compared
    from weightscape.diversity.measure import Comparisons
    from weightscape.diversity.spaces import PIXELS, embedding, pixels

    def embedding_of(path: Path) -> "Callable[[torch.Tensor], np.ndarray]":
        network = arguments.settings.spaces[path.parent.name]
        built = functools.cache(lambda: embedding(network, read_tensors(path), device))
        return lambda images: built()(images)

    real, reference, measures = arguments.real, arguments.reference, arguments.settings.measures
    rows = fixed_rows({PIXELS: pixels}, real, reference, measures.reference_rows, measures.common_rows)
    rows |= {path.parent.name: read_tensors(path) for path in arguments.embedded}
    fixed = {space: Comparisons(**sets) for space, sets in rows.items()}
    spaces = {path.parent.name: embedding_of(path) for path in arguments.backbones}
    embedded = EmbeddedImages(spaces, fixed, places_in(real), places_in(reference))
    return Compared(embedded, fixed, read_tensors(arguments.judge))


def check_rows(rows: int, images: int, path: Path) -> None:
    """Refuse a list that is too short to draw the common number of rows from it."""
    if rows > images // 2:
        raise UserError(
            f"diversity.common_rows = {rows} is more than half of the {images} images of {path}, so that its scores "
            "would be at another number of rows: lower it"
        )


if __name__ == "__main__":
    _program.run(main)
