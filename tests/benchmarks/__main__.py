"""Call `main` of every module beside this one, in the order of their names."""

from importlib import import_module
from pkgutil import iter_modules

import tests.benchmarks

for module in iter_modules(tests.benchmarks.__path__, prefix="tests.benchmarks."):
    if not module.name.endswith("__main__"):
        import_module(module.name).main()
