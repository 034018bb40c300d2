"""Dictionaries, wrappers, keys and averaged copies around each other in any order: the same network is read."""

import random
from typing import Any

import pytest
import torch

from weightscape.errors import UserError
from weightscape.formats.state_dicts import open_checkpoint, open_mapping

NET = {"a.fc.weight": torch.ones(4, 3), "a.fc.bias": torch.ones(4), "b.weight": torch.ones(2, 4)}
WRAPPERS = ("module.", "_orig_mod.", "_fsdp_wrapped_module.")
DRAWS = 100


def wrapped(draw):
    return "".join(draw.choices(WRAPPERS, k=draw.choice((0, 0, 1, 2))))


def copies(opening, value, change=str):
    return {opening + change(name): tensor * value for name, tensor in NET.items()}


def with_averages(draw, state, outside, own, inside):
    """The same with averaged copies in the same dictionary, and their opening."""
    opening = draw.choice((f"{own}_ema", f"ema_{own}", "ema"))
    change = draw.choice((str, lambda name: name.replace(".", "")))
    around = draw.choice((inside, wrapped(draw)))
    count = draw.choice(({}, {f"{outside}{opening}.decay": torch.tensor(0.9)}))
    return state | copies(f"{outside}{opening}.{around}", 2, change) | count, opening


def drawn(draw):
    """A nested checkpoint, the opening of its names, keys that name its weights (1), and one of their averages (2)."""
    outside, own, inside = wrapped(draw), draw.choice(("model", "net", "")), wrapped(draw)
    state: dict[str, Any] = copies(f"{outside}{own}.{inside}" if own else outside + inside, 1)
    averages = None
    kind = draw.choice(("none", "beside", "dictionary"))
    if own and kind == "beside":
        state, averages = with_averages(draw, state, outside, own, inside)
    place = draw.choices(("state_dict", "module", "checkpoint"), k=draw.choice((0, 1, 1, 2)))
    if kind == "dictionary":
        place = [*place, "state_dict"]
        averages = ".".join([*place[:-1], "state_dict_ema"])
        state = {"state_dict": state, "state_dict_ema": copies(outside + wrapped(draw) + (own and f"{own}."), 2)}
    for word in reversed(place[:-1] if kind == "dictionary" else place):
        state = {word: state, "epoch": 3}
    keys = [".".join(filter(None, (*place, own)))]
    return state, own, [*keys, own] if own and kind != "dictionary" else keys, averages


def values(found):
    return {name: float(found[name].max()) for name in found if found[name].ndim}


@pytest.mark.parametrize("seed", range(DRAWS))
def test_wrappers_keys_and_averages_compose(tmp_path, seed):
    content, own, keys, averages = drawn(random.Random(seed))
    torch.save(content, tmp_path / "w.pt")
    first = 1.0 if averages is None else 2.0
    for found in (open_checkpoint(tmp_path / "w.pt"), open_mapping(content)):
        names = {name.removeprefix(f"{own}.").replace("module.", ""): value for name, value in values(found).items()}
        assert names == dict.fromkeys(NET, first) and all(name.startswith(own) for name in values(found))
    for key in filter(None, keys):
        assert values(open_checkpoint(tmp_path / "w.pt", key)) == dict.fromkeys(NET, 1.0)
    if averages is not None:
        assert sorted(values(open_checkpoint(tmp_path / "w.pt", averages)).values()) == [2.0] * 3


def test_a_key_at_several_places_is_refused_with_each(tmp_path):
    torch.save(
        {"module.encoder.tower.w.weight": NET["b.weight"], "decoder.tower.w.weight": NET["b.weight"]}, tmp_path / "w.pt"
    )
    with pytest.raises(UserError, match=r"has 'tower' at several places: .*encoder\.tower, decoder\.tower"):
        open_checkpoint(tmp_path / "w.pt", "tower")
    assert list(open_checkpoint(tmp_path / "w.pt", "encoder.tower")) == ["w.weight"]


def test_a_count_beside_a_wrapped_network_leaves_the_wrapper_out(tmp_path):
    average = torch.optim.swa_utils.AveragedModel(torch.nn.Linear(3, 4))
    torch.save(average.state_dict(), tmp_path / "w.pt")
    assert list(open_checkpoint(tmp_path / "w.pt")) == ["n_averaged", "weight", "bias"]
