"""The work of `prepare` in tasks gives the corpus of one process, to the byte, wherever they run and whatever fails."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import foretext
from foretext.cli import main
from foretext.corpus import Corpus, prepare
from foretext.corpus.manifest import unfinished
from foretext.corpus.preparer import plan_of
from foretext.corpus.shared import preparing, task
from foretext.corpus.shared.job import Job, outcome_path
from foretext.corpus.shared.preparing import Sharing, join, prepare_shared
from foretext.corpus.shared.slurm import Submitted
from foretext.errors import DataError, ForetextError, SettingsError
from foretext.tokenizer import Tokenizer

pytest.importorskip("datatrove", reason="tasks need datatrove: pip install 'foretext[scale]'")

Story = Callable[[int], str]

ARGUMENTS: dict[str, Any] = {
    "field": "text",
    "validation": 0.2,
    "strict": False,
    "shard_tokens": 300,
    "separator": "newline",
    "line_breaks": "keep",
}


@pytest.fixture
def inputs(tmp_path: Path, story: Story) -> Path:
    """A folder of four files of other lengths, one of them a text, with problems and characters that nobody knows."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    for number in range(3):
        texts = [story(10 * number + each) for each in range(4 + 3 * number)]
        lines = [json.dumps({"text": f"{text} ж{'яш' * number}"}) for text in texts]
        (folder / f"{number}.jsonl").write_text("\n".join([*lines, "{}"] if number else lines) + "\n")
    (folder / "last.txt").write_text(story(50) + " ш")
    (folder / "notes.md").write_text("not read")
    return folder


def shared(inputs: Path, out: Path, tokenizer: Tokenizer, sharing: Sharing, **given: Any) -> Corpus | Submitted:
    return prepare_shared(
        [inputs], out, tokenizer=tokenizer, plan=plan_of(tokenizer, **ARGUMENTS, **given), sharing=sharing
    )


def corpus_of(*arguments: Any, **given: Any) -> Corpus:
    corpus = shared(*arguments, **given)
    assert isinstance(corpus, Corpus)
    return corpus


def content(folder: Path) -> dict[str, str]:
    """The hash of every file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def in_one(inputs: Path, tokenizer: Tokenizer, tmp_path: Path) -> dict[str, str]:
    return content(prepare([inputs], tmp_path / "one", tokenizer=tokenizer, workers=1, **ARGUMENTS).folder)


def test_any_number_of_tasks_makes_the_corpus_of_one_process(
    inputs: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    expected = in_one(inputs, tokenizer, tmp_path)
    assert len(expected) > 6
    for tasks in (1, 2, 3):
        out = tmp_path / f"tasks-{tasks}"
        corpus_of(inputs, out, tokenizer, Sharing("local", tasks, workers=1))
        assert content(out) == expected
        assert not unfinished(out).exists()


def test_two_processes_make_it_too(inputs: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    corpus_of(inputs, tmp_path / "two", tokenizer, Sharing("local", 3, workers=2))
    assert content(tmp_path / "two") == in_one(inputs, tokenizer, tmp_path)


def test_tasks_have_files_in_a_row_and_about_as_many_bytes() -> None:
    sources = tuple({"path": str(number), "bytes": size, "modified": 0} for number, size in enumerate([5, 1, 1, 1, 4]))
    plan = {
        **{name: value for name, value in ARGUMENTS.items() if name != "separator"},
        "tokenizer": "",
        "vocabulary": 9,
        "dtype": "<u2",
        "separator_id": None,
        "document_characters": 9,
    }
    given = {"plan": plan, "sources": sources, "tasks": 3, "folder": ".", "allow_unknown": False}
    job = Job.model_validate({**given, "problems": {"counts": {}, "first": []}})
    assert [[source.path for source in job.share(each)] for each in range(3)] == [["0"], ["1", "2", "3"], ["4"]]


class Counting:
    """A tokenizer that counts the texts it reads, and fails after so many."""

    def __init__(self, tokenizer: Tokenizer, most: int) -> None:
        self._tokenizer, self.read, self._most = tokenizer, 0, most

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def encode(self, text: str) -> list[int]:
        if len(text) > 1:  # else it is looked up whether a character is known
            self.read += 1
        if self.read > self._most:
            raise KeyboardInterrupt
        return self._tokenizer.encode(text)


def test_what_an_interrupted_run_has_done_is_not_done_again(
    inputs: Path, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, sharing = tmp_path / "out", Sharing("local", 4, workers=1)
    counting = Counting(tokenizer, 15)
    monkeypatch.setattr(task.Tokenizer, "load", lambda folder: counting)
    with pytest.raises(KeyboardInterrupt):
        shared(inputs, out, tokenizer, sharing)
    assert not out.exists()
    with pytest.raises(DataError, match=r"2 of 4 tasks are not done, the first 2"):
        join(unfinished(out))
    counting = Counting(tokenizer, 1000)
    corpus_of(inputs, out, tokenizer, sharing)
    assert counting.read == 22 - 11  # texts, but for those of the first two tasks
    assert content(out) == in_one(inputs, tokenizer, tmp_path)


def test_a_task_whose_files_are_damaged_is_done_again(
    inputs: Path, tokenizer: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, sharing = tmp_path / "out", Sharing("slurm", 2, dry_run=True)
    shared(inputs, out, tokenizer, sharing)
    parts = unfinished(out)
    for number in range(2):
        task.run_task(parts, "encode", number)
    next(outcome_path(parts, 1).parent.glob("*.train.ds")).write_bytes(b"cut off")
    with caplog.at_level(logging.WARNING):
        corpus_of(inputs, out, tokenizer, Sharing("local", workers=1))
    assert "is damaged or missing; its documents are done again" in caplog.text
    assert content(out) == in_one(inputs, tokenizer, tmp_path)


def test_other_files_or_another_number_of_tasks_do_not_go_on_with_what_is_there(
    inputs: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shared(inputs, out, tokenizer, Sharing("slurm", 2, dry_run=True))
    with pytest.raises(DataError, match=r"has 2 tasks, not 3; give --tasks 2"):
        shared(inputs, out, tokenizer, Sharing("local", 3))
    (inputs / "last.txt").write_text("other words")
    with pytest.raises(DataError, match=r"last\.txt has changed since the work on it began"):
        task.run_task(unfinished(out), "encode", 1)
    with pytest.raises(DataError, match=r"was made of other files, or they changed since"):
        shared(inputs, out, tokenizer, Sharing("local", 2))


def test_an_error_in_a_task_is_one_line_that_names_the_file(
    inputs: Path, tokenizer: Tokenizer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (inputs / "2.jsonl").write_bytes(b"{\0}\n")
    with pytest.raises(DataError, match=r"2\.jsonl:1: ") as caught:
        shared(inputs, tmp_path / "out", tokenizer, Sharing("local", 4, workers=1))
    assert "\n" not in str(caught.value)
    assert "Traceback" not in capfd.readouterr().err


SBATCH = """#!/bin/bash
# Does the tasks of a job at once; prints its number as Slurm does with --parsable.
array= wrap=
for word in "$@"; do
    case "$word" in --array=*) array=${word#--array=} ;; --wrap=*) wrap=${word#--wrap=} ;; esac
done
echo "${@/--wrap=*/}" >> "$CALLS"
for part in $(tr , ' ' <<< "${array%%%*}"); do
    for task in $(seq "${part%-*}" "${part#*-}"); do SLURM_ARRAY_TASK_ID=$task bash -c "$wrap" >&2 || exit 1; done
done
[ -n "$array" ] || bash -c "$wrap" >&2 || exit 1
echo "$(wc -l < "$CALLS");cluster"
"""


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `sbatch` that does the work at once; the file with the words that it was called with."""
    programs, calls = tmp_path / "programs", tmp_path / "calls"
    programs.mkdir()
    (programs / "sbatch").write_text(SBATCH)
    (programs / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(calls))
    return calls


def test_the_script_for_slurm_does_what_is_left_and_makes_the_corpus(
    inputs: Path, tokenizer: Tokenizer, tmp_path: Path, sbatch: Path
) -> None:
    out = tmp_path / "o'ut"
    sharing = Sharing("slurm", 2, workers=2, sbatch="--time 1:00:00", dry_run=True)
    first = shared(inputs, out, tokenizer, sharing)
    assert isinstance(first, Submitted)
    assert first.lines() == [
        f"script written to {out}.slurm/prepare.sh; nothing is submitted",
        f"to submit its jobs: bash {shlex.quote(f'{out}.slurm/prepare.sh')}",
    ]
    assert "--array=0-1%2" in first.script.read_text()
    assert not sbatch.exists()
    task.run_task(unfinished(out), "encode", 1)
    shared(inputs, out, tokenizer, sharing)
    ran = subprocess.run(["bash", str(first.script)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "foretext-encode: job 1\nforetext-join: job 2\n"
    encode, join = sbatch.read_text().splitlines()
    for options in ("--array=0%2", "--time 1:00:00", "--parsable", "--kill-on-invalid-dep=yes"):
        assert options in encode
    assert "--dependency" not in encode
    assert "--dependency=afterok:1 " in join
    assert content(out) == in_one(inputs, tokenizer, tmp_path)


def test_with_minhash_each_stage_of_slurm_waits_for_the_one_before(
    inputs: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    pytest.importorskip("spacy")
    found = shared(inputs, tmp_path / "out", tokenizer, Sharing("slurm", 3, dry_run=True), minhash=True)
    assert isinstance(found, Submitted)
    script = found.script.read_text()
    assert subprocess.run(["bash", "-n", str(found.script)], check=False).returncode == 0
    names = [line.split(":")[0].removeprefix('echo "') for line in script.splitlines() if line.startswith("echo")]
    assert names == [f"foretext-{stage}" for stage in ("sign", "match", "cluster", "encode", "join")]
    assert [word for word in script.split() if word.startswith("--array=")] == [
        "--array=0-2",
        "--array=0-13",
        "--array=0",
        "--array=0-2",
    ]


def test_a_job_that_slurm_does_not_take_is_an_error(
    inputs: Path, tokenizer: Tokenizer, tmp_path: Path, sbatch: Path
) -> None:
    (tmp_path / "programs/sbatch").write_text("#!/bin/bash\necho 'sbatch: error: invalid partition' >&2\nexit 1\n")
    with pytest.raises(ForetextError, match=r"could not submit all jobs: sbatch: error: invalid partition"):
        shared(inputs, tmp_path / "out", tokenizer, Sharing("slurm", 3))


@pytest.mark.slow
def test_a_real_ray_makes_the_corpus_of_one_process(inputs: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
    corpus_of(inputs, tmp_path / "ray", tokenizer, Sharing("ray", 3, workers=2))
    assert content(tmp_path / "ray") == in_one(inputs, tokenizer, tmp_path)


@pytest.mark.parametrize(
    ("sharing", "given", "lacking", "message"),
    [
        (Sharing("local"), {}, "datatrove", r"--executor local needs datatrove: pip install 'foretext\[scale\]'"),
        (Sharing("local"), {"minhash": True}, "spacy", r"needs spacy: pip install 'foretext\[scale\]'"),
        (Sharing("ray", 2), {}, "ray", r"--executor ray needs ray: pip install 'foretext\[scale\]' ray"),
        (Sharing("slurm", 2), {}, "", r"--executor slurm needs sbatch, which is not found here; --dry-run"),
        (Sharing("slurm", dry_run=True), {}, "", r"--executor slurm needs --tasks"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_done(
    sharing: Sharing,
    given: dict[str, Any],
    lacking: str,
    message: str,
    inputs: Path,
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(preparing, "find_spec", lambda name: None if name == lacking else real(name))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match=message):
        shared(inputs, tmp_path / "out", tokenizer, sharing, **given)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--executor local --dedup", "--dedup compares each document with all before it"),
        ("--minhash", "--minhash is for work in tasks: give --executor local, slurm or ray too"),
        ("--executor local --dry-run", "--dry-run means something with --executor slurm alone"),
        ("--executor slurm --copy-to memory://store", "the same command with --executor local copies it"),
        ("--executor local --filters c4-quality --filters c4-quality", "--filters names one twice"),
        ("--executor local --filters c5", "filters is 'c5' (--filters); it should be 'gopher-quality'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    flags: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["prepare", "texts", "--tokenizer", "mini", "--out", str(tmp_path / "out"), *flags.split()]
    assert main(given) == 2
    assert message in capsys.readouterr().err


def test_minhash_refuses_a_folder_in_which_datatrove_finds_nothing(
    inputs: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    pytest.importorskip("spacy")
    with pytest.raises(SettingsError, match=r"--minhash works in no folder with \*, \? or \[ in its path"):
        shared(inputs, tmp_path / "out[1]", tokenizer, Sharing("local", 2), minhash=True)
    shared(inputs, tmp_path / "out", tokenizer, Sharing("slurm", 2, dry_run=True), minhash=True)
    with pytest.raises(DataError, match=r"left-out is not there any more"):
        task.run_task(unfinished(tmp_path / "out"), "encode", 0)


def test_the_call_from_python_does_not_submit_jobs(inputs: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(SettingsError, match=r"executor 'slurm' makes the corpus later"):
        foretext.prepare(str(inputs), out, tokenizer=tokenizer, executor="slurm", tasks=2, dry_run=True)
    assert not unfinished(out).exists()


def test_standard_input_is_not_shared(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="standard input cannot be read by several tasks"):
        shared(Path("-"), tmp_path / "out", tokenizer, Sharing("local", 2))
