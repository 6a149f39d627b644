"""The rule about requests that the host turned down and that no other rule knows: BT901."""

from collections.abc import Iterator

from simulator.checks.rule import Rule, rule
from simulator.checks.turned_down import report, turned_down_else
from simulator.diagnostics import Finding, Severity
from simulator.timeline import Timeline


@rule("BT901", "refused", Severity.ERROR, refusal=True)
def refused(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds requests that the host turned down and that no other rule knows more of, with the host's
    own words where they are known.

    ## Why is this wrong?
    Nothing happened: the state stays as it was, and what the scenario builds on the request is
    not there.

    ## Example
    ```yaml
    scenario: the base image is no snapshot
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - {at: T2, do: [{snapshot: S2}, {delete: {snapshot: S1}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the snapshot is deleted by the name of the image that it made
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - {at: T2, do: [{snapshot: S2}, {delete: {snapshot: S2}}]}
    ```

    ## Source
    Observed on libvirt 9.0.0 and 11.3.0, and on QEMU 7.2.22.
    """
    for entry in turned_down_else(timeline):
        yield report(self, timeline, entry)
