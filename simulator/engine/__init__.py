"""The engine: SimPy decides when something happens, an API model and the transitions what."""

from simulator.engine.play import play

__all__ = ["play"]
