"""Goes through the steps of a file and takes in every name that they introduce."""

from collections.abc import Iterable

from simulator.scenario.disks import CheckedStep
from simulator.scenario.names import Names
from simulator.scenario.verb import Default
from simulator.scenario.verbs import VERBS
from simulator.scenario.yaml12 import Path


def survey(names: Names, steps: Iterable[CheckedStep], broken: Iterable[object]) -> None:
    """Take in every name, in the order of the file.

    Args:
        names: Takes them.
        steps: In the order of the file.
        broken: What stands where a step belongs and cannot be read.
    """
    for each in broken:
        names.take_broken(each)
    unnamed: list[tuple[int, Path, Default, str]] = []
    for number, (path, step) in enumerate(steps):
        names.step = number
        for word, arguments in step.items():
            verb = VERBS.get(word)
            if verb is None:
                continue
            for thing, name in verb.frees(arguments):
                names.free(thing, name, path)
            for new in verb.makes((*path, word), arguments):
                names.take(new, path, step)
            default = verb.default
            if default is None:
                continue
            name = arguments.get(default.key) or default.wanted(arguments)
            if default.like is not None:
                names.note_disk(name, arguments[default.like])
            if default.key not in arguments:
                unnamed.append((number, (*path, word), default, name))
    for number, path, default, name in unnamed:
        names.step = number
        names.make_up(path, default.thing, name, again=default.again)
    names.check_clashes()
