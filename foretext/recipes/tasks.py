"""Which published tasks are known, which files they are read from, and which of these are at hand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.recipes.settings.tasks import TasksSettings
from foretext.tasks.catalogue import TASKS, find_task
from foretext.tasks.labelled import DATA_FOLDER
from foretext.tasks.published.splits import is_part
from foretext.tasks.task import Task
from foretext.text_table import text_table

SPLITS = ("train", "valid", "test")  # those the list shows; parts of them stand in the view of one task


@dataclass(frozen=True)
class Tasks:
    """The tasks, and the folder that was looked in."""

    tasks: list[Task]
    root: Path | None
    one: bool  # one task was asked for by name

    def lines(self) -> list[str]:
        if self.one:
            return _in_full(self.tasks[0], self.root)

        header = ["task", "paper", "kind", "metric", *SPLITS, "files looked for"]
        rows = [_row(task, self.root) for task in self.tasks]
        looked = f"in {self.root}" if self.root else f"nowhere: {DATA_FOLDER} is not set and no --data was given"
        complete = sum(not {"missing", "part"} & set(row) for row in rows)
        return [
            *text_table(header, rows, left=range(len(header))),
            "",
            f"looked {looked}; {complete} of {len(self.tasks)} tasks are complete. "
            "`foretext tasks NAME` shows one in full.",
        ]

    def to_json(self) -> dict[str, Any]:
        tasks = [_described(task, self.root) for task in self.tasks]
        return tasks[0] if self.one else {"data": _text(self.root), "tasks": tasks}


def tasks(settings: TasksSettings) -> Tasks:
    """The published tasks by name, the paper's first; files are looked for, none is read.

    Raises:
        UnknownName: there is no task of this name.
    """
    root = settings.data or (Path(os.environ[DATA_FOLDER]) if os.environ.get(DATA_FOLDER) else None)
    wanted = [find_task(settings.name)] if settings.name else list(TASKS.values())
    return Tasks(wanted, root, one=settings.name is not None)


def _row(task: Task, root: Path | None) -> list[str]:
    cells = [_cell(task, root, split) for split in SPLITS]
    files = dict.fromkeys(task.files[split][0] for split in SPLITS if split in task.files)
    return [task.name, "yes" if task.paper else "", task.kind, task.metric, *cells, ", ".join(files)]


def _cell(task: Task, root: Path | None, split: str) -> str:
    if split not in task.files:
        return ""
    found = task.find(root, split) if root else None
    return "missing" if found is None else "part" if is_part(found) else "found"


def _in_full(task: Task, root: Path | None) -> list[str]:
    glue = f"; GLUE takes {' and '.join(task.glue)}" if task.glue else ""
    paper = "; one of the paper's twelve" if task.paper else ""
    lines = [
        f"{task.name}: {task.kind}, scored by {task.metric}{glue}{paper}",
        f"  reads        {', '.join(task.inputs)}",
        f"  publication  {task.source}",
        f"  source       {task.url}",
        f"  licence      {task.licence} (as generally known)",
    ]
    if task.published:
        published = ", ".join(f"{split} {count:,}" for split, count in task.published.items())
        lines.append(f"  examples     {published}, as published")
    if task.note:
        lines.append(f"  note         {task.note}")
    if root:
        lines.append(f"  looked in    {', '.join(map(str, task.places(root)))}")
    for split, names in task.files.items():
        found = task.find(root, split) if root else None
        part = " (a part of the published file)" if found and is_part(found) else ""
        lines.append(f"  {split + ':':17}{found or 'missing; looked for ' + ' or '.join(names)}{part}")
    return lines


def _described(task: Task, root: Path | None) -> dict[str, Any]:
    return {
        "name": task.name,
        "paper": task.paper,
        "kind": task.kind,
        "metric": task.metric,
        "glue": list(task.glue),
        "texts": list(task.text),
        "publication": task.source,
        "url": task.url,
        "licence": task.licence,
        "published": dict(task.published),
        "note": task.note,
        "looked_in": [str(place) for place in task.places(root)] if root else [],
        "files": {
            split: {"looked_for": list(names), "found": _text(task.find(root, split) if root else None)}
            for split, names in task.files.items()
        },
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
