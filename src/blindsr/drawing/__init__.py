"""Pictures for people: maps of estimators, restorations, comparisons."""
