"""The plan of a patient, an arc of sessions and each session: pure Python, seeded, typed, no model."""
