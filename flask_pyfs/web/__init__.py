"""A request's side: conditions, responses, signatures and URLs."""
