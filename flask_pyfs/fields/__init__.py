"""References: the values of model fields that refer to files of a storage."""
