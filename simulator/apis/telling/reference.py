"""What a proposal is made of, told from the code: its policies and the primitives they give."""

import inspect
import re
import textwrap
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from simulator.apis import MODELS
from simulator.apis.base import ApiModel
from simulator.apis.telling.describe import POLICIES
from simulator.model import operations
from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.model.operations import Operation

HEAD = """\
# Policies and primitives

What a proposal can override, and what it may give back. This page is made from the code; \
`backup-timeline models --reference` prints it, and [proposals.md](proposals.md) tells how to begin.

A policy is a pure function of the machine as it is (`simulator.model.machine.Machine`) and of \
what was asked (`simulator.model.requests`). A `Plan` is a tuple of primitives, done all or not at \
all, or a `Refusal(text, cause=…)`; requests that are no policy's are done as they stand.
"""

EXAMPLES: Mapping[str, Any] = {
    "node": "S1", "image": "S2", "name": "B1", "disk": "vda", "target": "k.bak", "bitmap": "B1",
    "job": "commit-S2", "top": "S2", "base": "S1", "disks": ("vda",), "sources": (("S2", "B2"),),
}  # fmt: skip
"""What an example says for a field of that name."""

OTHERWISE: Mapping[str, str] = {
    "AddOverlay.overlay": '"S2"', "CopyImage.target": '"copy.img"', "ConvertFile.target": '"S3"',
    "CorruptBackup.name": '"k.bak"', "DropBackup.name": '"k.bak"', "ExportNode.id": '"e1"',
    "EndJob.job": '"k.bak"', "EndJob.status": "Status.COMPLETED", "ExportNode.name": '"vda"',
    "MirrorDisk.into": '"C1"', "MirrorDisk.node": '"S2"', "PullImages.into": '"S2"',
    "CommitImages.device": '"S2"', "RevertImages.image": '"S1"', "RevertImages.overlay": '"S3"',
    "RunBackup.image": '"S1"', "StackBackups.name": '"restored"', "RecordSnapshot.name": '"S2"',
    "StackBackups.sources": '("full.bak", "inc.bak")', "UnexportNode.id": '"e1"',
    "CreateImage.image": '"S1"', "DropSnapshot.name": '"monday"', "LoadSnapshot.name": '"monday"',
    "SaveSnapshot.name": '"monday"', "ForgetSnapshot.name": '"S2"',
}  # fmt: skip
"""What it says for a field of one primitive."""


MAPS: Mapping[Any, str] = {ClusterMap: "map_of(8)", ClusterSet: "set_of(8)"}
"""Nothing, on a disk of eight clusters."""


def write_reference() -> str:
    """Return the page as Markdown, with a final newline."""
    return "\n".join([HEAD, "## Policies", "", *_policies(), "## Primitives", "", *_primitives()])


def _policies() -> Iterator[str]:
    for name in POLICIES:
        policy = getattr(ApiModel, name)
        signature = inspect.signature(policy)
        told = ", ".join(
            f"{each.name}: {_shown(each.annotation)}"
            for each in signature.parameters.values()
            if each.name != "self"
        )
        yield f"### {name}"
        yield ""
        yield f"`{name}(self, {told}) -> {_shown(signature.return_annotation)}`"
        yield ""
        yield from _doc(policy)
        yield ""
        owner, shortest = _example(name)
        yield f"`{owner}` does it so:"
        yield ""
        yield f"```py\n{shortest.rstrip()}\n```"
        yield ""


def _example(name: str) -> tuple[str, str]:
    """Return the shortest body of a policy that a model has of its own, and whose it is."""
    kinds = [(model.id, type(model)) for model in MODELS.values()]
    own = [
        (id, textwrap.dedent(inspect.getsource(vars(kind)[name])))
        for id, kind in kinds
        if name in vars(kind)
    ]
    own = [(id, body) for id, body in own if f"return super().{name}" not in body or len(own) == 1]
    if not own:
        return "every model", textwrap.dedent(inspect.getsource(vars(ApiModel)[name]))
    return min(own, key=lambda each: (len(each[1].splitlines()), each[0]))


def _doc(thing: Any) -> Iterator[str]:
    """Yield a docstring as Markdown: what is about arguments as a list."""
    text = inspect.getdoc(thing) or ""
    head, _, rest = text.partition("\n\nArgs:\n")
    yield head
    if rest:
        yield ""
        arguments = textwrap.dedent(rest.partition("\n\n")[0])
        yield from _listed(arguments)


def _listed(text: str) -> Iterator[str]:
    """Yield ``name: what it is`` as items of a list."""
    for line in re.sub(r"\n +", " ", text).splitlines():
        name, _, what = line.partition(": ")
        yield f"- `{name}`: {what}"


def primitives() -> tuple[type, ...]:
    """Return the classes of all primitives, by their names."""
    return tuple(sorted(_members(Operation), key=lambda kind: kind.__name__))


def _members(kind: Any) -> Iterator[type]:
    if get_origin(kind) in (Union, types.UnionType):
        for each in get_args(kind):
            yield from _members(each)
    else:
        yield kind


def _primitives() -> Iterator[str]:
    yield "All are in `simulator.model.operations`."
    yield ""
    for kind in primitives():
        yield f"### {kind.__name__}"
        yield ""
        head, _, rest = (inspect.getdoc(kind) or "").partition("\n\nAttributes:\n")
        yield head
        yield ""
        told = dict(_attributes(rest))
        hints = get_type_hints(kind)
        defaults = getattr(kind, "_field_defaults", {})
        for field in hints:
            default = f" = {defaults[field]!r}" if field in defaults else ""
            what = f": {told[field]}" if field in told else ""
            yield f"- `{field}: {_shown(hints[field])}{default}`{what}"
        if hints:
            yield ""
        yield f"`{example_of(kind)}`"
        yield ""


def _attributes(text: str) -> Iterator[tuple[str, str]]:
    """Yield each attribute of a docstring; several may be told in one line."""
    for line in re.sub(r"\n +", " ", textwrap.dedent(text.partition("\n\n")[0])).splitlines():
        names, _, what = line.partition(": ")
        for name in names.split(", "):
            yield name, what


def example_of(kind: type) -> str:
    """Return a primitive with just what it needs, as Python."""
    hints, defaults = get_type_hints(kind), getattr(kind, "_field_defaults", {})
    told = (
        f"{name}={OTHERWISE.get(f'{kind.__name__}.{name}') or _value(name, hints[name])}"
        for name in hints
        if name not in defaults
    )
    return f"{kind.__name__}({', '.join(told)})"


def _value(name: str, hint: Any) -> str:
    """Return a value for a field, as Python."""
    if hint in MAPS:
        return MAPS[hint]
    if name in EXAMPLES:
        return repr(EXAMPLES[name]).replace("'", '"')
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _value(name, get_args(hint)[0])
    if origin is tuple:
        inner = [_value(name, each) for each in get_args(hint) if each is not Ellipsis]
        return f"({', '.join(inner)},)"
    if origin is Literal:
        return repr(get_args(hint)[0])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return f"{hint.__name__}.{next(iter(hint)).name}"
    if isinstance(hint, type) and hasattr(hint, "_fields"):
        return example_of(hint)
    return {str: '"S1"', int: "8", bool: "False"}[hint]


def _shown(annotation: Any) -> str:
    """Return a type as it is written."""
    if annotation in (operations.Operation, Operation):
        return "Operation"
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    if text.count("|") > 8:
        return "Plan" if "Refusal" in text else "Operation"
    return re.sub(r"\b[a-z_0-9]+\.(?=[A-Za-z_])", "", text)
