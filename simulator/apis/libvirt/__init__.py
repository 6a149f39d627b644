"""libvirt 6.6 and later: its policies, what it turns down, and how it merges bitmaps."""

from simulator.apis.libvirt.policies import Libvirt

__all__ = ["Libvirt"]
