"""Who carries commands out, how do they get there, and what does an executor of your own need?"""
