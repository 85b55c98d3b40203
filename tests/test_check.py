"""Static checks find, without a kernel, what would stop a chapter."""

import pytest

from brnb import check as checks
from brnb.check import check


def test_a_sound_project_has_no_problems(project):
    assert check(project) == []


def test_what_was_well_is_looked_at_again_when_a_file_changed(project, monkeypatch):
    check(project)
    with monkeypatch.context() as unchanged:
        unchanged.setattr(checks, "_problems", lambda _: 1 / 0)
        assert check(project) == []
    values = project / "params/smoke/first.yaml"
    whole = values.read_text()
    values.write_text(whole + "seed: -1\n")
    assert check(project) == check(project) != []  # problems are told every time
    values.write_text(whole)
    assert check(project) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pricelist: x", ["params/smoke/first.yaml", "pricelist", "did you mean price_list?"]),
        ("seed: -1", ["first.yaml", "seed = -1", "greater than or equal to 0"]),
        ("seed: 1e-3", ["seed = '1e-3'"]),
        ("lang: fr", ["lang = 'fr'", "'pt' or 'en'"]),
        ("run_id: second", ["run_id must be 'first', not 'second'"]),
        ("seed: [", ["first.yaml"]),
        ("- 1", ["must hold 'name: value' lines"]),
    ],
)
def test_a_bad_parameter_file_is_named(project, text, words):
    start = "" if text.startswith(("-", "run_id")) else "run_id: first\n"
    (project / "params/smoke/first.yaml").write_text(f"{start}{text}\n")
    problems = "\n".join(check(project))
    for word in words:
        assert word in problems


def test_undefined_names_are_found_with_cell_and_line(project):
    path = project / "notebooks/01_first.ipynb"
    path.write_text(path.read_text().replace('early(\\"abc\\")', 'erly(\\"abc\\")'))
    assert check(project) == ["01_first.ipynb: code cell 3, line 4: 'erly' is not defined"]


def test_a_syntax_error_is_found(project):
    path = project / "notebooks/01_first.ipynb"
    path.write_text(path.read_text().replace("receipt = run.close()", "receipt = ("))
    assert any("code cell 4" in problem for problem in check(project))


def test_a_parameter_file_without_a_run_is_found(project):
    (project / "params/smoke/fist.yaml").write_text("a: 1\n")
    (problem,) = check(project)
    assert "fist.yaml: no run 'fist'" in problem
    assert "did you mean first?" in problem


def test_a_circle_of_needs_is_found(project):
    (project / "params/pipeline.yaml").write_text(
        "runs:\n  first: {notebook: 01_first, needs: [second]}\n"
        "  second: {notebook: 02_second, needs: [first]}\n"
    )
    assert "circle" in "\n".join(check(project))


def test_a_notebook_that_opens_another_run_is_found(project):
    path = project / "notebooks/02_second.ipynb"
    path.write_text(path.read_text().replace('open_run(\\"02_second', 'open_run(\\"01_first'))
    assert "must name the notebook" in "\n".join(check(project))
