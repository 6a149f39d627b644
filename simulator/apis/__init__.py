"""The API models: what checkpoint, snapshot, backup and delete mean, as primitives. Pure.

A new model is a module of this folder and a line in ``MODELS``.
"""

import copy
from collections.abc import Mapping
from typing import TypeVar

from simulator.apis.base import ApiModel
from simulator.apis.libvirt import Libvirt
from simulator.apis.libvirt60 import Libvirt60
from simulator.apis.mail2018 import Mail2018
from simulator.apis.nir2018 import Nir2018
from simulator.apis.qemu import Qemu
from simulator.apis.qemu_single import QemuSingle
from simulator.releases.hosts import (
    HOST_DEFAULT,
    KNOWN,
    LIBVIRT,
    QEMU,
    Host,
    MismatchedHost,
    read_host,
)

MODELS: dict[str, ApiModel] = {
    model.id: model
    for model in (Mail2018(), Nir2018(), Libvirt60(), Libvirt(), QemuSingle(), Qemu())
}
"""The models that the program knows, by id."""

MODEL_IDS: tuple[str, ...] = tuple(MODELS)

MODEL_DEFAULT = Libvirt.id

M = TypeVar("M", bound=ApiModel)


def on_host(model: M, host: Host) -> M:
    """Return a model as it is on a pair of releases."""
    made = copy.copy(model)
    made.host = host
    return made


def host_for(model: ApiModel, named: Host | None) -> Host:
    """Return what a model runs on, given what a scenario names.

    ``libvirt-6.0`` is of one release of libvirt, and ran on no QEMU newer than the oldest here.
    """
    host = model.host or named
    if Libvirt60.id not in model.family:
        return host or HOST_DEFAULT
    return Host(host.qemu if host is not None else KNOWN[QEMU][0], "6.0")


def split_id(word: str) -> tuple[str, str]:
    """Return a model's id and the release that follows it: ``libvirt@11.3``; empty for none."""
    model, _, release = word.partition("@")
    return model, release


def host_of(model: str, halves: Mapping[str, str]) -> Host:
    """Return the host of a model that is given these releases, by their half.

    Raises:
        UnknownRelease: Nobody recorded one of them.
        MismatchedHost: The model is of one release of libvirt only, and this is another.
    """
    host = read_host(halves)
    if model == Libvirt60.id and LIBVIRT in halves:
        raise MismatchedHost(
            f"{model} is what libvirt 6.0 does, and cannot be libvirt {halves[LIBVIRT]}",
            f"the model {Libvirt.id}, or no release of libvirt",
        )
    return host


def host_at(model: str, release: str) -> Host:
    """Return the host that a release behind a model's id means: libvirt's, or else QEMU's.

    A model from elsewhere is one of QEMU's, unless a host says more.

    Raises:
        UnknownRelease: Nobody recorded it.
    """
    return host_of(model, {half_of(model): release})


def half_of(model: str) -> str:
    """Return whose releases the model of an id is told apart by."""
    kind = MODELS.get(model)
    return kind.half if kind is not None else QEMU
