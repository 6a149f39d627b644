"""What ``qemu-img`` makes of image files, and what it turns down."""

import simulator


def test_a_raw_image_names_no_backing_image() -> None:
    """As ``qemu-img rebase -f raw`` of QEMU 7.2 says it."""
    text = """scenario: raw
model: qemu
disk: 4
timeline:
  - {at: T1, do: [{create: {image: S1, format: raw}}, shutdown, {rebase: {image: S1}}]}
"""
    refused = simulator.loads(text).run().timeline
    (told,) = (each.refusal for each in refused.entries if each.refusal is not None)
    assert told.text == "Could not change the backing file to '': Operation not supported"
