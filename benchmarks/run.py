"""`make bench`: Argosy beside nginx, vllm-router and no gateway at all, interleaved in one run.

Prints the middle of the rounds, ratios and goals, and writes all rounds to a file. Exits 0 whether
goals are met or not, 1 if something could not be measured or lost data.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import compare, overload, workers
from benchmarks.build import CACHE, BuildError
from benchmarks.client import LoadError
from benchmarks.machine import describe
from benchmarks.ready import NotReadyError
from benchmarks.results import Results
from benchmarks.scenarios import scenarios
from benchmarks.site import Site, site
from benchmarks.table import render


def main() -> int:
    """Measure what the options ask for; return the exit status."""
    options = _options()
    try:
        with site(rivals=not options.alone) as place:
            results = _measure(place, options)
            _show(place, results, options)
            if results.failures:
                raise LoadError("\n".join(results.failures))
    except (BuildError, LoadError, NotReadyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _show(place: Site, results: Results, options: argparse.Namespace) -> None:
    """Print the table and write all rounds to a file."""
    machine = describe(place.programs)
    print(f"\n{place.sink.exports} exports of traces came in")
    print(f"{machine}; {options.rounds} rounds of {options.seconds:g} s, medians\n")
    print(render(results))
    figures = {
        "machine": machine,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "failures": results.failures,
        "figures": results.as_json(),
    }
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"\nAll rounds are in {options.json}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    names = [*(scenario.name for scenario in scenarios(1)), "workers", "overload"]
    parser.add_argument("--rounds", type=int, default=3, help="how often each load is repeated")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one load")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these alone")
    parser.add_argument("--alone", action="store_true", help="no rivals")
    parser.add_argument("--json", type=Path, default=CACHE / "results.json")
    return parser.parse_args()


def _measure(place: Site, options: argparse.Namespace) -> Results:
    results = Results()
    chosen = [s for s in scenarios(options.seconds) if s.name in options.only]
    if chosen:
        results.merge(compare.measure(place, chosen, options.rounds))
    if "workers" in options.only:
        results.merge(workers.measure(place, options.seconds))
    if "overload" in options.only:
        results.merge(overload.measure(place, options.seconds))
    return results


if __name__ == "__main__":
    sys.exit(main())
