"""The embedded data as files: a corpus of stories and six labelled tasks about stories that are not in it."""

from __future__ import annotations

from foretext.recipes.settings.storyworld import StoryworldSettings
from foretext.storyworld import files
from foretext.storyworld.files import Written


def storyworld(settings: StoryworldSettings) -> Written:
    """What was written into `settings.out`.

    Raises:
        DataError: there is something in `out` already.
        DiskFull: there is no space left.
    """
    return files.write(
        settings.out, stories=settings.stories, seed=settings.seed, train=settings.train, test=settings.test
    )
