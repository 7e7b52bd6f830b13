"""Patient-level differential privacy: accounting, the guarantee in words, the ledger, DP-SGD, and its audit."""
