"""Settings of `foretext models`."""

from __future__ import annotations

from foretext.settings import Settings


class ModelsSettings(Settings):
    """Nothing to set."""
