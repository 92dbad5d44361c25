"""Who carries commands out, how do they get there, what does one of your own need?"""
