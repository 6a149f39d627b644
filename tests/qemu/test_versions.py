"""A refusal that a newer QEMU words otherwise is the same; any other difference is one."""

import pytest

from simulator.qemu.versions import says_the_same

OLD = "Device '(null)' is in use"
NEW = "Node 'S1' is busy: node is used as backing hd of 'S2'"


@pytest.mark.parametrize(
    ("wanted", "said", "version", "same"),
    [
        (OLD, OLD, "7.2.22", True),
        (OLD, NEW, "10.0.13", True),
        (OLD, "Node 'S1' is busy: block device is in use by block job: stream", "10.0.13", True),
        (OLD, NEW, "7.2.22", False),
        (OLD, "Node 'S1' is on fire", "10.0.13", False),
        (NEW, OLD, "10.0.13", False),
        (None, NEW, "10.0.13", False),
        (OLD, None, "10.0.13", False),
        (None, None, "7.2.22", True),
    ],
)
def test_words_are_the_same_or_what_became_of_them(
    wanted: str | None, said: str | None, version: str, same: bool
) -> None:
    assert says_the_same(wanted, said, version) is same
