"""Feature Workbench: from a notebook cell to a feature in production."""
