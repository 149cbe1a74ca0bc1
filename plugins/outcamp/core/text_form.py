"""Settings that a campaign file writes as text of a certain form, such as durations, shares and times of day."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BeforeValidator, ValidationInfo

from outcamp.core.problems import Problem, refused


def text_form(
    parse: Callable[[str], object], what: str, next_step: str, near: Callable[[str], str | None] | None = None
) -> BeforeValidator:
    """Build the validator that reads a text by its own parser, and takes nothing but text from a file.

    Args:
        parse: Returns the value, or raises ValueError with the reason.
        what: Names the form, for somebody who wrote something that is no text at all.
        next_step: Says how to write it.
        near: Returns the well-formed text that looks most like a wrong one.
    """

    def read(value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            try:
                return parse(value)
            except ValueError as error:
                closest = near(value) if near else None
                raise refused(Problem(str(error), value=value, closest=closest, next_step=next_step)) from None
        if info.mode == "json":
            raise refused(Problem(f"{what} is expected.", value=value, next_step=next_step))
        return value

    return BeforeValidator(read)
