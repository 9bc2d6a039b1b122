"""The store of an audit: everything it found, in one SQLite file that survives a crash."""
