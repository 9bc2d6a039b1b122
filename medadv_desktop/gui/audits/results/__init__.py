"""What the panel "Results" shows of one run, and how it follows a run that is at work."""
