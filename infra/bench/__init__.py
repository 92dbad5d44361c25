"""The measures of `replan bench`: each a ratio within one run."""
