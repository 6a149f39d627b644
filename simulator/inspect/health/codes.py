"""The codes under which `inspect` tells what it finds, and findings made of them."""

from collections.abc import Mapping
from functools import partial

from simulator.diagnostics import Finding, Severity

IN_REAL_CHAINS: Mapping[str, tuple[str, str]] = {
    "BT101": ("bitmap-missing", "the active image lacks a bitmap that an image below it has"),
    "BT102": ("bitmap-gap", "the images that hold a bitmap do not follow one another"),
    "BT103": ("bitmap-not-recording", "a bitmap is disabled, and does not reach now"),
    "BT104": ("inconsistent-bitmap", "a bitmap was open for writing when the file was left"),
    "BT106": ("unmergeable-bitmaps", "the bitmaps of one name differ in size"),
    "BT109": ("stale-namesake", "an older bitmap of the same name is further down"),
    "BT206": ("live-backing", "a push backup that still lies over the live image"),
}
"""The rules that real chains are held against: code to name, and what is found there."""

OF_FILES: Mapping[str, tuple[str, str]] = {
    "IN101": ("backing-missing", "a backing image that is not there or cannot be read"),
    "IN102": ("backing-loop", "a chain that comes back to itself"),
    "IN103": ("damaged-image", "a file that is truncated or corrupt"),
    "IN104": ("image-in-use", "an image that a process has open for writing"),
    "IN105": ("encrypted-image", "data that cannot be looked at"),
    "IN106": ("rounded-bitmap", "bits that a scenario can only give rounded to clusters"),
    "IN107": ("bitmaps-impossible", "an image that cannot store bitmaps: raw, or qcow2 v2"),
    "IN108": ("leftover-bitmap", "a temporary bitmap that a job of libvirt left behind"),
    "IN109": ("internal-snapshot", "a state that is kept inside an image"),
    "IN110": ("shared-base", "an image that is below two of the images named"),
}
"""What is told of files: code to name, and what it finds."""

ELSEWHERE: Mapping[str, str] = {"BT502": "many-bitmaps"}
"""Rules of scenarios that say of real chains just what they say there."""


def flag_among(
    names: Mapping[str, str],
    code: str,
    message: str,
    *,
    severity: Severity = Severity.ERROR,
    notes: tuple[str, ...] = (),
    help: str = "",
) -> Finding:
    """Return a finding under one of some codes, by the names that they have."""
    name = names[code]
    return Finding(code=code, rule=name, severity=severity, message=message, notes=notes, help=help)


NAMES = {code: name for code, (name, _) in {**IN_REAL_CHAINS, **OF_FILES}.items()}

flag = partial(flag_among, {**ELSEWHERE, **NAMES})
"""Makes a finding under one of these codes."""
