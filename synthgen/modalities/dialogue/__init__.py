"""Clinical and therapy dialogues."""
