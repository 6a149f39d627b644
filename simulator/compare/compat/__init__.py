"""The regression check: what a change of semantics does to the users of scenarios. Pure."""
