"""Kafka in and out: what arrives on topics, what leaves on them, and where each stands."""
