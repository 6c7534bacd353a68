"""Notebooks: stored without outputs, run from a clean state without an error or a warning.

Shortened and in this process; in full and each in a kernel of its own in the slow tests.
"""

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from blindsr.data.scenes.known_blur import SCALE

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
SHORTER = {
    "02_restoration": {
        "pictures = cases()": "pictures = smaller(cases())",
        "for r in (1, 2, 3, 4) for a in (0.25, 0.5, 1, 2)": "for r in (1, 2) for a in (0.5, 1)",
        "range(0, 9, 2)": "range(0, 9, 4)",
    },
    "03_pbasr": {
        "train_count=32": "train_count=4",
        "test_count=6": "test_count=1",
        "trained(40,": "trained(2,",
        "trained(10,": "trained(1,",
        "shares = (0.0, 0.25, 0.5, 0.75, 1.0)": "shares = (0.0, 0.5, 1.0)",
        "case = cases()[0]": "case = smaller(cases())[0]",
        "boxes=[(60, 180), (260, 60)], side=104": "boxes=[(8, 4), (60, 80)], side=32",
    },
}
"""Of notebooks that take long in full: what is written there -> here, the same code with less."""


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_stored_without_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None


def run_in_kernel(notebook, tmp_path, monkeypatch):
    """Run it in a new process."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the notebook's own
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # with it a kernel hides what C libraries print
    client = nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3")
    client.execute(cwd=tmp_path)


def check(notebook, name):
    """It printed nothing, and drew."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = [output.text for output in outputs if output.output_type == "stream"]
    assert not printed
    shown = [
        output.data
        for output in outputs
        if output.output_type in ("display_data", "execute_result")
    ]
    assert sum("image/png" in data for data in shown) >= 4
    if folder := os.environ.get("BLINDSR_NOTEBOOK_PICTURES"):  # to look at them
        _save(shown, Path(folder), name)


def with_moved_slider(notebook):
    """The same, which fails unless a slider, if it has any, changes the picture."""
    last = next((i for i, cell in enumerate(notebook.cells) if "FloatSlider" in cell.source), None)
    if last is not None:
        moved = "before = picture.value\nfocus.value = 0.1\nassert picture.value != before"
        notebook.cells.insert(last + 1, nbformat.v4.new_code_cell(moved))
    return notebook


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_runs_quietly_and_draws_in_full(path, tmp_path, monkeypatch):
    notebook = with_moved_slider(nbformat.read(path, as_version=4))
    run_in_kernel(notebook, tmp_path, monkeypatch)
    check(notebook, path.stem)


def _save(shown, folder, name):
    import base64

    folder.mkdir(exist_ok=True)
    for number, data in enumerate(shown):
        if "image/png" in data:
            (folder / f"{name}_{number}.png").write_bytes(base64.b64decode(data["image/png"]))


def smaller(cases):
    """24 x 32 pixels of LR, which begin in focus and end out of it."""
    lr, hr = ((slice(48 * k, 72 * k), slice(72 * k, 104 * k)) for k in (1, SCALE))
    return [replace(case, lr=case.lr[lr], hr=case.hr[hr], blur=case.blur[hr]) for case in cases]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_runs_quietly_and_draws(path, tmp_path, monkeypatch, capfd, caplog):
    from tests.helpers.notebook_shell import notebook_shell  # needs IPython

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    shorter = dict(SHORTER.get(path.stem, {}))
    with notebook_shell() as shell:
        shell.push({"smaller": smaller})
        for cell in with_moved_slider(nbformat.read(path, as_version=4)).cells:
            if cell.cell_type != "code":
                continue
            for long in [long for long in shorter if long in cell.source]:
                cell.source = cell.source.replace(long, shorter.pop(long))
            shell.run_cell(cell.source).raise_error()
    assert not shorter  # every one of them was found
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert sum("image/png" in data for data in shell.shown) >= 4
