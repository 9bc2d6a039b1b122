"""Figures with uncertainty: numpy in, small frozen dataclasses out. Only similarity.py knows torch.

`cell_figures` (cell.py) gives everything about one cell of an audit, `figures` (figures.py) the
cheap part of it. Beside them stand comparisons: `mcnemar` and `paired_difference`
(proportions.py), `compare_areas` (areas.py), `curve_from_rates` (robust_curve.py),
`transfer_matrix`. docs/metrics.md has every definition. `plain` (plain.py) turns any of the values
into what JSON holds. Intervals are two-sided 95 % throughout.
"""
