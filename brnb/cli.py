"""Look at runs, check before running, gather and hand over what they made.

Running itself is papermill's and Snakemake's work.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import brnb
from brnb.params import ParameterError
from brnb.pipeline import Pipeline, find_root
from brnb.status_text import status_text, visible

app = typer.Typer(
    help=__doc__.split("\n")[0],
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _profiles() -> list[str]:
    try:
        return [path.name for path in (find_root() / "params").iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def _runs(context: typer.Context) -> list[str]:
    try:
        return Pipeline(context.params.get("profile") or "smoke").runs
    except (FileNotFoundError, ParameterError):
        return []


Profile = Annotated[
    str, typer.Option(help="smoke, lab, paper, or a folder of params/", autocompletion=_profiles)
]


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the command line; returns the exit status."""
    try:
        app(arguments, prog_name="brnb")
    except SystemExit as end:
        return int(end.code or 0)
    except (OSError, ValueError) as error:
        print(f"brnb: {visible(str(error))}", file=sys.stderr)
        return 2
    return 0


def _exit(problems: bool) -> NoReturn:
    raise typer.Exit(int(problems))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"brnb {brnb.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print and stop")
    ] = False,
) -> None:
    """Typer reads the options that come before a command from here."""


@app.command(epilog="brnb status --profile lab; brnb status --run v1 || echo not done")
def status(
    profile: Profile = "smoke",
    run: Annotated[
        str, typer.Option(help="only this run; exit 1 unless it is done", autocompletion=_runs)
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="as a list of objects")] = False,
) -> None:
    """Which runs are done, stale, failed or missing, and why."""
    pipeline = Pipeline(profile)
    states = [pipeline.status_of(run)] if run else pipeline.status()
    if as_json:
        print(json.dumps([state.asdict() for state in states], indent=1, ensure_ascii=False))
    else:
        typer.echo(status_text(states))
    _exit(bool(run) and states[0].state != "done")


@app.command(epilog="brnb verify --profile paper || echo damaged; brnb verify deposito-2026")
def verify(
    name: Annotated[str, typer.Argument(help="of a frozen state; all that runs left without")] = "",
    folder: Annotated[
        Path | None, typer.Option(help="where the frozen files are now, if they were moved")
    ] = None,
    profile: Profile = "smoke",
) -> None:
    """Hash every artefact, input and checkpoint anew, or everything that was frozen as NAME.

    Exit 1 if one is not as it was written.
    """
    from brnb.report.freeze import verify_frozen
    from brnb.verify import verify as compare

    pipeline = Pipeline(profile)
    result = verify_frozen(pipeline, name, folder) if name else compare(pipeline)
    print(result)
    _exit(bool(result.problems))


@app.command("freeze", epilog="brnb freeze deposito-2026 --folder ~/dissertacao --profile paper")
def freeze_results(
    name: Annotated[str, typer.Argument(help="of this state, e.g. deposito-2026")],
    folder: Annotated[
        Path | None, typer.Option(help="what was submitted; default reports/<profile>")
    ] = None,
    profile: Profile = "smoke",
) -> None:
    """Write the SHA-256 of everything submitted; `brnb verify NAME` checks it years later."""
    from brnb.report.freeze import freeze_results as write

    print(write(Pipeline(profile), name, folder))


@app.command(
    "gpu",
    epilog="brnb gpu papermill notebooks/04_v1_char_rnn.ipynb … -f params/lab/v1.yaml",
    context_settings={"ignore_unknown_options": True},
)
def run_on_a_free_gpu(
    command: Annotated[list[str], typer.Argument(help="and its arguments")],
) -> None:
    """Run a command on a GPU that no other run of this project uses; wait for one if need be.

    BRNB_PROCESSES=2 takes two. On a machine without GPUs the command runs at once.
    """
    from brnb.gpus import run_on_free_gpus

    processes = int(os.environ.get("BRNB_PROCESSES", "1"))
    run_on_free_gpus(command, find_root() / "work" / "gpus", processes)


@app.command(epilog="brnb release --profile lab && brnb freeze v0.2 --profile lab")
def release(profile: Profile = "smoke") -> None:
    """Whether results may be released: every run whole, of the committed code; exit 1 if not."""
    from brnb.release import review_release

    review = review_release(Pipeline(profile))
    print(review)
    _exit(bool(review.problems))


@app.command(
    epilog="brnb where tab-v1-legibility; brnb where v1.val_ppl; "
    "brnb where versions/v6-release-candidate/"
)
def where(
    id: Annotated[
        str, typer.Argument(help="of a table, a figure, a number, or a path of the dissertation")
    ],
    profile: Profile = "smoke",
) -> None:
    """Which run, cell and function make a table, a figure or a number, and from what."""
    from brnb.where import where as origins

    print(*origins(Pipeline(profile), id), sep="\n")


@app.command(
    epilog="brnb check; BRNB_DATA=~/brwac brnb check --profile paper; brnb check ~/tese.tex"
)
def check(
    manuscript: Annotated[
        Path | None, typer.Argument(help="a LaTeX file: check its numbers instead")
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="rewrite types and comments of the parameters cells")
    ] = False,
    profile: Profile = "smoke",
) -> None:
    """Parameters and names of all chapters, and what the profile reads from outside; or the numbers
    of a manuscript. Nothing runs, nothing is downloaded."""
    if manuscript:
        from brnb.audit.commands import manuscript_text

        text, well = manuscript_text(manuscript, Pipeline(profile).reports)
        print(text)
        _exit(not well)
    from brnb import check as checks

    if fix:
        for notebook in checks.fix():
            print(f"{notebook}: parameters cell written anew")
    problems = checks.check()
    print("\n".join(problems) or "all parameter files and notebooks are in order")
    if not problems:
        from brnb.preflight import report as preflight_report

        lines, readable = preflight_report(Pipeline(profile))
        print(*lines, sep="\n" if lines else "", end="\n" if lines else "")
        _exit(not readable)
    _exit(True)


@app.command(
    epilog="brnb audit; brnb audit 002:eq:C.35; brnb audit --json > claims.json; "
    "BRNB_DOCUMENTS=folder brnb audit --record"
)
def audit(
    id: Annotated[str, typer.Argument(help="of a claim to explain; all without it")] = "",
    lang: Annotated[str, typer.Option(help="pt or en")] = "pt",
    record: Annotated[
        bool, typer.Option("--record", help="write the verdicts as those of the release")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="every claim with its values and verdict")
    ] = False,
) -> None:
    """Every claim of the documents, recomputed; exit 1 if a verdict is not the recorded one."""
    from brnb.audit.commands import audit_text

    text, well = audit_text(id, lang, record, as_json)
    print(text)
    _exit(not well)


def _architectures() -> list[str]:
    from brnb.architectures.known import keys

    return keys()


@app.command(epilog="brnb draw config.json; brnb draw llama32_1b qwen3_06b --out pair.pdf")
def draw(
    config: Annotated[
        str,
        typer.Argument(
            help="a config.json, its folder, or an architecture of the package",
            autocompletion=_architectures,
        ),
    ],
    other: Annotated[str, typer.Argument(help="another, beside it; what differs is marked")] = "",
    out: Annotated[Path, typer.Option(help="file to write: .svg, .pdf or .png")] = Path(
        "architecture.svg"
    ),
    lang: Annotated[str, typer.Option(help="pt or en")] = "pt",
) -> None:
    """Draw an architecture from its configuration, or two with what differs marked."""
    from brnb.architectures.known import open_architecture
    from brnb.chapters.architecture_diagram import drawing, save_drawing

    second = open_architecture(other) if other else None
    save_drawing(drawing(open_architecture(config), lang, second), out)
    print(out)


@app.command(epilog="brnb report --profile lab")
def report(profile: Profile = "smoke") -> None:
    """Build the LaTeX document."""
    from brnb.report.assemble import assemble

    print(assemble(Pipeline(profile)))


@app.command(epilog="brnb pdf --profile lab")
def pdf(profile: Profile = "smoke") -> None:
    """Compile the LaTeX document; exit 1 if the log has a warning or text in the margin."""
    from brnb.report.pdf import compile_document

    compiled = compile_document(Pipeline(profile).reports)
    print(compiled)
    _exit(bool(compiled.problems))


@app.command(epilog="brnb book --profile lab")
def book(profile: Profile = "smoke") -> None:
    """Build the book: a site of all chapters that opens from disk, without a network."""
    from brnb.book.build import build_book

    pipeline = Pipeline(profile)
    print(f"book      {build_book(pipeline).relative_to(pipeline.root)}")


@app.command(epilog="brnb export ~/dissertacao --profile paper")
def export(
    dest: Annotated[Path, typer.Argument(help="folder of the dissertation")],
    profile: Profile = "smoke",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="although some runs are not done")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="copy again whenever a run finishes, until Ctrl-C")
    ] = False,
) -> None:
    """Copy tables, figures and numbers of finished runs into a dissertation."""
    from brnb.report import export as exporting

    pipeline = Pipeline(profile)
    if watch:
        with suppress(KeyboardInterrupt):
            for copied in exporting.watch(lambda: exporting.vouched(pipeline), dest):
                print(copied, flush=True)
        return
    undone = [
        f"  {state.run}: {state.state}" for state in pipeline.status() if state.state != "done"
    ]
    if undone and not anyway:
        print(
            "nothing was copied: these runs are not done (brnb status says why)", *undone, sep="\n"
        )
        print("run them: make thesis; or copy what finished runs left: --anyway")
        _exit(True)
    copied = exporting.export(exporting.vouched(pipeline), dest)
    print(copied)
    _exit(not copied.ok)


@app.command("clean-shards", epilog="the same on every machine that shares the folder")
def clean_shards(
    source: Annotated[str, typer.Argument(help="folder of JSONL, Parquet or text")],
    folder: Annotated[Path, typer.Argument(help="where text/ and report.json go")],
    processes: Annotated[int, typer.Option(min=1, help="on this machine")] = 1,
    language: Annotated[list[str], typer.Option(help="code of what stays: pt")] = [],  # noqa: B006
) -> None:
    """Clean a source too large for one pass of chapter 02; exit 1 while others are at it."""
    from brnb.text import shard, shards

    rules = shard.ShardRules(languages=tuple(language))
    report = shards.clean_shards(source, folder, rules, processes)
    print(report or "others are at work on some shards: run the same command again")
    _exit(report is None)


@app.command()
def doctor() -> None:
    """What this machine has for the thesis, and what is missing."""
    from brnb.doctor import examine

    problems = 0
    for name, fine, text in examine():
        print(f"{'ok ' if fine else '!! '} {name:<14} {text}")
        problems += not fine
    _exit(problems > 0)
