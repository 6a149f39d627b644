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


def test_a_file_that_grows_over_a_longer_one_hides_what_lies_there() -> None:
    """As ``qemu-img resize`` of QEMU 7.2 has it, of an image below the active one as well."""
    text = """scenario: grown by a tool
model: qemu
disk: 4
timeline:
  - {at: T1, do: [{create: S1}, {write: AAAA}, {snapshot: S2}, {resize: {clusters: 2}}]}
  - at: T2
    do:
      - {snapshot: S3}
      - shutdown
      - {resize: {image: S2, clusters: 3, outside: true}}
      - start
      - expect: |
          S1: |AAAA| <- S2: |--0| <- S3: |--|
"""
    run = simulator.loads(text).run()
    assert [f.code for f in run.findings if f.code.startswith("EX")] == []
