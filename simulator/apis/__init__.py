"""The API models: what checkpoint, snapshot, backup and delete mean, as primitives. Pure.

A new model is a module of this folder and a line in ``MODELS``.
"""

from simulator.apis.base import ApiModel
from simulator.apis.libvirt import Libvirt
from simulator.apis.mail2018 import Mail2018
from simulator.apis.qemu import Qemu

MODELS: dict[str, ApiModel] = {model.id: model for model in (Mail2018(), Libvirt(), Qemu())}
"""The models that the program knows, by id."""

MODEL_IDS: tuple[str, ...] = tuple(MODELS)

MODEL_DEFAULT = Libvirt.id
