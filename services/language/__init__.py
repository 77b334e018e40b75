"""The language engine: a shared base with a bank of adapters, and what it is told.

prompt        what a base is told, for an answer and for a script (no torch: training and show use it)
tokenizer     the embedded base's tokens
loading       a base from a directory on this disk
generation    a batch whose rows have adapters of their own; rows join and leave it
owner         the thread that owns every forward: the queue, deadlines, cancels
engine        the process's engine: staging, pins, canary, caches, state
answer_cache  whole answers by the adapter's content
remote        the same engine in front of an OpenAI-compatible server (no torch)
peft_folder   an adapter laid out as such a server reads it
"""
