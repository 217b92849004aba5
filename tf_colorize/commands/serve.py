"""The command `tf-colorize serve`: an HTTP server that colorizes photos for other programs on this machine."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import socket
from collections.abc import Sequence

from tf_colorize import installation
from tf_colorize.commands import look_options, parsing, photo_options, quiet

# No heavy imports at module level: `tf-colorize serve --help` must answer at once.

DEFAULT_PORT = 8520
TOKEN = "TF_COLORIZE_TOKEN"
_GRACE = 5  # seconds for photos in progress when the server stops

_EPILOG = f"""\
examples:
  tf-colorize serve
  curl --data-binary @grandma.jpg "http://127.0.0.1:{DEFAULT_PORT}/colorize?vividness=1.2" -o grandma.color.jpg

For access from other machines, use --host. Each request then needs a token: {TOKEN}, or one that is
generated and printed.
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code: 0, 1 if it cannot serve, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        with installation.explained(), photo_options.pillow_without_limit():  # --max-pixels replaces Pillow's limit
            _serve(options)
    except (ValueError, installation.MissingPackage) as error:
        _complain(str(error))
        return 1
    return 0


def _parser():
    parser = parsing.Parser(
        prog="tf-colorize serve",
        description="Colorize photos for other programs on this machine, over HTTP: POST them to /colorize; see "
        "/openapi.json. Stores no photos. Press Ctrl+C to stop. Needs "
        f"{installation.pip_install('server')}",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    photo_options.add_model(parser)
    add("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_number(
        "--port",
        0,
        65535,
        metavar="PORT",
        default=DEFAULT_PORT,
        help=f"port (default: {DEFAULT_PORT}; 0: any free port)",
    )
    look_options.add_to(parser)
    photo_options.add_jobs(parser)
    parser.add_number(
        "--waiting",
        0,
        100_000,
        default=256,
        help="number of requests that may wait; further ones get status 503 (default: 256)",
    )
    parser.add_number(
        "--max-megabytes",
        1,
        4096,
        default=64,
        help="reject larger files (default: 64)",
    )
    photo_options.add_max_pixels(parser, 100_000_000)
    return parser


def _serve(options):
    import uvicorn

    from tf_colorize import processors
    from tf_colorize.inference import colorizer, runtimes
    from tf_colorize.server import app

    look_options.save(options)
    limits = app.Limits(
        max_bytes=options.max_megabytes << 20,
        max_pixels=options.max_pixels,
        at_once=options.jobs or processors.usable(),
        waiting=options.waiting,
    )
    token = os.environ.get(TOKEN) or None
    is_made = token is None and not _is_loopback(options.host)
    token = secrets.token_urlsafe(32) if is_made else token
    with _listening(options.host, options.port) as listener:  # first, so that a port in use is reported at once
        with quiet.startup():
            model = colorizer.Colorizer.load(options.model or runtimes.default_model(), threads=1)
        if is_made:
            print(f"token: {token}", flush=True)
        host = f"[{options.host}]" if ":" in options.host else options.host
        print(f"http://{host}:{listener.getsockname()[1]}/colorize  (Ctrl+C stops it)", flush=True)
        config = uvicorn.Config(
            app.Service(model, limits, token, look_options.asked(options)).application(),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
            lifespan="off",
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _listening(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # `socket.create_server` does not mark the socket as TCP, so asyncio would delay each answer by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise ValueError(f"port {port} of {host}: {reason}; choose another one with --port or --host") from error
    return listener


def _is_loopback(host):
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a host name, which may resolve to any address
        return False


def _complain(text):
    parsing.complain("tf-colorize serve", text)
