"""Holds the dependency direction of the design: who may import whom, and who may print."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "blindsr"
BASE = {"types", "errors"}
LOW = {*BASE, "imaging"}
MAY_IMPORT = {
    "__init__": {"restore"},
    "types": set(),
    "errors": set(),
    "runs": set(),
    "imaging": BASE,
    "photo": LOW,
    "drawing": LOW,
    "degradation": LOW,
    "diffusion": {*LOW, "degradation"},
    "data": {*LOW, "photo", "degradation", "drawing"},
    "networks": {*LOW, "degradation", "diffusion"},
    "losses": LOW,
    "metrics": {*LOW, "losses"},  # LPIPS is both
    "weights": {*LOW, "runs", "networks"},
    "tasks": {
        *LOW,
        "degradation",
        "diffusion",
        "drawing",
        "networks",
        "losses",
        "metrics",
        "weights",
        "inference",  # KernelGAN learns from the pictures of a test
    },
    "callbacks": {*LOW, "drawing", "metrics", "networks"},
    "inference": {
        *LOW,
        "runs",
        "photo",
        "drawing",
        "degradation",
        "networks",
        "losses",
        "weights",
        "restore",
    },
    # inference names Restorer in annotations; the test of circles below ignores those
    "restore": {*LOW, "photo", "networks", "weights", "inference"},
    "cli": {
        *(*LOW, "photo", "drawing", "degradation", "data", "networks", "losses", "metrics"),
        *("runs", "weights", "tasks", "callbacks", "inference", "restore"),
    },
}
"""Package or module -> what it may import; every one has an entry."""
WITHOUT_LIGHTNING = (
    *("types", "errors", "imaging", "photo", "drawing", "degradation", "diffusion"),
    *("networks", "losses"),
)


ARRAYS = {"Any", "NDArray", "Tensor", "ndarray"}
OTHER_WORDS = {"sigma", "sigmas", "sigma_scale", "classes", "labels", "class_map", "sigma_map"}


class Facts(NamedTuple):
    """What the tests ask of one module; its tree takes much more memory."""

    parts: tuple[str, ...]
    imports: set[str]
    """Absolute names of everything that it imports, relative imports resolved."""
    for_types: set[str]
    """Those that are there for types alone."""
    at_once: set[str]
    """Those at its top, which are imported with it."""
    names: set[str]
    attributes: set[str]
    """``a.b`` of a plain name a."""
    maps: set[str]
    """Arguments and fields that hold an array and are called by another word than ours."""


@functools.cache
def modules():
    """Facts of every module of the package: each is read once for all tests."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found.append(facts(parts, ast.parse(path.read_text(encoding="utf-8"))))
    return found


def facts(parts, tree):
    """Of one module."""
    nodes = list(ast.walk(tree))
    choices = [node for node in nodes if isinstance(node, ast.If)]
    typed = [node for node in choices if "TYPE_CHECKING" in ast.unparse(node.test)]
    inside = {id(n) for node in typed for part in node.body for n in ast.walk(part)}
    top = [node for node in tree.body if not hasattr(node, "body")]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    attributes = {
        f"{node.value.id}.{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    imports = set(imported_names(parts, nodes))
    always = set(imported_names(parts, [node for node in nodes if id(node) not in inside]))
    at_once, maps = set(imported_names(parts, top)), set(called_otherwise(nodes))
    return Facts(parts, imports, imports - always, at_once, names, attributes, maps)


def imported_names(parts, nodes):
    """Absolute names of everything these nodes import, relative imports resolved."""
    package = ("blindsr", *parts[:-1])
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def called_otherwise(nodes):
    """Names of arguments and fields that hold arrays, among OTHER_WORDS."""
    for node in nodes:
        named = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        name = node.arg if isinstance(node, ast.arg) else node.target.id if named else ""
        if name in OTHER_WORDS and node.annotation is not None:
            inside = ast.walk(node.annotation)
            if ARRAYS & {getattr(n, "id", getattr(n, "attr", "")) for n in inside}:
                yield name


def test_packages_import_only_what_lies_below_them():
    wrong = []
    for parts, imports, *_ in modules():
        allowed = MAY_IMPORT[parts[0]]
        for name in sorted(imports):
            words = name.split(".")
            top = words[1] if words[0] == "blindsr" and len(words) > 1 else None
            ours = top and ((SOURCE / top).exists() or (SOURCE / f"{top}.py").exists())
            if ours and top != parts[0] and top not in allowed:
                wrong.append(f"{'/'.join(parts)} imports {name}")
    assert not wrong


def test_no_two_modules_import_each_other_in_a_circle():
    """At once or later, but for types alone."""
    known = {m.parts[:-1] if m.parts[-1] == "__init__" else m.parts: m for m in modules()}
    arrows = {
        name: {
            target
            for imported in module.imports - module.for_types
            if imported.startswith("blindsr.")
            and (target := tuple(imported.split(".")[1:])) in known
            and target != name
        }
        for name, module in known.items()
    }
    # importing a module loads its packages first, and their __init__ may load it: not a circle
    arrows = {n: {t for t in to if n[: len(t)] != t} for n, to in arrows.items()}
    left = dict(arrows)
    while ends := [name for name, to in left.items() if not to & set(left)]:
        for name in ends:
            del left[name]
    assert not {".".join(n): [".".join(t) for t in to if t in left] for n, to in left.items()}


def test_lower_layers_do_not_know_lightning():
    wrong = [
        f"{'/'.join(parts)} imports {name}"
        for parts, imports, *_ in modules()
        if parts[0] in WITHOUT_LIGHTNING
        for name in sorted(imports)
        if name.split(".")[0] in ("lightning", "pytorch_lightning")
    ]
    assert not wrong


def test_one_file_knows_diffusers_and_loads_it_when_it_is_used():
    found = {
        "/".join(module.parts): {name.split(".")[0] for name in module.at_once}
        for module in modules()
        if any(name.split(".")[0] == "diffusers" for name in module.imports)
    }
    assert set(found) == {"networks/ssr/frozen_diffusion"}
    assert "diffusers" not in found["networks/ssr/frozen_diffusion"]


def test_only_command_lines_and_callbacks_touch_the_console():
    wrong = []
    for module in modules():
        if module.parts[0] in ("cli", "callbacks"):
            continue
        streams = {"sys.argv", "sys.stdout", "sys.stderr"} & module.attributes
        if used := ({"print"} & module.names) | streams:
            wrong.append(f"{'/'.join(module.parts)} uses {sorted(used)}")
    assert not wrong


def test_maps_are_called_blur_and_seg_everywhere():
    """Sigma is the unit of blur; the operators of `degradation` keep the name of their formulas."""
    wrong = [
        f"{'/'.join(parts)}: {name}"
        for parts, *_, maps in modules()
        if parts[0] != "degradation" and parts[-1] != "nyuv2_file"  # labels of that file, not ours
        for name in sorted(maps)
    ]
    assert not wrong


LIGHT = """
import sys
heavy = {'torch', 'lightning', 'numpy', 'cv2', 'timm', 'matplotlib', 'albumentations', 'gradio'}
def check(what):
    loaded = heavy & set(sys.modules)
    assert not loaded, f'{what} loads {loaded}'
import blindsr
check('import blindsr')
from blindsr.cli import app, lightning_script
lightning_script.main(['--help'])
check('lightning --help')
for command in ('', 'prepare', 'convert official', 'upscale', 'serve', 'benchmark'):
    words = f'{command} --help'.strip()
    app.main(words.split())
    check(words)
heavy = {'torch', 'lightning', 'timm'}
for words in (
    'upscale nowhere.jpg -o out', 'upscale . -o out', 'upscale . -o out --model nowhere.pth',
    'estimate nowhere.ckpt photo.jpg -o out', 'convert export nowhere.ckpt -o out.safetensors',
    'prepare nyuv2 --mat nowhere --splits nowhere --classes nowhere --out out',
    'prepare check nowhere', 'fit -c nowhere.yaml', 'score nowhere.png there.png',
    'train nowhere -o my.safetensors', 'convert ncnn nowhere.param -o out.pth',
    'benchmark nowhere.yaml', 'upscale', 'upscale photo.jpg -o out --modle small',
    'upscale photo.jpg -o out --tile none', 'upscale photo.jpg -o out --precision half',
    'upscale photo.jpg -o out --format gif', 'estimate small photo.jpg', 'demo --full --foo',
    'train photos -o my.pt', 'convert', 'score one.png', 'models --all', 'fti -c demo.yaml',
    'doctor photo.jpg', 'serve --port none',
):
    assert app.main(words.split()) == 2
    check(words)
assert lightning_script.main(['fit', '-c', 'nowhere.yaml']) == 2
check('lightning fit -c nowhere.yaml')
"""


def test_what_the_type_checker_is_not_to_see_has_a_reason():
    """After the mark or cast, or as a comment on the line above."""
    bare = []
    for path in sorted(SOURCE.rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            mark = re.search(r"# type: ignore\[|\bcast\(", line)
            above = lines[number - 1].lstrip()
            if mark and "# " not in line[mark.end() :] and not above.startswith("# "):
                bare.append(f"{path.relative_to(SOURCE)}:{number + 1}")
    assert bare == []


def test_imports_help_and_missing_files_load_nothing_heavy(tmp_path):
    command = [sys.executable, "-c", LIGHT]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "fit" in done.stdout


def test_unknown_attribute_of_the_package_is_an_attribute_error():
    import blindsr

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        blindsr.nothing  # noqa: B018
