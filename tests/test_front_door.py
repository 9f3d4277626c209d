"""The public names: all there, all documented, and none loaded before it is used."""

from __future__ import annotations

import subprocess
import sys

import foretext


def test_every_public_name_is_there_and_says_what_it_is():
    for name in foretext.__all__:
        value = getattr(foretext, name)
        assert name in ("__version__", "TASKS") or value.__doc__, name


def test_importing_the_package_loads_no_heavy_library():
    heavy = {"torch", "numpy", "pydantic", "sklearn", "matplotlib", "tokenizers"}
    program = "import foretext, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)
