"""The one thread that computes: examples of requests that wait at the same time go through the model together.

What waits is bounded. A job is what one request asks; jobs take turns, so that a short one does not wait for a long
one. Whoever asked has the job itself, in which each answer has its example's place: none can reach another asker.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from foretext.errors import ForetextError
from foretext.server.refusals import Refused, invalid
from foretext.serving.predictor import CPU_TOKENS_PER_BATCH, Prediction, Predictor, one_by_one
from foretext.tasks.batching import TOKENS_PER_BATCH
from foretext.tasks.encode import encode
from foretext.tasks.examples import Encoded, Example
from foretext.tasks.unread import Unread

TURN = 16  # examples of one job that go into a batch before those of the next job
LONGEST_RETRY = 60  # seconds
RATE = 2_000.0  # characters a second, until it is known how fast this model is here
NEWEST = 0.3  # weight of the last batch in the rate

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """What one request asks, and what is known of the answers."""

    predictor: Predictor
    examples: Sequence[Example]
    allow_unknown: bool = False
    done: Future[None] = field(default_factory=Future)
    answers: dict[int, Prediction] = field(default_factory=dict)  # by the place of the example
    encoded: list[Encoded] = field(default_factory=list)
    unread: Unread | None = None
    left: deque[int] = field(default_factory=deque)  # places that no batch has yet
    characters: int = field(init=False)
    dropped: bool = False

    def __post_init__(self) -> None:
        self.characters = sum(len(text) for one in self.examples for text in (*one.texts, *one.choices))
        self.left.extend(range(len(self.examples)))

    @property
    def over(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.dropped or self.done.done()

    def predictions(self) -> list[Prediction]:
        """The answers of a job that is done, in the order of the examples."""
        assert sorted(self.answers) == list(range(len(self.examples))), "every example has its answer"
        return [self.answers[place] for place in range(len(self.examples))]


def is_finite(prediction: Prediction) -> bool:
    """Whether all numbers of a prediction are."""
    values = (prediction.label, *(prediction.probabilities or {}).values())
    return all(math.isfinite(value) for value in values if isinstance(value, float))


Place = tuple[Job, int]  # one example of a job


@dataclass(frozen=True)
class Limits:
    """How much may wait, and how examples are gathered."""

    examples: int = 4_000  # that wait or are computed, of all jobs together
    characters: int = 4_000_000
    wait: float = 0.005  # seconds that a batch which is not full waits for more, unless jobs come one at a time
    tokens_per_batch: int = 0  # 0: what suits the device


class Worker:
    """Takes jobs from any thread and computes them in one of its own, between `start` and `stop`."""

    def __init__(self, limits: Limits, *, saw_batch: Callable[[int, int], None] = lambda examples, jobs: None) -> None:
        self.limits = limits
        self.waiting = 0  # examples
        self._characters = 0
        self._saw_batch = saw_batch
        self._jobs: deque[Job] = deque()
        self._held: set[Job] = set()
        self._changed = threading.Condition()
        self._stopping = False
        self._rate = RATE
        self._together = False  # whether the last batch was of several jobs
        self._thread = threading.Thread(target=self._work, name="foretext-worker", daemon=True)

    def start(self) -> None:
        """Begins to compute."""
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether jobs are taken and computed."""
        return self._thread.is_alive() and not self._stopping

    @property
    def full(self) -> bool:
        """Whether there is no room for any job, however short."""
        return self.waiting >= self.limits.examples or self._characters >= self.limits.characters

    def submit(self, job: Job) -> None:
        """Has the job computed; `job.done` says when, or why not.

        Raises:
            Refused: too much waits already, or the work is at its end.
        """
        with self._changed:
            if not self.ready:
                raise Refused(503, "stopping", "the server is being stopped", retry_after=1)
            examples, characters = self.waiting + len(job.examples), self._characters + job.characters
            if self._held and (examples > self.limits.examples or characters > self.limits.characters):
                message = f"{self.waiting:,} examples are waiting, and there is no room for {len(job.examples):,} more"
                raise Refused(429, "busy", message, retry_after=self.retry_after())
            self.waiting, self._characters = examples, characters
            self._held.add(job)
            self._jobs.append(job)
            self._changed.notify()

    def drop(self, job: Job) -> None:
        """Nobody waits for the job any more: what no batch has yet is not computed."""
        with self._changed:
            job.dropped = True
            self._release(job)

    def stop(self, seconds: float = 1.0) -> None:
        """Ends the work when the batch at hand is done, or after so many seconds; jobs that wait get no answers."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        self._fail_all()

    def retry_after(self) -> int:
        """Seconds until what waits may be done."""
        return min(LONGEST_RETRY, max(1, math.ceil(self._characters / self._rate)))

    def _release(self, job: Job) -> None:
        if job in self._held:
            self._held.discard(job)
            self.waiting -= len(job.examples)
            self._characters -= job.characters
        if job in self._jobs:
            self._jobs.remove(job)

    def _work(self) -> None:
        try:
            while batch := self._gathered():
                began = time.monotonic()
                self._saw_batch(len(batch), len({id(job) for job, _ in batch}))
                self._answer(batch)
                self._learn_rate(batch, time.monotonic() - began)
        finally:
            self._fail_all()

    def _fail_all(self) -> None:
        with self._changed:
            self._stopping = True
            for job in list(self._held):
                self._end(job, Refused(503, "stopping", "the server stopped before this was answered", retry_after=1))

    def _gathered(self) -> list[Place]:
        """The next batch, of one model; nothing when the work is to end."""
        batch: list[Place] = []
        tokens, until = 0, math.inf
        # To wait for others is worth it where there are some: a client by itself never asks while it waits.
        wait = self.limits.wait if self._together or self._jobs else 0.0
        while job := self._next(batch[0][0].predictor if batch else None, until):
            until = min(until, time.monotonic() + wait)
            most = self._most_tokens(job.predictor)
            full = False
            for place in self._turn(job):
                size = sum(map(len, job.encoded[place].sequences))
                full = bool(batch) and tokens + size > most
                if full:
                    job.left.appendleft(place)
                    break
                batch.append((job, place))
                tokens += size
            with self._changed:
                if job.left and not job.over:
                    self._jobs.append(job)
            if full or tokens >= most:
                break
        self._together = any(job is not batch[0][0] for job, _ in batch)
        return batch

    def _next(self, predictor: Predictor | None, until: float) -> Job | None:
        """The next job of that model, or of any, as soon as there is one; None if none comes until then."""
        with self._changed:
            while True:
                if self._stopping:
                    return None
                for job in self._jobs:
                    if predictor is None or job.predictor is predictor:
                        self._jobs.remove(job)
                        return job
                if predictor is None:
                    self._changed.wait()
                elif self._jobs or not self._changed.wait(max(0.0, until - time.monotonic())):
                    return None  # others wait for another model, or nobody came

    def _turn(self, job: Job) -> Iterator[int]:
        """Takes some places of the job, which is encoded by then; none if that fails."""
        if not job.encoded:
            with self._blaming(job, None):
                self._encode(job)
        for _ in range(TURN):
            if job.over or not job.left:
                return
            yield job.left.popleft()

    def _encode(self, job: Job) -> None:
        predictor, job.unread = job.predictor, job.predictor.unread()
        encoded = encode(job.examples, predictor.schema, predictor.saved.tokenizer, predictor.gpt.settings.context)
        job.unread.add(job.examples, encoded)
        unknown = job.unread.unknown
        if unknown.too_many and not job.allow_unknown:
            what = unknown.counted("the examples")
            raise invalid(f'{what}; "allow_unknown": true has them answered all the same', "examples")
        job.encoded = encoded
        job.left = deque(sorted(job.left, key=lambda place: sum(map(len, encoded[place].sequences))))

    def _most_tokens(self, predictor: Predictor) -> int:
        on_cpu = predictor.gpt.embedding.device.type == "cpu"
        return self.limits.tokens_per_batch or (CPU_TOKENS_PER_BATCH if on_cpu else TOKENS_PER_BATCH)

    def _answer(self, batch: Sequence[Place]) -> None:
        """Answers the examples of a batch; where the model fails, one by one, so that only the culprit is blamed."""
        batch = [(job, place) for job, place in batch if not job.over]
        if len(batch) == 1:
            with self._blaming(*batch[0]):
                self._ask(batch)
        elif batch:
            try:
                self._ask(batch)
            except Exception:
                log.warning("a batch of %d examples failed; they are computed one by one", len(batch), exc_info=True)
                for one in batch:
                    self._answer([one])

    @contextmanager
    def _blaming(self, job: Job, place: int | None) -> Iterator[None]:
        """Ends the job with whatever is raised in the block about it, or about one of its examples."""
        part = "examples" if place is None else f"examples[{place}]"
        try:
            yield
        except (Refused, ForetextError) as error:
            self._end(job, error if isinstance(error, Refused) else invalid(str(error), part))
        except Exception:
            log.exception("the model failed on an example")
            self._end(job, invalid("the model cannot compute this; the server's log says why", part))

    def _ask(self, batch: Sequence[Place]) -> None:
        predictor = batch[0][0].predictor
        found = predictor.answer([job.encoded[place] for job, place in batch], tokens_per_batch=1 << 30)
        assert len(found) == len(batch), "an answer for each example"
        predictions = list(one_by_one(found))
        if len(batch) > 1 and not all(map(is_finite, predictions)):
            raise ArithmeticError("what is not finite reaches the other examples of its batch")
        for (job, place), prediction in zip(batch, predictions, strict=True):
            job.answers[place] = prediction
            if len(job.answers) == len(job.examples):
                self._end(job)

    def _end(self, job: Job, error: Exception | None = None) -> None:
        with self._changed:
            self._release(job)
            with suppress(InvalidStateError):  # it was ended before
                if error is None:
                    job.done.set_result(None)
                else:
                    job.done.set_exception(error)

    def _learn_rate(self, batch: Sequence[Place], seconds: float) -> None:
        examples = [job.examples[place] for job, place in batch]
        characters = sum(len(text) for one in examples for text in (*one.texts, *one.choices))
        self._rate += NEWEST * (characters / max(seconds, 1e-6) - self._rate)
