"""Hook of mkdocs: the pages of benchmarks/results are part of the site, as results/.

In the files links to them are paths that hold where the files lie (../../benchmarks/results/x.md),
and so are theirs to docs; the site lies otherwise.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def on_files(files: Files, config: Any) -> Files:
    """Add every page and picture of the results."""
    for path in sorted(RESULTS.glob("*.*")):
        name = f"results/{path.name}"
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn links between docs and results into those of the site."""
    markdown = markdown.replace("/benchmarks/results)", "/benchmarks/results/index.md)")
    markdown = re.sub(r"\]\(((?:\.\./)*)\.\./benchmarks/results/", r"](\1results/", markdown)
    return markdown.replace("](../../docs/", "](../")
