"""Releases of QEMU and libvirt: which are known, and what changed from one to the next.

``hosts`` says which pairs there are, ``semantics`` what a host does as a few switches that
transitions and policies are given, ``changes`` is the record that both are made from. A version is
compared there, and nowhere else.
"""
