"""Two stores as one, while their files move from one to the other."""
