"""The training loop with torch's compiler: the same run, with the same proof of action.

The graphs are traced and cut as always, but not turned into machine code, which takes minutes.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from unit.finetune.small_runs import AFFINE, DECOUPLED, STEPS, acting, items, trained
from weightscape.errors import Stopped
from weightscape.finetune import proof
from weightscape.networks.checkpoint import Checkpoint

pytestmark = pytest.mark.slow
COMPILED = {"compile": True, "steps": 4}


@pytest.fixture(autouse=True)
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[torch.nn.Module]]:
    """The networks that were compiled."""
    whole, done = torch.nn.Module.compile, []
    deterministic = torch.are_deterministic_algorithms_enabled()

    def compiled(network: torch.nn.Module) -> None:
        done.append(network)
        whole(network, backend="aot_eager")

    monkeypatch.setattr(torch.nn.Module, "compile", compiled)
    yield done
    assert done
    torch.compiler.reset()
    torch.use_deterministic_algorithms(deterministic)


def test_a_compiled_run_learns_what_a_plain_one_does() -> None:
    act = acting(operations=(AFFINE,), weight_decay=DECOUPLED)
    plain, plainly_seen, plain_history = trained(act, settings={"steps": 4})
    compiled, seen, history = trained(act, settings=COMPILED)
    assert plain.keys() == compiled.keys()
    for name, tensor in plain.items():
        np.testing.assert_allclose(compiled[name], tensor, rtol=0, atol=2e-3, err_msg=name)
    facts, plain_facts = seen.facts(), plainly_seen.facts()
    assert facts.pop("dropout_modules") == plain_facts.pop("dropout_modules") == {}
    assert facts.pop("operations") == plain_facts.pop("operations")
    assert facts.pop("mixing") == plain_facts.pop("mixing") == {}
    assert facts == pytest.approx(plain_facts, rel=1e-3, abs=1e-6)
    assert [row["loss"] for row in history] == pytest.approx([row["loss"] for row in plain_history], rel=1e-3)


def test_dropout_of_a_compiled_run_is_seen_and_a_run_that_was_stopped_resumes(tmp_path: Path) -> None:
    act, often = acting(dropout={"head": 0.4, "path": 0.3}), COMPILED | {"history_every": 1}
    whole, seen, _ = trained(act, settings=often)
    proof.verdict(seen, act, items().description(), COMPILED["steps"])
    assert (
        seen.places["head"].drop_rate == pytest.approx(0.4, abs=0.1) and seen.places["head"].drop_rate_evaluation == 0
    )
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", "identity")
    stops = iter([False, True])
    with pytest.raises(Stopped):
        trained(act, settings=often, checkpoint=checkpoint, stopped=lambda: next(stops))
    resumed, _, history = trained(act, settings=often, checkpoint=checkpoint)
    assert len(history) == STEPS // 2
    for name, tensor in whole.items():
        np.testing.assert_allclose(resumed[name], tensor, rtol=0, atol=1e-5, err_msg=name)
