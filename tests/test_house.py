"""House rules that no tool knows: read off the syntax of every module of `simulator`.

Each rule yields its offences, and each is shown one source that breaks it, so that none can pass by
looking away.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAIL = ROOT / "scenarios" / "mail" / "2018.yaml"

FUNCTION_LINES_MAX = 40
"""Lines of code in one function; docstring and blank lines are not counted."""

FILE_LINES_MAX = 450
"""Lines of one file."""

ROOM_FILES_MAX = 10
"""Files of one room: a folder, without what lies in folders below it."""

ROOM_LINES_MAX = 2_000
"""Lines of one room."""

HALLS = {"simulator.model", "simulator.scenario", "simulator.render"}
"""The rooms that may hold more files, and more lines."""

HALL_LINES_MAX = 5_000
"""Lines of one of these."""

TOO_LARGE: set[str] = set()
"""What is too large still, and is being parted. It only shrinks: nothing new goes in here."""

DOORS = {"yaml": "scenario", "simpy": "engine", "subprocess": "hosts"}
"""Each guarded library, and the one part of `simulator` that may import it."""

HEAVY = ("matplotlib", "networkx", "hypothesis", "numpy", "rich")
"""Packages that a small scenario has no need of; each costs a tenth of a second or more."""

Offence = tuple[int, str]
"""The line, and what is wrong there."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed(source: str) -> ast.Module:
    """Return the syntax of a source; every rule looks at each of them."""
    return ast.parse(source)


@dataclass(frozen=True, slots=True)
class Module:
    """One source file.

    Attributes:
        name: Its name when imported, such as ``simulator.model.disk``.
        source: Its text.
        package: Whether it is the ``__init__`` of a folder.
    """

    name: str
    source: str
    package: bool = False

    @property
    def room(self) -> str:
        """The folder that it lies in, as a package."""
        return self.name if self.package else self.name.rpartition(".")[0]

    @property
    def tree(self) -> ast.Module:
        """The syntax of the source."""
        return parsed(self.source)

    def within(self, part: str) -> bool:
        """Whether this is ``simulator.part`` or lies below it."""
        return f"{self.name}.".startswith(f"simulator.{part}.")


Rule = Callable[[Module], Iterator[Offence]]

Plan = Callable[[tuple[Module, ...]], Iterator[tuple[str, str]]]
"""A rule about how modules lie together; it yields what offends, and what is wrong there."""


def read_module(path: Path) -> Module:
    """Read a source file below the root; a package goes by the name of its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if package else parts)
    return Module(name, path.read_text(encoding="utf-8"), package)


MODULES = tuple(read_module(path) for path in sorted((ROOT / "simulator").rglob("*.py")))


def offences(rule: Rule) -> list[str]:
    """Every offence against a rule, as ``module:line: what``."""
    assert MODULES, "there are no modules to look at"
    return [f"{module.name}:{line}: {what}" for module in MODULES for line, what in rule(module)]


def imported(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Line, full name and local name of everything that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                yield node.lineno, alias.name if alias.asname else bound, bound
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}", alias.asname or alias.name


def named(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of every name that a module reads, its imports resolved."""
    origins = {local: full for _, full, local in imported(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            first, *rest = ast.unparse(node).split(".")
            yield node.lineno, ".".join([origins.get(first, first), *rest])


def public(node: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Every public class, function and method below a node; what hides in a private one is not."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.ClassDef) or child.name.startswith("_"):
            continue
        yield child
        if isinstance(child, ast.ClassDef):
            yield from public(child)


def missing_docstrings(module: Module) -> Iterator[Offence]:
    """A module, or a public class or function, says nothing about itself."""
    if not ast.get_docstring(module.tree):
        yield 1, "the module has no docstring"
    for node in public(module.tree):
        if not ast.get_docstring(node):
            yield node.lineno, f"{node.name} has no docstring"


def vague_imports(module: Module) -> Iterator[Offence]:
    """An import does not say from where, or what."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "relative import"
            if any(alias.name == "*" for alias in node.names):
                yield node.lineno, "star import"


def stray_output(module: Module) -> Iterator[Offence]:
    """Something other than the command line prints or ends the program."""
    if module.within("cli"):
        return
    for line, name in named(module.tree):
        if name in {"print", "exit", "quit", "sys.exit", "os._exit", "SystemExit"}:
            yield line, f"{name} outside simulator.cli"


def passed_doors(module: Module) -> Iterator[Offence]:
    """A guarded library is imported elsewhere than at its door."""
    for line, name, _ in imported(module.tree):
        library = name.partition(".")[0]
        if library in DOORS and not module.within(DOORS[library]):
            yield line, f"{library} outside simulator.{DOORS[library]}"


def chance(module: Module) -> Iterator[Offence]:
    """The outcome depends on chance or on the hour."""
    for line, name, _ in imported(module.tree):
        if name.partition(".")[0] == "random":
            yield line, "imports random"
    for line, name in named(module.tree):
        if name in {"time.time", "time.time_ns"}:
            yield line, f"reads {name}"


def empty_names(module: Module) -> Iterator[Offence]:
    """A class or module is named for no thing in particular."""
    classes = [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    names = [(1, module.name.rpartition(".")[2]), *((node.lineno, node.name) for node in classes)]
    for line, name in names:
        if re.fullmatch(r".*(manager|helper)s?|utils?|data|info", name.lower()):
            yield line, f"{name} says nothing"


def long_functions(module: Module) -> Iterator[Offence]:
    """A function does not fit the eye."""
    lines = module.source.splitlines()
    for node in ast.walk(module.tree):
        if not isinstance(node, Function):
            continue
        code = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        if ast.get_docstring(node) is not None:
            code -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
        count = sum(bool(lines[number - 1].strip()) for number in code)
        if count > FUNCTION_LINES_MAX:
            yield node.lineno, f"{node.name} has {count} lines, {FUNCTION_LINES_MAX} at most"


def bare_suppressions(module: Module) -> Iterator[Offence]:
    """A checker is silenced without a code, or without a reason."""
    silencer = r"# (type: ignore\[[\w, -]+\]|noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*)"
    for token in tokenize.generate_tokens(io.StringIO(module.source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if not re.search(r"#\s*(type:\s*ignore|(\w+:\s*)?noqa)\b", token.string, re.IGNORECASE):
            continue
        if not re.fullmatch(rf"({silencer}  )+# (?!noqa|type:)\S.*", token.string):
            yield token.start[0], f"{token.string} needs a code and a reason"


def large_files(modules: tuple[Module, ...]) -> Iterator[tuple[str, str]]:
    """A file is too long to be read in one go."""
    for module in modules:
        count = len(module.source.splitlines())
        if count > FILE_LINES_MAX:
            yield module.name, f"{count} lines, {FILE_LINES_MAX} at most"


def crowded_rooms(modules: tuple[Module, ...]) -> Iterator[tuple[str, str]]:
    """A room holds too much for somebody who enters it for the first time."""
    for room in sorted({module.room for module in modules}):
        inside = [module for module in modules if module.room == room]
        count = sum(len(module.source.splitlines()) for module in inside)
        most = HALL_LINES_MAX if room in HALLS else ROOM_LINES_MAX
        if count > most:
            yield room, f"{count} lines, {most} at most"
        if len(inside) > ROOM_FILES_MAX and room not in HALLS:
            yield room, f"{len(inside)} files, {ROOM_FILES_MAX} at most"


def circles(modules: tuple[Module, ...]) -> Iterator[tuple[str, str]]:
    """A module needs itself by way of others; imports within functions count."""
    names = {module.name for module in modules}
    left = {module.name: imports_of(module, names) for module in modules}
    while free := {name for name, needs in left.items() if not needs & left.keys()}:
        left = {name: needs for name, needs in left.items() if name not in free}
    # What is left is part of a circle, or needs one that is.
    for name, needs in left.items():
        yield name, f"needs {', '.join(sorted(needs & left.keys()))}, and one of them needs it"


def imports_of(module: Module, names: set[str]) -> set[str]:
    """Return the modules, of some, that one imports anywhere in its source."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            taken = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in names else str(node.module) for name in taken}
    return (found & names) - {module.name}


def test_every_module_and_every_public_name_says_what_it_is() -> None:
    assert offences(missing_docstrings) == []


def test_imports_name_the_module_in_full_and_what_they_take() -> None:
    assert offences(vague_imports) == []


def test_only_the_command_line_prints_and_ends_the_program() -> None:
    assert offences(stray_output) == []


def test_each_guarded_library_has_one_door() -> None:
    assert offences(passed_doors) == []


def test_nothing_depends_on_chance_or_on_the_hour() -> None:
    assert offences(chance) == []


def test_every_class_and_module_is_named_for_a_thing() -> None:
    assert offences(empty_names) == []


def test_every_function_fits_the_eye() -> None:
    assert offences(long_functions) == []


def test_every_silenced_complaint_has_a_code_and_a_reason() -> None:
    assert offences(bare_suppressions) == []


@pytest.mark.parametrize("plan", [large_files, crowded_rooms, circles], ids=lambda p: p.__name__)
def test_every_room_can_be_taken_in(plan: Plan) -> None:
    assert MODULES, "there are no modules to look at"
    assert [f"{name}: {what}" for name, what in plan(MODULES) if name not in TOO_LARGE] == []


def test_what_is_no_longer_too_large_leaves_the_table() -> None:
    large = {name for plan in (large_files, crowded_rooms) for name, _ in plan(MODULES)}
    assert sorted(TOO_LARGE - large) == []


def long_function(lines: int) -> str:
    """A function of so many lines of code, and as many blank ones, and a docstring."""
    return 'def f():\n    """A\n\n    b."""\n' + "    x = 1\n\n" * (lines - 1)


BROKEN: tuple[tuple[Rule, str, str], ...] = (
    (missing_docstrings, "model.disk", "x = 1"),
    (missing_docstrings, "model.disk", '"""A."""\ndef read(): pass'),
    (missing_docstrings, "model.disk", '"""A."""\nasync def read(): pass'),
    (missing_docstrings, "model.disk", '"""A."""\nclass Disk: pass'),
    (missing_docstrings, "model.disk", '"""A."""\nclass Disk:\n "B."\n def read(self): pass'),
    (vague_imports, "model.disk", "from . import image"),
    (vague_imports, "model.disk", "from .image import Image"),
    (vague_imports, "model.disk", "from simulator.model.image import *"),
    (stray_output, "render.text", "print(1)"),
    (stray_output, "clients", "print(1)"),
    (stray_output, "render.text", "import sys\nsys.exit(1)"),
    (stray_output, "render.text", "from sys import exit as leave\nleave(1)"),
    (stray_output, "render.text", "raise SystemExit(1)"),
    (passed_doors, "render.text", "import yaml"),
    (passed_doors, "render.text", "def f():\n    from yaml.nodes import Node"),
    (passed_doors, "scenario.load", "import simpy"),
    (passed_doors, "engine", "import subprocess as shell"),
    (chance, "engine", "import random"),
    (chance, "engine", "from random import choice"),
    (chance, "engine", "import time\nx = time.time()"),
    (chance, "engine", "import time as clock\nx = clock.time_ns()"),
    (chance, "engine", "from time import time as now\nx = now()"),
    (empty_names, "model.disk", "class DiskManager: pass"),
    (empty_names, "model.disk", "def f():\n    class LoadHelper: pass"),
    (empty_names, "model.disk", "class Info: pass"),
    (empty_names, "model.utils", ""),
    (empty_names, "model.load_helpers", ""),
    (long_functions, "engine", long_function(FUNCTION_LINES_MAX + 1)),
    (long_functions, "engine", "class A:\n    async " + long_function(41).replace("\n", "\n    ")),
    (bare_suppressions, "engine", "x = 1  # type: ignore"),
    (bare_suppressions, "engine", "x = 1  # type: ignore[misc]"),
    (bare_suppressions, "engine", "x = 1  # type: ignore  # the stubs are old"),
    (bare_suppressions, "engine", "x = 1  # noqa"),
    (bare_suppressions, "engine", "x = 1  # NOQA: E501"),
    (bare_suppressions, "engine", "# ruff: noqa"),
    (bare_suppressions, "engine", "x = 1  # type: ignore[misc]  # noqa: E501"),
)

SOUND: tuple[tuple[Rule, str, str], ...] = (
    (missing_docstrings, "model.disk", '"""A."""\nclass _Disk:\n    def read(self): pass'),
    (stray_output, "cli", "import sys\nprint(1)\nsys.exit(1)"),
    (stray_output, "render.text", '"""\n>>> print(1)\n"""'),
    (passed_doors, "scenario", "import yaml"),
    (passed_doors, "scenario.load", "from yaml import compose"),
    (chance, "engine", "import time\nx = time.perf_counter()"),
    (empty_names, "model.metadata", "class Database: pass"),
    (long_functions, "engine", long_function(FUNCTION_LINES_MAX)),
    (bare_suppressions, "engine", "x = 1  # type: ignore[misc]  # the stubs are old"),
    (bare_suppressions, "engine", "x = 1  # noqa: E501, B008  # a figure"),
    (bare_suppressions, "engine", "x = 1  # type: ignore[misc]  # noqa: E501  # old stubs"),
    (bare_suppressions, "engine", "x = '# noqa'"),
)


def case_name(value: Rule | str) -> str:
    """Name a case for its rule and its source."""
    return value if isinstance(value, str) else value.__name__


@pytest.mark.parametrize(("rule", "name", "source"), BROKEN, ids=case_name)
def test_a_rule_sees_the_source_that_breaks_it(rule: Rule, name: str, source: str) -> None:
    assert list(rule(Module(f"simulator.{name}", source)))


@pytest.mark.parametrize(("rule", "name", "source"), SOUND, ids=case_name)
def test_a_rule_lets_a_sound_source_pass(rule: Rule, name: str, source: str) -> None:
    assert list(rule(Module(f"simulator.{name}", source))) == []


def room_of(name: str, files: int, lines: int) -> tuple[Module, ...]:
    """A room of so many files, which together have so many lines."""
    each, more = divmod(lines, files)
    return tuple(
        Module(f"simulator.{name}.m{n}", "x = 1\n" * (each + (n < more))) for n in range(files)
    )


ONE = Module("simulator.model.one", "from simulator.model.two import f")
TWO = Module("simulator.model.two", "def f():\n    from simulator.model import three")
THREE = Module("simulator.model.three", "import simulator.model.one")
ROOM = Module("simulator.apis", "from simulator.apis.qemu import Qemu", package=True)

BROKEN_PLANS: tuple[tuple[Plan, tuple[Module, ...]], ...] = (
    (large_files, (Module("simulator.engine", "x = 1\n" * (FILE_LINES_MAX + 1)),)),
    (crowded_rooms, room_of("engine", ROOM_FILES_MAX + 1, ROOM_FILES_MAX + 1)),
    (crowded_rooms, room_of("engine", ROOM_FILES_MAX, ROOM_LINES_MAX + 1)),
    (crowded_rooms, room_of("model.clusters", ROOM_FILES_MAX, ROOM_LINES_MAX + 1)),
    (crowded_rooms, room_of("model", ROOM_FILES_MAX, HALL_LINES_MAX + 1)),
    (circles, (ONE, TWO, THREE)),
    (circles, (ROOM, Module("simulator.apis.qemu", "from simulator.apis import MODELS"))),
)

SOUND_PLANS: tuple[tuple[Plan, tuple[Module, ...]], ...] = (
    (large_files, (Module("simulator.engine", "x = 1\n" * FILE_LINES_MAX),)),
    (crowded_rooms, room_of("engine", ROOM_FILES_MAX, ROOM_LINES_MAX)),
    (crowded_rooms, room_of("model", ROOM_FILES_MAX + 1, HALL_LINES_MAX)),
    (crowded_rooms, room_of("engine", 6, 6) + room_of("engine.below", 6, 6)),
    (circles, (ONE, TWO, Module("simulator.model.three", "import ast"))),
    (circles, (ROOM, Module("simulator.apis.qemu", "from simulator.apis.base import ApiModel"))),
)


@pytest.mark.parametrize(("plan", "modules"), BROKEN_PLANS)
def test_a_plan_sees_the_modules_that_break_it(plan: Plan, modules: tuple[Module, ...]) -> None:
    assert list(plan(modules))


@pytest.mark.parametrize(("plan", "modules"), SOUND_PLANS)
def test_a_plan_lets_sound_modules_pass(plan: Plan, modules: tuple[Module, ...]) -> None:
    assert list(plan(modules)) == []


def heavy_imports(program: str) -> set[str]:
    """Run a program in a fresh interpreter; return the heavy packages that it left imported.

    Raises:
        subprocess.CalledProcessError: The program ends with an exit code other than 0.
    """
    report = "import atexit, sys\natexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    command = [sys.executable, "-c", report + program]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in ran.stderr.split()} & set(HEAVY)


def test_a_heavy_import_is_seen() -> None:
    assert heavy_imports("import rich.text") == {"rich"}


def test_the_mail_runs_without_a_heavy_import() -> None:
    run = f"sys.argv = ['backup-timeline', 'run', {str(MAIL)!r}]\n"
    assert heavy_imports(f"{run}from simulator.cli import main\nsys.exit(main())") == set()
