"""What is claimed of every entry point, at every place: one table, as data."""

from __future__ import annotations

from azure_inference import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ContentFilterError,
    ContextLengthError,
    InternalServerError,
    NotFoundError,
    ParameterNotSupportedError,
    RateLimitError,
    ResponseValidationError,
    StreamInterruptedError,
    UnprocessableEntityError,
    UnsupportedParameterWarning,
)
from tests.canary import KEY

from .asks import Ask
from .expect import (
    Claim,
    adds_up,
    broke_off,
    first_and_last_alike,
    floats,
    is_json,
    named,
    one_of,
    request,
    said,
    several,
    status,
)
from .material import (
    ADA,
    CALLED_BOTH,
    CALLED_PARIS,
    CUT_SHORT,
    DOT,
    DROP,
    EXTRA,
    FILTERED,
    HELLO,
    JSON,
    LONG,
    PARIS,
    PARIS_AND_ROME,
    PICTURE,
    RAN,
    SAME_ENDS,
    TALK,
    THE_PERSON,
    TIME,
    WEATHER,
    user,
)

NO_INFO = {
    "langchain": "the framework has no word for it: models are described by their profile",
    "llamaindex": "the framework has no word for it: metadata must not ask the network",
}
AS_TOLD = {"core": "the client sends what it is told; queries are told from documents by the model classes"}
BY_METHOD = {"core": "a request says its method: see json-schema"}
BY_PROFILE = {
    "langchain": "asks by function calling where the model is known to take no schema",
    "llamaindex": "asks by function calling where the model is known to take no schema",
}
FILTER, EXTRAS, OBEYS, VECTORS = (frozenset({word}) for word in ("filter", "extras", "obeys", "vectors"))
ANSWER = {"text": said, "finish": "stop", "usage": adds_up, "model": said}
CALL_ENDS = one_of("tool_calls", "stop")  # services say either where a tool was forced

CLAIMS: dict[str, Claim] = {
    "chat": Claim("A question is answered: text, reason of the end, tokens, model.", Ask(messages=HELLO), ANSWER),
    "stream": Claim("The same comes in pieces.", Ask("stream", messages=HELLO), {**ANSWER, "pieces": several}),
    "talk": Claim("A conversation goes on, system message first.", Ask(messages=TALK), ANSWER),
    "stream-talk": Claim("The same comes in pieces.", Ask("stream", messages=TALK), {**ANSWER, "pieces": several}),
    "image": Claim(
        "An image is looked at.", Ask(messages=PICTURE), {"text": said, "finish": "stop"}, needs=frozenset({"images"})
    ),
    "sampling": Claim(
        "Parameters go out as given, zeros too, and nothing goes out that was not.",
        Ask(messages=HELLO, parameters={"temperature": 0, "seed": 0, "top_p": 1.0}),
        {"text": said, "sent": request({"extra-parameters": None}, temperature=0, seed=0, top_p=1.0)},
    ),
    "bare": Claim(
        "Where nothing is set, nothing but the messages and the model is sent.",
        Ask(messages=HELLO),
        {"sent": request({"extra-parameters": None})},
        needs=frozenset({"journal"}),
    ),
    "stop": Claim(
        "An answer ends before a stop sequence.",
        Ask(messages=(user("Count: one, two, three."),), parameters={"stop": ["three"]}),
        {"text": lambda text: "three" not in text},
        needs=OBEYS,
    ),
    "length": Claim(
        "An answer is no longer than it may be, and says why it ends.",
        Ask(messages=HELLO, parameters={"max_tokens": 3}),
        {"finish": "length", "usage": lambda usage: usage[1] <= 3},
        needs=OBEYS,
    ),
    "stream-length": Claim(
        "So is one in pieces.",
        Ask("stream", messages=HELLO, parameters={"max_tokens": 3}),
        {"finish": "length", "usage": lambda usage: usage[1] <= 3},
        needs=OBEYS,
    ),
    # Tools
    "tool": Claim(
        "A tool is called with its arguments.",
        Ask(messages=PARIS, tools=(WEATHER,)),
        {"calls": CALLED_PARIS, "finish": "tool_calls", "usage": adds_up},
    ),
    "stream-tool": Claim(
        "A call that comes in pieces is put together.",
        Ask("stream", messages=PARIS, tools=(WEATHER,)),
        {"calls": CALLED_PARIS, "finish": "tool_calls", "usage": adds_up, "pieces": bool},
    ),
    "parallel-tools": Claim(
        "Several calls in one answer stay apart.",
        Ask(messages=PARIS_AND_ROME, tools=(WEATHER, TIME)),
        {"calls": CALLED_BOTH, "finish": "tool_calls"},
    ),
    "stream-parallel-tools": Claim(
        "So they do in pieces.",
        Ask("stream", messages=PARIS_AND_ROME, tools=(WEATHER, TIME)),
        {"calls": CALLED_BOTH, "finish": "tool_calls"},
    ),
    "tool-required": Claim(
        "Some tool is called where one must be.",
        Ask(messages=PARIS, tools=(WEATHER,), tool_choice="required"),
        {"calls": CALLED_PARIS, "finish": CALL_ENDS},
    ),
    "tool-named": Claim(
        "The named tool is called.",
        Ask(messages=PARIS, tools=(WEATHER, TIME), tool_choice="get_time"),
        {"calls": [("get_time", {"city": "Paris"})], "finish": CALL_ENDS},
        otherwise={"managed-compute": {"error": UnprocessableEntityError, "caught": status(422, param="tool_choice")}},
        needs=OBEYS,
    ),
    "tool-none": Claim(
        "No tool is called where none may be.",
        Ask(messages=PARIS, tools=(WEATHER,), tool_choice="none"),
        {"calls": [], "text": said, "finish": "stop"},
        needs=OBEYS,
    ),
    "tool-result": Claim(
        "What a tool returned is read.", Ask(messages=RAN, tools=(WEATHER,)), {"calls": [], "text": said}
    ),
    "stream-tool-result": Claim(
        "What a tool returned is read, and the answer comes in pieces.",
        Ask("stream", messages=RAN, tools=(WEATHER,)),
        {"calls": [], "text": said, "pieces": several},
    ),
    # Structured output
    "object": Claim(
        "An object of a class is the answer, by whichever method the model takes.",
        Ask("object", messages=ADA),
        {"object": THE_PERSON},
        cannot=BY_METHOD,
    ),
    "stream-object": Claim(
        "An object grows, and is whole in the end.",
        Ask("stream object", messages=ADA),
        {"object": THE_PERSON},
        cannot=BY_METHOD,
    ),
    "json-schema": Claim(
        "An answer satisfies a JSON Schema, or the refusal of one is typed.",
        Ask("object", messages=ADA),
        {"object": THE_PERSON, "finish": "stop"},
        otherwise={"managed-compute": {"error": UnprocessableEntityError, "caught": named("response_format")}},
        cannot=BY_PROFILE,
    ),
    "json-mode": Claim(
        "An answer is a JSON object where that is asked for.",
        Ask(messages=(user("Describe Ada Lovelace, 36 years old, as JSON with name and age."),), parameters=JSON),
        {"text": is_json, "finish": "stop"},
    ),
    # Reasoning
    "reasoning-tags": Claim(
        "What a model thinks between tags is told from what it says.",
        Ask(messages=HELLO, role="thinking between tags"),
        {"text": lambda text: said(text) and "think>" not in text, "reasoning": said},
    ),
    "stream-reasoning-tags": Claim(
        "So it is where tags come in pieces.",
        Ask("stream", messages=HELLO, role="thinking between tags"),
        {"text": lambda text: said(text) and "think>" not in text, "reasoning": said},
    ),
    "reasoning-field": Claim(
        "What a model thinks is told from what it says.",
        Ask(messages=HELLO, role="thinking"),
        {"text": said, "reasoning": said, "finish": "stop"},
    ),
    "stream-reasoning-field": Claim(
        "So it is in pieces.",
        Ask("stream", messages=HELLO, role="thinking"),
        {"text": said, "reasoning": said, "finish": "stop"},
    ),
    # Extra parameters
    "extra": Claim(
        "A parameter that the API does not define goes through, unless told otherwise.",
        Ask(messages=HELLO, parameters=EXTRA),
        {"text": said, "sent": request({"extra-parameters": "pass-through"}, safe_prompt=True)},
        otherwise={"openai-v1": {"text": said, "sent": request({"extra-parameters": None}, safe_prompt=True)}},
        needs=EXTRAS,
    ),
    "extra-pass-through": Claim(
        "It goes through in a stream too, where that is said.",
        Ask("stream", messages=HELLO, parameters=EXTRA, arguments={"extra_parameters": "pass-through"}),
        {"text": said, "sent": request({"extra-parameters": "pass-through"}, "stream", safe_prompt=True)},
        otherwise={
            "openai-v1": {
                "text": said,
                "sent": request({"extra-parameters": None}, "stream", "stream_options", safe_prompt=True),
            }
        },
        needs=EXTRAS,
    ),
    "extra-drop": Claim(
        "It is dropped where that is said, by the service, or by us where the service cannot.",
        Ask(messages=HELLO, parameters=EXTRA, arguments={"extra_parameters": "drop"}),
        {"text": said, "sent": request({"extra-parameters": "drop"}, safe_prompt=True)},
        otherwise={"openai-v1": {"text": said, "sent": request({"extra-parameters": None})}},
        needs=EXTRAS,
    ),
    "extra-error": Claim(
        "It is an error where that is said, and the error names it.",
        Ask(messages=HELLO, parameters=EXTRA, arguments={"extra_parameters": "error"}),
        {"error": BadRequestError, "caught": named("safe_prompt", status_code=400)},
        otherwise={"openai-v1": {"error": ConfigurationError, "caught": lambda error: "safe_prompt" in str(error)}},
        needs=EXTRAS,
    ),
    # Parameters that a model does not support
    "refused-parameter": Claim(
        "A parameter that the model does not support is an error that says where and what.",
        Ask(messages=HELLO, parameters={"seed": 7}, role="refusing seed"),
        {
            "error": ParameterNotSupportedError,
            "caught": named("seed", status_code=422, value=7, code="parameter_not_supported"),
        },
        otherwise={
            "openai-v1": {
                "error": ParameterNotSupportedError,
                "caught": named("seed", status_code=400, value=7, code="unsupported_parameter"),
            }
        },
    ),
    "stream-refused-parameter": Claim(
        "So it is where a stream was asked for.",
        Ask("stream", messages=HELLO, parameters={"seed": 7}, role="refusing seed"),
        {"error": ParameterNotSupportedError, "caught": named("seed", value=7)},
    ),
    "unsupported-drop": Claim(
        "It is left out, with a warning, where that is said.",
        Ask(messages=HELLO, parameters={"seed": 7}, role="refusing seed", arguments=DROP),
        {"text": said, "finish": "stop", "warnings": [UnsupportedParameterWarning]},
    ),
    "stream-unsupported-drop": Claim(
        "So it is in a stream.",
        Ask("stream", messages=HELLO, parameters={"seed": 7}, role="refusing seed", arguments=DROP),
        {"text": said, "finish": "stop", "warnings": [UnsupportedParameterWarning]},
    ),
    "newer-name": Claim(
        "A limit that the model takes by another name only is sent again by that name, so that nothing is lost.",
        Ask(messages=HELLO, parameters={"max_tokens": 100}, role="thinking in silence"),
        {"text": said, "sent": request(max_completion_tokens=100)},
        recorded=False,  # the first of two exchanges is that of refused-parameter
    ),
    "stream-newer-name": Claim(
        "So it is in a stream, and where the parameter would be left out.",
        Ask("stream", messages=HELLO, parameters={"max_tokens": 100}, role="thinking in silence", arguments=DROP),
        {"text": said, "finish": "stop", "sent": lambda sent: sent["body"]["max_completion_tokens"] == 100},
        recorded=False,
    ),
    # Refusals
    "content-filter": Claim(
        "A filtered prompt is an error of its own.",
        Ask(messages=FILTERED),
        {"error": ContentFilterError, "caught": status(400)},
        needs=FILTER,
    ),
    "stream-content-filter": Claim(
        "So it is where a stream was asked for.",
        Ask("stream", messages=FILTERED),
        {"error": ContentFilterError, "caught": status(400)},
        needs=FILTER,
    ),
    "filtered-answer": Claim(
        "An answer that the filter cut says so.",
        Ask(messages=CUT_SHORT),
        {"finish": "content_filter", "text": said},
        needs=FILTER,
    ),
    "stream-filtered-answer": Claim(
        "So does one in pieces.",
        Ask("stream", messages=CUT_SHORT),
        {"finish": "content_filter", "text": said},
        needs=FILTER,
    ),
    "context-length": Claim(
        "Messages beyond what the model can read are an error of their own.",
        Ask(messages=LONG, role="small"),
        {"error": ContextLengthError},
        recorded=False,  # the messages would be most of all recordings together
    ),
    "wrong-key": Claim(
        "A wrong key is an error of its own, and is not in it.",
        Ask(messages=HELLO, arguments={"credential": f"not-{KEY}"}),
        {
            "error": AuthenticationError,
            "caught": lambda error: error.status_code == 401 and KEY not in f"{error!r}{vars(error)}",
        },
        needs=frozenset({"keys"}),
    ),
    "wrong-path": Claim(
        "An endpoint that is none is an error of its own.",
        Ask(messages=HELLO, path="/nowhere"),
        {"error": NotFoundError, "caught": status(404)},
        needs=frozenset({"paths"}),
    ),
    "wrong-model": Claim(
        "A model that is not there is an error that names it.",
        Ask(messages=HELLO, role="missing"),
        {"error": APIStatusError, "caught": lambda error: error.status_code in (400, 404) and "no-such" in str(error)},
    ),
    # Failures
    "rate-limit": Claim(
        "429 is an error of its own, with the wait that was asked for.",
        Ask(messages=HELLO, fault="rate limit"),
        {"error": RateLimitError, "caught": status(429, retry_after=1.0)},
    ),
    "stream-rate-limit": Claim(
        "So it is where a stream was asked for.",
        Ask("stream", messages=HELLO, fault="rate limit"),
        {"error": RateLimitError, "caught": status(429, retry_after=1.0)},
    ),
    "retried": Claim(
        "A failure that passes is tried again.",
        Ask(messages=HELLO, fault="passing outage", arguments={"max_retries": 1}),
        {"text": said, "finish": "stop"},
        recorded=False,
    ),
    "stream-retried": Claim(
        "So it is before a stream has begun.",
        Ask("stream", messages=HELLO, fault="passing outage", arguments={"max_retries": 1}),
        {"text": said, "finish": "stop"},
        recorded=False,
    ),
    "outage": Claim(
        "A failure of the service is an error of its own, whatever page it sends.",
        Ask(messages=HELLO, fault="outage"),
        {"error": InternalServerError, "caught": lambda error: error.status_code >= 500},
    ),
    "no-answer": Claim(
        "A page in place of an answer is an error.",
        Ask(messages=HELLO, fault="page"),
        {"error": ResponseValidationError},
    ),
    "cut-stream": Claim(
        "A stream that ends early is an error with what had arrived.",
        Ask("stream", messages=TALK, fault="cut"),
        {"error": StreamInterruptedError, "caught": broke_off},
    ),
    "failing-stream": Claim(
        "A stream that fails is an error with what had arrived.",
        Ask("stream", messages=TALK, fault="failing stream"),
        {"error": InternalServerError, "caught": broke_off},
    ),
    # Embeddings
    "query": Claim(
        "A query has a vector.",
        Ask("query", inputs=SAME_ENDS[:1], role="embed"),
        {"vectors": floats(1)},
        needs=VECTORS,
    ),
    "documents": Claim(
        "Documents have vectors, in their order.",
        Ask("documents", inputs=SAME_ENDS, role="embed"),
        {"vectors": lambda vectors: floats(3)(vectors) and first_and_last_alike(vectors)},
        needs=VECTORS,
    ),
    "dimensions": Claim(
        "Vectors are as long as asked for.",
        Ask("documents", inputs=SAME_ENDS, role="embed", parameters={"dimensions": 32}),
        {"vectors": lambda vectors: floats(3, 32)(vectors) and first_and_last_alike(vectors)},
        needs=frozenset({"dimensions"}),
    ),
    "base64": Claim(
        "Vectors that travel as text arrive as floats.",
        Ask("documents", inputs=SAME_ENDS, role="embed", parameters={"encoding_format": "base64"}),
        {"vectors": lambda vectors: floats(3)(vectors) and first_and_last_alike(vectors)},
        needs=frozenset({"base64"}),
    ),
    "told-queries": Claim(
        "Queries are told from documents where the API has a word for it.",
        Ask("query", inputs=SAME_ENDS[:1], role="embed"),
        {"sent": lambda sent: sent["body"]["input_type"] == "query"},
        needs=frozenset({"journal"}),
        cannot=AS_TOLD,
    ),
    "shuffled-vectors": Claim(
        "Vectors that come in another order are put into that of the texts.",
        Ask("documents", inputs=SAME_ENDS, role="embed", fault="shuffled"),
        {"vectors": first_and_last_alike},
    ),
    "missing-vector": Claim(
        "Too few vectors are an error, never a shorter list.",
        Ask("documents", inputs=SAME_ENDS, role="embed", fault="missing"),
        {"error": ResponseValidationError},
    ),
    "images": Claim(
        "Images have vectors.",
        Ask("images", inputs=(DOT, DOT), role="embed"),
        {"vectors": floats(2)},
        needs=frozenset({"image embeddings"}),
    ),
    # The other routes
    "completion": Claim(
        "A text is gone on from.",
        Ask("completion", inputs=("Once upon a time",), parameters={"max_tokens": 20}),
        {"text": said, "finish": one_of("stop", "length")},
        needs=frozenset({"completions"}),
    ),
    "stream-completion": Claim(
        "So it is in pieces.",
        Ask("stream completion", inputs=("Once upon a time",), parameters={"max_tokens": 20}),
        {"text": said, "pieces": several},
        needs=frozenset({"completions"}),
    ),
    "info": Claim(
        "An endpoint says which model answers there.",
        Ask("info"),
        {"info": lambda info: said(info["model_name"]) and said(info["model_type"])},
        needs=frozenset({"info"}),
        cannot=NO_INFO,
    ),
}
