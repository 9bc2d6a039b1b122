"""The audit plan: its complete frozen description, its file, and the cells it stands for."""
