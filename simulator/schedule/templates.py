"""Names that count repetitions: ``inc<n>.bak``, ``c<n-1>``, ``day<n%7>``, ``<date>``.

Integer arithmetic with ``+ - * / %`` and parentheses; ``/`` rounds down, as ``%`` goes with it.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

from simulator.values import NamedTuple, dataclass

_PLACE = re.compile(r"<([^<>|\n]*)>|<(?=\s*(?:n|date)\b)")
"""A template, or one that nothing closes; the arrow of a figure and a comparison are none."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]{1,18})(?![0-9])|(?P<word>[A-Za-z_]+)|(?P<sign>[-+*/%()]))"
)

TEMPLATE_EXPECTED = "<n>, <date>, or integers with + - * / % such as <n-1>"

NESTED_MAX = 20
"""Parentheses and signs within one another."""

TEMPLATE_LENGTH_MAX = 100
"""Characters of one template."""


class TemplateError(ValueError):
    """A template that cannot be read, or has no value.

    Attributes:
        offset: Which character of the text is to blame, from 0.
        width: How many are.
    """

    def __init__(self, message: str, offset: int, width: int = 1) -> None:
        super().__init__(message)
        self.offset = offset
        self.width = width


@dataclass(frozen=True, slots=True)
class Repetition:
    """One repetition of a schedule.

    Attributes:
        number: Counted from 1.
        day: As ``<date>`` gives it; None where there is no clock.
    """

    number: int
    day: str | None = None


_Value: TypeAlias = Callable[[int], int]


class _Part(NamedTuple):
    """A piece of a text: itself, or what stands between ``<`` and ``>``.

    Attributes:
        value: What it comes to; None for ``<date>``.
        offset, width: Where it stands.
    """

    value: _Value | None
    offset: int
    width: int


def has_template(value: object) -> bool:
    """Whether there is a template anywhere in a value of a file."""
    if isinstance(value, str):
        return "<" in value and _PLACE.search(value) is not None
    if isinstance(value, dict):
        return any(has_template(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(map(has_template, value))


def fill_in(text: str, repetition: Repetition) -> str:
    """Return a text with the values of its templates.

    Raises:
        TemplateError: A template cannot be read, divides by zero, or wants a day without a clock.

    >>> fill_in("c<n-1> of <n%7>", Repetition(9))
    'c8 of 2'
    """
    return "".join(
        part if isinstance(part, str) else _value(part, repetition) for part in _parts(text)
    )


def fill_in_all(value: Any, repetition: Repetition) -> Any:
    """Return a value of a file with the values of all templates in it.

    Raises:
        TemplateError: As :func:`fill_in`.
    """
    if isinstance(value, str):
        return fill_in(value, repetition) if "<" in value else value
    if isinstance(value, dict):
        return {
            fill_in_all(key, repetition): fill_in_all(each, repetition)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [fill_in_all(each, repetition) for each in value]
    return value


def with_ones(value: Any) -> Any:
    """Return a value of a file with 1 in place of all that looks like a template.

    >>> with_ones({"to": "inc<n/0>.bak"})
    {'to': 'inc1.bak'}
    """
    if isinstance(value, str):
        return _PLACE.sub("1", value)
    if isinstance(value, dict):
        return {with_ones(key): with_ones(each) for key, each in value.items()}
    return [with_ones(each) for each in value] if isinstance(value, list) else value


def _value(part: _Part, repetition: Repetition) -> str:
    if part.value is None:
        if repetition.day is None:
            raise TemplateError("<date> needs a clock", part.offset, part.width)
        return repetition.day
    try:
        return str(part.value(repetition.number))
    except ZeroDivisionError:
        told = f"division by zero where n is {repetition.number}"
        raise TemplateError(told, part.offset, part.width) from None


@cache
def _parts(text: str) -> tuple[str | _Part, ...]:
    parts: list[str | _Part] = []
    end = 0
    for match in _PLACE.finditer(text):
        parts.append(text[end : match.start()])
        if match[1] is None:
            raise TemplateError("the template has no >", match.start())
        width = match.end() - match.start()
        if width > TEMPLATE_LENGTH_MAX:
            raise TemplateError(f"the template has {width} characters", match.start(), width)
        word = match[1].strip()
        value = None if word == "date" else _Parser(match[1], match.start(1)).parse()
        parts.append(_Part(value, match.start(), width))
        end = match.end()
    return (*parts, text[end:])


class _Parser:
    """Reads one expression, from left to right."""

    def __init__(self, text: str, offset: int) -> None:
        self._text = text
        self._offset = offset
        self._place = 0
        self._depth = 0

    def parse(self) -> _Value:
        """Return what the expression comes to, of n."""
        value = self._sum()
        if self._text[self._place :].strip():
            raise self._error("an operator")
        return value

    def _error(self, wanted: str) -> TemplateError:
        rest = self._text[self._place :]
        at = self._place + len(rest) - len(rest.lstrip())
        found = rest.strip()[:1] or "the end"
        return TemplateError(f"the template has {found} in place of {wanted}", self._offset + at)

    def _next(self) -> re.Match[str] | None:
        return _TOKEN.match(self._text, self._place)

    def _sign(self, signs: str) -> str:
        """Take one of some signs; return nothing where another thing comes."""
        token = self._next()
        if token is None or token["sign"] is None or token["sign"] not in signs:
            return ""
        self._place = token.end()
        return token["sign"]

    def _sum(self) -> _Value:
        value = self._product()
        while sign := self._sign("+-"):
            value = _joined(sign, value, self._product())
        return value

    def _product(self) -> _Value:
        value = self._factor()
        while sign := self._sign("*/%"):
            value = _joined(sign, value, self._factor())
        return value

    def _factor(self) -> _Value:
        self._depth += 1
        if self._depth > NESTED_MAX:
            raise self._error("something simpler")
        value = self._atom()
        self._depth -= 1
        return value

    def _atom(self) -> _Value:
        sign = self._sign("-(")
        if sign == "-":
            return _joined("-", lambda n: 0, self._factor())
        if sign == "(":
            inner = self._sum()
            if not self._sign(")"):
                raise self._error(")")
            return inner
        token = self._next()
        if token is None or token["sign"] is not None:
            raise self._error("a number or n")
        if token["word"] not in (None, "n"):
            raise self._error("n")
        self._place = token.end()
        number = int(token["number"]) if token["number"] is not None else None
        return (lambda n: n) if number is None else (lambda n: number)


def _joined(sign: str, left: _Value, right: _Value) -> _Value:
    match sign:
        case "+":
            return lambda n: left(n) + right(n)
        case "-":
            return lambda n: left(n) - right(n)
        case "*":
            return lambda n: left(n) * right(n)
        case "/":
            return lambda n: left(n) // right(n)
        case _:
            return lambda n: left(n) % right(n)
