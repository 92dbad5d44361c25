"""Where does authority end, who moves it, and on what evidence? Moves, reviews, trials, incidents."""
