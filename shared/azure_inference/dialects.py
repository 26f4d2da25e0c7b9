"""The kinds of endpoint that speak this API, as a table, and how a URL that somebody pasted becomes one of them."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import msgspec
from msgspec.structs import replace

from .errors import ConfigurationError, shown
from .schema.failures import cut


class Dialect(msgspec.Struct, frozen=True):
    """What one kind of endpoint wants.

    `api_version` is what is sent unless the caller says otherwise; None means that the endpoint takes none.
    `takes_names`: whether a message may say who speaks. `has_input_type`: whether that is a field of embeddings
    requests by contract. `asks_base64`: whether vectors are asked for in base64, as OpenAI's own clients do by default.
    """

    name: str
    api_version: str | None
    needs_model: bool
    extra_parameters_header: bool
    asks_stream_usage: bool
    takes_names: bool
    has_input_type: bool
    asks_base64: bool


MODEL_INFERENCE = Dialect(
    "model-inference",
    api_version="2024-05-01-preview",
    needs_model=False,
    extra_parameters_header=True,
    asks_stream_usage=False,
    takes_names=False,
    has_input_type=True,
    asks_base64=False,
)
AZURE_OPENAI = Dialect(
    "azure-openai",
    api_version="2024-10-21",
    needs_model=False,
    extra_parameters_header=False,
    asks_stream_usage=True,
    takes_names=True,
    has_input_type=False,
    asks_base64=True,
)
OPENAI_V1 = replace(AZURE_OPENAI, name="openai-v1", api_version=None, needs_model=True)
DIALECTS = {dialect.name: dialect for dialect in (MODEL_INFERENCE, AZURE_OPENAI, OPENAI_V1)}

_OF_PATH = (("*/openai/deployments/*", AZURE_OPENAI), ("*/v1", OPENAI_V1))
"""Path patterns, first match wins; any other path speaks the Model Inference API."""

_COGNITIVE = "https://cognitiveservices.azure.com/.default"
_FOUNDRY = "https://ai.azure.com/.default"
_MACHINE_LEARNING = "https://ml.azure.com/.default"
_SCOPE_OF_HOST = (
    ("*.inference.ml.azure.com", _MACHINE_LEARNING),
    ("*.models.ai.azure.com", _MACHINE_LEARNING),
    ("*.inference.ai.azure.com", _MACHINE_LEARNING),
    ("*.inference.ml.azure.us", "https://ml.azure.us/.default"),
    ("*.inference.ml.azure.cn", "https://ml.azure.cn/.default"),
    ("*.azure.us", "https://cognitiveservices.azure.us/.default"),
    ("*.azure.cn", "https://cognitiveservices.azure.cn/.default"),
    ("*", _COGNITIVE),
)
_LONGEST_LABEL = 63
"""The most letters between two dots of a host's name; to look up one with more raises a bare UnicodeError."""
_LONGEST_NAME = 253
_LONGEST_URL = 7_000
"""More than servers take; httpx refuses one of 65,536, of which encoding may make nine for one of these."""
_NAME = r"[a-z0-9_.-]+"
_LIKE_AN_ADDRESS = r"[0-9]+.[0-9]+.[0-9]+.[0-9]+"
"""What httpx takes for an IPv4 address, with anything for a dot."""
_IN_BRACKETS = r"\[[^\[\]]*\](?::[0-9]*)?"
_LAST_DOT = r"\.(?=(?::[0-9]*)?$)"
"""The dot that ends a host's full name, which says nothing to a server, and is in no certificate."""
_RETIRED = (("*.services.ai.azure.com", "/models"), ("models.inference.ai.azure.com", ""), ("models.github.ai", ""))
_CLOUDS = ("com", "us", "cn")
_RESOURCE_HOSTS = (
    *(f"*.services.ai.azure.{cloud}" for cloud in _CLOUDS),
    *(f"*.openai.azure.{cloud}" for cloud in _CLOUDS),
    *(f"*.cognitiveservices.azure.{cloud}" for cloud in _CLOUDS),
    "*.api.cognitive.microsoft.com",
)
"""Hosts of a resource, in the public cloud and in the two others."""
_ROUTES = ("/chat/completions", "/images/embeddings", "/completions", "/embeddings", "/info", "/score", "/responses")
"""Routes that people paste with the rest, those of other APIs too; the longer before the one it ends with."""
_DEPLOYMENT = r".*/openai/deployments/[^/]+"
"""A path that ends with the name of a deployment, whatever that is."""


class Target(msgspec.Struct, frozen=True):
    """Where requests go: `base_url` without a trailing slash, its `origin`, and the query every request carries."""

    base_url: str
    origin: str
    dialect: Dialect
    query: str
    scope: str
    host: str
    is_secure: bool

    def url(self, path: str, query: Mapping[str, str | None] | None = None) -> str:
        """The address of a route; `query` adds to what every request carries."""
        parts = [self.query] if self.query else []
        if query and (given := {name: value for name, value in query.items() if value is not None}):
            try:
                parts.append(urlencode(given))
            except UnicodeEncodeError:
                told = ", ".join(f"{name}={shown(value)}" for name, value in given.items())
                raise ConfigurationError(f"{told} cannot be sent: it is no valid Unicode") from None
        return f"{self.base_url}{path}?{'&'.join(parts)}" if parts else f"{self.base_url}{path}"

    @property
    def retirement_hint(self) -> str | None:
        """What to do when a host whose end was announced answers 404 or 410; None for any other host."""
        path = urlsplit(self.base_url).path
        if not any(fnmatchcase(self.host, host) and path.startswith(start) for host, start in _RETIRED):
            return None
        resource = self.host.removesuffix(".services.ai.azure.com")
        resource = resource if resource != self.host else "<resource>"
        return (
            "This route is past its announced retirement. The same models answer on the OpenAI v1 route: "
            f"set endpoint='https://{resource}.services.ai.azure.com/openai/v1' and model to the deployment name."
        )


@lru_cache(maxsize=256)
def resolve(endpoint: str, *, api_version: str | None = None, dialect: str | None = None) -> Target:
    """The target that an endpoint URL means, as people paste it: with a slash, a whole route, or a query.

    Raises:
        ConfigurationError: The URL is none, names a place without this API, or `dialect` is unknown.
    """
    text = endpoint.strip()
    parts = _parts(text)
    if parts is None or not text.isprintable() or " " in text:
        raise ConfigurationError(_no_url(text))
    if parts.username or parts.password:
        raise ConfigurationError("endpoint holds a user name or password: pass the key as credential instead")
    host = (parts.hostname or "").lower()
    if not host.isascii():
        raise ConfigurationError(f"endpoint host {host!r} is not ASCII: look for odd dashes, or write it as 'xn--...'")
    path = _base_path(host, parts.path, dialect)
    chosen = _dialect(path, dialect)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "api-version"]
    version = api_version or _api_version_in(parts.query) or chosen.api_version
    if chosen.api_version is not None and version is not None:
        query.append(("api-version", version))
    elif api_version is None:
        version = None
    else:
        raise ConfigurationError(
            f"api_version={shown(api_version)} is not taken by {cut(parts.netloc + path)}: this route has no versions"
        )
    scope = next(scope for pattern, scope in _SCOPE_OF_HOST if fnmatchcase(host, pattern))
    if chosen is OPENAI_V1 and scope is _COGNITIVE:
        scope = _FOUNDRY
    return Target(
        base_url=f"{parts.scheme}://{parts.netloc}{path}",
        origin=f"{parts.scheme}://{parts.netloc}",
        dialect=replace(chosen, api_version=version),
        query=urlencode(query),
        scope=scope,
        host=host,
        is_secure=parts.scheme == "https" or _is_loopback(host),
    )


def _no_url(text: str) -> str:
    given = "(value withheld)" if "@" in text else shown(text.partition("?")[0])
    lacks = "is not an http(s) URL" if len(text) <= _LONGEST_URL else f"is longer than {_LONGEST_URL} characters"
    return f"endpoint={given} {lacks}: pass one such as 'https://<resource>.services.ai.azure.com/models'"


def _parts(text: str) -> SplitResult | None:
    """The parts of an http(s) URL, of which the scheme may be missing, and the host's last dot is; None if it is none.

    What httpx would refuse at the first call is none: its errors are not those of this library.
    """
    if len(text) > _LONGEST_URL:
        return None
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        parts = parts._replace(netloc=re.sub(_LAST_DOT, "", parts.netloc))
        is_valid = (
            parts.scheme in ("http", "https") and parts.port != 0 and _is_host(parts.hostname or "", parts.netloc)
        )
    except ValueError:
        return None
    return parts if is_valid else None


def _is_host(host: str, netloc: str) -> bool:
    """Whether it is a name or an address. One that is not ASCII is told later what it lacks.

    Raises:
        ValueError: It is written as an address, but is none.
    """
    if "[" in netloc or "]" in netloc:
        return ip_address(host).version == 6 and bool(re.fullmatch(_IN_BRACKETS, netloc.rpartition("@")[2]))
    if len(host) > _LONGEST_NAME or not all(0 < len(label) <= _LONGEST_LABEL for label in host.split(".")):
        return False
    if re.fullmatch(_LIKE_AN_ADDRESS, host):
        return ip_address(host).version == 4
    return not host.isascii() or bool(re.fullmatch(_NAME, host))


def _api_version_in(query: str) -> str | None:
    return dict(parse_qsl(query)).get("api-version")


def _base_path(host: str, path: str, dialect: str | None) -> str:
    path = re.sub("/{2,}", "/", path).rstrip("/")
    for route in _ROUTES:
        if path.endswith(route) and not re.fullmatch(_DEPLOYMENT, path):
            path = path.removesuffix(route)
            break
    if "/api/projects/" in path and not path.endswith("/v1"):
        raise ConfigurationError(
            f"endpoint path {shown(path)} is a project, which has no models of its own: "
            "pass 'https://<resource>.services.ai.azure.com/openai/v1'"
        )
    if path.endswith("/openai/deployments"):
        raise ConfigurationError(
            f"endpoint path {shown(path)} names no deployment: add its name, or pass '.../openai/v1'"
        )
    if path in ("", "/openai") and any(fnmatchcase(host, pattern) for pattern in _RESOURCE_HOSTS):
        return _path_of_resource(dialect)
    return path


def _path_of_resource(dialect: str | None) -> str:
    """Where a resource speaks a dialect, if its URL says no more than its name."""
    if dialect == AZURE_OPENAI.name:
        raise ConfigurationError(
            f"dialect={dialect!r} needs a deployment in the endpoint: add '/openai/deployments/<name>' to it"
        )
    return "/models" if dialect == MODEL_INFERENCE.name else "/openai/v1"


def _dialect(path: str, name: str | None) -> Dialect:
    if name is None:
        return next((dialect for pattern, dialect in _OF_PATH if fnmatchcase(path, pattern)), MODEL_INFERENCE)
    if name not in DIALECTS:
        raise ConfigurationError(f"dialect={shown(name)} is unknown: pass one of {', '.join(map(repr, DIALECTS))}")
    return DIALECTS[name]


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
