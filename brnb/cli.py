"""`brnb`: look at runs, check before running, gather and hand over what they made.

Running itself is papermill's and Snakemake's work.
"""

import argparse
import json
import os
import sys
import textwrap
from pathlib import Path

from brnb.params import ParameterError
from brnb.pipeline import Pipeline, find_root


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (ParameterError, FileNotFoundError, ValueError) as error:
        print(f"brnb: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # brnb status | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="brnb", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)

    def command(name: str, function: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=function)
        return added

    status = command("status", _status, "which runs are done, stale, failed or missing, and why")
    status.add_argument("--json", action="store_true", help="as a list of objects")
    status.add_argument("--run", help="only this run; exit 1 unless it is done")
    command("check", _check, "parameters and names of all chapters, without running anything")
    report = command("report", _report, "build the HTML book and the LaTeX document")
    export = command("export", _export, "copy tables, figures and numbers into a dissertation")
    export.add_argument("dest", type=Path, help="folder of the dissertation")
    for added in (status, report, export):
        added.add_argument("--profile", default="smoke", help="smoke (default), lab, paper…")
    command("doctor", _doctor, "what this machine has for the thesis, and what is missing")
    return parser


def _status(options: argparse.Namespace) -> int:
    found = Pipeline(options.profile).status()
    if options.run:
        found = [status for status in found if status.run == options.run]
        if not found:
            raise ParameterError(f"no run {options.run!r} in profile {options.profile}")
    if options.json:
        print(json.dumps([status.asdict() for status in found], indent=1, ensure_ascii=False))
    else:
        for status in found:
            seconds = "" if status.seconds is None else f"{status.seconds:.1f} s"
            why = textwrap.shorten(status.why, 400, placeholder=" … (--json says all)")
            print(f"{status.run:<28} {status.state:<8} {seconds:>10}  {why}".rstrip())
    return int(bool(options.run) and found[0].state != "done")


def _check(options: argparse.Namespace) -> int:
    from brnb.check import check

    problems = check()
    print("\n".join(problems) or "all parameter files and notebooks are in order")
    return int(bool(problems))


def _report(options: argparse.Namespace) -> int:
    from brnb.report.assemble import assemble

    print(assemble(Pipeline(options.profile)))
    return 0


def _export(options: argparse.Namespace) -> int:
    from brnb.report.export import export

    report = export(find_root() / "reports" / options.profile, options.dest)
    print(report)
    return int(not report.ok)


def _doctor(options: argparse.Namespace) -> int:
    from brnb.doctor import examine

    problems = 0
    for name, fine, text in examine():
        print(f"{'ok ' if fine else '!! '} {name:<14} {text}")
        problems += not fine
    return int(problems > 0)
