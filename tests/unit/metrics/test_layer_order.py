"""Layers stand in the order in which an image meets them, whatever order their file has."""

import pandas as pd
import pytest

from unit.figures import made_tables
from weightscape.figures import layer_effects
from weightscape.metrics.layer_order import in_depth
from weightscape.report import explorer

NETWORKS = {
    "efficientnet": ["conv_stem", "blocks.0.0.conv_pw", "blocks.6.0.conv_pwl", "conv_head", "classifier"],
    "vit": ["patch_embed.proj", "blocks.2.attn.qkv", "blocks.2.attn.proj", "blocks.2.mlp.fc1", "blocks.10.attn.qkv"],
    "resnet": ["conv1", "layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1", "layer2.0.conv2", "fc"],
    "convnext": [
        "stem.0",
        "stages.0.blocks.2.mlp.fc2",
        "stages.1.downsample.1",
        "stages.1.blocks.0.conv_dw",
        "head.fc",
    ],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_of_known_networks_stand_from_input_to_output(name):
    assert in_depth(sorted(NETWORKS[name])) == NETWORKS[name]


def test_curves_over_layers_start_at_the_stem_and_count_blocks_as_numbers():
    effects = made_tables.study(layers=3, families=("dropout",))["effects"]
    names = {
        "blocks.0.0.conv_pw_0": "blocks.10.x",
        "blocks.0.0.conv_pwl_1": "blocks.2.x",
        "blocks.0.0.conv_pwl_2": "stem",
    }
    renamed = effects.assign(layer=effects["layer"].replace(names))
    hidden = renamed[renamed["role"] == "hidden"]
    assert list(layer_effects.profile(hidden).index) == ["stem", "blocks.2.x", "blocks.10.x"]
    layers = explorer._layer_names(pd.DataFrame(renamed))
    assert [*layers.values()] == [["stem/weight", "blocks.2.x/weight", "blocks.10.x/weight", "classifier/weight"]]
