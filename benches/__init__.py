"""Speed of the library beside its peers; see README.md."""
