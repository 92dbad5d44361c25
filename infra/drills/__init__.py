"""Would it hold if it were needed? The brake, the proof and the backup, rehearsed."""
