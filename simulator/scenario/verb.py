"""What the language knows of a verb, as one value: validation, schema and documents read it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypeAlias

from pydantic import BeforeValidator, Field
from typing_extensions import is_typeddict

from simulator.model.operations.jobs import Copied
from simulator.model.requests import Request
from simulator.scenario.disks import Disks
from simulator.scenario.expected.figures import Figures
from simulator.scenario.labels import Labels
from simulator.scenario.names import Names, New, Thing
from simulator.scenario.pictures import Pictures
from simulator.scenario.problems import Problems
from simulator.scenario.shapes import NoArguments, keys_of, listed, long, part_of, required_keys
from simulator.scenario.yaml12 import Path
from simulator.values import NamedTuple, dataclass

if TYPE_CHECKING:
    from simulator.flows.resources import Resource


class Around(NamedTuple):
    """What a reader may ask of the file that its step stands in.

    Attributes:
        problems: Takes what is wrong.
        resources: Those that the top of the file defines.
    """

    disks: Disks
    names: Names
    labels: Labels
    problems: Problems
    pictures: Pictures
    figures: Figures
    resources: "Mapping[str, Resource]"

    def copied(self, path: Path, arguments: Mapping[str, Any]) -> Copied | None:
        """Return what some arguments say that a job had copied; None where they do not.

        Args:
            path: Where that stands.
        """
        told = arguments.get("copied")
        if told is None:
            return None
        return self.pictures.copied(path, told, timed=self.labels.named is None)


Reader: TypeAlias = Callable[[Around, Path, Any], Request | None]
"""Makes a request of the arguments of a step, in their long form; None where that is a problem.

The path leads to the arguments.
"""

Makes: TypeAlias = Callable[[Path, Any], Iterator[New]]
"""Yields the names that a step introduces, of the path and the long form of its arguments."""

Frees: TypeAlias = Callable[[Any], Iterator[tuple[Thing, str]]]
"""Yields the names that a step gives up, of its arguments."""


class Short(NamedTuple):
    """The short form of a verb's arguments.

    Attributes:
        lengthen: Makes it long, and leaves what is long already.
        type: What the schema says of it; None for a form that has no arguments.
        word: What documents call it.
    """

    lengthen: Callable[[Any], object]
    type: Any
    word: str


def short(key: str, type: Any, word: str = "NAME") -> Short:
    """Return the form in which a scalar stands for the value of one key."""
    return Short(long(key), type, word)


def one_or_more(type: Any, word: str) -> Short:
    """Return the form in which one value stands for a list of one."""
    return Short(listed, type, word)


class Default(NamedTuple):
    """A name that a step makes up for what it does not name.

    Attributes:
        key: The argument that would name it.
        thing: What it is the name of.
        wanted: The name, of the arguments; a number follows it where it is taken.
        like: The argument whose image is of the same disk; None where it is no image.
        again: Whether it may be the name of another such thing.
    """

    key: str
    thing: Thing
    wanted: Callable[[Mapping[str, Any]], str]
    like: str | None = None
    again: bool = False


def makes(*named: tuple[str, Thing]) -> Makes:
    """Return what yields the names that stand in some arguments of a verb."""

    def read(path: Path, arguments: Mapping[str, Any]) -> Iterator[New]:
        for key, thing in named:
            if key in arguments:
                yield New(thing, arguments[key], (*path, key), arguments.get("disk"))

    return read


def frees(*named: tuple[str, Thing]) -> Frees:
    """Return what yields the names that some arguments of a verb give up."""

    def read(arguments: Mapping[str, Any]) -> Iterator[tuple[Thing, str]]:
        for key, thing in named:
            if key in arguments:
                yield thing, arguments[key]

    return read


def check_outside(
    around: Around, path: Path, arguments: Mapping[str, Any], *, at: str = "image"
) -> bool:
    """Whether a step is done to an image file behind the host's back.

    Args:
        around: Takes what does not fit: an image that the host has, or outside without one.
        path: Where the arguments stand.
        at: The key that names the file.
    """
    outside: bool = arguments.get("outside", False)
    if outside and at not in arguments:
        told = "outside stands beside no image"
        around.problems.add((*path, "outside"), told, expected=f"{at}: NAME", at_key=True)
    elif at == "image" and at in arguments and not outside:
        told = "image stands in a step that the host does"
        around.problems.add((*path, at), told, expected="outside: true beside it", at_key=True)
    return outside


_NO_NAME: Makes = makes()
_GIVES_NOTHING_UP: Frees = frees()


def _no_jobs(request: Any) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A verb of the language.

    Attributes:
        name: The word.
        says: What it does, in one line.
        more: What documents say besides.
        shape: The type of its arguments' long form.
        short: Its short form, if it has one.
        form: What it takes, in the words of a message.
        takes: What it takes, in documents, where its keys alone do not say; else empty.
        examples: Arguments as a file may have them.
        read: Makes a request of its arguments.
        makes, frees: The names that it introduces and gives up.
        default: The name that it makes up.
        jobs: The jobs that its request starts, by name.
    """

    name: str
    says: str
    more: str = ""
    shape: Any
    short: Short | None = None
    form: str
    takes: str = ""
    examples: tuple[Any, ...] = ()
    read: Reader
    makes: Makes = _NO_NAME
    frees: Frees = _GIVES_NOTHING_UP
    default: Default | None = None
    jobs: Callable[[Any], tuple[str, ...]] = _no_jobs

    @property
    def keys(self) -> dict[str, str]:
        """Its arguments, each with what it takes."""
        return keys_of(self.shape)

    def has(self, key: str) -> bool:
        """Whether it has an argument of some name."""
        return key in getattr(self.shape, "__annotations__", ())

    def used(self, arguments: object) -> frozenset[str]:
        """Return those of its arguments that a step has, in the short form or the long."""
        told = arguments if self.short is None else self.short.lengthen(arguments)
        return frozenset(filter(self.has, told)) if isinstance(told, dict) else frozenset()

    def field(self, arguments: Collection[str] | None = None) -> Any:
        """Return the type of the key that the verb is, for a mapping that may have it.

        Args:
            arguments: Those that it is to know; None for all.
        """
        shape = self.shape
        if arguments is not None and is_typeddict(shape):
            shape = part_of(shape, arguments)
        # An empty list of examples would be in the schema, too.
        told = Field(description=self.says, examples=[*self.examples] or None)
        if self.short is None:
            return NotRequired[Annotated[shape, told]]
        either = shape | NoArguments if self.short.type is None else self.short.type | shape
        lengthen = BeforeValidator(self.short.lengthen, json_schema_input_type=either)
        return NotRequired[Annotated[shape, lengthen, told]]

    def written_keys(self) -> str:
        """Return what it takes, as documents write it: ``NAME or `{image, bitmap?}```."""
        if self.takes:
            return self.takes
        required = required_keys(self.shape)
        keys = ", ".join(key if key in required else f"{key}?" for key in self.keys)
        long_form = f"`{{{keys}}}`"
        return f"{self.short.word} or {long_form}" if self.short is not None else long_form
