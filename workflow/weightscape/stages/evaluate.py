"""Stage 4: the runs of one condition on every split: metrics and logits.

    python -m weightscape.stages.evaluate --splits results/*_data/digits/test/manifest.json \
        --runs results/*_finetune/digits/efficientnet-lite0/noise/strong/seed0/manifest.json --out /tmp/evaluation \
        --settings "$(weightscape settings evaluate --dataset digits --backbone efficientnet-lite0)"

Writes into each run's folder evaluation/metrics.json, evaluation/logits.safetensors (float16), a manifest and
provenance, or into --out for a single run, as when only some splits are of interest. A split whose record still holds
is kept, so that a new split or seed costs only itself.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from weightscape.errors import UserError
from weightscape.finetune.evaluation import EvaluateSettings, forward_of, metrics, predict
from weightscape.formats.json_yaml import read_json, write_json
from weightscape.formats.shards import ImageSet, read_shards
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.networks.settings import NetworkSettings
from weightscape.progress import track
from weightscape.provenance.records import content_digest, holds, place, read_record
from weightscape.stages import _program

Forward = Callable[[np.ndarray], np.ndarray]  # a network as a function from uint8 images to logits


def evaluate_run(
    run: Path,
    folder: Path,
    splits: list[Path],
    settings: EvaluateSettings,
    program: _program.Program,
    load: Callable[[Path], Forward],
) -> None:
    """Evaluate one run on the splits of these manifests and write its files into `folder`.

    `load` gives the network of a run, and is called only if a split is to be evaluated.
    """
    kept = holds(folder, program.origin([run / "after.safetensors"]), others=True)
    inputs = read_record(folder / "manifest.json")["inputs"] if kept else {}
    old = (read_json(folder / "metrics.json"), read_tensors(folder / "logits.safetensors")) if kept else ({}, {})
    results, logits = {}, {}
    forward: Forward | None = None
    for manifest in splits:
        split = manifest.parent.name
        if split in old[0] and inputs.get(place(manifest)) == content_digest(manifest):
            results[split], logits[split] = old[0][split], old[1][split]
            continue
        forward = forward or load(run)
        content = _content(manifest, content_digest(manifest))
        asked = settings.evaluate
        logits[split] = predict(forward, content.images, asked.batch_size).astype(np.float16)
        results[split] = metrics(
            logits[split], content.labels, asked.calibration_bins, asked.bootstrap_draws, settings.seed
        )
    program.check()
    write_json(folder / "metrics.json", results)
    write_tensors(folder / "logits.safetensors", logits)
    program.record(
        folder,
        inputs=[run / "after.safetensors", *splits],
        outputs=[folder / "metrics.json", folder / "logits.safetensors"],
    )
    print(f"{run}: " + ", ".join(f"{split} {values['accuracy']:.3f}" for split, values in results.items()))


@functools.cache
def _content(manifest: Path, digest: str) -> ImageSet:
    """The images and labels of a split, whose manifest has this digest: read once for all runs."""
    return read_shards([manifest.parent / name for name in sorted(read_record(manifest)["outputs"])])


def _forward(run: Path, network: NetworkSettings, device: str, threads: int) -> Forward:
    from weightscape.finetune.held_out import trained
    from weightscape.networks.device import prepare

    prepared = prepare(device, threads)
    return forward_of(trained(run, network, prepared), network.input, prepared)


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("evaluate", __doc__, EvaluateSettings)
    program.add_argument("--runs", type=Path, nargs="+", required=True, help="manifests of the finetune stage")
    program.add_argument("--splits", type=Path, nargs="+", required=True, help="manifests of the data stage")
    program.add_argument("--out", type=Path, help="folder for the files of a single run; by default beside its weights")
    program.add_device()
    arguments = program.start(argv)
    settings: EvaluateSettings = arguments.settings
    device, threads = arguments.device, arguments.threads
    load = functools.partial(_forward, network=settings.network, device=device, threads=threads)
    if arguments.out and len(arguments.runs) > 1:
        raise UserError(f"--out {arguments.out} is for one run, but {len(arguments.runs)} were given: leave it out")
    for manifest in track(arguments.runs, "evaluate", len(arguments.runs), "runs"):
        folder = arguments.out or manifest.parent / "evaluation"
        evaluate_run(manifest.parent, folder, arguments.splits, settings, program, load)


if __name__ == "__main__":
    _program.run(main)
