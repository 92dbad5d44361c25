"""What do planners see and say, whatever the way in? The office behind all of them."""
