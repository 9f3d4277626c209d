"""A folder holds one run: what does not fit it is refused in words, and a start in vain leaves no trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foretext.checkpoints.run_folder import RunFolder
from foretext.errors import InUse, SettingsError

IDENTITY = {"command": "pretrain", "settings": {"learning_rate": 1e-3, "updates": 20, "seed": 0}, "corpus": "c0ffee"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder in which a run has begun."""
    with RunFolder.hold(tmp_path / "run", IDENTITY, resume=False) as folder:
        folder.metrics.log({"update": 1, "loss": 2.0})
    return tmp_path / "run"


def changed(**settings: object) -> dict[str, object]:
    return {**IDENTITY, "settings": {**IDENTITY["settings"], **settings}}


def begin(path: Path, identity: object = IDENTITY, *, resume: bool = True, extend: bool = False) -> None:
    with RunFolder.hold(path, identity, resume=resume, extend=extend):  # type: ignore[arg-type]
        pass


def begin_in_vain(path: Path, identity: object, *, extend: bool) -> None:
    """A start that fails when all is written that a start writes."""
    with RunFolder.hold(path, identity, resume=False, extend=extend) as folder:  # type: ignore[arg-type]
        folder.checkpoints.path.mkdir(exist_ok=True)
        assert json.loads((path / "run.json").read_text()) == identity
        raise ZeroDivisionError


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("extend", [False, True])
def test_to_resume_where_there_is_no_run_is_an_error_that_names_the_one_beside_it(run: Path, extend: bool):
    with pytest.raises(SettingsError, match=r"there is no folder .*/rnu, .* nothing to resume; did you mean .*/run\?"):
        begin(run.with_name("rnu"), extend=extend)
    assert [path.name for path in run.parent.iterdir()] == ["run"]


def test_to_begin_where_there_is_a_run_is_an_error(run: Path):
    before = content(run)
    with pytest.raises(SettingsError, match="already holds a run; add --resume"):
        begin(run, resume=False)
    assert content(run) == before


def test_to_begin_among_other_files_is_an_error(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SettingsError, match="is not empty and holds no run"):
        begin(tmp_path, resume=False)
    assert content(tmp_path) == {"thesis.txt": b"mine"}


def test_a_changed_setting_is_named_alone(run: Path):
    before = content(run)
    with pytest.raises(SettingsError, match=r"begun otherwise: learning rate: 0\.001 before, 0\.0005 now; give what"):
        begin(run, changed(learning_rate=5e-4))
    assert content(run) == before


def test_several_have_a_line_each(run: Path):
    with pytest.raises(SettingsError) as told:
        begin(run, {**changed(seed=1), "corpus": "0ther"})
    assert "\n  seed: 0 before, 1 now\n  the corpus is another one\n" in str(told.value)


def test_another_length_is_offered_to_extend_and_taken_by_it(run: Path):
    with pytest.raises(SettingsError, match=r"updates: 20 before, 30 now; .*--extend instead of --resume"):
        begin(run, changed(updates=30))
    begin(run, changed(updates=30), extend=True)
    with pytest.raises(SettingsError, match="seed: 0 before, 1 now"):
        begin(run, changed(updates=40, seed=1), extend=True)


def test_what_an_earlier_version_does_not_name_was_as_that_version_had_it(run: Path):
    """A setting, or a table of them, that came later; what stands elsewhere is not meant."""
    now = changed(schedule="cosine", optimizer={"optimizer": "adam", "betas": (0.9, 0.99)})
    unnamed = {"schedule": "cosine", "optimizer": "adam", "betas": (0.9, 0.99), "start": "c0ffee"}
    with RunFolder.hold(run, now, resume=True, unnamed=unnamed):
        pass
    with (
        pytest.raises(SettingsError, match="begun otherwise: optimizer: adam before, muon now;"),
        RunFolder.hold(run, changed(optimizer={"optimizer": "muon"}), resume=True, unnamed=unnamed),
    ):
        pass
    with (
        pytest.raises(SettingsError, match="the model to start from is another one"),
        RunFolder.hold(run, {**now, "start": "c0ffee"}, resume=True, unnamed=unnamed),
    ):
        pass


def test_a_start_that_fails_before_its_first_update_leaves_nothing(tmp_path: Path):
    with pytest.raises(ZeroDivisionError):
        begin_in_vain(tmp_path / "new" / "run", IDENTITY, extend=False)
    assert list(tmp_path.iterdir()) == []


def test_a_resume_that_fails_before_its_first_update_leaves_the_folder_as_it_was(run: Path):
    before = content(run)
    with pytest.raises(ZeroDivisionError):
        begin_in_vain(run, changed(updates=30), extend=True)
    assert content(run) == before


def test_one_run_is_in_a_folder_at_a_time(run: Path):
    with RunFolder.hold(run, IDENTITY, resume=True), pytest.raises(InUse, match="is in use by pid"):
        begin(run)
