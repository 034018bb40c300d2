"""Stage 4: one network, fine-tuned under one condition.

    python -m weightscape.stages.finetune --items results/3_assemble/digits/real/items.parquet \
        --data results/1_data/digits/train/manifest.json --out /tmp/run \
        --backbone results/1_data/backbones/efficientnet-lite0/weights.safetensors \
        --settings "$(weightscape settings finetune --dataset digits --backbone efficientnet-lite0 \
        --family noise --dose strong --seed 0)"

Writes initial.safetensors (what differs from the backbone's file), after.safetensors, history.parquet, manifest.json
with the proof that the intervention acted, and provenance.json.
"""

import time
from pathlib import Path

from weightscape import program
from weightscape.files import digest, read_tensors, write_rows, write_tensors
from weightscape.records import content_digest, read_record, write_record

STAGE = "finetune"


def main(argv: list[str] | None = None) -> None:
    """Train one run and write its files into --out."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="manifest of the real training split")
    parser.add_argument("--backbone", type=Path, required=True, help="weights.safetensors; empty for from scratch")
    parser.add_argument("--threads", type=int, default=1, help="of torch; results may depend on it")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    settings = arguments.settings

    from weightscape import action, networks, training
    from weightscape.device import prepare
    from weightscape.loading import load_items

    device = prepare(arguments.device, arguments.threads)
    precision = training.precision_on(device, settings["training"]["precision"])
    described = read_record(arguments.data)
    train = [arguments.data.parent / name for name in sorted(described["outputs"])]
    items, shards = load_items(arguments.items, device, real=train)
    inputs = [arguments.items, arguments.data, arguments.backbone, *shards]
    classes = len(described["facts"]["classes"])
    model = networks.network(settings["model"], classes, settings["action"]["dropout"], settings["seed"])
    networks.initialise_head(model, settings["seed"])
    weights, head = read_tensors(arguments.backbone), networks.head_parameters(model)
    networks.load_weights(model, {k: v for k, v in weights.items() if k not in head})
    initial = networks.tensors_of(model)
    own = {name: initial[name].copy() for name in (head if weights else initial)}
    networks.prepared(model, device, settings["batch_norm_momentum"])
    identity = digest([settings, code.digest, {str(path): content_digest(path) for path in inputs}])
    checkpoint = training.Checkpoint(arguments.out / "checkpoint.pt", identity)
    begun, resumed = time.perf_counter(), checkpoint.path.exists()
    with program.stop_signal() as stopped:
        history, seen = training.train(
            model,
            items,
            settings["training"] | {"precision": precision},
            settings["action"],
            settings["input"],
            settings["seed"],
            checkpoint,
            stopped,
        )
    rate = {} if resumed else {"images_per_second": round(seen["items_drawn"] / (time.perf_counter() - begun), 1)}
    listed = items.description()
    action.verdict(seen, settings["action"], listed, settings["training"]["steps"])
    code.check()
    write_tensors(arguments.out / "initial.safetensors", own)
    write_tensors(arguments.out / "after.safetensors", networks.tensors_of(model))
    write_rows(arguments.out / "history.parquet", history)
    write_record(
        arguments.out,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=inputs,
        outputs=[arguments.out / f for f in ("initial.safetensors", "after.safetensors", "history.parquet")],
        facts={
            "head": [networks.head_name(model)],
            "listed": listed,
            "items": len(items),
            "classes": classes,
            "precision": precision,
            "action": seen,
            "final": history[-1],
        },
        volatile={"device": str(device), "threads": arguments.threads, **rate},
    )
    checkpoint.path.unlink(missing_ok=True)
    print(f"loss {history[-1]['loss']:.3f}, accuracy {history[-1]['accuracy']:.3f} on the last steps; {seen}")


if __name__ == "__main__":
    program.run(main)
