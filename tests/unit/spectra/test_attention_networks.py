"""Queries, keys and values of real networks, told apart by what their attention does with each output of the weight.

An oracle that knows no layout: one output of the fused layer is moved at the first token. With one token alone only a
value changes the result, as the softmax over one key is 1; with two, only a key or value of the first moves the second.
"""

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch

from weightscape.spectra.inputs import known_of
from weightscape.spectra.matrices import Known, Part, parts

transformers = pytest.importorskip("transformers")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SIZES = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 50}
GPT = {"n_embd": 32, "n_layer": 1, "n_head": 4, "vocab_size": 50, "n_positions": 32}
FEWER = {"num_key_value_heads": 2, "intermediate_size": 40, "pad_token_id": 0}
NETWORKS = {
    "GPT2": GPT,
    "ImageGPT": GPT,
    "CodeGen": {**GPT, "rotary_dim": 4},
    "GPTBigCode": {**GPT, "multi_query": True},
    "GPTBigCode ": {**GPT, "multi_query": False},
    "Bloom": {"hidden_size": 24, "n_layer": 1, "n_head": 4, "vocab_size": 50},
    "Mpt": {"d_model": 24, "n_layers": 1, "n_heads": 4, "vocab_size": 50},
    "GPTNeoX": {**SIZES, "intermediate_size": 40},
    "GPTNeoXJapanese": SIZES,
    "Persimmon": {**SIZES, "hidden_size": 64, "intermediate_size": 40},
    "Falcon": {**SIZES, "multi_query": True},
    "Falcon ": {**SIZES, "multi_query": False, "alibi": True},
    "Falcon  ": {**SIZES, "new_decoder_architecture": True, "num_kv_heads": 2},
    "Phi3": {**SIZES, **FEWER},
    "Deberta": {**SIZES, "intermediate_size": 40},
    "ModernBert": {**SIZES, "intermediate_size": 40, "pad_token_id": 0},
}


def network(name: str) -> torch.nn.Module:
    """A tiny network with one layer in double precision, of weights that leave the softmax unsaturated."""
    config = getattr(transformers, f"{name.strip()}Config")(**NETWORKS[name])
    torch.manual_seed(0)
    net = getattr(transformers, f"{name.strip()}Model")(config).double().eval()
    for parameter in net.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return net


def role(result: Callable[[int], np.ndarray], moved: Callable[[int], np.ndarray]) -> str:
    """`q`, `k` or `v`, from results [tokens, width] of one and of two tokens as they are and as they are moved."""
    if not np.allclose(result(1), moved(1), rtol=0, atol=1e-12):
        return "v"
    return "q" if np.allclose(result(2)[1], moved(2)[1], rtol=0, atol=1e-12) else "k"


def roles(net: torch.nn.Module, layer: torch.nn.Module, count: int) -> list[str]:
    """The role of each output of a fused layer."""

    def result(tokens: int, place: int | None = None) -> np.ndarray:
        def move(_: object, __: object, out: torch.Tensor) -> torch.Tensor:
            out = out.clone()
            if place is not None:
                out.view(tokens, -1)[0, place] += 1.0
            return out

        handle = layer.register_forward_hook(move)
        with torch.no_grad():
            found = net(torch.arange(3, 3 + tokens)[None]).last_hidden_state[0].numpy()
        handle.remove()
        return found

    return [role(result, lambda tokens, at=at: result(tokens, at)) for at in range(count)]


def fused(net: torch.nn.Module, known: Known) -> tuple[torch.nn.Module, list[Part]]:
    """The fused layer of a network, and the parts that it is cut in."""
    shapes = {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}
    found = [part for part in parts(shapes, known) if part.part in "qkv" or part.remark.startswith("whole")]
    assert len({part.layer for part in found}) == 1
    return net.get_submodule(found[0].layer), found


@pytest.mark.parametrize("name", NETWORKS)
def test_each_part_holds_the_outputs_that_act_as_it_says(name: str) -> None:
    net = network(name)
    known = known_of(json.loads(net.config.to_json_string()))
    layer, found = fused(net, known)
    axis = found[0].cut.axis
    places = np.arange(found[0].shape[axis])
    acts = np.array(roles(net, layer, len(places)))
    assert [part.part for part in sorted(found, key=lambda part: part.part)] == ["k", "q", "v"]
    for part in found:
        assert set(acts[places[part.index[axis]]]) == {part.part}
        assert len(places[part.index[axis]]) == (acts == part.part).sum()


@pytest.mark.parametrize("name", NETWORKS)
def test_without_its_configuration_a_network_is_cut_so_or_has_a_status(name: str) -> None:
    net = network(name)
    known = known_of(json.loads(net.config.to_json_string()))
    told, bare = fused(net, known)[1], fused(net, Known())[1]
    assert [part.remark[:5] for part in bare] == ["whole"] or bare == told
