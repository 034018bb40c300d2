"""Stage 4: curvature of the loss at the weights of one condition's runs, on one fixed batch of held-out clean images.

    python -m weightscape.stages.curvature --data results/*_data/digits/val/manifest.json \
        --runs results/*_finetune/digits/efficientnet-lite0/noise/strong/seed0/manifest.json \
        --settings "$(weightscape settings curvature --dataset digits --backbone efficientnet-lite0)" \
        --out /tmp/curvature

Writes curvature/measures.json, a manifest and provenance into each run's folder, or into --out for a single run. A
run whose record still holds is left alone, so that a new seed costs only itself.
"""

from weightscape.finetune.curvature import measured
from weightscape.finetune.curvature_settings import CurvatureSettings
from weightscape.stages import _measuring, _program


def main(argv: list[str] | None = None) -> None:
    _measuring.measure(_program.Program("curvature", __doc__, CurvatureSettings), measured, argv)


if __name__ == "__main__":
    _program.run(main)
