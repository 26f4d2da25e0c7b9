"""The command ``azure-inference-emulator``."""

import argparse
import errno
import sys
from collections.abc import Sequence

from azure_inference_emulator import faults, models, server
from azure_inference_emulator.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator until it is interrupted; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        settings = Settings(
            key=options.key,
            bearer_only=options.bearer_only,
            models=dict(options.model),
            only=options.only,
            strict=options.strict,
            managed_compute=options.managed_compute,
            latency=options.latency,
            rate_limit=options.rate_limit,
            faults=tuple(options.fault),
        )
    except ValueError as error:
        parser.error(str(error))
    try:
        sock = server.listen(options.host, options.port)
    except OSError as error:
        _complain(options.host, options.port, error)
        return 2
    with sock:
        server.serve(sock, settings, lambda: _say(f"azure-inference-emulator listening on {server.address(sock)}"))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="azure-inference-emulator",
        description="An offline, deterministic emulator of the Azure AI Model Inference API.",
    )
    parser.add_argument(
        "--port", type=_port, default=8080, help="port to listen on; 0 picks a free one (default: 8080)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--key", type=str.strip, help="the only key accepted (default: any key that is not empty)")
    parser.add_argument(
        "--bearer-only", action="store_true", help="take the key from Authorization alone, as serverless endpoints do"
    )
    parser.add_argument(
        "--model",
        metavar="NAME=MODEL",
        type=_model,
        action="append",
        default=[],
        help=f"serve a further name that behaves like one of {', '.join(models.MODELS)}",
    )
    parser.add_argument(
        "--only", metavar="MODEL", default="", help="serve this model alone, whatever a request's model says"
    )
    parser.add_argument("--strict", action="store_true", help="refuse whatever the published schema does not allow")
    parser.add_argument(
        "--managed-compute", action="store_true", help="behave like an Azure ML managed online endpoint"
    )
    parser.add_argument("--latency", metavar="SECONDS", type=float, default=0.0, help="wait before each answer")
    parser.add_argument("--rate-limit", metavar="N", type=int, default=0, help="answer 429 after N requests a minute")
    parser.add_argument(
        "--fault",
        metavar="NAME[:KEY=VALUE,...]",
        action="append",
        default=[],
        help=f"a failure to rehearse: {', '.join(sorted(faults.NAMES))}; times=N for the first N requests only",
    )
    return parser


def _model(text: str) -> tuple[str, str]:
    name, _, like = text.partition("=")
    return name, like or "emulated-chat"


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; give a number from 0 to 65535")
    return int(text)


def _complain(host: str, port: int, error: OSError) -> None:
    remedy = {
        errno.EADDRINUSE: "it is in use; choose another with --port, or --port 0 for a free one",
        errno.EACCES: "this user may not use it; choose a port above 1023",
        errno.EADDRNOTAVAIL: "this machine has no such address; choose one with --host, such as 127.0.0.1",
    }.get(error.errno or 0, error.strerror or str(error))
    print(f"azure-inference-emulator: cannot listen on {host} port {port}: {remedy}", file=sys.stderr)  # noqa: T201


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
