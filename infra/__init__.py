"""Settings, wiring, command line, stores, executors and pages: all that touches the outside."""
