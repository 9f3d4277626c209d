"""Memory of freed tensors is kept where it can be, where it may be, and until it is given back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from foretext.training.freed_memory import ENOUGH_FREE, prepare_cpu

# The pages in memory before a block of 64 MB, and after it is gone; once more when freed memory is given back.
PAGES = """
import ctypes, torch
from foretext.training.freed_memory import give_back_freed_memory, prepare_cpu
pages = lambda: int(open("/proc/self/statm").read().split()[1])
kept = prepare_cpu(0)
torch.ones(8)
before = pages()
torch.ones(1 << 24)
gone = pages()
give_back_freed_memory()
print(int(kept), gone - before, pages() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of pages and has glibc")
def test_memory_of_a_freed_tensor_is_kept_unless_that_is_forbidden_and_given_back_when_asked():
    block, found = (1 << 26) // os.sysconf("SC_PAGE_SIZE"), {}
    for allowed in ("1", "0"):
        environment = {**os.environ, "FORETEXT_KEEP_MEMORY": allowed}
        run = subprocess.run([sys.executable, "-c", PAGES], capture_output=True, text=True, check=True, env=environment)
        found[allowed] = tuple(map(int, run.stdout.split()))
    if not found["1"][0]:
        pytest.skip("the C library here is not glibc")
    assert found["1"][1] > block * 0.9 > block * 0.1 > found["1"][2]
    assert found["0"][0] == 0
    assert found["0"][1] < block * 0.1


def test_it_is_left_alone_where_little_is_free_or_it_is_forbidden(monkeypatch):
    monkeypatch.delenv("FORETEXT_KEEP_MEMORY", raising=False)
    assert prepare_cpu(ENOUGH_FREE - 1) is False
    monkeypatch.setenv("FORETEXT_KEEP_MEMORY", "0")
    assert prepare_cpu(ENOUGH_FREE) is False
