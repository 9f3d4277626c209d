"""Fine-tuned models answer over HTTP until a signal ends it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from foretext.errors import SettingsError
from foretext.recipes.settings.serve import ServeSettings
from foretext.tasks.files.problems import counted

NEEDED = ("fastapi", "uvicorn", "prometheus_client")  # the extra `serve`
CHARACTERS = 1_000  # of an example that waits, on average, as far as there is room for them
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """How many examples were answered."""

    examples: int

    def lines(self) -> list[str]:
        return [f"{counted(self.examples, 'example')} answered"]

    def to_json(self) -> dict[str, Any]:
        return {"examples": self.examples}


def serve(settings: ServeSettings) -> Served:
    """Answers at `host` and `port` with the models, until SIGINT, SIGTERM or SIGHUP; docs/serve.md says how to ask.

    Raises:
        SettingsError: the extra `serve` is not installed, the port is taken, or two models have one name.
        ModelError: a model is missing, damaged, or has no task.
        Stopped: requests were left without answers at the end.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        parts = ", ".join(name.replace("_", "-") for name in missing)
        raise SettingsError(f"the server needs {parts}: pip install 'foretext[serve]'")
    from foretext.server.app import Server, Serving
    from foretext.server.guard import Rules
    from foretext.server.hosted import load_hosted
    from foretext.server.listening import bound, listen, url_of
    from foretext.server.logs import json_lines
    from foretext.server.worker import Limits

    if not settings.models:
        raise SettingsError("no model is given; name the folder of a fine-tuned run")
    with bound(settings.host, settings.port) as listening, json_lines():
        hosted = load_hosted(settings.models, device=settings.device, precision=settings.precision)
        rules = Rules(
            token=settings.token.get_secret_value() if settings.token else None,
            names=(settings.host, *settings.host_name),
            origins=settings.origin,
            most_bytes=settings.max_bytes,
        )
        limits = Limits(
            examples=settings.max_waiting,
            characters=CHARACTERS * settings.max_waiting,
            wait=settings.batch_wait / 1_000,
            tokens_per_batch=settings.tokens_per_batch,
        )
        server = Server(Serving(hosted, rules, limits, settings.max_examples, settings.answer_seconds))
        if settings.token is None and settings.host not in THIS_MACHINE:
            log.warning("whoever reaches %s may ask: there is no token", url_of(listening))
        listen(server, listening, grace=settings.grace)
    return Served(server.answered)
