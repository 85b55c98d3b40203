"""A project with one executed chapter that holds everything a page of the book may hold."""

import json
from pathlib import Path

import nbformat
import pandas as pd
from nbformat import v4

from brnb import unchanged
from brnb.pipeline import Pipeline
from brnb.receipt import Receipt, describe, write_receipt
from brnb.report.tables import display, write_table

PAYLOAD = "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
FRAME = pd.DataFrame({"A": [1.5, 2.5], "Texto": ["um", PAYLOAD]})
PARAMETERS = 'profile = "smoke"\nrun_id = "v1"\nseed = 1\nlang = "pt"\n'


def outputs(seconds):
    """Outputs of one cell, with what changes from one execution to the next."""
    table = display(FRAME, "tab-v1", lang="pt", caption="Uma <tabela>")
    shown = {"text/html": table._repr_html_(), "text/plain": repr(table)}
    return [
        v4.new_output("stream", name="stdout", text=f"perda do xilofone\n{PAYLOAD}"),
        v4.new_output("stream", name="stderr", text=f"progress {seconds} s"),
        v4.new_output("display_data", data=shown),
        v4.new_output("display_data", data={"text/html": PAYLOAD}),
        v4.new_output("display_data", data={"text/markdown": f"**forte**\n\n{PAYLOAD}"}),
        v4.new_output("display_data", data={"application/javascript": "document.title='hacked'"}),
        v4.new_output("display_data", data={"image/png": PIXEL}),
    ]


def notebook(path: Path, seconds: int, run: str = "v1") -> Path:
    """An executed chapter."""
    prose = (
        f"# 04 · v1 & <b>LSTM</b>\n\nA perda é $-\\log p$, a < b, e custa US\\$ 1,50.\n\n"
        f"{PAYLOAD}\n\n"
        "$$x = \\frac{1}{\\sqrt{d}}$$\n\n## Tokenização\n\nTexto."
    )
    make = 'run.table(f"tab-{run.id}", frame)\nrun.figure(f"fig-{run.id}-loss", drawn)'
    cells = [
        v4.new_markdown_cell(prose),
        v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        v4.new_code_cell(f'run_id = "{run}"', metadata={"tags": ["injected-parameters"]}),
        v4.new_code_cell(make, id=f"random-{seconds}", execution_count=3, outputs=outputs(seconds)),
    ]
    nbformat.write(v4.new_notebook(cells=cells, metadata={"seconds": seconds}), path)
    return path


def project(root: Path, seconds: int = 1, lang: str = "pt", runs: tuple[str, ...] = ("v1", "v2")):
    """Write the project; both runs execute one notebook."""
    for folder in ("notebooks", "params/smoke", "reports/smoke/notebooks"):
        (root / folder).mkdir(parents=True)
    values = PARAMETERS.replace('"pt"', f'"{lang}"')
    source = v4.new_code_cell(values, id="a", metadata={"tags": ["parameters"]})
    nbformat.write(v4.new_notebook(cells=[source]), root / "notebooks/04_v1.ipynb")
    declared = {run: {"notebook": "04_v1"} for run in runs}
    (root / "params/pipeline.yaml").write_text(json.dumps({"runs": declared}), "utf-8")
    for run in runs:
        (root / f"params/smoke/{run}.yaml").write_text(f"profile: smoke\nrun_id: {run}\n", "utf-8")
        notebook(root / f"reports/smoke/notebooks/{run}.ipynb", seconds, run)
    pipeline = Pipeline("smoke", root)
    for run in runs:
        _finish(pipeline, run, seconds)
    return pipeline


def _finish(pipeline: Pipeline, run: str, seconds: int) -> None:
    """Leave the artefacts and the receipt of a run."""
    home = pipeline.reports
    write_table(home / "tables", f"tab-{run}", FRAME, lang="pt", caption="Uma <tabela>")
    (home / "figures").mkdir(exist_ok=True)
    for suffix in ("png", "pdf", "csv"):
        (home / f"figures/fig-{run}-loss.{suffix}").write_bytes(b"figure")
    paths = [home / f"tables/tab-{run}.csv", home / f"figures/fig-{run}-loss.png"]
    used = {"device": "cuda", "tokens": 2000, "tokens_per_second": 9.5, "peak_gpu_memory": 3e9}
    receipt = Receipt(
        run=run, notebook="04_v1", profile="smoke", state="done", fingerprint="0", code={},
        params={"layers": len(run), "width": 8 if run == "v1" else 16, "lang": "pt"}, needs={},
        needs_content={}, inputs={}, unclean=[], seed=1, defaults_changed={}, unread=[],
        started="2026-01-01T00:00:00+00:00", seconds=83.44,
        resources={**used, "energy_joules": 7200.0, "usd": 0.05},
        provenance={"git_commit": "0123456789abcdef", "git_dirty": True, "gpu": "GPU X"},
        metrics={"loss": 1.5},
        numbers={f"{run}.val_ppl": {"value": 4.5789, "decimals": 2},
                 f"{run}.text": {"value": PAYLOAD, "decimals": None}},
        artefacts={path.relative_to(home).as_posix(): describe(path) for path in paths},
    )  # fmt: skip
    write_receipt(pipeline.folder(run) / "receipt.json", receipt)


def stand_in_package(folder, monkeypatch, *names):
    """A package of a few small files in place of brnb's, for `brnb.unchanged`."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text("a")
    monkeypatch.setattr(unchanged, "PACKAGE", folder)
