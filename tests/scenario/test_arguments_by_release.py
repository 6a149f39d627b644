"""Which release has which argument: what the language says of it is what was recorded."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import simulator
from simulator.diagnostics import InputError
from simulator.releases.hosts import KNOWN, QEMU, release_of
from simulator.releases.unmodelled import ARGUMENTS, SINCE
from simulator.scenario.qmp.ignored import (
    BACKUP,
    COMMANDS_NEWER,
    EXPORT,
    MERGE,
    MIRROR,
    Newer,
    Type,
)
from tests.recordings.files import read_arguments, recordings

RELEASES = KNOWN[QEMU]

IGNORED: Mapping[str, Mapping[str, Type]] = {
    "blockdev-backup": BACKUP,
    "blockdev-mirror": MIRROR,
    "block-commit": MERGE,
    "block-stream": MERGE,
    "block-export-add": EXPORT,
}

VARIANT = "type=nbd"
"""The only kind of export that the language has."""

ELSEWHERE = {"blockdev-add", "blockdev-reopen", "nbd-server-start", "query-block"}
"""Commands with newer arguments that the language does not have, or does not look at."""


def recorded() -> dict[str, Mapping[str, Any]]:
    """Return the arguments of each command, by the release of QEMU."""
    read = (read_arguments(path) for path in recordings("arguments"))
    return {release_of(head["version"]): commands for head, commands in read}


def paths(arguments: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Yield each argument of a command by what it stands in and its name."""
    for key, told in arguments.items():
        if key == VARIANT:
            yield from paths(told, within)
        elif "=" not in key:
            name = within + key.removesuffix("?")
            yield name
            if isinstance(told, dict):
                yield from paths(told, f"{name}.")


def first_releases() -> dict[tuple[str, str], str]:
    """Return the oldest release that has each argument of each command."""
    first: dict[tuple[str, str], str] = {}
    for release in RELEASES:
        for command, arguments in recorded()[release].items():
            for name in paths(arguments):
                first.setdefault((command, name), release)
    return first


def ignored(types: Mapping[str, Type], within: str = "") -> Iterator[tuple[str, str]]:
    """Yield the arguments of a table, each with the oldest release that has it."""
    for name, told in types.items():
        since, type = (told.since, told.type) if isinstance(told, Newer) else (RELEASES[0], told)
        yield within + name, since
        if isinstance(type, dict):
            yield from ignored(type, f"{within}{name}.")


def test_each_known_release_was_asked_for_its_arguments() -> None:
    assert set(recorded()) == set(RELEASES)
    for commands in recorded().values():
        assert IGNORED.keys() <= commands.keys()


@pytest.mark.parametrize("command", IGNORED)
def test_an_argument_is_let_pass_from_the_release_on_that_has_it(command: str) -> None:
    first = first_releases()
    told = {(command, name): since for name, since in ignored(IGNORED[command])}
    there = {key: since for key, since in told.items() if key in first}
    assert len(there) > 4
    assert there == {key: first[key] for key in there}
    # Commits and streams share a table; an argument of one only is none of the other.
    assert {name for _, name in told.keys() - there.keys()} <= {"backing-file"}
    newer = {key for key, since in first.items() if key[0] == command and since != RELEASES[0]}
    assert newer == {key for key, since in there.items() if since != RELEASES[0]}


def test_what_is_newer_is_known_of_all_commands_that_the_language_has() -> None:
    first = first_releases()
    newer = {command for (command, _), since in first.items() if since != RELEASES[0]}
    assert newer <= {*IGNORED, *ELSEWHERE, "transaction", *COMMANDS_NEWER}


def test_a_command_is_told_to_come_later_from_the_release_on_that_has_it() -> None:
    told = recorded()
    oldest = told[RELEASES[0]]
    found = {
        command: next(release for release in RELEASES if command in told[release])
        for command in told[RELEASES[-1]]
        if command not in oldest
    }
    assert found == COMMANDS_NEWER


def test_arguments_that_come_later_do_so_from_the_release_on_that_has_them() -> None:
    first = first_releases()
    looked_at = [each for each in ARGUMENTS if (each.command, each.name) in first]
    assert {each.name for each in looked_at} & SINCE.keys()
    assert {first["blockdev-backup", name] for name in SINCE} == {*SINCE.values()}
    for each in looked_at:
        assert first[each.command, each.name] == each.since, each


HEAD = "scenario: x\nmodel: qemu\nhost: {{qemu: {release}}}\ndisk: 8\ntimeline:\n"
STEPS = """\
  - at: T1
    do: [create: S1]
  - at: T2
    do: [qmp: {{execute: {command}, arguments: {{{arguments}}}}}]
"""
BACKUP_OF = "device: S1, target: k, sync: full, "


def refusals(command: str, arguments: str, release: str) -> list[str | None]:
    """Return what QEMU says of a command under a host."""
    text = (HEAD + STEPS).format(release=release, command=command, arguments=arguments)
    return [each.refused for each in simulator.loads(text).run().findings]


@pytest.mark.parametrize(
    ("command", "arguments", "name", "since"),
    [
        ("blockdev-backup", BACKUP_OF + "discard-source: false", "discard-source", "10.0"),
        ("blockdev-backup", BACKUP_OF + "discard-source: true", "discard-source", "10.0"),
        ("blockdev-backup", BACKUP_OF + "on-cbw-error: break-guest-write", "on-cbw-error", "11.1"),
        ("blockdev-backup", BACKUP_OF + "on-cbw-error: break-snapshot", "on-cbw-error", "11.1"),
        (
            "blockdev-backup",
            BACKUP_OF + "x-perf: {min-cluster-size: 65536}",
            "x-perf.min-cluster-size",
            "10.0",
        ),
        (
            "blockdev-mirror",
            "job-id: m, " + BACKUP_OF + "target-is-zero: true",
            "target-is-zero",
            "11.1",
        ),
        (
            "block-stream",
            "device: S1, backing-mask-protocol: true",
            "backing-mask-protocol",
            "10.0",
        ),
    ],
)
def test_an_argument_that_means_nothing_is_refused_by_releases_that_do_not_have_it(
    command: str, arguments: str, name: str, since: str
) -> None:
    for release in RELEASES:
        said = refusals(command, arguments, release)
        older = RELEASES.index(release) < RELEASES.index(since)
        assert (f"Parameter '{name}' is unexpected" in said) == older, release


@pytest.mark.parametrize(
    ("command", "arguments", "what", "words", "since"),
    [
        (
            "blockdev-backup",
            BACKUP_OF + "x-perf: {min-cluster-size: 2147483648}",
            "x-perf.min-cluster-size of the command blockdev-backup",
            "Parameter 'x-perf.min-cluster-size' is unexpected",
            "10.0",
        ),
    ],
)
def test_what_changes_something_is_not_implemented_where_the_release_has_it(
    command: str, arguments: str, what: str, words: str, since: str
) -> None:
    for release in RELEASES:
        if RELEASES.index(release) < RELEASES.index(since):
            assert refusals(command, arguments, release) == [words]
            continue
        with pytest.raises(InputError) as error:
            refusals(command, arguments, release)
        assert [each.message for each in error.value.problems] == [f"{what} is not implemented yet"]
