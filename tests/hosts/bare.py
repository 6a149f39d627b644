"""The bare QEMU session that a verification needs: the same actions, and nobody looks."""

import asyncio

from simulator.hosts.session import open_session
from simulator.qemu.plan import make_plan
from simulator.timeline import Timeline
from tests.waiting import PATIENCE_SECONDS


def play_bare(timeline: Timeline) -> None:
    """Start QEMU, do all that a timeline's plan says, and quit."""
    asyncio.run(_play(timeline))


async def _play(timeline: Timeline) -> None:
    plan = make_plan(timeline)
    async with open_session(timeout=PATIENCE_SECONDS) as session:
        for step in plan.steps:
            for action in step.actions:
                await session.perform(action)
        if session.daemon is not None:
            await session.daemon.quit()
            session.daemon = None
