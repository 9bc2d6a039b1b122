"""Two audits, or two models of one, side by side."""
