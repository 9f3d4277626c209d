"""The processes that share one piece of work: who there are, what they tell each other, and how they end together.

What is decided is decided once: by all (`most`, `sums`), or by process 0 for all (`of_first`). These few numbers go
over the network by way of the CPU, so that an accelerator never waits for them.

Of an error all hear: whoever meets one notes it where all can read it and ends; the others, whose next exchange then
fails, find it there and end with the same exit code. One of them says it, process 0 where it met it too. A process that
is gone without a word, or does not come in time, is named.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from foretext.errors import ForetextError, LostProcess, OthersFailed, Stopped
from foretext.files import write_text
from foretext.interfaces import interface_to
from foretext.launched import Launch, launched

if TYPE_CHECKING:
    import torch

Found = TypeVar("Found")

WAIT_SECONDS = 1_800.0  # for the others: what torch waits for an exchange by default
WORD_SECONDS = 3.0  # for a word of what went wrong, where an exchange has failed
FIRST_SECONDS = 1.0  # that the others leave to process 0 to say what it may have met too
ANSWER_SECONDS = 10.0  # for the store to answer, beside what it is told to wait
SAID_SECONDS = 5.0  # for it to be said, before the others end: whoever starts them ends all when one does
# How torch words what goes wrong between processes.
BETWEEN_PROCESSES = ("gloo", "nccl", "connection", "timed out", "timeout", "process group", "store", "socket")
_IN_TIME = ("timed out", "timeout")


@dataclass(frozen=True)
class Group:
    """The processes of the work at hand, seen from one of them; one by itself needs nobody."""

    launch: Launch = field(default_factory=Launch)
    wait_seconds: float = WAIT_SECONDS
    store: Any = None  # of words that all can read
    sockets: frozenset[int] = frozenset()  # descriptors, over which processes exchange numbers
    cut_off: list[bool] = field(default_factory=list)  # something in it: the store cannot be reached from here

    @property
    def rank(self) -> int:
        """The number of this process; process 0 says and writes what is said and written."""
        return self.launch.rank

    @property
    def world(self) -> int:
        """How many processes there are."""
        return self.launch.world

    def most(self, values: Sequence[int]) -> list[int]:
        """The largest that any process gives, each number by itself."""
        return self._reduced(values, "MAX")

    def sums(self, values: Sequence[int]) -> list[int]:
        """The sums over all processes, each number by itself."""
        return self._reduced(values, "SUM")

    def wait(self) -> None:
        """Goes on when all processes are here."""
        self.most([0])

    def gathered(self, mine: bytes) -> list[bytes]:
        """What each process gives, in their order."""
        if self.world == 1:
            return [mine]
        import torch

        longest = max(1, self.most([len(mine)])[0])
        own = torch.zeros(longest + 8, dtype=torch.uint8)
        own[:8] = torch.frombuffer(bytearray(len(mine).to_bytes(8, "little")), dtype=torch.uint8)
        if mine:
            own[8 : 8 + len(mine)] = torch.frombuffer(bytearray(mine), dtype=torch.uint8)
        found = [torch.empty_like(own) for _ in range(self.world)]
        with self.meeting():
            torch.distributed.all_gather(found, own)
        texts = [each.numpy().tobytes() for each in found]
        return [text[8 : 8 + int.from_bytes(text[:8], "little")] for text in texts]

    def of_first(self, make: Callable[[], Found]) -> Found:
        """What process 0 makes, as JSON holds it; the others wait for it."""
        if self.world == 1:
            return make()
        mine = json.dumps(make()).encode() if self.rank == 0 else b""
        found: Found = json.loads(self.gathered(mine)[0])
        return found

    def gathered_json(self, mine: Any) -> list[Any]:
        """What each process gives, as JSON holds it, in their order."""
        return [mine] if self.world == 1 else [json.loads(text) for text in self.gathered(json.dumps(mine).encode())]

    def shared(self, items: Iterable[Found]) -> Iterator[tuple[int, Found, bool]]:
        """The items that this process works on, each with its number among all, and whether its result counts.

        Every process has as many: where they cannot be divided evenly, some do the first once more and drop it, since
        work in which processes meet is to be begun by all.
        """
        first: list[Found] = []
        count = 0
        for number, item in enumerate(items):
            first = first or [item]
            count += 1
            if number % self.world == self.rank:
                yield number, item, True
        if count % self.world and self.rank >= count % self.world:
            yield 0, first[0], False

    def broadcast(self, tensor: torch.Tensor) -> None:
        """Gives all processes the numbers that `tensor` has in process 0."""
        if self.world > 1:
            import torch

            with self.meeting():
                torch.distributed.broadcast(tensor, 0)

    def check_same(self, what: str, mine: str) -> None:
        """Nothing, if all processes give the same text.

        Raises:
            ForetextError: one has another.
        """
        texts = [text.decode() for text in self.gathered(mine.encode())]
        other = next((rank for rank, text in enumerate(texts) if text != texts[0]), None)
        if other is not None:
            raise ForetextError(
                f"{self.who(other)} has another {what} than {self.who(0)}: {_differing(texts[0], texts[other])}; all "
                "processes must be given the same settings, data and program"
            )

    def who(self, rank: int) -> str:
        """A process in words: its number, pid and host."""
        about = self._word(f"who/{rank}")
        return f"process {rank} ({about})" if about else f"process {rank}"

    @contextmanager
    def meeting(self) -> Iterator[None]:
        """An exchange in the block that fails is told as what it means: which process is gone, or failed.

        Raises:
            OthersFailed, LostProcess: another process is gone.
        """
        try:
            yield
        except RuntimeError as error:
            raise self.lost(error) from error

    def lost(self, error: BaseException) -> ForetextError:
        """What a failed exchange means."""
        first = self._first_error(WORD_SECONDS)
        if first is not None:
            return OthersFailed(first["message"], exit_code=first["code"])
        late = any(word in str(error).lower() for word in _IN_TIME)
        self._tell(f"waits/{self.rank}")
        gone = [rank for rank in range(self.world) if not self._comes(rank)]
        if not gone:
            return LostProcess(f"the processes have lost each other ({_short(error)}); {_AGAIN}")
        names = " and ".join(map(self.who, gone))
        is_late = f"did not come within {self.wait_seconds:g} seconds" if late else "ended without a word"
        return LostProcess(f"{names} {is_late}: killed, out of memory, or cut off from the network; {_AGAIN}")

    def heard(self, error: BaseException) -> BaseException:
        """The error that this process is to end with: its own to say, or one that another process says."""
        if self._is_between_processes(error):
            error = self.lost(error)
        if isinstance(error, SystemExit) or self.store is None:
            return error
        code, message = _outcome(error)
        self._tell(f"error/{self.rank}")
        told = isinstance(error, OthersFailed) or (self.rank and self._comes_to("error/0", FIRST_SECONDS))
        first = self._first_error(FIRST_SECONDS) if told else None
        if first is None and self._claims({"rank": self.rank, "code": code, "message": message}):
            self._note(message)
            self._cut()
            return error
        first = first or self._first_error(FIRST_SECONDS)
        if first is not None:
            code, message = first["code"], first["message"]
        self._note(message)
        self._cut()
        self._comes_to("said", SAID_SECONDS)
        _failed_elsewhere.append(self)
        self._tell(f"over/{self.rank}")
        return OthersFailed(message, exit_code=code)

    def said(self) -> None:
        """Tells the others that this process has said what there was to say, so that all may end."""
        if self.store is None:
            return
        self._tell("said")
        if self.rank == 0:  # with it the store may go
            others = [f"over/{rank}" for rank in range(1, self.world)]
            self._asked(lambda: self.store.wait(others, timedelta(seconds=SAID_SECONDS)), SAID_SECONDS)

    def _reduced(self, values: Sequence[int], how: str) -> list[int]:
        if self.world == 1:
            return list(values)
        import torch

        numbers = torch.tensor(values, dtype=torch.int64)
        with self.meeting():
            torch.distributed.all_reduce(numbers, getattr(torch.distributed.ReduceOp, how))
        return [int(number) for number in numbers]

    def _is_between_processes(self, error: BaseException) -> bool:
        if not isinstance(error, RuntimeError) or isinstance(error, ForetextError):
            return False
        return any(word in str(error).lower() for word in BETWEEN_PROCESSES)

    def _cut(self) -> None:
        """Ends the exchange with the others, so that none of them waits in it any longer."""
        for descriptor in self.sockets:
            with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as own:
                own.getpeername()  # raises where it listens only: gloo's thread does not bear the end of that
                own.shutdown(socket.SHUT_RDWR)

    def _claims(self, word: dict[str, Any]) -> bool:
        """Whether this process is the first to say what went wrong; one that is cut off says it in any case."""
        text = json.dumps(word)
        claimed = self._asked(lambda: self.store.compare_set("error", "", text), FIRST_SECONDS)
        return claimed is None or bool(claimed == text.encode())

    def _first_error(self, seconds: float) -> dict[str, Any] | None:
        found: dict[str, Any] | None = None
        if self._comes_to("error", seconds):
            found = json.loads(self._word("error") or "null")
        return found

    def _comes(self, rank: int) -> bool:
        """Whether that process is still there: it meets the same failure, and says so."""
        return rank == self.rank or self._comes_to(f"waits/{rank}", WORD_SECONDS)

    def _comes_to(self, name: str, seconds: float) -> bool:
        """Whether somebody writes the word `name` within so many seconds."""
        return self._asked(lambda: self.store.wait([name], timedelta(seconds=seconds)) or True, seconds) is not None

    def _word(self, name: str) -> str:
        found = self._asked(lambda: self.store.get(name) if self.store.check([name]) else b"", FIRST_SECONDS)
        return (found or b"").decode()

    def _tell(self, name: str) -> None:
        """Writes the word `name`, which others wait for."""
        self._asked(lambda: self.store.set(name, "1"), FIRST_SECONDS)

    def _asked(self, ask: Callable[[], Any], seconds: float) -> Any:
        """What the store answers; None where that takes longer, or it is gone with its process.

        Across a network that is cut torch waits for ever, whatever it is told.
        """
        if self.store is None or self.cut_off:
            return None
        answers: list[Any] = []

        def asking() -> None:
            with suppress(RuntimeError):
                answers.append(ask())

        thread = threading.Thread(target=asking, name="asking the store", daemon=True)
        thread.start()
        thread.join(seconds + ANSWER_SECONDS)
        if thread.is_alive():
            self.cut_off.append(True)
        return answers[0] if answers else None

    def _note(self, message: str) -> None:
        """Leaves the message where torchrun looks for what its summary shows."""
        file = os.environ.get("TORCHELASTIC_ERROR_FILE")
        if file:
            extra = {"py_callstack": message, "timestamp": str(int(time.time()))}
            with suppress(ForetextError, OSError):
                write_text(Path(file), json.dumps({"message": {"message": message, "extraInfo": extra}}))


ALONE = Group()
_AGAIN = "the same command with --resume goes on from the last checkpoint"
_current = ALONE


def current() -> Group:
    """The processes that this one has joined; itself alone where there are none."""
    return _current


@contextmanager
def joined(launch: Launch | None = None, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[Group]:
    """The processes that were started for the work in the block, which end it together.

    Within another such block it is the group of that.

    Raises:
        LostProcess: not all of them came, or one of them is gone.
        OthersFailed: another process has failed, and says why.
        SettingsError: the launcher's variables make no sense.
    """
    global _current
    if _current.world > 1:
        yield _current
        return
    launch = launched() if launch is None else launch
    if launch.world == 1:
        yield ALONE
        return
    import torch

    group = _current = _join(launch, wait_seconds)
    try:
        yield group
        group.wait()
        torch.distributed.destroy_process_group()
    except BaseException as error:
        heard = group.heard(error)
        if heard is error:
            raise
        raise heard from error
    finally:
        _current = ALONE
        _ended.append(group)


_ended: list[Group] = []  # keeps the store, through which the last words go
_failed_elsewhere: list[Group] = []


def has_failed_elsewhere() -> bool:
    """Whether the work ends here by an error that another process says: whoever starts them then ends them all."""
    return bool(_failed_elsewhere)


def was_joined() -> bool:
    """Whether this process has worked with others that it has left."""
    return bool(_ended)


def where() -> str:
    """How what this process says begins: nothing in process 0, or alone; else its number and host.

    One that has not joined the others first leaves them time to say the same, as they do of a wrong setting.
    """
    try:
        launch = _ended[-1].launch if _ended else launched()
    except ForetextError:
        return ""
    if launch.rank == 0:
        return ""
    if not _ended:
        time.sleep(SAID_SECONDS)
    return f"process {launch.rank} on {socket.gethostname()}: "


def all_is_said() -> None:
    """Tells the other processes of the work that has ended here that its error is said."""
    for group in _ended:
        group.said()


def _join(launch: Launch, wait_seconds: float) -> Group:
    import torch.distributed as distributed
    from torch.distributed.rendezvous import rendezvous

    os.environ |= {
        "RANK": str(launch.rank),
        "WORLD_SIZE": str(launch.world),
        "LOCAL_RANK": str(launch.local_rank),
        "LOCAL_WORLD_SIZE": str(launch.local_world),
        "MASTER_ADDR": launch.address,
        "MASTER_PORT": str(launch.port),
    }
    if launch.local_world < launch.world and (card := interface_to(launch.address)):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", card)
    on_gpus = distributed.is_nccl_available() and _has_gpus()
    seconds = timedelta(seconds=wait_seconds)
    try:
        store, rank, world = next(rendezvous("env://", timeout=seconds))
        store.set_timeout(seconds)
        before = _sockets()
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpus else "gloo", store=store, rank=rank, world_size=world, timeout=seconds
        )
        store.set(f"who/{rank}", f"pid {os.getpid()} on {socket.gethostname()}")
    except RuntimeError as error:
        raise LostProcess(
            f"process {launch.rank} of {launch.world} waited {wait_seconds:g} seconds for the others at "
            f"{launch.address}:{launch.port}, and not all of them came ({_short(error)}); are all started, and can "
            "they reach each other?"
        ) from error
    return Group(launch, wait_seconds, store, frozenset(_sockets() - before))


def _sockets() -> set[int]:
    """The descriptors of the sockets of this process, on Linux; elsewhere none are known."""
    found = set()
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                    found.add(int(name))
    return found


def _has_gpus() -> bool:
    import torch

    return torch.cuda.is_available()


def _outcome(error: BaseException) -> tuple[int, str]:
    """The exit code and the words of an error."""
    if isinstance(error, ForetextError | Stopped):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return 130, "interrupted"
    return 1, f"{type(error).__name__}: {error}"


def _short(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def _differing(first: str, other: str) -> str:
    """Where two texts begin to differ, with some of what stands around."""
    place = next((k for k, (a, b) in enumerate(zip(first, other, strict=False)) if a != b), min(len(first), len(other)))
    start = max(0, place - 40)
    return f"…{other[start : place + 40]}…, not …{first[start : place + 40]}…"
