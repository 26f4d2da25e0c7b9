"""The Azure AI Model Inference API, whole: typed requests, typed answers, typed errors; sync and async."""

from typing import TYPE_CHECKING

from ._version import __version__
from .arguments import rename_arguments, to_argument_error
from .attachments import document_text, to_image_input
from .batching import all_at_most, in_batches, in_batches_async
from .checks import check_list, check_text
from .client import AsyncInferenceClient, InferenceClient
from .connected import BASE_CONFIG, CONFIG, ConnectedModel, Parameters, shared_in_copies
from .connection import NOT_SERIALIZED, Connection, check_call, conceal_call, split_call
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
    kind_of,
)
from .fields import (
    own_fields,
    parse_arguments,
    to_tool_choice,
    values_of,
    wire_fields,
)
from .histories import to_history
from .lazy import lazy_exports
from .objects import find_json, half_json, is_cut_off, why_no_object
from .profiles import ModelProfile, estimate_tokens, model_profile, structured_method
from .protocol import ExtraParameters, deployment_in, to_request
from .reasoning import may_hide_reasoning
from .remedy import UnsupportedParameterWarning, refused_parameters
from .retry import RetryPolicy
from .schema.chat import (
    AnswerMessage,
    Audio,
    ChatCompletion,
    ChatRequest,
    Choice,
    CompletionTokensDetails,
    JsonSchemaFormat,
    PromptTokensDetails,
    ResponseFormat,
    Usage,
    UserSecurityContext,
)
from .schema.chunks import (
    ChatCompletionChunk,
    ChunkChoice,
    CompletionChunk,
    CompletionChunkChoice,
    Delta,
    FunctionCallDelta,
    ToolCallDelta,
)
from .schema.messages import (
    AssistantMessage,
    AudioReference,
    AudioUrl,
    AudioUrlPart,
    ChatMessage,
    ContentPart,
    DeveloperMessage,
    ImagePart,
    ImageUrl,
    InputAudio,
    InputAudioPart,
    OtherMessage,
    OtherPart,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
)
from .schema.tools import (
    FunctionCall,
    FunctionDefinition,
    FunctionName,
    NamedToolChoice,
    ToolCall,
    ToolDefinition,
)
from .schemas import class_schema, fit_name, is_recursive, strict_schema, to_function, to_response_format
from .settings import CallOptions, ClientOptions
from .streaming import AsyncChatStream, ChatStream, FirstChoice
from .timeouts import Timeouts

if TYPE_CHECKING:
    from .schema.completions import Completion, CompletionChoice, CompletionRequest
    from .schema.embeddings import (
        EmbeddingItem,
        EmbeddingsRequest,
        EmbeddingsResult,
        EncodingFormat,
        ImageEmbeddingsRequest,
        ImageInput,
    )
    from .schema.info import ModelInfo
else:
    # Whoever chats need not wait for what travels on other routes.
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "schema.completions": "Completion CompletionChoice CompletionRequest",
            "schema.embeddings": "EmbeddingItem EmbeddingsRequest EmbeddingsResult EncodingFormat "
            "ImageEmbeddingsRequest ImageInput",
            "schema.info": "ModelInfo",
        },
    )

__all__ = [
    "BASE_CONFIG",
    "CONFIG",
    "NOT_SERIALIZED",
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AnswerMessage",
    "AssistantMessage",
    "AsyncChatStream",
    "AsyncInferenceClient",
    "Audio",
    "AudioReference",
    "AudioUrl",
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
    "CompletionChoice",
    "CompletionChunk",
    "CompletionChunkChoice",
    "CompletionRequest",
    "CompletionTokensDetails",
    "ConfigurationError",
    "ConnectedModel",
    "Connection",
    "ContentFilterError",
    "ContentPart",
    "ContextLengthError",
    "Credential",
    "Delta",
    "DeveloperMessage",
    "EmbeddingItem",
    "EmbeddingsRequest",
    "EmbeddingsResult",
    "EncodingFormat",
    "ExtraParameters",
    "FirstChoice",
    "FunctionCall",
    "FunctionCallDelta",
    "FunctionDefinition",
    "FunctionName",
    "ImageEmbeddingsRequest",
    "ImageInput",
    "ImagePart",
    "ImageUrl",
    "InferenceClient",
    "InferenceError",
    "InputAudio",
    "InputAudioPart",
    "InternalServerError",
    "JsonSchemaFormat",
    "ModelInfo",
    "ModelProfile",
    "NamedToolChoice",
    "NotFoundError",
    "OtherMessage",
    "OtherPart",
    "ParameterNotSupportedError",
    "Parameters",
    "PermissionDeniedError",
    "PromptTokensDetails",
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
    "UserSecurityContext",
    "__version__",
    "all_at_most",
    "check_call",
    "check_list",
    "check_text",
    "class_schema",
    "conceal",
    "conceal_call",
    "concealed",
    "deployment_in",
    "document_text",
    "estimate_tokens",
    "find_json",
    "fit_name",
    "half_json",
    "in_batches",
    "in_batches_async",
    "is_cut_off",
    "is_recursive",
    "kind_of",
    "lazy_exports",
    "may_hide_reasoning",
    "model_profile",
    "own_fields",
    "parse_arguments",
    "refused_parameters",
    "rename_arguments",
    "shared_in_copies",
    "split_call",
    "strict_schema",
    "structured_method",
    "to_argument_error",
    "to_function",
    "to_history",
    "to_image_input",
    "to_request",
    "to_response_format",
    "to_tool_choice",
    "values_of",
    "why_no_object",
    "wire_fields",
]
