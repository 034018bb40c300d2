"""Tests that need a device skip where there is none."""

from typing import Any

import pytest


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Skip tests marked `cuda` on a machine without a CUDA device."""
    marked = [item for item in items if item.get_closest_marker("cuda")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
