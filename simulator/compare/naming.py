"""What the models of several run documents are called where they are told side by side."""

from collections.abc import Sequence
from typing import Any

from simulator.apis import half_of


def tell_apart(documents: Sequence[Any]) -> tuple[str, ...]:
    """Return a name for the model of each run document: with its release where ids are alike."""
    ids = [document["model"] for document in documents]
    hosts = [document.get("host") for document in documents]
    return tuple(
        _with_release(name, host, [hosts[n] for n, other in enumerate(ids) if other == name])
        for name, host in zip(ids, hosts, strict=True)
    )


def _with_release(name: str, host: Any, hosts: Sequence[Any]) -> str:
    """Return a model's name, given the hosts of all that have it."""
    if host is None or all(other == host for other in hosts):
        return name
    half = half_of(name)
    if [other and other[half] for other in hosts].count(host[half]) == 1:
        return f"{name}@{host[half]}"
    return f"{name}@{host['qemu']}/{host['libvirt']}"
