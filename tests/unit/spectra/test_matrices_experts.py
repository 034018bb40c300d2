"""Experts of real networks: of a token that goes to one expert, only the matrix of that expert has a gradient."""

import json
import re
from typing import Any

import pytest
import torch

from weightscape.library.tensors import known_of
from weightscape.spectra import inputs
from weightscape.spectra.matrices import Known, Part, parts

transformers = pytest.importorskip("transformers")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SIZES = {
    "hidden_size": 32, "intermediate_size": 40, "moe_intermediate_size": 24, "num_hidden_layers": 2, "vocab_size": 50,
    "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8, "num_experts_per_tok": 1, "pad_token_id": 0,
}  # fmt: skip
LATENT = {
    "n_routed_experts": 6, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1, "q_lora_rank": 16,
    "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8,
}  # fmt: skip
BLOCKS = {"moe_num_experts": 6, "moe_top_k": 1, "ffn_hidden_size": 40, "hidden_size": 32}
CLIPPED = {"clip_qkv": 8.0, "rope_theta": 1e4}
NETWORKS = {
    "Mixtral": {"num_local_experts": 6},
    "Qwen2Moe": {"num_experts": 6, "shared_expert_intermediate_size": 40},
    "Qwen3Moe": {"num_experts": 6},
    "Olmoe": {"num_experts": 6},
    "Phimoe": {"num_local_experts": 6},
    "GptOss": {"num_local_experts": 6},
    "Llama4Text": {"num_local_experts": 6, "intermediate_size_mlp": 40},
    "DeepseekV2": LATENT,
    "DeepseekV3": LATENT,
    "GraniteMoe": {"num_local_experts": 6},
    "JetMoe": {"num_local_experts": 6, "kv_channels": 8},
    "Dbrx": {"d_model": 32, "n_heads": 4, "n_layers": 2, "ffn_config": BLOCKS, "attn_config": CLIPPED},
}
SECOND = {"Phimoe": 2}
"""Experts that a token goes to, whatever the configuration says."""


def network(name: str) -> Any:
    sizes = {} if name == "Dbrx" else SIZES
    torch.manual_seed(0)
    net = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**sizes, **NETWORKS[name]))
    for parameter in net.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()


def experts(shapes: dict, known: Known) -> dict[str, list[Part]]:
    """The parts of every tensor that is cut into experts."""
    found: dict[str, list[Part]] = {}
    for part in parts(shapes, known):
        if part.part.startswith("expert"):
            found.setdefault(part.key, []).append(part)
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_each_part_is_the_matrix_of_one_expert(name, tmp_path):
    net = network(name)
    net(torch.tensor([[3]])).last_hidden_state.square().sum().backward()
    tensors: dict[str, Any] = dict(net.named_parameters())
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    known = inputs.known_of(json.loads(net.config.to_json_string()))
    found = experts(shapes, known)
    assert len(found) >= 2 and experts(shapes, known_of(net)[0]) == found
    for key, cut in found.items():
        gradient = tensors[key].grad.numpy()
        assert sum(part.stacked(gradient[part.index]).any() for part in cut) == SECOND.get(name, 1), key
        assert sum(part.rows * part.columns for part in cut) == gradient.size and len(cut) == 6
    untold = [part for part in parts(shapes, Known()) if part.key in found and part.part == "weight"]
    assert all(part.remark.startswith("whole") for part in untold)
    net.save_pretrained(tmp_path)
    names = re.compile(r"\.experts\.\d+\.|/expert\d+$")
    saved = [part for part in inputs.opened(tmp_path, None, None, []).parts if names.search(part.name)]
    assert sum(part.rows * part.columns for part in saved) == sum(tensors[key].numel() for key in found)
    assert not any(part.remark for part in saved)
