"""Where does a team keep its files, and what do they say? Settings, network, table and people, read strictly."""
