"""How does a process behave that runs for months? Its end, patience, log, figures, port."""
