"""Which processes were started is read from what torchrun and srun say, and from nothing less."""

from __future__ import annotations

import pytest

from foretext.errors import SettingsError, UnknownName
from foretext.launched import Launch, first_host, launched, per_node

TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "a"}
STEP = {
    "SLURM_JOB_ID": "7",
    "SLURM_NTASKS": "3",
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "2,1",
    "SLURM_STEP_NODELIST": "node[03-04]",
}
ALLOCATION = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "4", "SLURM_JOB_NAME": "x"}


def test_a_process_that_nobody_else_was_started_with_is_alone():
    assert launched({}) == Launch()


def test_torchrun_says_where_a_process_stands():
    assert launched({**TORCHRUN, "MASTER_PORT": "5", "TORCHELASTIC_RESTART_COUNT": "2"}) == Launch(
        rank=3, world=4, local_rank=1, local_world=2, address="a", port=5, restarts=2
    )


def test_srun_says_where_a_process_stands():
    found = launched(STEP)
    assert (found.rank, found.world, found.local_rank, found.local_world) == (2, 3, 0, 1)
    assert (found.address, found.port) == ("node03", 15_007)
    assert found.decided == "srun started 3 processes, which share the work"


@pytest.mark.parametrize("further", [{}, {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}])
def test_the_tasks_of_a_job_alone_start_nobody_and_that_is_said(further: dict[str, str]):
    found = launched({**ALLOCATION, **further})
    assert found.world == 1
    assert "the Slurm job has 4 tasks, and this process is the only one of its step" in found.decided


def test_a_person_can_decide_otherwise():
    assert launched({**STEP, "FORETEXT_LAUNCHER": "none"}) == Launch()
    assert launched({**STEP, **TORCHRUN, "FORETEXT_LAUNCHER": "srun"}).rank == 2
    with pytest.raises(UnknownName, match="did you mean 'torchrun'"):
        launched({"FORETEXT_LAUNCHER": "torchrum"})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"WORLD_SIZE": "2"}, "RANK is not set"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "LOCAL_RANK is not set"),
        ({**TORCHRUN, "RANK": "4"}, "process 4 of 4"),
        ({**TORCHRUN, "RANK": "one"}, "RANK should be a number, not 'one'"),
        ({key: value for key, value in STEP.items() if key != "SLURM_PROCID"}, "SLURM_PROCID is not set"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_do(given: dict[str, str], told: str):
    with pytest.raises(SettingsError, match=told) as refused:
        launched(given)
    assert "torchrun" in str(refused.value) or "FORETEXT_LAUNCHER=none" in str(refused.value)


@pytest.mark.parametrize(
    ("listed", "host"),
    [("node[03-05,9],other", "node03"), ("one,two", "one"), ("gpu-[7]", "gpu-7"), ("alone", "alone")],
)
def test_the_first_host_of_a_list(listed: str, host: str):
    assert first_host(listed) == host


def test_tasks_of_each_node():
    assert per_node("2(x3),1") == [2, 2, 2, 1]
