"""Stage 4: penalties of regularisers at the weights of one condition's runs, on one fixed batch of held-out images.

    python -m weightscape.stages.penalties --data results/*_data/digits/val/manifest.json \
        --runs results/*_finetune/digits/efficientnet-lite0/noise/strong/seed0/manifest.json \
        --settings "$(weightscape settings penalties --dataset digits --backbone efficientnet-lite0)" \
        --out /tmp/penalties

Writes penalties/measures.json, a manifest and provenance into each run's folder, or into --out for a single run. A
run whose record still holds is left alone, so that a new seed costs only itself.
"""

from weightscape.finetune.penalties import measured
from weightscape.finetune.penalty_settings import PenaltySettings
from weightscape.stages import _measuring, _program


def main(argv: list[str] | None = None) -> None:
    _measuring.measure(_program.Program("penalties", __doc__, PenaltySettings), measured, argv)


if __name__ == "__main__":
    _program.run(main)
