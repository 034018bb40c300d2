"""Tells, before the first job, which settings of the generator a study states for another kind than its own."""

from weightscape.study import Config
from weightscape.study.config import default_config

TRAINED = ("model", "training", "sampling")
"""Blocks of `generate` that the generator uses which is trained here; the others use `pipeline`."""


def notes(config: Config) -> list[str]:
    """One sentence for each block that differs from config.yaml's, though the study's kind of generator has no use."""
    block, default = config["generate"], (default_config() or config)["generate"]
    unused = ("pipeline",) if block["kind"] == "ddpm" else TRAINED
    return [
        f"generate.{name} differs from that of config.yaml, but generate.kind = {block['kind']!r} does not use it: "
        "change the kind, or leave it out"
        for name in unused
        if block[name] != default[name]
    ]
