"""Why a request gets no answers: the status, a word for programs, a sentence for people, and the field it is about."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request is not answered; `field` is the part of it that is wrong, `retry_after` seconds to wait."""

    def __init__(self, status: int, code: str, message: str, *, field: str = "", retry_after: int = 0) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.field, self.retry_after = field, retry_after

    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        return {"Retry-After": str(self.retry_after)} if self.retry_after else {}

    def to_json(self, request_id: str) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        return {"error": error | ({"field": self.field} if self.field else {}), "request_id": request_id}


def invalid(message: str, field: str = "") -> Refused:
    """The request is understood, and what it asks cannot be answered."""
    return Refused(422, "invalid", message, field=field)


def too_large(message: str, field: str = "") -> Refused:
    """The request is larger than what one may be."""
    return Refused(413, "too_large", message, field=field)


def bug() -> Refused:
    """Something that nobody thought of."""
    return Refused(500, "bug", "this is a bug in foretext; the server's log has it under this id")
