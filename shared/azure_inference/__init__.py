"""The Azure AI Model Inference API, whole: typed requests, typed answers, typed errors; sync and async."""

from ._version import __version__
from .attachments import document_text, move_tool_media
from .batching import in_batches, in_batches_async
from .client import AsyncInferenceClient, InferenceClient
from .connection import UNWRITTEN, Connection, shared_in_copies, split_call
from .credentials import Credential, conceal, concealed
from .errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ContentFilterError,
    ContextLengthError,
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
from .fields import (
    parse_arguments,
    rename_arguments,
    to_argument_error,
    to_response_format,
    to_tool_choice,
    values_of,
    wire_fields,
)
from .lazy import lazily
from .profiles import ModelProfile, estimate_tokens, model_profile, structured_method
from .protocol import ExtraParameters, to_request
from .remedy import UnsupportedParameterWarning, refused_parameters
from .retry import RetryPolicy
from .schema.chat import (
    AnswerMessage,
    ChatCompletion,
    ChatRequest,
    Choice,
    JsonSchemaFormat,
    ResponseFormat,
    Usage,
)
from .schema.chunks import ChatCompletionChunk, ChunkChoice, CompletionChunk, Delta, ToolCallDelta
from .schema.completions import Completion, CompletionRequest
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
from .schema.tools import FunctionCall, FunctionDefinition, ToolCall, ToolDefinition
from .settings import CallOptions, ClientOptions
from .streaming import AsyncChatStream, ChatStream
from .timeouts import Timeouts

__all__ = [
    "UNWRITTEN",
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
    "ContextLengthError",
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
    "conceal",
    "concealed",
    "document_text",
    "estimate_tokens",
    "in_batches",
    "in_batches_async",
    "lazily",
    "model_profile",
    "move_tool_media",
    "parse_arguments",
    "refused_parameters",
    "rename_arguments",
    "shared_in_copies",
    "split_call",
    "structured_method",
    "to_argument_error",
    "to_request",
    "to_response_format",
    "to_tool_choice",
    "values_of",
    "wire_fields",
]
