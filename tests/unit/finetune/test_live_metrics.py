"""Rows of a history reach each service, by fakes of the three."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from unit.finetune.small_runs import NEUTRAL, trained
from weightscape.errors import UserError
from weightscape.finetune.live_metrics import sender

ROW = {"step": 20, "loss": 0.5, "accuracy": 0.75}
VALUES = {"loss": 0.5, "accuracy": 0.75}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Notes what the services are told."""
    notes: list[Any] = []

    def note(kind: str) -> Any:
        return lambda *values, **named: (
            notes.append((kind, *values, named)) or SimpleNamespace(log=note("log"), finish=note("finish"))
        )

    class Writer:
        def __init__(self, folder: str) -> None:
            notes.append(folder)

        def add_scalar(self, *values: Any) -> None:
            notes.append(values)

        def flush(self) -> None:
            pass

        def close(self) -> None:
            notes.append("close")

    names = ("set_experiment", "start_run", "log_metrics", "end_run")
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(**{name: note(name) for name in names}))
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=note("init")))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    return notes


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("", []),
        ("tensorboard:tb", ["tb/set/run", ("loss", 0.5, 20), ("accuracy", 0.75, 20), "close"]),
        (
            "mlflow",
            [
                ("start_run", {"run_name": "set/run"}),
                ("log_metrics", VALUES, {"step": 20}),
                ("end_run", "FINISHED", {}),
            ],
        ),
        (
            "wandb:p",
            [("init", {"project": "p", "name": "set/run"}), ("log", VALUES, {"step": 20}), ("finish", 0, {})],
        ),
    ],
)
def test_each_service_gets_the_row_at_its_step_and_the_end(told: list[Any], asked: str, expected: list[Any]) -> None:
    with sender(asked, "set/run") as send:
        send(ROW)
    assert told == expected


@pytest.mark.parametrize(("asked", "expected"), [("mlflow", ("end_run", "FAILED", {})), ("wandb", ("finish", 1, {}))])
def test_a_run_that_fails_is_told_so(told: list[Any], asked: str, expected: Any) -> None:
    with pytest.raises(ValueError, match="broken"), sender(asked, "set/run"):
        raise ValueError("broken")
    assert told[-1] == expected


def test_unknown_and_missing_services_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="'excel' names no service: choose tensorboard, mlflow, wandb"):
        sender("excel", "run").__enter__()
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r"needs a package .*wandb.*install it"):
        sender("wandb", "run").__enter__()


@pytest.mark.parametrize("function", ["start_run", "log_metrics", "end_run"])
def test_a_service_that_fails_is_given_up(
    told: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], function: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(sys.modules["mlflow"], function, fail)
    with sender("mlflow", "run") as send:
        send(ROW)
        send(ROW)
    assert capsys.readouterr().err == "mlflow is given up, the run goes on: no network\n"


def test_training_sends_every_row_of_its_history() -> None:
    rows: list[Any] = []
    _, _, history = trained(NEUTRAL, send=lambda row: rows.append(dict(row)))
    assert rows == history and len(rows) == 4
