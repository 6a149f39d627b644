"""The rule about increments that lean on the live image, and are used as they are: BT206."""

from collections.abc import Iterator

from simulator.checks.restores.differences import draw_differences, report
from simulator.checks.restores.faults import faults_of
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.timeline import Timeline


@rule("BT206", "live-backing", Severity.ERROR, models=("libvirt",))
def live_backing(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds push incrementals of libvirt that are restored alone, while the disk goes on.

    ## Why is this wrong?
    libvirt gives the target the live image as its backing file, and leaves it so. Opened as it is,
    the file shows what the guest has now wherever it holds nothing itself, and a guest that is
    started from it reads through to a disk that another one writes.

    ## Example
    ```yaml
    scenario: an increment is opened as it lies there
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: c0}}]}
      - write: --BB----
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
      - write: ------CC
      - {at: T4, do: [{restore: {from: [inc.bak], of: T3}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the increment is rebased onto the full backup
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: c0}}]}
      - write: --BB----
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
      - write: ------CC
      - {at: T4, do: [{restore: {from: [full.bak, inc.bak], of: T3}}]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3: the target of an incremental has the live image as its
    backing file until `qemu-img rebase -u`.
    """
    for fault in faults_of(timeline, self.code):
        above = fault.above
        assert above is not None, "it is the increment that was restored"
        yield report(
            self,
            timeline,
            fault,
            f"{fault.restored.row} is made of {above.name} alone, which lies on the live image",
            label=f"the backing file of {above.name} is {above.image} until somebody rebases it",
            notes=draw_differences(timeline, fault),
        )
