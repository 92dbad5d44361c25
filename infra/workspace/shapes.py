"""How does what pydantic refuses become a finding with file, line, value and rule?"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from replan.findings import Finding
from replan.infra.workspace.text_values import NotAValue

Path = tuple[str | int, ...]

MAX_VALUE_TEXT = 120


class StrictShape(BaseModel):
    """A mapping of a file: unknown keys refused, types taken as they are written."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


def parsed_by(parse: Callable[[Any], Any]) -> BeforeValidator:
    """A validator that parses a written value and turns NotAValue into a finding of its rule."""

    def validate(value: Any) -> Any:
        try:
            return parse(value)
        except NotAValue as wrong:
            raise PydanticCustomError(
                "rule:" + wrong.rule, "{text}", {"text": str(wrong)}
            ) from wrong

    return BeforeValidator(validate)


def refuse(rule: str, message: str) -> PydanticCustomError:
    """What a validator raises to report a broken rule by name."""
    return PydanticCustomError("rule:" + rule, "{text}", {"text": message})


def findings_of(
    wrong: ValidationError, file: str, line_of: Callable[[Path], int | None], rules: dict[str, str]
) -> Iterator[Finding]:
    """One finding per error; `rules` maps pydantic's error types to names of rules, `*` is the
    default."""
    for error in wrong.errors():
        where: Path = tuple(part for part in error["loc"] if part != "__root__")
        name = ".".join(map(str, where)) or "the file"
        rule = _rule(error["type"], rules)
        value = None if error["type"] == "missing" else _value_text(error["input"])
        yield Finding(
            severity="error",
            file=file,
            line=line_of(where),
            value=value,
            rule=rule,
            message=f"{name}: {_sentence(error)}",
        )


def _rule(kind: str, rules: dict[str, str]) -> str:
    if kind.startswith("rule:"):
        named = kind.removeprefix("rule:")
        return rules.get(kind, named)
    return rules.get(kind, rules["*"])


def _sentence(error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a key that is known here"
        case kind if kind.startswith("rule:"):
            return error["msg"]
        case _:
            message = error["msg"]
            return f"{_value_text(error['input'])}: {message[:1].lower()}{message[1:]}"


def _value_text(value: object) -> str:
    # A database URL may hold a password, and a finding may end in a log.
    text = re.sub(r"://([^:/@\s]*):[^@\s]*@", r"://\1:***@", str(value))
    return text if len(text) <= MAX_VALUE_TEXT else text[: MAX_VALUE_TEXT - 1] + "…"
