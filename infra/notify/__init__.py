"""How do people hear that something waits for them? Mail, web hooks, plug-ins, a daily digest."""
