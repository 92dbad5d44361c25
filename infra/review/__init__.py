"""Where planners see what waits for them and answer: the pages and the HTTP API."""
