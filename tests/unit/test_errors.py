"""Memory that ran out, as the libraries say it."""

import errno

import numpy as np
import pytest
import torch

from weightscape.errors import PassingError, UserError, out_of_memory

CAPACITY = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.11 GiB is "
    "free. {}Including non-PyTorch memory, this process has 17.02 GiB memory in use. Of the allocated"
)


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError(CAPACITY.format("")),
        RuntimeError(
            "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other call"
        ),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError(
            "MPS backend out of memory (MPS allocated: 8.89 GB, max allowed: 9.07 GB). Tried to allocate 6 MB"
        ),
        RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_a_gpu_without_memory_is_said_in_one_sentence(error):
    told = str(out_of_memory(error))
    assert told.startswith("the GPU's memory is too small (") and "\n" not in told
    assert "lower the batch size, run fewer jobs on this GPU (the limit `gpu`)" in told


def test_a_shared_gpu_is_said_to_be_shared():
    words = "and another process shares it): lower"
    others = "Process 7 has 60.00 GiB memory in use. "
    assert words in str(out_of_memory(torch.cuda.OutOfMemoryError(CAPACITY.format(others))))
    assert words not in str(out_of_memory(torch.cuda.OutOfMemoryError(CAPACITY.format(""))))


def test_memory_that_others_may_leave_the_next_time_is_told_apart_by_its_kind():
    shared = CAPACITY.format("Process 7 has 60.00 GiB memory in use. ")
    for error in (torch.cuda.OutOfMemoryError(shared), MemoryError()):
        assert type(out_of_memory(error)) is PassingError and PassingError.MARK != UserError.MARK
    assert type(out_of_memory(torch.cuda.OutOfMemoryError(CAPACITY.format("")))) is UserError


def test_a_machine_without_memory_is_said_in_one_sentence():
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(2**59, np.uint8)
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(2**59, dtype=torch.uint8)
    for error in (of_numpy.value, of_torch.value, MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory")):
        told = str(out_of_memory(error))
        assert told.startswith("this machine's memory is too small (") and "give the job more memory" in told


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        RuntimeError("CUDA error: device-side assert triggered"),
        OSError(errno.ENOSPC, "No space left on device"),
        UserError("a sentence"),
    ],
)
def test_other_errors_are_not(error):
    assert out_of_memory(error) is None
