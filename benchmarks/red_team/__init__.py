"""A red team: generators that leak on purpose, swapped into the real pipeline, and honest ones that do not.

    python -m benchmarks.red_team run    --modality cxr --base runs/red-cxr --out runs/red-cxr.jsonl
    python -m benchmarks.red_team honest --modality cxr --base runs/red-cxr --out runs/honest-cxr.jsonl
    python -m benchmarks.red_team table  runs/red-cxr.jsonl --markdown table.md --json table.json

``kinds`` says what a kind of copy is; ``images``, ``transcripts`` and ``sounds`` hold those that the gate's makers were
told of, ``held_out`` those that they were not; ``leaky`` is the generator; ``bench`` puts it into the pipeline;
``honest`` counts false alarms; ``table`` sums up.
"""
