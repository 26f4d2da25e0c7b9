"""The prose of docs/performance.md."""

INTRODUCTION = """\
# Performance

What a call, a streamed piece, a vector and an import cost the process that makes them, side by side with the packages
that do the same work, and with what the framework costs by itself. `make bench` measured it and wrote this page.

Times on other machines differ, and differ from run to run; ratios within one run are what counts. The peers are
langchain-azure-ai's classes for this API and langchain-openai; llama-index-llms-azure-inference (with its embeddings)
and llama-index-llms-openai-like (with OpenAIEmbedding). "Alone" is the framework with the least model its base class
allows: it makes the objects the framework wants and sends nothing. This library is measured as `azure-inference[all]`
installs it, and "without extras" where none of aiohttp, httptools and pybase64 is
there, which changes nothing but its cost."""

ABOUT_INSTRUCTIONS = """\
The same work counted by valgrind's callgrind, which does not depend on who else uses the machine. Work in the kernel is
not counted, nor are full garbage collections of what was there before. Empty where it would take hours (500 calls in
flight of the peers on openai), or where valgrind is not installed."""

ABOUT_EMBEDDINGS = """\
One call of 10,000 texts (200 for the clients on azure-ai-inference, which would take minutes; their cost for each text
is the same), in the batches that each client makes by itself. The vectors of 1,536 and 3,072 numbers are those of
text-embedding-3-small and -large, and every client is told these names. This library knows that they give base64 and
asks for it on the Model Inference route, as the openai package does for every model on the OpenAI v1 route; the clients
on azure-ai-inference get JSON numbers. For a model about which nothing is known, this library also asks for JSON
numbers on the Model Inference route: these are the columns called unknown.

In the rows for parsing, the answer to one batch, already in memory, is turned into lists of floats; it is not sent,
received, checked or put in order. For LangChain this is the floor. LlamaIndex, whose "alone" gives vectors made
beforehand, copies every vector, number by number, into the event that tells its observers about a batch: that comes on
top."""

ABOUT_FLIGHTS = """\
Calls of one model object in flight at once, one event loop, the server answering each after 50 ms. "1 in flight, no
wait" of this library is measured in the same rounds, against a server that does not wait."""

ABOUT_MEMORY = """\
How far the peak of the process's resident memory rose, in a process that had done the same on a small scale, median of
five processes; "for each more" is taken between the two largest numbers. Where the vectors are kept, it is the peak of
what Python itself allocated (tracemalloc), less the vectors: hundreds of MB of them move the resident peak by more than
what is looked for. LangChain keeps the pieces of a stream until
it ends, to tell its callbacks about the whole, so its own growth is shown beside it: with pieces of the same contents,
5 bytes of text and the name of the provider, which are the result."""

ABOUT_GROWTH = """\
What one more costs, between a tenth of the number and the number (in flight: a call, with that many of them), median
of the rounds; last, the ratio of the cost at 10,000 to that at 1,000 in the same round, with its quartiles. At most 1.3
is asked for. Times rise for reasons that are not this library's, too: LangChain keeps the pieces of a stream, and
objects that no longer fit in the processor's caches take longer to reach. The clients listed beside it show how much;
where they rise by more than 1.3, their rise is the target. Instructions are the same wherever an object lies."""

METHOD = """\
* The server is a process of its own with answers made beforehand (HTTP/1.1, connections kept); every client gets the
  same prompts and the same bytes. Events of a stream are HTTP chunks of their own, written 4 KiB at a time, except
  where they are said to arrive by themselves: then one each millisecond.
* Every client is a process of its own, kept for all of its measurements and pinned to a different CPU from the
  server's.
* A round measures each client once, in turn, every second round in reverse order; a ratio is taken within its round;
  the page shows the median of the rounds and, in parentheses, their quartiles. Garbage is collected before each
  measurement, and then as Python does it by itself.
* The cost of a streamed piece is that of a stream of 1,000 less that of one of 10, divided by 990.
* All clients have their default settings, with two exceptions: `OpenAIEmbeddings(check_embedding_ctx_length=False)`,
  since it would download a tokenizer; and where calls in flight are counted in instructions, which takes fifty times as
  long, this library's time limits, which 10,000 calls would then reach. Tracing is off for all; the API key is the
  same.
* Peers may do less for their cost: llama-index azure-inference yields nothing for a streamed tool call, and openai-like
  makes its HTTP client at the first call, so see the row of an object with its first chat.

To repeat it: `make bench`, which takes half an hour to an hour and a half on two CPUs. In parts:
`python -m benchmarks --only chat,chunk --clients ours,floor --quick` (see `--help`), with the interpreters of
`.venv-langchain-peers` and `.venv-llamaindex-peers`, which `make bench` makes. `--instructions` counts instead of
timing; `--baseline FOLDER` measures another checkout beside this one."""
