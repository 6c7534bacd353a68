"""Notebooks: stored without outputs, run from a clean kernel without an error or a warning."""

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_stored_without_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_runs_quietly_and_draws(path, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the notebook's own
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # with it a kernel hides what C libraries print
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3")
    client.execute(cwd=tmp_path)
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
        _save(shown, Path(folder), path.stem)


def _save(shown, folder, name):
    import base64

    folder.mkdir(exist_ok=True)
    for number, data in enumerate(shown):
        if "image/png" in data:
            (folder / f"{name}_{number}.png").write_bytes(base64.b64decode(data["image/png"]))


def test_sliders_change_the_picture(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    path = next(path for path in NOTEBOOKS if path.name.startswith("01"))
    notebook = nbformat.read(path, as_version=4)
    last = next(i for i, cell in enumerate(notebook.cells) if "FloatSlider" in cell.source)
    moved = "before = picture.value\nfocus.value = 0.1\nassert picture.value != before"
    notebook.cells = [*notebook.cells[: last + 1], nbformat.v4.new_code_cell(moved)]
    nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3").execute(cwd=tmp_path)
