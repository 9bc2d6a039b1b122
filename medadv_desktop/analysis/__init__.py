"""What results mean: figures over judged samples, and how sure they are.

`metrics/` takes arrays and gives small frozen values. May import `models`, `datasets`, `imaging`,
`settings`, `files`, `jobs`, `errors`, `resources`; never `attacks` or `corruptions`. scipy and
scikit-learn are imported where they are used, since the window and `medadv --help` come first.
"""
