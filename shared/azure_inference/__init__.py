"""The Azure AI Model Inference API, whole: typed requests, typed answers, typed errors; sync and async."""

from ._version import __version__
from .client import AsyncInferenceClient, InferenceClient
from .connection import Connection
from .credentials import Credential
from .errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ContentFilterError,
    InferenceError,
    InternalServerError,
    NotFoundError,
    ParameterNotSupportedError,
    PermissionDeniedError,
    RateLimitError,
    ResponseValidationError,
    StreamInterruptedError,
    UnprocessableEntityError,
)
from .fields import parse_arguments, to_response_format, to_tool_choice, wire_fields
from .profiles import ModelProfile, estimate_tokens, model_profile
from .protocol import ExtraParameters, to_request
from .remedy import UnsupportedParameterWarning
from .retry import RetryPolicy
from .schema.chat import (
    AnswerMessage,
    ChatCompletion,
    ChatCompletionChunk,
    ChatRequest,
    Choice,
    ChunkChoice,
    Delta,
    JsonSchemaFormat,
    ResponseFormat,
    Usage,
)
from .schema.completions import Completion, CompletionChunk, CompletionRequest
from .schema.embeddings import EmbeddingsRequest, EmbeddingsResult, ImageEmbeddingsRequest, ImageInput
from .schema.info import ModelInfo
from .schema.messages import (
    AssistantMessage,
    AudioUrlPart,
    ChatMessage,
    ContentPart,
    DeveloperMessage,
    ImagePart,
    InputAudioPart,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
)
from .schema.tools import FunctionCall, FunctionDefinition, ToolCall, ToolCallDelta, ToolDefinition
from .settings import CallOptions, ClientOptions
from .streaming import AsyncChatStream, ChatStream
from .timeouts import Timeouts

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AnswerMessage",
    "AssistantMessage",
    "AsyncChatStream",
    "AsyncInferenceClient",
    "AudioUrlPart",
    "AuthenticationError",
    "BadRequestError",
    "CallOptions",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatMessage",
    "ChatRequest",
    "ChatStream",
    "Choice",
    "ChunkChoice",
    "ClientOptions",
    "Completion",
    "CompletionChunk",
    "CompletionRequest",
    "ConfigurationError",
    "Connection",
    "ContentFilterError",
    "ContentPart",
    "Credential",
    "Delta",
    "DeveloperMessage",
    "EmbeddingsRequest",
    "EmbeddingsResult",
    "ExtraParameters",
    "FunctionCall",
    "FunctionDefinition",
    "ImageEmbeddingsRequest",
    "ImageInput",
    "ImagePart",
    "InferenceClient",
    "InferenceError",
    "InputAudioPart",
    "InternalServerError",
    "JsonSchemaFormat",
    "ModelInfo",
    "ModelProfile",
    "NotFoundError",
    "ParameterNotSupportedError",
    "PermissionDeniedError",
    "RateLimitError",
    "ResponseFormat",
    "ResponseValidationError",
    "RetryPolicy",
    "StreamInterruptedError",
    "SystemMessage",
    "TextPart",
    "Timeouts",
    "ToolCall",
    "ToolCallDelta",
    "ToolDefinition",
    "ToolMessage",
    "UnprocessableEntityError",
    "UnsupportedParameterWarning",
    "Usage",
    "UserMessage",
    "__version__",
    "estimate_tokens",
    "model_profile",
    "parse_arguments",
    "to_request",
    "to_response_format",
    "to_tool_choice",
    "wire_fields",
]
