"""The page itself: controls, what they call, and where results are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import FastAPI

from blindsr.data.files.folder_walk import IMAGES
from blindsr.errors import BlindSRError

from .loopback import HOST, Guard
from .restoring import Restoring

if TYPE_CHECKING:
    from blindsr.restore import Restorer

_FONTS = ["system-ui", "sans-serif"]
_MONO = ["ui-monospace", "monospace"]
_SIDES = '<div style="display: flex; justify-content: space-between">Photograph<b>Result</b></div>'
_CSS = ".facts { overflow-wrap: anywhere }"
_PROGRESS = gr.Progress()
"""As a default it tells the library to hand over what shows progress."""


def application(restoring: Restoring) -> Guard:
    """Return the page as an ASGI application that loads nothing from other hosts."""
    # The library's own names come from a host for fonts.
    theme = gr.themes.Default(font=_FONTS, font_mono=_MONO)
    app = gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        build(restoring),
        path="/",
        server_name=HOST,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        pwa=False,
        theme=theme,
        css=_CSS,
    )
    return Guard(app)


def build(restoring: Restoring) -> gr.Blocks:
    """Lay out the page and connect its controls with ``restoring``."""
    look, restore = _calls(restoring)
    with gr.Blocks(title="blindsr", analytics_enabled=False) as page:
        gr.HTML(f"<h1>blindsr</h1><p>{escape(_about(restoring.model))}</p>")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                photo = gr.File(label="Photograph", file_types=list(IMAGES), height=140)
                keep_blur, strength = _controls(restoring)
                with gr.Row():
                    go = gr.Button("Restore", variant="primary", interactive=False, min_width=120)
                    halt = gr.Button("Stop", min_width=120)
            with gr.Column(scale=2, min_width=280):
                gr.HTML(_SIDES)
                pair = gr.ImageSlider(
                    show_label=False, interactive=False, max_height=640, buttons=["fullscreen"]
                )
                facts = gr.HTML(elem_classes="facts")
                file = gr.DownloadButton("Download the result (PNG)", interactive=False)
                blur = gr.Image(
                    show_label=False,
                    interactive=False,
                    visible=False,
                    buttons=["download", "fullscreen"],
                )
        made: dict[str, Any] = {
            "fn": restore,
            "inputs": [photo, keep_blur, strength],
            "outputs": [pair, facts, file, blur],
            "show_progress_on": facts,
        }
        seen = photo.upload(look, photo, [pair, facts, go, file], show_progress="hidden")
        seen.success(**made)
        go.click(**made)
        photo.clear(lambda: gr.Button(interactive=False), None, go)
        halt.click(restoring.stop, queue=False)
    return page


def _calls(restoring: Restoring) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """What is called when a photograph is dropped, and then, or again, to restore it."""

    def look(source: str) -> tuple[Any, ...]:
        with _told():
            seen = str(restoring.look(Path(source)))
        return (seen, seen), "", gr.Button(interactive=True), gr.DownloadButton(interactive=False)

    def restore(
        source: str, keep_blur: float, strength: float, progress: gr.Progress = _PROGRESS
    ) -> tuple[Any, ...]:
        def tell(done: int, total: int) -> None:
            progress((done, total), unit="tiles")

        with _told():
            made = restoring.restore(Path(source), keep_blur, strength, tell)
        return (
            (str(made.before), str(made.after)),
            escape(made.facts),
            gr.DownloadButton(value=str(made.result), interactive=True),
            gr.Image(value=None if made.blur is None else str(made.blur), visible=bool(made.blur)),
        )

    return look, restore


def _about(model: Restorer) -> str:
    line = f"{model.title}, {model.scale} times larger"
    return f"{line}; trained for {model.trained_for}" if model.trained_for else line


def _controls(restoring: Restoring) -> tuple[gr.Slider, gr.Slider]:
    keep_blur = gr.Slider(
        0,
        1,
        restoring.keep_blur,
        step=0.01,
        label="Keep blur",
        info="How much blur was meant: 0 removes all that the model can, 1 keeps all that is seen.",
    )
    strength = gr.Slider(
        0,
        1,
        1.0,
        step=0.01,
        label="Strength",
        info="Share of the model in the result; 0 is a plain enlargement.",
    )
    return keep_blur, strength


@contextmanager
def _told() -> Iterator[None]:
    """Show an error on the page, in its one line."""
    try:
        yield
    except BlindSRError as error:
        raise gr.Error(escape(str(error)), duration=None, print_exception=False) from error
