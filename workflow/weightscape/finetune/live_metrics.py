"""Sends each row of a run's history to TensorBoard, MLflow or Weights & Biases while the run trains.

WEIGHTSCAPE_METRICS asks for it: `tensorboard:FOLDER`, `mlflow` (its own variables say where) or `wandb:PROJECT`. No
result depends on it: a service that fails is given up with one line in the log.
"""

import importlib
import sys
from collections.abc import Callable, Mapping

from weightscape.errors import UserError

VARIABLE = "WEIGHTSCAPE_METRICS"
Send = Callable[[Mapping[str, float]], None]


def sender(asked: str, run: str) -> Send:
    """A function of the rows of a run's history; one that does nothing where no service is `asked` for.

    UserError for an unknown service, or one whose package is not installed.
    """
    if not asked:
        return lambda row: None
    kind, _, place = asked.partition(":")
    if kind not in SERVICES:
        raise UserError(f"{VARIABLE} = {asked!r} names no service: choose {', '.join(SERVICES)}, or unset it")
    try:
        send = SERVICES[kind](place, run)
    except ImportError as error:
        raise UserError(
            f"{VARIABLE} = {asked!r} needs a package ({error}): install it, or unset the variable"
        ) from None
    working = [send]

    def guarded(row: Mapping[str, float]) -> None:
        try:
            for each in working:
                each(row)
        except Exception as error:  # of any kind that the service has
            working.clear()
            print(f"{kind} is given up, the run goes on: {error}", file=sys.stderr, flush=True)

    return guarded


def _values(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "step"}


def _tensorboard(folder: str, run: str) -> Send:
    writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(f"{folder or 'tensorboard'}/{run}")

    def send(row: Mapping[str, float]) -> None:
        for name, value in _values(row).items():
            writer.add_scalar(name, value, int(row["step"]))
        writer.flush()

    return send


def _mlflow(experiment: str, run: str) -> Send:
    mlflow = importlib.import_module("mlflow")
    if experiment:
        mlflow.set_experiment(experiment)
    mlflow.start_run(run_name=run)
    return lambda row: mlflow.log_metrics(_values(row), step=int(row["step"]))


def _wandb(project: str, run: str) -> Send:
    started = importlib.import_module("wandb").init(project=project or "weightscape", name=run)
    return lambda row: started.log(_values(row), step=int(row["step"]))


SERVICES: dict[str, Callable[[str, str], Send]] = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
"""Each starts a run in a place (a folder, an experiment, a project), and returns the function that sends a row."""
