"""Is a BSR folder whole, and does it hold what it says?"""
