"""Defences: training objectives that make a model robust, and procedures around a finished one.

`objectives/`: what a training step minimises, a file each; the fields are readable without torch.
`inference/`: procedures that wrap a model and are a diagnostic model themselves.
May import models, datasets and what is below; knows nothing of attacks, training and Qt.
"""
