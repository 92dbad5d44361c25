"""What proves that a record is whole, and to whom? Checkpoints, evidence packs, replay."""
