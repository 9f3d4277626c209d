"""What a run keeps of itself: the same checkpoints, wherever it was cut off."""

from __future__ import annotations

import pytest

from foretext.checkpoints.run_checkpoints import RunCheckpoints

UPDATES, EVERY = 120, 6  # more than the watch waits until it calls a checkpoint sound


@pytest.fixture
def kept_after_a_cut(tmp_path, trainer, monkeypatch):
    """The updates whose checkpoints are there at the end of a run that was cut off before its n-th prune."""
    prune = RunCheckpoints.prune

    def kept(number: int) -> list[int]:
        left = iter([False] * (number - 1) + [True])

        def cut(self, *arguments):
            if next(left, False):
                raise OSError(5, "power cut")
            prune(self, *arguments)

        folder, options = tmp_path / str(number), {"updates": UPDATES, "checkpoint_every": EVERY}
        monkeypatch.setattr(RunCheckpoints, "prune", cut)
        if number:
            with pytest.raises(OSError, match="power cut"):
                trainer(folder, **options).run()
        monkeypatch.setattr(RunCheckpoints, "prune", prune)
        made = trainer(folder, resume=bool(number), **options)
        made.run()
        return made.folder.checkpoints.updates()

    return kept


@pytest.mark.parametrize("number", [3, 9, 13, 16, 20])
def test_a_run_cut_off_before_older_checkpoints_went_ends_with_those_of_one_that_was_not(kept_after_a_cut, number):
    assert kept_after_a_cut(number) == kept_after_a_cut(0)
