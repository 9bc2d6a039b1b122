"""The linked image panes, feature maps and predictions.

All panes live in one coordinate system, the pixels of the source frame: a model input is drawn
into the part of the frame that it was made from. What the panes share is in `state.view`; none
talks to another. measured.py, probe.py, patient_space.py, camera.py, wording.py and colormaps.py
hold the arithmetic and the sentences without a widget.
"""
