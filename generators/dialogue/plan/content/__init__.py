"""What plans are composed of: one YAML file per disorder or presenting problem, and what they share."""
