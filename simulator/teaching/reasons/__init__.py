"""Why a cell of a figure is as it is: told from the primitives of a run, replayed one by one."""
