"""The quick way to change a frozen value gives what the standard one gives."""

import dataclasses

import pytest

from simulator.model.bitmap import Window
from simulator.model.clusters import map_of
from simulator.model.disk import Disk, Image
from simulator.model.values import replace


def test_a_changed_value_equals_what_dataclasses_make_of_it() -> None:
    window = Window(start=1)
    image = Image(name="S1", content=map_of(8), length=8)
    disk = Disk(name="vda", length=8, chain=(image,))
    assert replace(window, end=2) == dataclasses.replace(window, end=2)
    assert replace(image, name="S2") == dataclasses.replace(image, name="S2")
    assert replace(disk, moment=3) == dataclasses.replace(disk, moment=3)
    assert window == Window(start=1)


def test_what_was_cached_is_not_copied() -> None:
    image = Image(name="S1", content=map_of(8), length=8)
    disk = Disk(name="vda", length=8, chain=(image,))
    assert not disk.guest_view
    written = replace(disk, chain=(replace(image, content=map_of(8, {0: 65})),))
    assert written.guest_view.get(0) == 65


def test_a_field_that_is_not_there_is_an_error() -> None:
    disk = Disk(name="vda", length=8)
    with pytest.raises(TypeError, match="there is no field begin"):
        replace(Window(start=1), begin=2)  # type: ignore[call-arg]  # that is what is tested
    with pytest.raises(TypeError, match="there is no field begin"):
        replace(disk, begin=2)  # type: ignore[call-arg]  # that is what is tested
