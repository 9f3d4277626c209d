"""Settings of `foretext tasks`."""

from __future__ import annotations

from pathlib import Path

from foretext.settings import Settings


class TasksSettings(Settings):
    """All tasks, or one of them in full."""

    name: str | None = None
    """A task to show in full. Not given: all of them in a list."""
    data: Path | None = None
    """Folder to look in, for NAME/ and tasks/NAME/. Not given: that of FORETEXT_DATA."""
