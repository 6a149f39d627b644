"""Machines that outlive their guests: ``backup-begin --preserve-domain-on-shutdown``.

Source: libvirt 12.8.0 with QEMU 11.1.3; ``facts/LIBVIRT.md``, section 10.5.
"""

from simulator.apis.base import Plan
from simulator.apis.libvirt.refusing import NOT_RUNNING
from simulator.model.machine import Machine, Power
from simulator.model.operations import CloseImages, EndGuest, Fault, Refusal
from simulator.model.transitions import apply_all

NO_OPTION = "command 'backup-begin' doesn't support option --preserve-domain-on-shutdown"
"""What virsh says before 11.10."""


def power_off(machine: Machine) -> Plan:
    """Let the guest power off: the process goes with it, if no backup keeps it."""
    if machine.power is not Power.RUNNING:
        return Refusal(NOT_RUNNING, cause="the machine is off", fault=Fault.OFF)
    kept = dict.fromkeys(job.backup.name for job in machine.backup_jobs if job.preserves)
    if machine.ending:
        told = f"the guest is off, and its process waits for the backup {', '.join(kept)}"
        return Refusal(NOT_RUNNING, cause=told, fault=Fault.OFF)
    return (EndGuest(),) if kept else (CloseImages(),)


def closed_behind(machine: Machine, plan: Plan) -> Plan:
    """Return a plan that ends jobs, and the machine behind the last that kept it."""
    if not machine.ending or isinstance(plan, Refusal):
        return plan
    after = apply_all(machine, plan)
    if isinstance(after, Refusal) or any(job.preserves for job in after.backup_jobs):
        return plan
    return (*plan, CloseImages())
