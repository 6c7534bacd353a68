"""DataModules, sample order and evaluation: what every data set shares."""
