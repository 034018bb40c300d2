"""Threads that share matrices and their slices, with one BLAS thread each."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from unit.spectra.measuring import measure
from weightscape.spectra.parallel import Workers, alone

THREADS = """
import numpy as np
from threadpoolctl import threadpool_info
from unit.spectra.measuring import chosen, measure
from weightscape.spectra import table

measured = table.measured
def watched(*arguments):
    row = measured(*arguments)
    print(*(f"{each['filepath']}={each['num_threads']}" for each in threadpool_info() if each["user_api"] == "blas"))
    return row
table.measured = watched
square = np.random.default_rng(0).standard_normal((300, 300))
measure({"a.weight": square}, {"a.weight": square + np.eye(300)}, matrices=("before", "after", "delta"),
        settings=chosen(null=True, goodness=True, alternatives=True), workers=WORKERS)
"""


@pytest.mark.process
@pytest.mark.parametrize("workers", [1, 2])
def test_every_blas_library_has_one_thread_whatever_the_shell_says(workers):
    """In a process of its own: scipy's library must be there before the limit, also where nobody has imported it."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "3"}
    command = [sys.executable, "-c", THREADS.replace("WORKERS", str(workers))]
    said = subprocess.run(command, check=True, capture_output=True, env=environment, text=True).stdout.splitlines()
    libraries = [dict(word.rsplit("=", 1) for word in line.split()) for line in said]
    assert len(libraries) == 3
    assert all(len(each) >= 2 for each in libraries)  # numpy's and scipy's
    assert {count for each in libraries for count in each.values()} == {"1"}


def test_a_thread_without_a_task_takes_slices_of_another():
    both = threading.Barrier(2, timeout=20)  # passes only if two slices are worked on at once

    def of_slice(index):
        both.wait()
        return index, threading.get_ident()

    with Workers(2) as workers:
        [found] = workers.each(lambda _: workers.share(of_slice, range(4)), ["one task"])
    assert [index for index, _ in found] == [0, 1, 2, 3]
    assert len({thread for _, thread in found}) == 2


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_stand_in_the_order_of_the_items(count):
    with Workers(count) as workers:
        rows = workers.each(lambda n: workers.share(lambda m: (n, m), range(n)), range(6))
    assert rows == [alone(lambda m, n=n: (n, m), range(n)) for n in range(6)]


@pytest.mark.parametrize("count", [1, 3])
def test_an_error_in_a_task_reaches_the_caller(count):
    with pytest.raises(ZeroDivisionError), Workers(count) as workers:
        workers.each(lambda n: workers.share(lambda m: 1 // m, range(n)), range(4))


def test_tables_do_not_depend_on_the_number_of_workers():
    random = np.random.default_rng(1)
    after = {f"{i}.weight": random.standard_normal((40 + i, 40, 3, 3)).astype(np.float32) for i in range(4)}
    one, other = (measure(after, workers=count)[0] for count in (1, 3))
    assert one.equals(other)
