"""The API as the first speaker of the mail wants it: each snapshot keeps its own series of bitmaps.

Source: Nir Soffer to libvir-list, 2018-06-26, T1 to T5; ``facts/LIBVIRT.md`` section 8.
"""

from simulator.apis.mail2018 import Mail2018
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import BitmapKey, Operation, Refusal, RunBackup
from simulator.model.requests import TakeBackup


class Nir2018(Mail2018):
    """Checkpoints inside snapshots; each bitmap is read from its own image.

    S1: |AAAA----| <- S2: |D--BBDD-|
    B1: |XXXX----|    B2: |---XXX--|      read from S2
    read from S1      B3: |X----XX-|+

    What lies in an image below is frozen with it, so its bitmaps can be read at any time. Those of
    the active image cannot: reading B2 after B3 has begun gives a mixture, which this API does not
    know.
    """

    id = "nir-2018"
    title = "as asked for in the mail of 2018: each bitmap is read from its own image, at any time"
    source = "Nir Soffer to libvir-list, 2018-06-26"

    def end_at(self, machine: Machine, request: TakeBackup, until: str) -> TakeBackup | Refusal:
        """Read the bitmaps from the start up to the one that begins at the end, whatever changed.

        An instant stands for the first checkpoint that began then.
        """
        named = [each.name for each in machine.checkpoints]
        if until not in named:
            begun = [each.name for each in machine.checkpoints if each.at == until]
            if not begun:
                return Refusal(f"there is no checkpoint {until} here")
            until = begun[0]
        first = named.index(request.since) if request.since in named else 0
        window = named[first : named.index(until)]
        if not window:
            return Refusal(f"{until} is not later than {request.since or 'the first checkpoint'}")
        bitmaps = tuple((None, name) for name in window)
        return request._replace(since=None, until=None, bitmaps=bitmaps)

    def job(
        self, disk: Disk, request: TakeBackup, found: tuple[BitmapKey, ...] | None
    ) -> tuple[Operation, ...]:
        """Read bitmaps that all lie on one image from that image."""
        jobs = super().job(disk, request, found)
        nodes = {node for node, _ in found or ()}
        if request.image is not None or len(nodes) != 1:
            return jobs
        (node,) = nodes
        return tuple(
            job._replace(image=node) if isinstance(job, RunBackup) else job for job in jobs
        )
