"""``python -m benchmarks [--quick] [NAME ...]``: run the named benchmarks (default: all) and write docs/benchmarks.md.

``--quick`` measures on a tenth of the facts and writes nothing: for work on the benchmarks themselves.
"""

import importlib
import os
import pkgutil
import sys

import benchmarks
from benchmarks import report
from eventflow_pipeline.errors import UserError

_NOT_ONE = {"__main__", "report"}


def main() -> int:
    """Run the benchmarks; 0 when every promised line was met, else 1."""
    names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in _NOT_ONE and m.name[0] != "_"]
    quick = "--quick" in sys.argv[1:]
    if quick:
        os.environ["BENCH_QUICK"] = "1"
    wanted = [name for name in sys.argv[1:] if name != "--quick"] or names
    if unknown := set(wanted) - set(names):
        print(f"bench: there is no benchmark {', '.join(sorted(unknown))}: use {', '.join(names)}.", file=sys.stderr)
        return 2
    missed = 0
    for name in wanted:
        print(f"bench: {name} …", file=sys.stderr, flush=True)
        try:
            section = importlib.import_module(f"benchmarks.{name}").run()
        except UserError as problem:
            print(f"bench: {name} was not run: {problem}", file=sys.stderr)
            missed += 1
            continue
        if not quick:
            report.write(section)
        print(section.markdown(), end="\n\n", flush=True)
        missed += sum(not met for met in section.lines.values())
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
