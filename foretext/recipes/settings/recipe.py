"""Settings of `foretext recipe`."""

from __future__ import annotations

from foretext.paths import NameOrPath
from foretext.settings import Settings


class RecipeSettings(Settings):
    """Whose recipe to show."""

    run: NameOrPath | None = None
    """Name of a model, or the folder of a finished run; RUN@500, RUN@best or RUN@last is a checkpoint of one, finished
    or not. Not given: the defaults, which are the paper's but for the precision, where this machine computes in
    bf16."""
