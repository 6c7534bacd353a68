"""``blindsr serve``: arguments, what is refused, and the order in which things start."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import webbrowser
from pathlib import Path
from socket import socket as Socket

from blindsr.cli.pictures.stopping import Stopped, StopSignals
from blindsr.errors import ConfigError

from .loopback import address, listen, serve

EXAMPLES = """examples:
  blindsr serve --open
  blindsr serve --model realesrgan-x4plus --port 8000

The page is for this computer alone (127.0.0.1): no photograph leaves it, nothing is loaded from
elsewhere. What was uploaded and made is removed at the end (Ctrl-C)."""
PORT = 7860


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("--model", metavar="M", help="as for blindsr upscale [small]")
    add("--layout", choices=("fixed", "legacy"), help="window layout of official weights")
    add("--device", default="auto", help="auto, cpu, gpu (cuda), cuda:1, mps [auto]")
    add("--port", metavar="N", type=_port, default=PORT, help=f"0 takes a free one [{PORT}]")
    add("--open", action="store_true", help="open the page in the browser")
    parser.set_defaults(precision="auto", save_maps=False)  # of blindsr upscale's model


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until a signal ends it; the status is 128 + its number, as of all commands.

    Raises:
        ConfigError: gradio is missing, or the port is taken.
        FileError, WeightsError: the model cannot be read.
    """
    if importlib.util.find_spec("gradio") is None:
        raise ConfigError(
            "blindsr serve",
            found="no gradio in this installation",
            expected="the page's library",
            fix="Type: uv pip install 'blindsr[serve]'.",
        )
    from blindsr.inference.catalogue import file_of

    file_of(arguments.model)  # before anything heavy is loaded
    try:
        with StopSignals().handled(), listen(arguments.port) as socket:
            return _serve(arguments, socket)
    except KeyboardInterrupt as stop:
        sys.stderr.write("blindsr: stopped\n")
        return 128 + (stop.number if isinstance(stop, Stopped) else 2)


def _serve(arguments: argparse.Namespace, socket: Socket) -> int:
    from rich.console import Console

    from blindsr.cli.upscale import open_model

    from .restoring import Restoring

    console = Console(highlight=False, soft_wrap=True, markup=False)
    model = open_model(arguments, console)
    with tempfile.TemporaryDirectory(prefix="blindsr-serve-") as folder:
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
        os.environ["GRADIO_TEMP_DIR"] = folder  # of what is uploaded; goes with the folder
        from .page import application

        restoring = Restoring(model, Path(folder))
        app = application(restoring)
        console.print(f"Open {address(socket)} in a browser of this computer; Ctrl-C ends it")
        sys.stdout.flush()  # at once in a pipe, too: nothing else follows
        if arguments.open:
            webbrowser.open(address(socket))
        try:
            serve(app, socket)
        finally:
            restoring.stop()
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number from 0 to 65535")
    return int(text)
