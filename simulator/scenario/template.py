"""The commented scenario that ``backup-timeline new`` writes."""

import textwrap

from simulator.scenario.verbs import VERBS_HOST

_SHOWN = ("create", "backup", "restore")

_OTHERS = textwrap.fill(
    f"Other steps: {', '.join(verb for verb in VERBS_HOST if verb not in _SHOWN)}.",
    width=96,
    initial_indent="  # ",
    subsequent_indent="  #   ",
)

TEMPLATE = f"""\
# A backup timeline. Play it: backup-timeline run FILE
# Completion in an editor: backup-timeline schema scenario > scenario.schema.json
# yaml-language-server: $schema=scenario.schema.json
# In a picture one character is one cluster: - untouched, a letter the data, 0 explicit zeroes.
scenario: A full backup and an incremental
model: libvirt            # what the verbs mean; see: backup-timeline models
disk: 8                   # 8 clusters of 64 KiB; or: disks: {{vda: {{size: 1 GiB}}}}
timeline:
  - at: T1                # an instant; its steps happen with no guest write between them
    do:
      - create: S1        # the base image
  - write: AAAA----       # the guest writes between two instants; also: zero, discard
  - at: T2
    do:
      # A full backup, and in the same atomic step the checkpoint that the next one starts at.
      - backup: {{to: full.bak, checkpoint: c0}}
  - write: ---BBB--
  - at: T3
    do:
      - backup: {{since: c0, to: inc.bak, checkpoint: c1}}
      # Stack the backups, oldest first, and hold the result against what the guest saw at T3.
      - restore: {{from: [full.bak, inc.bak], as: again, of: T3}}
      # What must be so; a row that is not as drawn makes the run fail.
      - expect: |
          S1: |AAABBB--|
          guest sees: |AAABBB--|
          inc.bak: |---BBB--|
          again: |AAABBB--|
{_OTHERS}
  # A step that must be flagged says so:
  #   - restore: {{from: [inc.bak]}}
  #     expect: [unseen-state]
"""
