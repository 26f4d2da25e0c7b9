"""The emulator on a socket: in this process until a signal, or in a thread for tests and demonstrations."""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Generator
from typing import Any

from azure_inference_emulator.settings import Settings

try:
    import uvicorn
except ImportError as error:
    raise ImportError('The emulator needs starlette and uvicorn: pip install "azure-inference[emulator]"') from error

from azure_inference_emulator.app import create_app


class _Server(uvicorn.Server):
    """A server that says when it accepts connections, and ends a signal's work quietly."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ``OSError`` when the address is in use. Port 0 picks a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small writes at once (no Nagle) only on sockets that say they are TCP; create_server's do not.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(2048)
    except BaseException:
        sock.close()
        raise
    return sock


def address(sock: socket.socket) -> str:
    """The base URL of a listening socket."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(sock: socket.socket, settings: Settings, ready: Callable[[], None]) -> None:
    """Answer requests on a socket until SIGINT or SIGTERM; ``ready`` is called once connections are accepted."""
    _server(settings, ready).run(sockets=[sock])


def _server(settings: Settings, ready: Callable[[], None]) -> _Server:
    config = uvicorn.Config(
        create_app(settings),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return _Server(config, ready)


@contextlib.contextmanager
def running(**settings: Any) -> Generator[str]:
    """An emulator on a free port of 127.0.0.1 in a thread, for as long as the ``with`` block; gives its base URL.

    Takes the fields of ``Settings``. Clients append ``/models``, ``/v1`` and so on to the URL, or nothing.
    """
    ready = threading.Event()
    with listen("127.0.0.1", 0) as sock:
        server = _server(Settings(**settings), ready.set)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [sock]}, name="azure-inference-emulator", daemon=True
        )
        thread.start()
        try:
            if not ready.wait(timeout=30):
                raise RuntimeError("The emulator did not start within 30 seconds.")
            yield address(sock)
        finally:
            server.should_exit = True
            thread.join(timeout=30)
