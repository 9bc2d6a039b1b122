"""From an audit's store to charts and tables, the same for window, report and command line.

`read_results` (reading.py) takes what a store says of its cells, without a single sample: that is
little, however long the audit was. All else here are pure functions of it. No torch.
"""
