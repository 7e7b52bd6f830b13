"""synthgen: synthetic medical data, screened against the real patients before it is released."""

__version__ = "0.1.0"
