"""Where the labelled examples of several tasks come from: published ones, TOML files with settings, a person's file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foretext.errors import SettingsError
from foretext.settings import resolve
from foretext.tasks.catalogue import find_task
from foretext.tasks.labelled import LabelledDataSettings


def named_sources(tasks: Sequence[str], labelled: LabelledDataSettings) -> dict[str, LabelledDataSettings]:
    """Where each task comes from, by its name: of the catalogue, of a TOML file, or of the file in `labelled`.

    Raises:
        UnknownName: there is no such task.
        SettingsError: no task is given, one of them twice, or a TOML file is wrong.
    """
    sources: dict[str, LabelledDataSettings] = {}
    names = [*tasks, *([labelled.task] if labelled.task else [])]
    if not names and labelled.data is not None:
        return {labelled.data.stem: labelled}
    for name in names:
        if name.endswith(".toml"):
            found, source = Path(name).stem, resolve(LabelledDataSettings, toml=Path(name)).value
        else:
            found = find_task(name).name
            source = labelled.model_copy(update={"task": found})
        if found in sources:
            raise SettingsError(f"the task {found} is given twice")
        sources[found] = source
    if not sources:
        raise SettingsError("give a task: names of published ones, or a file as --data with its --kind")
    return sources
