"""What /metrics counts, for Prometheus. No label holds what a client wrote."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

__all__ = ["CONTENT_TYPE", "Measures"]


class Measures:
    """Counters of one server."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        here = self.registry = CollectorRegistry()
        labels = ["route", "method", "status"]
        self.requests = Counter("foretext_requests", "Requests answered, refused or left.", labels, registry=here)
        self.seconds = Histogram(
            "foretext_request_seconds", "From a request to its answer.", ["route"], buckets=SECONDS, registry=here
        )
        self.examples = Counter("foretext_examples", "Examples answered.", ["model"], registry=here)
        self.batch_examples = Histogram(
            "foretext_batch_examples", "Examples computed together.", buckets=SIZES, registry=here
        )
        self.batch_requests = Histogram(
            "foretext_batch_requests", "Requests that shared a batch.", buckets=SIZES, registry=here
        )
        about = "Examples that wait or are being computed."
        Gauge("foretext_waiting_examples", about, registry=here).set_function(waiting)

    def saw_batch(self, examples: int, jobs: int) -> None:
        """Counts a batch."""
        self.batch_examples.observe(examples)
        self.batch_requests.observe(jobs)

    def page(self) -> bytes:
        """All of it in the text format of Prometheus."""
        return generate_latest(self.registry)
