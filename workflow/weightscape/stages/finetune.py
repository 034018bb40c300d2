"""Stage 4: one network, fine-tuned under one condition.

    python -m weightscape.stages.finetune --items results/*_assemble/digits/real/items.parquet \
        --data results/*_data/digits/train/manifest.json --out /tmp/run \
        --backbone results/*_data/backbones/efficientnet-lite0/weights.safetensors \
        --settings "$(weightscape settings finetune --dataset digits --backbone efficientnet-lite0 \
        --family noise --dose strong --seed 0)"

Writes initial.safetensors (what differs from the backbone's file), after.safetensors, history.parquet, manifest.json
with the proof that the intervention acted, and provenance.json.
"""

import os
import time
from pathlib import Path

from weightscape.finetune.settings import FinetuneSettings
from weightscape.formats.tables import write_rows
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.formats.typed import to_json
from weightscape.formats.writing import digest
from weightscape.provenance.records import content_digest, read_record
from weightscape.stages import _program


def _program_of_stage() -> _program.Program:
    program = _program.Program("finetune", __doc__, FinetuneSettings)
    program.add_argument("--items", type=Path, required=True)
    program.add_argument("--data", type=Path, required=True, help="manifest of the real training split")
    program.add_argument("--backbone", type=Path, required=True, help="weights.safetensors; empty for from scratch")
    program.add_device()
    program.add_argument("--out", type=Path, required=True)
    return program


def _training_split(manifest: Path) -> tuple[list[Path], int]:
    record = read_record(manifest)
    return [manifest.parent / name for name in sorted(record["outputs"])], len(record["facts"]["classes"])


def main(argv: list[str] | None = None) -> None:
    program = _program_of_stage()
    arguments = program.start(argv)
    settings: FinetuneSettings = arguments.settings

    from weightscape.assemble.loaded import load_items
    from weightscape.finetune import live_metrics, proof, training
    from weightscape.finetune.optimiser import precision_on
    from weightscape.networks import building
    from weightscape.networks.checkpoint import Checkpoint
    from weightscape.networks.device import name, prepare

    device = prepare(arguments.device, arguments.threads)
    real, classes = _training_split(arguments.data)
    items, shards = load_items(arguments.items, device, real=real)
    inputs = [arguments.items, arguments.data, arguments.backbone, *shards]
    model, initial = training.network(settings, classes, read_tensors(arguments.backbone), device)
    precision = precision_on(device, settings.precision)
    made_by = [to_json(settings), precision, name(device), program.code]
    identity = digest([*made_by, {str(path): content_digest(path) for path in inputs}])
    checkpoint = Checkpoint(arguments.out / "checkpoint.pt", identity, minutes=settings.training.checkpoint_minutes)
    begun, resumed = time.perf_counter(), checkpoint.path.exists()
    run = "/".join(map(str, vars(settings.condition).values()))
    metrics = live_metrics.sender(os.environ.get(live_metrics.VARIABLE, ""), run)
    with _program.stop_signal() as stopped, metrics as send:
        history, seen = training.train(model, items, settings, checkpoint, stopped, send)
    rate = {} if resumed else {"images_per_second": round(seen.items_drawn / (time.perf_counter() - begun), 1)}
    proof.verdict(seen, settings.action, items.description(), settings.training.steps)
    program.check()
    write_tensors(arguments.out / "initial.safetensors", initial)
    write_tensors(arguments.out / "after.safetensors", building.tensors_of(model))
    write_rows(arguments.out / "history.parquet", history)
    program.record(
        arguments.out,
        inputs=inputs,
        outputs=[arguments.out / f for f in ("initial.safetensors", "after.safetensors", "history.parquet")],
        facts={
            "head": [building.head_name(model)],
            "listed": items.description(),
            "items": len(items),
            "classes": classes,
            "precision": precision,
            "device": name(device),
            "action": seen.facts(),
            "final": history[-1],
        },
        volatile={"threads": arguments.threads, **rate},
    )
    checkpoint.path.unlink(missing_ok=True)
    print(f"loss {history[-1]['loss']:.3f}, accuracy {history[-1]['accuracy']:.3f} on the last steps; {seen.facts()}")


if __name__ == "__main__":
    _program.run(main)
