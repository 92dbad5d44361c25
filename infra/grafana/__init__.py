"""What do planners see in Grafana? Dashboards as code, their checks, and the way to a server."""
