"""The rates of devices and the sizes of public data sets that the costs of a study follow from."""

from collections.abc import Mapping
from dataclasses import dataclass

HOUR = 3600.0
UNSTATED = "unstated"
Images = Mapping[str, Mapping[str, int] | int]
"""Images of each public data set by part; the entry `unstated` is for OOD sets of which no count is known."""


@dataclass(frozen=True)
class Gpu:
    """Peak of a GPU in TFLOP/s, and the shares of it that training, inference and sampling reach."""

    peak_tflops: float
    training_use: float
    inference_use: float
    sampling_use: float

    @property
    def peak(self) -> float:
        """Operations per second."""
        return self.peak_tflops * 1e12

    def training_hours(self, operations: float) -> float:
        """Hours of training steps."""
        return operations / (self.peak * self.training_use) / HOUR

    def inference_hours(self, operations: float) -> float:
        """Hours of forward passes."""
        return operations / (self.peak * self.inference_use) / HOUR

    def sampling_hours(self, operations: float) -> float:
        """Hours of making images."""
        return operations / (self.peak * self.sampling_use) / HOUR


@dataclass(frozen=True)
class Cpu:
    """GFLOP/s of one core in products and in eigenvalues, and small and large images that are decoded per second."""

    gflops: float
    eigen_gflops: float
    decoded: float
    decoded_large: float


@dataclass(frozen=True)
class Assumptions:
    """Rates of devices, seconds until a job has started, and images of each public data set by part."""

    gpu: Gpu
    cpu: Cpu
    start_seconds: float
    images: Images

    def start_hours(self, jobs: int) -> float:
        """Hours in which jobs start, and hold what they asked for."""
        return jobs * self.start_seconds / HOUR
