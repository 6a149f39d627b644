"""A scenario that goes on from real images: it re-creates what they hold, step by step.

Where the bitmaps are as libvirt leaves them, the scenario has checkpoints and runs under the model
``libvirt``. Any other state is made with QEMU's own primitives, under the model ``qemu``: a bit is
set by writing again what is there, and a cluster that holds nothing is touched by a discard of a
part of it, which changes nothing but the bit. Source: ``facts/QEMU.md``, section 5.
"""

import json
from collections.abc import Iterator, Sequence

from simulator.inspect.disk import SeenDisk
from simulator.inspect.image.runs import Run, lay_over, write_cells
from simulator.inspect.scenario.bitmaps import make_bitmaps
from simulator.inspect.scenario.checkpoints import is_libvirts, make_checkpoints
from simulator.inspect.scenario.plan import Plan, plan_of, with_names
from simulator.inspect.scenario.script import _PLAIN, PICTURE_MAX, Script, size_of
from simulator.model.disk import CLUSTER_SIZE_DEFAULT


def write_scenario(disks: Sequence[SeenDisk], *, cells: int) -> str:
    """Return a scenario of some disks as YAML text, with a final newline.

    Args:
        cells: How many cells a disk of too many runs is told in.
    """
    plans = with_names([plan_of(disk, cells) for disk in disks])
    libvirt = is_libvirts(plans)
    script = Script(alone=len(plans) == 1)
    for plan in plans:
        if libvirt:
            make_checkpoints(script, plan)
        else:
            make_bitmaps(script, plan)
    script.lines += _expectation(script, plans)
    active = ", ".join(disk.chain.active.name for disk in disks)
    head = [
        *(f"# {plan.name}: {remark}." for plan in plans for remark in plan.remarks),
        f"scenario: {json.dumps(f'Continued from {active}', ensure_ascii=False)}",
        f"model: {'libvirt' if libvirt else 'qemu'}",
        *_disks(plans),
    ]
    if libvirt and any(layer.marks for plan in plans for layer in plan.layers):
        because = "backups that were taken before are not told here"
        head.append(f"allow: {{rule: BT401, because: {because}}}")
    return "\n".join([*head, "timeline:", *script.lines]) + "\n"


def _disks(plans: Sequence[Plan]) -> list[str]:
    if len(plans) == 1 and plans[0].cluster_size == CLUSTER_SIZE_DEFAULT:
        return [f"disk: {plans[0].length}"]
    sizes = [
        f"clusters: {plan.length}, cluster_size: {size_of(plan.cluster_size)}" for plan in plans
    ]
    lines = (f"  {plan.name}: {{{told}}}" for plan, told in zip(plans, sizes, strict=True))
    return ["disks:", *lines]


def _expectation(script: Script, plans: Sequence[Plan]) -> Iterator[str]:
    """Yield a last instant that checks what was made, where that can be drawn."""
    rows: list[tuple[str, str]] = []
    for plan in plans:
        if plan.length > PICTURE_MAX:
            continue
        view: tuple[Run, ...] = ()
        for layer in plan.layers:
            view = lay_over(view, layer.content)
            rows.append((layer.name, write_cells(layer.content, plan.length)))
            rows += [
                (f"{layer.name}.{mark.name}", write_cells(mark.clusters, plan.length))
                for mark in layer.marks
                if not mark.broken and _PLAIN.fullmatch(mark.name)
            ]
        guest = "guest sees" if script.alone else f"guest sees {plan.name}"
        rows.append((guest, write_cells(view, plan.length).replace("0", "-")))
    if rows:
        script.instants += 1
        yield from (f"  - at: T{script.instants}", "    do:", "      - expect: |")
        yield from (f"          {name}: |{cells}|" for name, cells in rows)
