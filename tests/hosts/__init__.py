"""Tests of real hosts at work, and of what goes wrong around them; what other tests share."""
