"""From a profile's executed runs to its book."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from brnb.book.chapter import Page, chapter_page
from brnb.book.executed import read_executed
from brnb.book.exhibits import Catalogue
from brnb.book.pages import errata_page, exhibits_page, index_page, results_page
from brnb.book.runs import runs_page
from brnb.book.site import build_site, write_pages
from brnb.book.words import banner
from brnb.pipeline import Pipeline
from brnb.receipt import Receipt
from brnb.report.labels import run_name
from brnb.unchanged import hash_sources, is_done, note_done


def build_book(pipeline: Pipeline) -> Path:
    """Build the book of a profile into ``reports/<profile>/book``; return its index.

    The same notebooks and receipts give the same bytes. A book that is made of them already, and is
    as it was written, stays.

    Raises
    ------
    FileNotFoundError
        If no run of the profile was executed; names the command.
    ValueError
        If a notebook cannot be read; names it.
    """
    notebooks, site = _executed(pipeline), pipeline.reports / "book"
    work = pipeline.root / "work" / pipeline.profile / "book"
    states = {status.run: str(status.state) for status in pipeline.status()}
    sources = _sources(pipeline, notebooks, states)
    if is_done(work / "made_of", sources, _built(site)):
        print("book: nothing that it is made of changed: it stays as it is")
        return site / "index.html"
    lang = str(pipeline.params(next(iter(notebooks)))["lang"])
    catalogue = Catalogue(pipeline.reports, _receipts(pipeline), lang)
    _write_all(pipeline, notebooks, states, catalogue, work / "pages")
    files, warning = _files(pipeline, notebooks), banner(pipeline.profile, lang)
    for line in build_site(work / "pages", site, lang, warning, files):
        print(f"book: {line}")
    note_done(work / "made_of", sources, _built(site))
    return site / "index.html"


def _executed(pipeline: Pipeline) -> dict[str, Path]:
    """Executed notebooks by run, in reading order."""
    paths = {run: pipeline.reports / "notebooks" / f"{run}.ipynb" for run in pipeline.runs}
    runs = [run for run in pipeline.runs if paths[run].is_file()]
    if not runs:
        profile = pipeline.profile
        raise FileNotFoundError(
            f"nothing ran yet in profile {profile}: PROFILE={profile} make thesis"
        )
    return {run: paths[run] for run in sorted(runs, key=lambda run: pipeline.notebook(run).stem)}


def _receipts(pipeline: Pipeline) -> dict[str, Receipt]:
    """Receipts of the runs that have one that can be believed."""
    receipts = {}
    for run in pipeline.runs:
        with suppress(FileNotFoundError, ValueError):
            receipts[run] = pipeline.receipt_of(run)
    return receipts


def _write_all(
    pipeline: Pipeline,
    notebooks: Mapping[str, Path],
    states: Mapping[str, str],
    catalogue: Catalogue,
    folder: Path,
) -> None:
    chapters = _chapters(pipeline, notebooks, states, catalogue)
    others = [
        index_page(chapters, catalogue),
        results_page(catalogue),
        runs_page(list(notebooks), states, catalogue.receipts, catalogue.lang),
        errata_page(catalogue),
        exhibits_page(catalogue),
    ]
    write_pages(folder, chapters, others, catalogue.lang)


def _chapters(
    pipeline: Pipeline,
    notebooks: Mapping[str, Path],
    states: Mapping[str, str],
    catalogue: Catalogue,
) -> list[Page]:
    """Pages of the chapters; where runs share a notebook, their titles name them."""
    sharing = Counter(pipeline.notebook(run).stem for run in notebooks)
    pages = []
    for run, path in notebooks.items():
        notebook = pipeline.notebook(run).stem
        executed = read_executed(run, notebook, path)
        name = run_name(run, catalogue.lang)
        title = f"{executed.title} ({name})" if sharing[notebook] > 1 else executed.title
        pages.append(chapter_page(executed, title, states[run], catalogue))
    return pages


def _files(pipeline: Pipeline, notebooks: Mapping[str, Path]) -> dict[str, Path]:
    """What pages link, by path below ``files/``: artefacts, receipts, notebooks without outputs."""
    files = {
        f"{folder}/{path.name}": path
        for folder in ("tables", "figures")
        for path in sorted((pipeline.reports / folder).glob("*.*"))
        if path.suffix in (".csv", ".tex", ".pdf", ".png")
    }
    for run in notebooks:
        receipt, notebook = pipeline.folder(run) / "receipt.json", pipeline.notebook(run)
        files |= {f"receipts/{run}.json": receipt} if receipt.is_file() else {}
        files[f"notebooks/{notebook.name}"] = notebook
    return files


def _sources(pipeline: Pipeline, notebooks: Mapping[str, Path], states: Mapping[str, str]) -> str:
    """Hash of all that the book depends on."""
    declared = pipeline.root / "params" / "pipeline.yaml"
    values = [pipeline.params_file(run) for run in pipeline.runs]
    receipts = [pipeline.folder(run) / "receipt.json" for run in pipeline.runs]
    linked = _files(pipeline, notebooks)
    files = [declared, *values, *receipts, *notebooks.values(), *linked.values()]
    return hash_sources(files, states, list(linked))


def _built(site: Path) -> list[Path]:
    return sorted(site.rglob("*"))
