"""The proposals that ``backup-timeline new --model`` writes."""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from types import FunctionType

from simulator.apis.base import ApiModel
from simulator.apis.telling.describe import kind_of

_TEMPLATE = '''\
"""A proposal for an API model. Play scenarios under it: backup-timeline run FILE --model {file}"""

from simulator.apis.base import Plan
from simulator.apis.libvirt import Libvirt
from simulator.model.machine import Machine


class {name}(Libvirt):
    """What it does otherwise than libvirt, with a figure.

    S1: |AAAA----|
    B1: |XXXX----|+
    """

    id = "{id}"
    title = "one line for reviewers"
    source = "the mail or document that proposes it"

    # Override what changes; backup-timeline models libvirt lists the policies.
    # Each is a pure function: it gives primitives (simulator.model.operations) or a Refusal.

    def checkpoint(self, machine: Machine, name: str, disks: tuple[str, ...]) -> Plan:
        """Add a bitmap, as libvirt does."""
        return super().checkpoint(machine, name, disks)
'''


_FROM = '''\
"""A proposal for an API model. Play scenarios under it: backup-timeline run FILE --model {file}"""

{imports}


class {name}({base}):
    """What it does otherwise than {model}, with a figure.

    S1: |AAAA----|
    B1: |XXXX----|+
    """

    id = "{id}"
    title = "one line for reviewers"
    source = "the mail or document that proposes it"

    # As {model} does it; change what the proposal changes.

{bodies}'''


def write_proposal(word: str) -> str:
    """Return a proposal to start from.

    Args:
        word: Its id, or the file that it will stand in.
    """
    name, known, file = _named(word)
    return _TEMPLATE.format(file=file, name=name, id=known)


def write_proposal_from(word: str, model: ApiModel, policies: Sequence[str]) -> str:
    """Return a proposal that does what a model does, with the bodies of some of its policies.

    Args:
        word: Its id, or the file that it will stand in.
        policies: Their names, each once.
    """
    name, known, file = _named(word)
    kind = kind_of(model)
    needed = {(kind.__module__, kind.__name__)}
    bodies = []
    for policy in policies:
        owner = next(each for each in kind.__mro__ if policy in vars(each))
        body = textwrap.dedent(inspect.getsource(vars(owner)[policy]))
        needed.update(_needed(vars(owner)[policy], body))
        if "super()" in body:
            # What lies above the model, and not the model itself, which would do it twice.
            body = body.replace("super()", f"super({owner.__name__}, self)")
            needed.add((owner.__module__, owner.__name__))
        bodies.append(textwrap.indent(body, "    "))
    return _FROM.format(
        file=file,
        name=name,
        id=known,
        base=kind.__name__,
        model=model.id,
        imports="\n".join(_imports(needed)),
        bodies="\n".join(bodies),
    )


def _named(word: str) -> tuple[str, str, str]:
    """Return the class, the id and the file of a proposal."""
    stem = re.sub(r"[^a-z0-9]+", "-", PurePath(word).name.removesuffix(".py").lower()).strip("-")
    name = "".join(part.capitalize() for part in stem.split("-"))
    name = name if name.isidentifier() else f"Model{name}"
    file = word if word.endswith(".py") else f"{word}.py"
    return name, stem or "proposal", "FILE.py" if word == "-" else file


def _needed(function: FunctionType, body: str) -> Iterator[tuple[str, str]]:
    """Yield the modules and names that the body of a function needs from elsewhere."""
    module = sys.modules[function.__module__]
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    known: dict[str, tuple[str, str]] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.ImportFrom(module=str(origin), names=names):
                known.update({each.asname or each.name: (origin, each.name) for each in names})
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                known[name] = (module.__name__, name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                known[name] = (module.__name__, name)
            case _:
                pass
    yield from (known[name] for name in sorted(used & known.keys()))


def _imports(needed: set[tuple[str, str]]) -> Iterator[str]:
    """Yield import statements as ruff sorts them: Python's own, and then ours."""
    own = sorted({module for module, _ in needed if not module.startswith("simulator")})
    ours = sorted({module for module, _ in needed if module.startswith("simulator")})
    for group in (own, ours):
        for module in group:
            names = ", ".join(sorted(name for origin, name in needed if origin == module))
            yield f"from {module} import {names}"
        if group is own and own:
            yield ""
