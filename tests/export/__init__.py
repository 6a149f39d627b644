"""Tests of scripts that play a timeline."""
