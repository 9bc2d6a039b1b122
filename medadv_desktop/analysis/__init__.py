"""What results mean: figures over judged samples, and how sure they are.

`metrics/` takes arrays and gives small frozen values. On one image: `features/` (what layers give),
`response/` (where an answer comes from), `perturbation/` (the change itself, and whether it can be
seen), `along` (an attack step by step); docs/analysis.md defines them. May import `models`,
`datasets`, `imaging`, `settings`, `files`, `jobs`, `errors`, `resources`; never `attacks` or
`corruptions`. scipy and scikit-learn are imported where they are used, since the window and
`medadv --help` come first.
"""
