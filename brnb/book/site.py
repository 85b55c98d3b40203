"""Sphinx makes the site of a folder of pages; afterwards nothing runs in it that is not its own."""

import base64
import hashlib
import html
import io
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from brnb.atomic import write_atomic
from brnb.book.chapter import Page
from brnb.book.words import word

_LANGUAGES = {"pt": "pt_BR", "en": "en"}
_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_ARTICLE = re.compile(r'<article class="bd-article">.*</article>', re.DOTALL)
_UNUSED = ("**/*.map", ".buildinfo", "objects.inv", "_sources", "_static/images", "_static/locales")
# Strings of the theme that Sphinx's own Portuguese catalogue lacks.
_THEME = ("Skip to main content", "Search", "previous page", "next page", "Announcement")


def write_pages(folder: Path, chapters: Sequence[Page], others: Sequence[Page], lang: str) -> None:
    """Write the pages as Sphinx reads them, with the index of both groups.

    Parameters
    ----------
    folder
        Emptied first.
    chapters, others
        In reading order; of the others the first is the index.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    index, *rest = others
    for page in (*chapters, *others):
        blocks = list(page.markdown)
        if page is index:
            blocks += [_tree("pages", rest, lang), _tree("chapters_title", chapters, lang)]
        write_atomic(folder / f"{page.name}.md", "\n\n".join(blocks) + "\n")
        write_atomic(folder / f"{page.name}.json", json.dumps(page.stored, ensure_ascii=False))
    # Prose includes no file and holds no HTML: whoever pastes some sees it as text.
    write_atomic(
        folder / "docutils.conf", "[general]\nraw_enabled: no\nfile_insertion_enabled: no\n"
    )
    for name in ("book.css", "book.js"):
        source = resources.files("brnb.book").joinpath(name).read_bytes()
        write_atomic(folder / "_static" / name, source)


def _tree(id: str, pages: Sequence[Page], lang: str) -> str:
    lines = "\n".join(f"{page.title} <{page.name}>" for page in pages)
    return f"```{{toctree}}\n:hidden:\n:caption: {word(id, lang)}\n\n{lines}\n```"


def build_site(
    pages: Path, site: Path, lang: str, banner: str | None, files: Mapping[str, Path]
) -> list[str]:
    """Build the site; return what Sphinx warned of.

    The same pages give the same bytes.

    Parameters
    ----------
    pages
        Folder that `write_pages` wrote.
    site
        Folder to write; what was there is replaced when the new site is whole.
    banner
        HTML at the head of every page.
    files
        What the pages link, by path below ``files/``.
    """
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    unfinished, warnings = site.with_name(f".{site.name}"), io.StringIO()
    shutil.rmtree(unfinished, ignore_errors=True)
    _write_catalogue(pages, lang)
    with docutils_namespace():
        app = Sphinx(
            srcdir=pages,
            confdir=None,
            outdir=unfinished,
            doctreedir=pages / ".doctrees",
            buildername="html",
            confoverrides=_settings(lang, banner),
            status=None,
            warning=warnings,
            freshenv=True,
        )
        app.build(force_all=True)
    for pattern in _UNUSED:
        for path in unfinished.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, source in files.items():
        copy = unfinished / "files" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    for path in sorted(unfinished.glob("*.html")):
        write_atomic(path, with_policy(path.read_text("utf-8")))
    _spell_out_translations(unfinished / "_static" / "translations.js")
    shutil.rmtree(site, ignore_errors=True)
    unfinished.rename(site)
    return [line for line in warnings.getvalue().splitlines() if line.strip()]


def _settings(lang: str, banner: str | None) -> dict[str, Any]:
    theme: dict[str, Any] = {
        "announcement": banner or "",
        "navbar_persistent": [],
        "navigation_with_keys": True,
        "show_toc_level": 2,
        "toc_title": word("on_page", lang),
        "use_download_button": False,
        "use_fullscreen_button": False,
    }
    return {
        "extensions": ["myst_parser", "brnb.book.extension"],
        "language": _LANGUAGES[lang],
        "locale_dirs": ["locale"],
        "project": word("title", lang),
        "html_title": word("title", lang),
        "html_theme": "sphinx_book_theme",
        "html_theme_options": theme,
        "html_static_path": ["_static"],
        "html_context": {"default_mode": "auto"},
        "html_css_files": ["book.css"],
        "html_js_files": [("book.js", {"defer": "defer"})],
        "html_math_renderer": "mathml",
        "html_copy_source": False,
        "html_show_search_summary": False,  # it would fetch pages, which none opened from disk may
        "html_show_copyright": False,
        "html_show_sphinx": False,
        "html_use_index": False,
        "html_domain_indices": False,
        "html_secnumber_suffix": " ",
        "myst_enable_extensions": ["dollarmath"],
        "myst_disable_syntax": ["html_block", "html_inline"],
        "myst_url_schemes": ["http", "https", "mailto"],
        "exclude_patterns": ["_static"],
    }


def _write_catalogue(pages: Path, lang: str) -> None:
    """The theme's own words in the book's language, as gettext reads them."""
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo

    catalogue = Catalog(locale=_LANGUAGES[lang])
    for text in _THEME:
        catalogue.add(text, word(f"theme_{text.lower().replace(' ', '_')}", lang))
    folder = pages / "locale" / _LANGUAGES[lang] / "LC_MESSAGES"
    folder.mkdir(parents=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    write_atomic(folder / "sphinx.mo", compiled.getvalue())


def _spell_out_translations(path: Path) -> None:
    """Words for scripts as an assignment; Sphinx's call evaluates a string, which is refused."""
    if not path.is_file():
        return
    call = path.read_text("utf-8").strip()
    catalogue = json.loads(call.removeprefix("Documentation.addTranslations(").removesuffix(");"))
    plural, words = catalogue.pop("plural_expr"), json.dumps(catalogue, ensure_ascii=False)
    write_atomic(
        path,
        f"{{const catalogue = {words};\n"
        "Object.assign(Documentation.TRANSLATIONS, catalogue.messages);\n"
        f"Documentation.PLURAL_EXPR = (n) => ({plural});\n"
        "Documentation.LOCALE = catalogue.locale;}\n",
    )


def with_policy(page: str) -> str:
    """A page that tells the browser to run its own scripts and to fetch nothing from elsewhere.

    Own are the files beside it, and what the theme wrote around the article: a script that got into
    the article in spite of all is refused.
    """
    around = page if 'id="search-results"' in page else _ARTICLE.sub("", page)
    hashes = " ".join(dict.fromkeys(_hashes(around)))
    # Browsers disagree on whether 'self' holds for a page opened from disk: hence file:.
    policy: Mapping[str, str] = {
        "default-src": "'none'",
        "script-src": f"'self' file: {hashes}".strip(),
        "style-src": "'self' file: 'unsafe-inline'",
        "img-src": "'self' file: data:",
        "font-src": "'self' file:",
        "form-action": "'self' file:",
        "base-uri": "'none'",
    }
    text = "; ".join(f"{name} {value}" for name, value in policy.items())
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(text)}">'
    return page.replace("<head>", f"<head>\n    {meta}", 1)


def _hashes(page: str) -> Iterator[str]:
    for script in _SCRIPT.findall(page):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        yield f"'sha256-{digest}'"
