"""The API models: what checkpoint, snapshot, backup and delete mean, as primitives. Pure.

A new model is a module of this folder and a line in ``MODELS``.
"""

from simulator.apis.base import ApiModel
from simulator.apis.libvirt import Libvirt
from simulator.apis.libvirt60 import Libvirt60
from simulator.apis.mail2018 import Mail2018
from simulator.apis.nir2018 import Nir2018
from simulator.apis.qemu import Qemu
from simulator.apis.qemu_single import QemuSingle

MODELS: dict[str, ApiModel] = {
    model.id: model
    for model in (Mail2018(), Nir2018(), Libvirt60(), Libvirt(), QemuSingle(), Qemu())
}
"""The models that the program knows, by id."""

MODEL_IDS: tuple[str, ...] = tuple(MODELS)

MODEL_DEFAULT = Libvirt.id
