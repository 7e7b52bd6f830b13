"""Gates beside gates: what ours and the filters of others catch of copies, at what share of people blocked.

Sensitivity, specificity and consistency in the manner of Koeken et al. 2025 (arXiv 2510.01793), who found that filters
after the fact miss near-duplicates that diffusion models make of chest X-rays.

    python -m benchmarks.gates --modality cxr --data NIH --parts 200 100 100 --copies 40 --seeds 3 --work W --out g.json

Patients are drawn at random for T, C and E; all further people stand for what an honest generator makes. Every gate
protects T and C. *Samples*: copies of T by kind, and people (E and the further ones) whom nobody screened against. A
gate is taken by its own rule, and again with the threshold that blocks one in a hundred of these people, so that all
stand at equal specificity. *Releases*: 200 samples, of which a share are copies; a gate raises the alarm or does not.
"""
