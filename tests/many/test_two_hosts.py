"""Two hosts that the test makes itself: network namespaces, joined by a pair of virtual cards whose link it can cut."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.pretrain import PretrainSettings

from .test_ends import at_update
from .test_same import assert_same_run
from .together import Together

Pretraining = Callable[..., PretrainSettings]
NETWORK = 0x40000000  # CLONE_NEWNET
HOSTS = {"one": "10.213.7.1", "two": "10.213.7.2"}


class Hosts:
    """Two network namespaces by the name of each of `HOSTS`, and a link between them."""

    def __init__(self) -> None:
        self.mark = f"ft{os.getpid() % 100_000}"

    def run(self, *words: str) -> None:
        """Runs `ip`; `one` and `two` stand for the namespaces' names, `card-one` and `card-two` for their cards."""
        names = {name: f"{self.mark}-{name}" for name in HOSTS} | {
            f"card-{name}": f"{self.mark}{name}" for name in HOSTS
        }
        subprocess.run(["ip", *(names.get(word, word) for word in words)], check=True, capture_output=True, timeout=20)

    def begin(self) -> None:
        """Makes them."""
        for name in HOSTS:
            self.run("netns", "add", name)
        self.run("link", "add", "card-one", "type", "veth", "peer", "name", "card-two")
        for name, address in HOSTS.items():
            self.run("link", "set", f"card-{name}", "netns", name)
            for words in (
                ("addr", "add", f"{address}/24", "dev", f"card-{name}"),
                ("link", "set", f"card-{name}", "up"),
                ("link", "set", "lo", "up"),
            ):
                self.run("-n", name, *words)

    def link(self, state: str) -> None:
        """Cuts the link (down) or joins it again (up)."""
        self.run("-n", "one", "link", "set", "card-one", state)

    def end(self) -> None:
        """Takes them away."""
        for name in HOSTS:
            self.run("netns", "del", name)

    def enter(self, name: str) -> None:
        """Has this process be on one of the hosts from now on."""
        place = os.open(f"/var/run/netns/{self.mark}-{name}", os.O_RDONLY)
        assert ctypes.CDLL(None).setns(place, NETWORK) == 0
        os.close(place)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """Two hosts with a link."""
    made = Hosts()
    try:
        made.begin()
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no network namespaces can be made here: {error}")
    try:
        yield made
    finally:
        made.end()


def start(hosts: Hosts, settings: PretrainSettings, begun: Path, *, wait_seconds: float) -> Together:
    """A training in two processes, one on each host; `begun` is there when it is in its eighth update."""

    def enter(rank: int) -> None:
        hosts.enter(list(HOSTS)[rank])

    def work(rank: int) -> str:
        at_update(8, 0, begun.touch)
        at_update(9, 0, lambda: time.sleep(5))  # in which the link is cut
        return str(pretrain(settings).folder)

    return Together(2, work, wait_seconds=wait_seconds, enter=enter, address=HOSTS["one"], local=False)


def wait_for(file: Path) -> None:
    """Goes on when the file is there."""
    end = time.monotonic() + 120
    while not file.exists():
        assert time.monotonic() < end, f"{file} does not come"
        time.sleep(0.05)


def test_a_host_that_is_cut_off_and_comes_back_costs_nothing(hosts: Hosts, pretraining: Pretraining, tmp_path: Path):
    pretrain(pretraining(tmp_path / "one"))
    processes = start(hosts, pretraining(tmp_path / "many"), tmp_path / "begun", wait_seconds=100)
    wait_for(tmp_path / "begun")
    hosts.link("down")
    threading.Timer(10.0, hosts.link, ["up"]).start()
    ended = processes.ended()
    assert not [each for each in ended if each.error], ended
    assert_same_run(tmp_path / "one", tmp_path / "many")


def test_a_host_that_stays_away_is_named_and_the_run_goes_on_when_it_returns(
    hosts: Hosts, pretraining: Pretraining, tmp_path: Path
):
    pretrain(pretraining(tmp_path / "one"))
    cut = pretraining(tmp_path / "many", checkpoint_every=4)
    processes = start(hosts, cut, tmp_path / "begun", wait_seconds=10)
    wait_for(tmp_path / "begun")
    hosts.link("down")
    ended = processes.ended()
    assert [each.error for each in ended] == ["LostProcess", "LostProcess"]
    assert "process 1 (pid " in ended[0].message
    assert "did not come within 10 seconds" in ended[0].message
    hosts.link("up")
    again = pretraining(tmp_path / "many", checkpoint_every=4, resume=True)
    processes = start(hosts, again, tmp_path / "again", wait_seconds=300)
    assert not [each for each in processes.ended() if each.error]
    assert_same_run(tmp_path / "one", tmp_path / "many")


def test_a_process_that_is_killed_on_the_other_host_is_named(hosts: Hosts, pretraining: Pretraining, tmp_path: Path):
    processes = start(hosts, pretraining(tmp_path / "run"), tmp_path / "begun", wait_seconds=300)
    wait_for(tmp_path / "begun")
    os.kill(processes.pids[1], signal.SIGKILL)
    ended = processes.ended()
    assert "process 1 (pid " in ended[0].message
