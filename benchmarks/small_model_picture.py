"""Draw docs/small_model.png: what a model makes of pictures whose blur is known.

    python benchmarks/small_model_picture.py [--model FILE] [-o docs/small_model.png]

It is the first page of `make demo`: scikit-image's `astronaut` (NASA, public domain), overlapping
leaves and a room, none of which a training saw; blurred by up to 8 pixels, reduced by 4 with the
antialiased bicubic filter and rounded to 8 bit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

import blindsr
from blindsr.cli.demo.box import as_table, box_page, look
from blindsr.data.scenes.known_blur import cases


def main() -> None:
    """Draw the picture, and print its scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="default: the model in the box")
    parser.add_argument("--count", type=int, default=3, help="of pictures (default: %(default)s)")
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/small_model.png"))
    arguments = parser.parse_args()
    model = blindsr.load(arguments.model)
    looks = [look(model, case) for case in cases()[: arguments.count]]
    Console().print(as_table(looks))
    box_page(looks, "").save(arguments.out)


if __name__ == "__main__":
    main()
