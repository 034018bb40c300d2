"""The compiler's stand-ins: not imported where nothing asks, the real thing where something does."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

COMPILED = """
from weightscape.stages import _lazy_compiler
_lazy_compiler.install()
import sys, timm, torch
model = torch.nn.Linear(3, 2)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
model(torch.ones(1, 3)).sum().backward()
optimizer.step()
print("torch._dynamo.symbolic_convert" in sys.modules)
import torch._dynamo.config
calls = []
def backend(graph, inputs):
    calls.append(graph)
    return graph.forward
compiled = torch.compile(lambda x: x * 2 + 1, backend=backend)
print(compiled(torch.ones(2)).tolist(), len(calls), "torch._dynamo.symbolic_convert" in sys.modules)
import torchvision
boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0]])
print(torchvision.ops.roi_align(torch.ones(1, 1, 8, 8), [boxes], 2).shape)
"""

DIFFUSED = """
from weightscape.stages import _program
def main():
    _program.without("peft", "transformers")
    import sys
    from diffusers.models.unets.unet_2d import UNet2DModel
    print("torch._dynamo.symbolic_convert" in sys.modules)
_program.run(main)
"""


def printed(program: str) -> list[str]:
    """Returns the lines that a program prints in a process of its own."""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_sampling_does_not_import_the_compiler() -> None:
    assert printed(DIFFUSED) == ["False"]


def test_training_does_not_import_the_compiler_and_a_compiled_function_gets_it():
    assert printed(COMPILED) == ["False", "[3.0, 3.0] 1 True", "torch.Size([1, 1, 2, 2])"]
