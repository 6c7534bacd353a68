"""``blindsr convert average``: PBaSR's two branches as one network."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blindsr.weights.anchors.anchor import Anchor
    from blindsr.weights.anchors.pbasr import PBaSRWeights


def run_average(arguments: argparse.Namespace) -> int:
    """Write one network out of the branches of a training."""
    out, which = arguments.out, arguments.branch

    from blindsr.weights.anchors.anchor import anchor_of_branch
    from blindsr.weights.anchors.dialects import unwrap
    from blindsr.weights.anchors.pbasr import read_pbasr
    from blindsr.weights.reading import FACTS_METADATA
    from blindsr.weights.writing import write_pth, write_safetensors

    weights = read_pbasr(arguments.source)
    # building proves that these tensors make a network
    built = None if weights.own_class else anchor_of_branch(weights, which)
    content = weights.in_dialect(which)
    if out.suffix == ".safetensors":
        facts = None if weights.facts is None else weights.facts.plain()
        about = {} if facts is None else {FACTS_METADATA: json.dumps(facts)}
        write_safetensors(out, unwrap(content, str(arguments.source))[1], about)
    else:
        write_pth(out, content)
    report_average(arguments, weights, built)
    return 0


def report_average(
    arguments: argparse.Namespace, weights: PBaSRWeights, built: Anchor | None
) -> None:
    """Print what was written; ``built`` is the network, but for classes of the user."""
    from rich.console import Console

    about = built or weights
    parts = [f"{about.title} x{about.scale}"]
    if weights.blur is None:
        parts.append("the one branch of a unified training")
    else:
        both = arguments.branch == "average"
        parts.append("average of both branches" if both else f"{arguments.branch} branch")
    if built is not None:
        parts.append(f"{sum(p.numel() for p in built.network.parameters()):,} parameters")
    if weights.averaged:
        parts.append("averaged weights")
    if built is None or not built.recognised:
        parts.append(f"to be loaded into {about.class_path} with its init_args")
    Console(highlight=False, soft_wrap=True).print(
        f"{arguments.source} -> {arguments.out}: {', '.join(parts)}", markup=False
    )
