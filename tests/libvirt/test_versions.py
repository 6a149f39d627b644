"""Words of newer versions of libvirt."""

from simulator.libvirt.versions import says_the_same


def test_newer_words_are_let_pass_on_a_newer_libvirt_only() -> None:
    old = "Operation not supported: cannot perform block operations while checkpoint exists"
    new = (
        "Operation not supported: support for offline external snapshots while checkpoint exists "
        "was not yet implemented"
    )
    assert says_the_same(old, new, "11.3.0 with QEMU 10.0.13")
    assert not says_the_same(old, new, "9.0.0 with QEMU 7.2.22")
    assert not says_the_same(old, None, "11.3.0 with QEMU 10.0.13")
