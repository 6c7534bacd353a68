"""A server that only this computer reaches, and a page that reaches nothing but its server."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

from blindsr.errors import ConfigError, os_error

HOST = "127.0.0.1"
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "worker-src 'self' blob:; frame-ancestors 'none'; form-action 'self'"
)
"""What the browser may load: a library of pages that wants a foreign font or script gets none."""


@contextlib.contextmanager
def listen(port: int) -> Iterator[socket.socket]:
    """Take a port of this computer, 0 for any free one.

    Raises:
        ConfigError: another program has it.
        FileError: the system refuses it.
    """
    with socket.socket() as taken:
        if os.name == "posix":  # elsewhere it would share the port with a program that has it
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((HOST, port))
            taken.listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise os_error(error, f"--port {port}", "used") from error
            raise ConfigError(
                "--port",
                found=f"{port}, which another program uses",
                expected="a free one",
                fix="Give another number, or --port 0 for any that is free.",
            ) from error
        yield taken


def address(taken: socket.socket) -> str:
    """What to type into a browser."""
    return f"http://{HOST}:{taken.getsockname()[1]}"


def serve(app: Any, taken: socket.socket) -> None:
    """Answer requests until a signal comes; it is raised again after the last answer."""
    import uvicorn

    config = uvicorn.Config(
        app, log_config=None, log_level="critical", access_log=False, timeout_graceful_shutdown=1
    )
    uvicorn.Server(config).run(sockets=[taken])


class Guard:
    """Tells the browser what a page may load; requests under a foreign name are refused.

    The latter is how pages of others reach servers of this computer (DNS rebinding).

    Args:
        app: ASGI application.
    """

    def __init__(self, app: Any) -> None:
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        self._app = TrustedHostMiddleware(app, [HOST, "localhost"])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _POLICY.encode())
                message = {**message, "headers": [*message.get("headers", ()), policy]}
            await send(message)

        await self._app(scope, receive, guarded)
