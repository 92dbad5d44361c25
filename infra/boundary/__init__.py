"""Where does authority end, who moves it, and on what? Reviews, trials, incidents."""
