"""The sizes of the diffusion model follow the images, and are those of the config where it has some."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightscape.errors import UserError
from weightscape.generate.model_settings import check_size
from weightscape.project import DEFAULT_CONFIG
from weightscape.study import generator_sizes
from weightscape.study.config import load

WHOLE: Any = load(DEFAULT_CONFIG, None)


def config(side: int, channels: int = 3) -> Any:
    whole = copy.deepcopy(WHOLE)
    whole["data"]["own"] = {"image": {"size": side, "channels": channels}}
    return whole


@given(side=st.integers(1, 300))
def test_sizes_divide_images_of_any_side(side: int) -> None:
    chosen = generator_sizes.model(config(side), "own")
    check_size(chosen.patch, chosen.channels, side, side)


def test_larger_images_get_more_resolutions_and_coloured_ones_more_steps() -> None:
    levels = [len(generator_sizes.model(config(side), "own").channels) for side in (28, 32, 64)]
    assert levels == sorted(set(levels))
    grey, coloured = (generator_sizes.training(config(32, channels), "own").steps for channels in (1, 3))
    assert 0 < grey < coloured
    assert generator_sizes.training(config(32), "digits").steps == grey


def test_rates_and_noise_follow_the_filter() -> None:
    filtered = config(32)
    filtered["generate"]["model"]["filter"] = True
    plain, after = (generator_sizes.training(whole, "own") for whole in (config(32), filtered))
    assert plain.noise_mean < after.noise_mean and plain.learning_rate > after.learning_rate


def test_sizes_of_the_config_stand_or_are_refused() -> None:
    whole = config(32)
    whole["generate"]["model"] |= {"patch": 2, "channels": [24, 48]}
    whole["generate"]["training"]["steps"] = 7
    assert generator_sizes.model(whole, "own").channels == (24, 48)
    assert generator_sizes.training(whole, "own").steps == 7
    whole["generate"]["model"]["patch"] = 3
    with pytest.raises(UserError, match=r"config: data.own: images are 32 x 32 pixels"):
        generator_sizes.model(whole, "own")
