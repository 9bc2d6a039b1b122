"""What a training step minimises. An objective is one file here and an entry in `registry`."""
