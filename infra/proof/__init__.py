"""What proves that a record is whole, and what does it convince? Checkpoints, evidence packs, replay."""
