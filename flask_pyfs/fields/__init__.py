"""The values of fields that name files of a storage."""
