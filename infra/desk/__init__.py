"""What happens inside one desk transaction, and what may stop it? Rules in force, incidents, the stop switch."""
