"""Sends each row of a run's history to TensorBoard, MLflow or Weights & Biases while the run trains.

WEIGHTSCAPE_METRICS asks for it: `tensorboard:FOLDER`, `mlflow` (its own variables say where) or `wandb:PROJECT`. No
result depends on it: a service that fails is given up with one line in the log.
"""

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping

from weightscape.errors import UserError

VARIABLE = "WEIGHTSCAPE_METRICS"
Send = Callable[[Mapping[str, float]], None]
End = Callable[[bool], object]
"""Tells a service that its run has ended, and whether well: the process does not wait for what it left open."""


@contextlib.contextmanager
def sender(asked: str, run: str) -> Iterator[Send]:
    """A function of the rows of a run's history, until the block ends; one that does nothing if no service is `asked`
    for.

    UserError for an unknown service, or one whose package is not installed.
    """
    if not asked:
        yield lambda row: None
        return
    kind, _, place = asked.partition(":")
    if kind not in SERVICES:
        raise UserError(f"{VARIABLE} = {asked!r} names no service: choose {', '.join(SERVICES)}, or unset it")
    working: list[tuple[Send, End]] = []
    with _given_up(kind, working):
        try:
            working.append(SERVICES[kind](place, run))
        except ImportError as error:
            raise UserError(
                f"{VARIABLE} = {asked!r} needs a package ({error}): install it, or unset the variable"
            ) from None

    def send(row: Mapping[str, float]) -> None:
        with _given_up(kind, working):
            for each, _ in working:
                each(row)

    well = False
    try:
        yield send
        well = True
    finally:
        with _given_up(kind, working):
            for _, end in working:
                end(well)


@contextlib.contextmanager
def _given_up(kind: str, working: list[tuple[Send, End]]) -> Iterator[None]:
    """Lets no fault of a service reach the run."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # of any kind that the service has
        working.clear()
        print(f"{kind} is given up, the run goes on: {error}", file=sys.stderr, flush=True)


def _values(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "step"}


def _tensorboard(folder: str, run: str) -> tuple[Send, End]:
    writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(f"{folder or 'tensorboard'}/{run}")

    def send(row: Mapping[str, float]) -> None:
        for name, value in _values(row).items():
            writer.add_scalar(name, value, int(row["step"]))
        writer.flush()

    return send, lambda _: writer.close()


def _mlflow(experiment: str, run: str) -> tuple[Send, End]:
    mlflow = importlib.import_module("mlflow")
    if experiment:
        mlflow.set_experiment(experiment)
    mlflow.start_run(run_name=run)
    return (
        lambda row: mlflow.log_metrics(_values(row), step=int(row["step"])),
        lambda well: mlflow.end_run("FINISHED" if well else "FAILED"),
    )


def _wandb(project: str, run: str) -> tuple[Send, End]:
    started = importlib.import_module("wandb").init(project=project or "weightscape", name=run)
    return lambda row: started.log(_values(row), step=int(row["step"])), lambda well: started.finish(int(not well))


SERVICES: dict[str, Callable[[str, str], tuple[Send, End]]] = {
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
    "wandb": _wandb,
}
"""Each starts a run in a place (a folder, an experiment, a project), and returns what sends a row and what ends it."""
