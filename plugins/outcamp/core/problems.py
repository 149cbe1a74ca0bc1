"""What a rule says about a setting that it refuses, in a form that pydantic carries to its place in the file."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

KIND = "outcamp"


@dataclass(frozen=True)
class Problem:
    """One refused setting: what is wrong, where below the model that refuses it, and what to do about it."""

    message: str
    at: tuple[str | int, ...] = ()
    value: object = None
    closest: str | None = None
    next_step: str = ""


def refused(*problems: Problem) -> ValidationError:
    """Build the error that a pydantic validator raises to report these problems, each at its own place.

    A plain ``ValueError`` could neither name a field below the validator's own place, nor carry a next step.
    """
    return ValidationError.from_exception_data("campaign", [_line(problem) for problem in problems])


def _line(problem: Problem) -> InitErrorDetails:
    context = {"problem": problem.message, "closest": problem.closest, "next_step": problem.next_step}
    return InitErrorDetails(type=PydanticCustomError(KIND, "{problem}", context), loc=problem.at, input=problem.value)
