"""What tests of several rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # how long an example takes on a busy machine says nothing
settings.load_profile("patient")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real books and tasks; tests that need it are skipped where FORETEXT_DATA names none."""
    folder = os.environ.get("FORETEXT_DATA")
    if not folder:
        pytest.skip("FORETEXT_DATA names no folder of real data")
    return Path(folder)
