"""How does a process behave that runs for months? Its end, its patience, its log, its figures, its port."""
