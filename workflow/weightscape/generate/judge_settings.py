"""Settings of the stage `train_judge`; `config.yaml` has their values, its schema their ranges."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainJudgeSettings:
    """How the judge is built and trained."""

    width: int
    epochs: int
    batch_size: int
    learning_rate: float
    shift: int  # largest shift of a training image, px
    seed: int
