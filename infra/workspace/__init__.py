"""Where does a team keep its files, and what do they say? Each is read strictly."""
