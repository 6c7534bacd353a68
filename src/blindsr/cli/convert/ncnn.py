"""``blindsr convert ncnn``: a network of ncnn as a file that programs of PyTorch read."""

from __future__ import annotations

import argparse

from blindsr.errors import FileError


def run_ncnn(arguments: argparse.Namespace) -> int:
    """Write one network under Real-ESRGAN's names and print one line about it.

    Raises:
        FileError, WeightsError: the files are missing, damaged, of another family, or compute
            something else than the network that is written.
    """
    from rich.console import Console

    from blindsr.weights.anchors.anchor import anchor_of
    from blindsr.weights.ncnn.layers import param_file
    from blindsr.weights.ncnn.names import named_weights
    from blindsr.weights.ncnn.proof import prove
    from blindsr.weights.reading import require_finite
    from blindsr.weights.writing import write_pth, write_safetensors

    param = param_file(arguments.source)
    if param is None:
        raise FileError(
            arguments.source, found="no file of ncnn", expected="model.param, beside its model.bin"
        )
    state = named_weights(param)
    require_finite(state, param)
    anchor = anchor_of(state, "params", str(param))
    reduction = prove(param, anchor.network.eval())
    if arguments.out.suffix == ".safetensors":
        write_safetensors(arguments.out, state, {})
    else:
        write_pth(arguments.out, {"params": state})
    parameters = sum(parameter.numel() for parameter in anchor.network.parameters())
    parts = [f"{anchor.title} x{anchor.scale}", f"{parameters:,} parameters"]
    if reduction != 1:
        parts.append(f"without its last layer, which reduces to x{anchor.scale * reduction:g}")
    Console(highlight=False, soft_wrap=True).print(
        f"{param} -> {arguments.out}: {', '.join(parts)}", markup=False
    )
    return 0
