"""pyproject.toml, environment.yml and constraints.txt tell one story."""

import re
import tomllib

import pytest
import yaml
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from tests.conftest import REPOSITORY

import blindsr


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def constraints():
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def requirement_name(requirement):
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")


def test_conda_environment_installs_what_make_installs(project):
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    extras = re.search(r"--editable '\.\[([\w,]+)\]'", makefile)[1]
    assert f"python{project['requires-python']}" in conda
    assert "--constraint constraints.txt" in pip
    assert f"--editable .[{extras}]" in pip
    # a second copy of cv2, Jupyter's server (tests run notebooks without), and all of them
    left_out = {"realesrgan", "notebooks", "all"}
    assert set(extras.split(",")) | left_out == set(project["optional-dependencies"])


def test_every_requirement_is_pinned_by_a_constraint(project, constraints):
    pinned = {requirement_name(line) for line in constraints}
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    missing = {requirement_name(line) for line in wanted} - pinned - {"blindsr"}
    assert not missing


def test_constraints_hold_names_and_versions_only(constraints):
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!-]+", line) for line in constraints)


def test_every_bound_states_its_reason():
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"\ndependencies = \[\n(.*?)\n\]", text, re.DOTALL)[1]
    assert all(re.search(r'",\s+# \S', line) for line in block.splitlines())


def test_all_names_every_extra_of_users(project):
    extras = project["optional-dependencies"]
    (everything,) = extras["all"]
    named = set(re.search(r"\[(.*)\]", everything)[1].split(","))
    assert named == set(extras) - {"all", "dev", "docs"}


def test_no_link_of_the_package_page_is_dead():
    """What PyPI shows: it has none of our files beside it."""
    page = ProjectMetadata(str(REPOSITORY), PluginManager()).core.readme
    assert "`docs/guides/photographer.md`" in page
    assert "A photograph whose blur varies" in page
    links = re.findall(r"\]\(([^)]*)\)", page)
    assert all(link.startswith("https://") for link in links)


def test_readme_is_short_and_its_picture_comes_first():
    lines = (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert lines[2].startswith("![")


def test_citation_names_the_software_and_the_papers(project):
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == blindsr.__version__
    assert citation["license"] == project["license"]
    assert citation["authors"] == project["authors"]
    conferences = [paper["conference"]["name"] for paper in citation["references"]]
    assert conferences == ["CVPR 2023", "ECCV 2024", "ECCV 2024"]
    bibtex = (REPOSITORY / "docs" / "citing.md").read_text(encoding="utf-8")
    for paper in citation["references"]:
        names = [author["family-names"] for author in paper["authors"]]
        assert all(f"{name}, " in bibtex for name in names)
