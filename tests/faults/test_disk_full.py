"""A disk that fills up ends a command with one clear line, and after room was made it goes on to the same bits."""

from __future__ import annotations

import pytest

from foretext.errors import DiskFull

from .planted import GROWS
from .points import a_point
from .runs import differences, ends_well, speaks_plainly
from .works import WORKS

POINTS = {"pretrain": 4, "finetune": 2, "prepare": 3, "learn-tokenizer": 1, "predict": 2}
PLACES = [(name, number) for name, points in POINTS.items() for number in range(points)]


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, most in POINTS.items() for number in range(most)]
)
def test_a_full_disk_ends_it_with_one_line_and_it_goes_on_to_the_same_bits(
    name, number, foretext, undisturbed, new_folder
):
    work, whole, folder = WORKS[name], undisturbed(name), new_folder()
    takes_space = tuple(event for event in whole.ended.events if event.split()[0] in GROWS)
    fault = a_point(takes_space, number, "ENOSPC", seed=name)
    ended = foretext(folder, work.arguments(folder), fault=fault)
    assert ended.code == DiskFull.exit_code, f"{fault}: {ended.told()}"
    assert "no space left" in ended.said.splitlines()[-1], f"{fault}: {ended.told()}"
    speaks_plainly(ended)
    ends_well(foretext(folder, work.arguments(folder)))
    assert differences(whole.folder, folder) == [], f"after {fault}"


@pytest.mark.parametrize("error", ["EDQUOT", "EIO", "EROFS"])
def test_other_errors_of_a_disk_end_it_as_well(error, foretext, undisturbed, new_folder):
    work, whole, folder = WORKS["pretrain"], undisturbed("pretrain"), new_folder()
    saves = tuple(event for event in whole.ended.events if event.startswith(("save", "write run/metrics")))
    fault = a_point(saves, 0, error, seed=error)
    ended = foretext(folder, work.arguments(folder), fault=fault)
    assert ended.code in (1, 2), f"{fault}: {ended.told()}"
    speaks_plainly(ended)
    ends_well(foretext(folder, work.arguments(folder)))
    assert differences(whole.folder, folder) == [], f"after {fault}"


def test_a_limit_on_the_size_of_files_ends_a_run_with_one_line(foretext, undisturbed, new_folder):
    work, whole, folder = WORKS["pretrain"], undisturbed("pretrain"), new_folder()
    between = (whole.folder / "run" / "model.safetensors").stat().st_size * 3 // 2  # Adam keeps two numbers a weight
    ended = foretext(folder, work.arguments(folder), largest_file=between)
    assert ended.code in (1, 2), ended.told()
    speaks_plainly(ended)
    ends_well(foretext(folder, work.arguments(folder)))
    assert differences(whole.folder, folder) == []
