"""HTTP: conditions, responses, signatures and URLs."""
