"""From files and texts to scenarios, and from those to runs under a model on a host."""

from __future__ import annotations

from collections.abc import Mapping

from simulator import apis, checks
from simulator.apis.base import ApiModel
from simulator.diagnostics import InputError, Problem
from simulator.engine import play
from simulator.model.operations import GuestDiscard, GuestWrite
from simulator.pipeline.runs import Run
from simulator.releases.hosts import Host, MismatchedHost
from simulator.releases.unmodelled import NOT_YET
from simulator.scenario import (
    check_copied,
    check_moved,
    check_repeats,
    load_file,
    load_text,
    place_of_host,
)
from simulator.timeline import Script, Timeline
from simulator.values import dataclass


def find_model(word: str) -> ApiModel:
    """Return an API model by its id, or that of a proposal's file.

    Args:
        word: ``libvirt``, ``libvirt@12.8`` for the one of a release, or ``FILE.py``.

    Raises:
        ValueError: There is none, or the release is not known.
        InputError: The proposal cannot be used.
    """
    name, release = apis.split_id(word)
    known = apis.MODELS.get(name)
    if known is None:
        from simulator.apis.proposals.loading import find_model as find

        known = find(name)
    if not release:
        return known
    return apis.on_host(known, apis.host_at(known.id, release))


def load(path: str) -> Scenario:
    """Return the scenario of a file; ``-`` reads standard input.

    Raises:
        InputError: The file cannot be used; it tells every problem.
    """
    return Scenario(load_file(path, rules=checks.RULE_NAMES, refusals=checks.REFUSALS))


def loads(text: str, path: str = "<text>") -> Scenario:
    """Return the scenario that a text is.

    Args:
        path: What findings call it.

    Raises:
        InputError: The text cannot be used; it tells every problem.
    """
    return Scenario(load_text(text, path, rules=checks.RULE_NAMES, refusals=checks.REFUSALS))


def _check_pictures(timeline: Timeline) -> None:
    """Hold the pictures of guest steps against the disk, which the host may have resized.

    Raises:
        InputError: One of them has another length.
    """
    wrong = [
        Problem(
            message=f"the picture has {entry.statement.cells:,} clusters, "
            f"the disk has {disk.length:,} clusters here",
            span=entry.statement.span,
            expected=f"{disk.length:,} characters between the bars, if any",
        )
        for entry in timeline.entries
        if entry.statement is not None and entry.statement.cells is not None
        for request in [entry.statement.request]
        if isinstance(request, GuestWrite | GuestDiscard)
        for disk in [entry.before.disk(request.disk or entry.before.disks[0].name)]
        if entry.statement.cells != disk.length
    ]
    if wrong:
        raise InputError(timeline.script.path, timeline.script.source, wrong)


def _check_modelled(timeline: Timeline) -> None:
    """Look for what the release of QEMU that is played has and this program does not.

    Raises:
        InputError: A step asks for that.
    """
    wrong = [
        Problem(message=entry.refusal.text, span=entry.statement.span)
        for entry in timeline.entries
        if entry.refusal is not None and entry.statement is not None
        if entry.refusal.text.endswith(NOT_YET)
    ]
    if wrong:
        raise InputError(timeline.script.path, timeline.script.source, wrong)


@dataclass(frozen=True)
class Scenario:
    """What is to happen. Running it changes nothing, so it can be run again."""

    script: Script

    def run(
        self, model: str | ApiModel | None = None, *, host: Mapping[str, str] | None = None
    ) -> Run:
        """Return what happens.

        Args:
            model: An API model, its id, or the file of a proposal; None for the model that the
                scenario names. With a release behind it, such as ``libvirt@12.8``, it runs there,
                whatever the scenario says.
            host: Releases of ``qemu`` and ``libvirt``; None for those that the scenario names.

        Raises:
            ValueError: There is no such model, or no such release.
            InputError: A picture does not fit what it is of by then, a name is introduced that is
                there by then, the release has something that is not implemented yet, or the
                proposal cannot be used.
        """
        chosen = (
            find_model(model or self.script.model) if not isinstance(model, ApiModel) else model
        )
        if host:
            chosen = apis.on_host(chosen, self._agreed(chosen.id, host))
        timeline = play(self.script, chosen)
        _check_pictures(timeline)
        _check_modelled(timeline)
        own = chosen.id == self.script.model
        check_repeats(timeline, restarts=chosen.restarts, own=own)
        check_copied(timeline)
        check_moved(timeline)
        return Run(timeline)

    def _agreed(self, model: str, halves: Mapping[str, str]) -> Host:
        """Return the host that was asked for.

        Raises:
            InputError: The scenario names another, or the model does not go with it.
        """
        own = self.script.host
        try:
            host = apis.host_of(model, halves)
        except MismatchedHost as error:
            problem = Problem(message=str(error), expected=error.expected)
            raise InputError(self.script.path, self.script.source, [problem]) from None
        if own in (None, host):
            return host
        problem = Problem(
            message=f"the scenario is about {own}, and {host} is asked for",
            span=place_of_host(self.script.source),
            expected="one host",
            help="leave one out, or give a model with its release: --model libvirt@12.8",
        )
        raise InputError(self.script.path, self.script.source, [problem])

    def __repr__(self) -> str:
        return f"<scenario {self.script.title!r}, {len(self.script.instants)} entries>"
